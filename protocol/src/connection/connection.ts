// One multiplexed connection between two programs of a cluster, after a handshake.
//
// Both sides send frames at any time; requests carry an id and are answered in any order. A peer
// that does not read is closed when too much waits for it, a silent peer is pinged and then closed,
// a malformed frame closes this connection and nothing else.
//
// The side that accepted the connection stops reading from a peer that does not read; the side that
// dialled always reads. If both stopped, each would wait for the other for ever.
//
// Not here: what the frames mean. Batches and updates have no request id; their owners match them.

import type { Clock, Environment, Link, Timer } from '../environment/environment.ts';
import { type Detail, encodeDetail } from '../frames/details.ts';
import { encodeFrame, type Frame, type FrameAssembler } from '../frames/frame.ts';
import { MalformedFrameError } from '../frames/msgpack.ts';
import { cancel } from '../messages/client-messages.ts';
import { goodbye, type NodeKind } from '../messages/handshake.ts';
import type { MessageType } from '../messages/schema.ts';
import type { ClusterId } from '../words/ids.ts';
import { SEND_BUFFER_BYTES_HIGH, SEND_BUFFER_BYTES_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { Status } from '../words/statuses.ts';
import { ConnectionClosedError } from './errors.ts';
import { type RequestOptions, Requests } from './requests.ts';

/** Who is on the other side, as the handshake found out. */
export interface Peer {
  readonly kind: NodeKind;
  readonly node: string;
  readonly cluster: ClusterId | undefined;
  readonly incarnation: number;
  readonly address: string;
  /** Credit that the peer grants: operations and bytes of ours that it has not answered. */
  readonly inFlightOperationsMax: number;
  readonly inFlightBytesMax: number;
}

export interface ConnectionHandlers {
  /** A frame that is not the connection's own business. What it throws closes the connection. */
  frame(connection: Connection, frame: Frame): void;
  /**
   * Exactly once, last; also from within a send that found the peer not reading. No reason: we
   * closed it.
   */
  closed(connection: Connection, reason?: Error): void;
}

export interface Answer<T> {
  readonly body: T;
  readonly payload: Buffer;
}

/** A silent connection is pinged after this, and closed after three times this. */
const PING_AFTER_MS = 10_000;

export class Connection {
  readonly peer: Peer;
  readonly #clock: Clock;
  readonly #handlers: ConnectionHandlers;
  readonly #requests: Requests;
  readonly #assembler: FrameAssembler;
  readonly #isServed: boolean;
  #link: Link | undefined;
  #lastHeardMs: number;
  #pingTimer: Timer | undefined;
  #isPaused = false;
  /** Told when the link has taken all that waited, or has ended. */
  #drained: (() => void)[] = [];

  /** Made by `dial` and `serve` (dial.ts, serve.ts) only. */
  constructor(
    environment: Environment,
    peer: Peer,
    handlers: ConnectionHandlers,
    assembler: FrameAssembler,
    isServed: boolean,
  ) {
    this.peer = peer;
    this.#clock = environment.clock;
    this.#handlers = handlers;
    this.#requests = new Requests(environment.clock);
    this.#assembler = assembler;
    this.#isServed = isServed;
    this.#lastHeardMs = this.#clock.nowMs();
  }

  /** Called once by the handshake, when the link is ours. */
  attach(link: Link): void {
    this.#link = link;
    this.#schedulePing();
  }

  get isOpen(): boolean {
    return this.#link !== undefined;
  }

  get bufferedBytes(): number {
    return this.#link?.bufferedBytes ?? 0;
  }

  /** When anything came from the peer last, on this side's monotonic clock. */
  get heardAtMs(): number {
    return this.#lastHeardMs;
  }

  /**
   * Settles when the link has taken all that was sent, or has ended: for whoever has much to send and must
   * not fill this side's memory. Settles at once when less than `bytes` wait.
   */
  whenDrained(bytes: number): Promise<void> {
    if (this.bufferedBytes < bytes) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Sends the chunks of one frame. Silently dropped when the connection has ended. */
  sendFrame(chunks: readonly Uint8Array[]): void {
    const link = this.#link;
    if (link === undefined) return;
    link.send(chunks);
    const buffered = link.bufferedBytes;
    if (buffered > SEND_BUFFER_BYTES_MAX) {
      this.#end(new ConnectionClosedError(`peer does not read: ${buffered} bytes wait for it`));
    } else if (this.#isServed && buffered > SEND_BUFFER_BYTES_HIGH && !this.#isPaused) {
      this.#isPaused = true;
      link.pause();
    }
  }

  /** A message that nobody answers. */
  notify<T>(type: MessageType<T>, message: T, payload: readonly Uint8Array[] = []): void {
    this.sendFrame(encodeFrame([type.opcode, 0, type.encode(message)], payload));
  }

  /**
   * Sends a message and waits for its answer. Rejects with RefusedError, RequestTimeoutError,
   * ConnectionClosedError, the signal's reason, or MalformedFrameError when the answer is not one.
   */
  async request<T, A>(
    type: MessageType<T>,
    message: T,
    answerType: MessageType<A>,
    options: RequestOptions,
  ): Promise<Answer<A>> {
    options.signal?.throwIfAborted();
    if (this.#link === undefined) throw new ConnectionClosedError('the connection has ended');
    const { id, answer } = this.#requests.add(options, (given) => this.#cancelRequest(given));
    try {
      this.sendFrame(encodeFrame([type.opcode, id, type.encode(message)], options.payload));
    } catch (error) {
      this.#requests.drop(id);
      throw error;
    }
    const frame = await answer;
    return { body: answerType.decode(frame.header[2]), payload: frame.payload };
  }

  /** Answers the request of a frame; nothing happens for a frame that wants no answer. */
  answer<T>(
    requestId: number,
    type: MessageType<T>,
    message: T,
    payload: readonly Uint8Array[] = [],
  ): void {
    if (requestId === 0) return;
    this.sendFrame(encodeFrame([Opcode.answer, requestId, type.encode(message)], payload));
  }

  refuse(requestId: number, status: Status, detail: Detail = {}): void {
    if (requestId === 0) return;
    this.sendFrame(encodeFrame([Opcode.refusal, requestId, status], [encodeDetail(detail)]));
  }

  /** Ends the connection and tells the peer why. Waiting requests are rejected. */
  close(status: Status = Status.stopping, message: string = 'closed'): void {
    this.notify(goodbye, { status, message });
    this.#end(undefined);
  }

  /** Made once: a new function for each chunk costs more than what it does. */
  readonly #take = (frame: Frame): void => this.handleFrame(frame);

  // What the link tells us; wired by the handshake.

  handleData(chunk: Uint8Array, isBorrowed: boolean): void {
    this.#lastHeardMs = this.#clock.nowMs();
    try {
      this.#assembler.push(chunk, this.#take, isBorrowed);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Something that came from the peer cannot be handled: tells it and ends the connection. */
  fail(error: unknown): void {
    const reason = error instanceof Error ? error : new Error(String(error));
    const status = error instanceof MalformedFrameError ? Status.malformed : Status.internal;
    this.notify(goodbye, { status, message: reason.message.slice(0, 1000) });
    this.#end(reason);
  }

  handleDrain(): void {
    this.#tellDrained();
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#link?.resume();
  }

  handleClose(error?: Error): void {
    this.#end(error ?? new ConnectionClosedError('the peer closed the connection'));
  }

  handleFrame(frame: Frame): void {
    if (this.#link === undefined) return;
    switch (frame.opcode) {
      case Opcode.answer:
      case Opcode.refusal:
        this.#requests.settle(frame);
        return;
      case Opcode.ping:
        this.sendFrame(encodeFrame([Opcode.pong, 0]));
        return;
      case Opcode.pong:
        return;
      case Opcode.goodbye: {
        const { message } = goodbye.decode(frame.header[2]);
        this.#end(new ConnectionClosedError(`the peer said goodbye: ${message}`));
        return;
      }
      default:
        this.#handlers.frame(this, frame);
    }
  }

  #tellDrained(): void {
    for (const tell of this.#drained.splice(0)) tell();
  }

  #cancelRequest(id: number): void {
    this.notify(cancel, { operations: [], requests: [id] });
  }

  #schedulePing(): void {
    this.#pingTimer = this.#clock.setTimer(PING_AFTER_MS, () => {
      const silentMs = this.#clock.nowMs() - this.#lastHeardMs;
      if (silentMs >= 3 * PING_AFTER_MS) {
        this.#end(new ConnectionClosedError(`silent for ${Math.round(silentMs)} ms`));
        return;
      }
      if (silentMs >= PING_AFTER_MS) this.sendFrame(encodeFrame([Opcode.ping, 0]));
      this.#schedulePing();
    });
  }

  #end(reason: Error | undefined): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    this.#pingTimer?.cancel();
    link.close();
    this.#tellDrained();
    const cause = reason ?? new ConnectionClosedError('closed');
    this.#requests.failAll(
      new ConnectionClosedError(`connection to ${this.peer.node} ended: ${cause.message}`, {
        cause,
      }),
    );
    this.#handlers.closed(this, reason);
  }
}
