// The one time budget and the signal of a call that waits for promises.

import type { Clock } from '@piton/protocol';
import { KVError } from '../errors/kv-error.ts';
import { onAbort } from './abort.ts';

export class Deadline {
  readonly #clock: Clock;
  readonly #atMs: number;
  readonly #signal: AbortSignal | undefined;

  constructor(clock: Clock, timeoutMs: number, signal: AbortSignal | undefined) {
    this.#clock = clock;
    this.#atMs = clock.nowMs() + timeoutMs;
    this.#signal = signal;
  }

  /** At least 1, so that it can be sent. */
  get remainingMs(): number {
    return Math.max(1, Math.ceil(this.#atMs - this.#clock.nowMs()));
  }

  get isOver(): boolean {
    return this.#clock.nowMs() >= this.#atMs;
  }

  /** Throws KVError when the time is up or the signal aborted. */
  check(): void {
    if (this.#signal?.aborted) throw this.#aborted();
    if (this.isOver) throw expired();
  }

  /** The promise, or KV_TIMEOUT or KV_ABORTED, whichever is first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel();
        unlisten?.();
      };
      const abort = (): void => {
        end();
        reject(this.#aborted());
      };
      const timer = this.#clock.setTimer(this.remainingMs, () => {
        end();
        reject(expired());
      });
      const unlisten = this.#signal && onAbort(this.#signal, abort);
      if (this.#signal?.aborted) abort();
      promise.then(resolve, reject).finally(end);
    });
  }

  sleep(delayMs: number): Promise<void> {
    let wake: () => void = () => {};
    const slept = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = this.#clock.setTimer(delayMs, wake);
    return this.race(slept).finally(() => timer.cancel());
  }

  #aborted(): KVError {
    return new KVError('KV_ABORTED', 'the signal was aborted', { cause: this.#signal?.reason });
  }
}

function expired(): KVError {
  return new KVError('KV_TIMEOUT', 'no answer within the time budget');
}
