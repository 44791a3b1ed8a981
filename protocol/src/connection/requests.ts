// The requests of one connection that wait for their answer: by id, in any order, each with a
// deadline. When the connection ends, all of them end.

import type { Clock, Timer } from '../environment/environment.ts';
import { decodeDetail } from '../frames/details.ts';
import type { Frame } from '../frames/frame.ts';
import { MalformedFrameError } from '../frames/msgpack.ts';
import { Opcode } from '../words/opcodes.ts';
import { Status } from '../words/statuses.ts';
import { RefusedError, RequestTimeoutError } from './errors.ts';

interface Waiting {
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: unknown) => void;
  readonly timer: Timer;
  readonly unlisten: () => void;
}

export interface RequestOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly payload?: readonly Uint8Array[];
}

const REQUESTS_MAX = 16_384;
const REQUEST_ID_MAX = 0x7fff_ffff;

export class Requests {
  readonly #clock: Clock;
  readonly #waiting: Map<number, Waiting> = new Map();
  #nextId = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Registers a request; `cancel` is called when the caller gives up before the answer. */
  add(
    options: RequestOptions,
    cancel: (id: number) => void,
  ): { id: number; answer: Promise<Frame> } {
    if (this.#waiting.size >= REQUESTS_MAX) {
      throw new RefusedError(Status.overloaded, {
        message: `more than ${REQUESTS_MAX} requests wait already`,
      });
    }
    const id = this.#takeId();
    const answer = new Promise<Frame>((resolve, reject) => {
      const giveUp = (error: unknown): void => {
        if (this.#take(id) === undefined) return;
        cancel(id);
        reject(error);
      };
      const timer = this.#clock.setTimer(options.timeoutMs, () =>
        giveUp(new RequestTimeoutError(`no answer within ${options.timeoutMs} ms`)),
      );
      const abort = (): void => giveUp(options.signal?.reason);
      options.signal?.addEventListener('abort', abort, { once: true });
      const unlisten = (): void => options.signal?.removeEventListener('abort', abort);
      this.#waiting.set(id, { resolve, reject, timer, unlisten });
    });
    return { id, answer };
  }

  /** Forgets a request that was never sent. */
  drop(id: number): void {
    this.#take(id);
  }

  /**
   * Settles the request that an answer or refusal belongs to; a late one is nobody's any more.
   * Throws MalformedFrameError, after the request has been rejected with it.
   */
  settle(frame: Frame): void {
    const waiting = this.#take(frame.requestId);
    if (waiting === undefined) return;
    if (frame.opcode === Opcode.answer) {
      waiting.resolve(frame);
      return;
    }
    try {
      waiting.reject(refusalFrom(frame));
    } catch (error) {
      waiting.reject(error);
      throw error;
    }
  }

  failAll(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(error);
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(id);
    waiting.timer.cancel();
    waiting.unlisten();
    return waiting;
  }

  #takeId(): number {
    let id = this.#nextId;
    while (this.#waiting.has(id)) id = id === REQUEST_ID_MAX ? 1 : id + 1;
    this.#nextId = id === REQUEST_ID_MAX ? 1 : id + 1;
    return id;
  }
}

function refusalFrom(frame: Frame): RefusedError {
  const status = frame.header[2];
  if (!Number.isInteger(status) || (status as number) <= Status.ok || (status as number) > 255) {
    throw new MalformedFrameError('refusal without a status that refuses');
  }
  return new RefusedError(status as number, decodeDetail(frame.payload));
}
