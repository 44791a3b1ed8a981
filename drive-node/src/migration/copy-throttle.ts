// How fast copies may leave this drive: one budget for all of them, so that live writes and reads keep
// the rest of the device and the network.
//
// A page books its time behind those that were booked before, so copies take turns page by page, and none
// of them starves. What was not used is not saved up: a copy that begins late has no burst.

import type { Clock } from '@piton/protocol';

export class CopyThrottle {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** Everything that was booked has had its time by then. */
  #freeAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Settles when it is the turn of so many bytes. */
  take(bytes: number): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const beginsAtMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = beginsAtMs + (bytes / this.#bytesPerSecond) * 1000;
    if (beginsAtMs <= nowMs) return Promise.resolve();
    return new Promise((resolve) => this.#clock.setTimer(beginsAtMs - nowMs, resolve));
  }
}
