// Waiting longer after each failure, with jitter, so that many drives do not return at once.

import type { Clock, Random } from '@piton/protocol';

export class BackOff {
  readonly #random: Random;
  readonly #firstMs: number;
  readonly #longestMs: number;
  #nextMs: number;

  constructor(random: Random, firstMs: number, longestMs: number) {
    this.#random = random;
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#nextMs = firstMs;
  }

  /** Half of the step is certain, the other half is chance. */
  takeMs(): number {
    const stepMs = this.#nextMs;
    this.#nextMs = Math.min(stepMs * 2, this.#longestMs);
    return stepMs * (0.5 + 0.5 * this.#random.next());
  }

  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}

/** Resolves after `delayMs`, or at once when the signal is or gets aborted. Never rejects. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimer(delayMs, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}
