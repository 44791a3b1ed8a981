// Keeps trying to connect to one drive, as long as somebody wants it.
//
// One attempt at a time; pauses grow with jitter. Callers that need a connection now wait for the
// attempt under way. A drive whose address is new is tried at once.

import {
  type ClusterId,
  type Connection,
  ConnectionClosedError,
  dial,
  type Environment,
  type Frame,
  NodeKind,
} from '@piton/protocol';
import { type ConnectContext, connectChannel, healthChannel } from '../diagnostics/channels.ts';
import type { Counters } from '../diagnostics/counters.ts';
import { backOffMs } from '../retry/back-off.ts';
import { SOFTWARE } from './software.ts';

/** What a dialer needs from the client around it. */
export interface DialerOwner {
  readonly environment: Environment;
  readonly counters: Counters;
  /** Undefined until the metadata server has said which cluster this is. */
  readonly cluster: ClusterId | undefined;
  /** Random name of this client, for the logs of the others. */
  readonly clientName: string;
  addressOf(drive: string): string | undefined;
  /** Nobody has said where this drive listens. */
  missAddress(drive: string): void;
}

export interface DialerEvents {
  opened(connection: Connection): void;
  frame(connection: Connection, frame: Frame): void;
  closed(connection: Connection, reason: Error | undefined): void;
  /** The first attempt after a connection, or ever, has failed. */
  failed(): void;
  /** Whether another attempt is worth it by itself. */
  isWanted(): boolean;
}

interface Waiter {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: unknown) => void;
}

export class Dialer {
  readonly #drive: string;
  readonly #owner: DialerOwner;
  readonly #events: DialerEvents;
  #connection: Connection | undefined;
  #isDialling = false;
  #isClosed = false;
  #failures = 0;
  /** The connection has brought an answer. */
  #isProved = false;
  #lastError: unknown;
  #pause: { cancel(): void } | undefined;
  #waiters: Waiter[] = [];

  constructor(drive: string, owner: DialerOwner, events: DialerEvents) {
    this.#drive = drive;
    this.#owner = owner;
    this.#events = events;
  }

  /** Why the last attempt failed; undefined since the last success. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Starts an attempt, unless one is under way or a pause has to be kept. */
  wake(): void {
    if (this.#connection !== undefined || this.#isDialling || this.#isClosed) return;
    if (this.#pause === undefined) void this.#attempt();
  }

  /** The address is another now: no pause for it. */
  hurry(): void {
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#failures = 0;
    if (this.#events.isWanted() || this.#waiters.length > 0) this.wake();
  }

  /** The drive has answered: the next attempt need not be paused. */
  prove(): void {
    this.#isProved = true;
    this.#failures = 0;
  }

  /** The connection, or the one that the next attempt makes. Rejects when that attempt fails. */
  connection(): Promise<Connection> {
    if (this.#connection !== undefined) return Promise.resolve(this.#connection);
    if (this.#isClosed) return Promise.reject(new ConnectionClosedError('the client is closed'));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.wake();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#pause?.cancel();
    this.#settle((waiter) => waiter.reject(new ConnectionClosedError('the client is closed')));
  }

  async #attempt(): Promise<void> {
    this.#isDialling = true;
    let trace: ConnectContext | undefined;
    try {
      const address = this.#owner.addressOf(this.#drive);
      trace = traceOf(this.#drive, address);
      if (address === undefined) {
        this.#owner.missAddress(this.#drive);
        throw new ConnectionClosedError(`no address of drive ${this.#drive} is known`);
      }
      this.#succeed(await this.#dial(address));
    } catch (error) {
      if (trace !== undefined) trace.error = error;
      this.#fail(error);
    } finally {
      if (trace !== undefined) connectChannel.asyncEnd.publish(trace);
    }
  }

  #dial(address: string): Promise<Connection> {
    const owner = this.#owner;
    return dial(owner.environment, address, {
      self: {
        kind: NodeKind.client,
        node: owner.clientName,
        cluster: owner.cluster,
        incarnation: 0,
        software: SOFTWARE,
      },
      expects: this.#drive,
      handlers: {
        frame: (connection, frame) => this.#events.frame(connection, frame),
        closed: (connection, reason) => this.#handleClosed(connection, reason),
      },
    });
  }

  #succeed(connection: Connection): void {
    this.#isDialling = false;
    if (this.#isClosed) {
      connection.close();
      return;
    }
    if (!connection.isOpen) throw new ConnectionClosedError('the drive closed the connection');
    this.#connection = connection;
    this.#isProved = false;
    this.#lastError = undefined;
    this.#owner.counters.connects++;
    if (healthChannel.isHeard) {
      healthChannel.publish({ kind: 'drive', node: this.#drive, state: 'connected' });
    }
    this.#events.opened(connection);
    this.#settle((waiter) => waiter.resolve(connection));
  }

  #fail(error: unknown): void {
    this.#isDialling = false;
    if (this.#isClosed) return;
    const isFirst = this.#failures === 0;
    this.#lastError = error;
    this.#owner.counters.connectFailures++;
    if (healthChannel.isHeard) {
      healthChannel.publish({ kind: 'drive', node: this.#drive, state: 'unreachable', error });
    }
    this.#keepPause();
    this.#settle((waiter) => waiter.reject(error));
    if (isFirst) this.#events.failed();
  }

  #keepPause(): void {
    const { random, clock } = this.#owner.environment;
    const delayMs = backOffMs(random, 'connect', this.#failures++);
    this.#pause = clock.setTimer(delayMs, () => {
      this.#pause = undefined;
      if (this.#events.isWanted() || this.#waiters.length > 0) this.wake();
    });
  }

  #handleClosed(connection: Connection, reason: Error | undefined): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#lastError = reason;
    // A connection that never brought an answer is as good as a failed attempt.
    if (!this.#isProved && !this.#isClosed) this.#keepPause();
    if (healthChannel.isHeard) {
      healthChannel.publish({ kind: 'drive', node: this.#drive, state: 'lost', error: reason });
    }
    this.#events.closed(connection, reason);
  }

  #settle(tell: (waiter: Waiter) => void): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) tell(waiter);
  }
}

function traceOf(drive: string, address: string | undefined): ConnectContext | undefined {
  if (!connectChannel.start.hasSubscribers && !connectChannel.asyncEnd.hasSubscribers) {
    return undefined;
  }
  const trace: ConnectContext = { kind: 'drive', node: drive, address: address ?? 'unknown' };
  connectChannel.start.publish(trace);
  return trace;
}
