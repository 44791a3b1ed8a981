// The clock as those see it who handle a frame: time stands still while one frame is walked.
//
// A frame may carry hundreds of writes, and each would ask for the time twice: is there time left for it, and when was
// its session used. A frame is handled within one turn, which is far shorter than anything that is measured here. The lease
// has a clock of its own: a process may have slept.

import type { Clock, Timer } from '@piton/protocol';

export class FrameClock implements Clock {
  readonly #clock: Clock;
  #heldMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on until `release` it is now. */
  hold(): void {
    this.#heldMs = this.#clock.nowMs();
  }

  release(): void {
    this.#heldMs = undefined;
  }

  nowMs(): number {
    return this.#heldMs ?? this.#clock.nowMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return this.#clock.setTimer(delayMs, run);
  }

  defer(run: () => void): void {
    this.#clock.defer(run);
  }
}
