// The connection to the metadata server: one at a time, of the addresses given.
//
// Requests wait for it; when it ends it is made again in the background, with pauses that grow and
// jitter, and the owner is told, so that it can ask for what it missed. Nothing here is needed for
// traffic on ranges that are known.

import {
  type Answer,
  type ClusterId,
  type Connection,
  ConnectionClosedError,
  dial,
  type Environment,
  type Frame,
  type MessageType,
  NodeKind,
} from '@piton/protocol';
import { type ConnectContext, connectChannel, healthChannel } from '../diagnostics/channels.ts';
import type { Counters } from '../diagnostics/counters.ts';
import { backOffMs } from '../retry/back-off.ts';
import { SOFTWARE } from '../transport/software.ts';

export interface MetadataEvents {
  /** A new connection; the first, or after one was lost. */
  connected(): void;
  lost(): void;
  /** A frame that answers nothing: pushed news. What this throws closes the connection. */
  frame(frame: Frame): void;
}

export class MetadataLink {
  readonly #environment: Environment;
  readonly #addresses: readonly string[];
  readonly #counters: Counters;
  readonly #clientName: string;
  readonly #events: MetadataEvents;
  #connection: Connection | undefined;
  #connecting: Promise<Connection> | undefined;
  #cluster: ClusterId | undefined;
  #failures = 0;
  #isClosed = false;
  #pause: { cancel(): void } | undefined;
  #lastError: unknown;

  constructor(
    environment: Environment,
    addresses: readonly string[],
    counters: Counters,
    clientName: string,
    events: MetadataEvents,
  ) {
    this.#environment = environment;
    this.#addresses = addresses;
    this.#counters = counters;
    this.#clientName = clientName;
    this.#events = events;
  }

  /** Known since the first connection; every later one must agree. */
  get cluster(): ClusterId | undefined {
    return this.#cluster;
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  get lastError(): unknown {
    return this.#lastError;
  }

  /** The connection; tries every address once. Rejects with the last failure. */
  connect(): Promise<Connection> {
    if (this.#connection !== undefined) return Promise.resolve(this.#connection);
    if (this.#isClosed) return Promise.reject(new ConnectionClosedError('the client is closed'));
    this.#connecting ??= this.#tryAll().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** Connects again and again, until it has worked. */
  keepConnecting(): void {
    if (this.#isClosed || this.#pause !== undefined || this.#connection !== undefined) return;
    const cause = this.#cluster === undefined ? 'connect' : 'reconnect';
    const delayMs = backOffMs(this.#environment.random, cause, this.#failures);
    this.#pause = this.#environment.clock.setTimer(delayMs, () => {
      this.#pause = undefined;
      this.connect().catch(() => this.keepConnecting());
    });
  }

  async request<T, A>(
    type: MessageType<T>,
    message: T,
    answerType: MessageType<A>,
    timeoutMs: number,
  ): Promise<Answer<A>> {
    const connection = await this.connect();
    this.#counters.metaRequests++;
    return connection.request(type, message, answerType, { timeoutMs });
  }

  close(): void {
    this.#isClosed = true;
    this.#pause?.cancel();
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #tryAll(): Promise<Connection> {
    let failure: unknown;
    for (const address of this.#addresses) {
      try {
        return this.#opened(await this.#dial(address));
      } catch (error) {
        failure = error;
      }
      if (this.#isClosed) break;
    }
    this.#failures++;
    this.#lastError = failure;
    this.#counters.connectFailures++;
    if (healthChannel.isHeard) {
      healthChannel.publish({
        kind: 'meta',
        node: undefined,
        state: 'unreachable',
        error: failure,
      });
    }
    throw failure;
  }

  async #dial(address: string): Promise<Connection> {
    const trace: ConnectContext = { kind: 'meta', node: undefined, address };
    if (connectChannel.start.hasSubscribers) connectChannel.start.publish(trace);
    try {
      return await dial(this.#environment, address, {
        self: {
          kind: NodeKind.client,
          node: this.#clientName,
          cluster: this.#cluster,
          incarnation: 0,
          software: SOFTWARE,
        },
        handlers: {
          frame: (_, frame) => this.#events.frame(frame),
          closed: (connection, reason) => this.#handleClosed(connection, reason),
        },
      });
    } catch (error) {
      trace.error = error;
      throw error;
    } finally {
      if (connectChannel.asyncEnd.hasSubscribers) connectChannel.asyncEnd.publish(trace);
    }
  }

  #opened(connection: Connection): Connection {
    if (this.#isClosed || !connection.isOpen) {
      connection.close();
      throw new ConnectionClosedError('closed while connecting');
    }
    if (connection.peer.kind !== NodeKind.meta) {
      connection.close();
      throw new ConnectionClosedError(
        `${connection.peer.address} is a ${connection.peer.kind}, expected a metadata server`,
      );
    }
    this.#connection = connection;
    this.#cluster = connection.peer.cluster;
    this.#failures = 0;
    this.#lastError = undefined;
    this.#counters.connects++;
    if (healthChannel.isHeard) {
      healthChannel.publish({ kind: 'meta', node: connection.peer.node, state: 'connected' });
    }
    this.#events.connected();
    return connection;
  }

  #handleClosed(connection: Connection, reason: Error | undefined): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#lastError = reason;
    if (healthChannel.isHeard) {
      const { node } = connection.peer;
      healthChannel.publish({ kind: 'meta', node, state: 'lost', error: reason });
    }
    this.#events.lost();
    this.keepConnecting();
  }
}
