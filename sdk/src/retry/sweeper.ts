// One timer for the deadlines and pauses of all operations.
//
// It knows only the earliest moment at which something may be due; then it lets its owner look at
// every operation once, which says what is due next. With equal time budgets that is one look for
// each budget, not one timer for each operation. Looks at a large table are kept apart.

import type { Clock, Timer } from '@piton/protocol';

export class Sweeper {
  readonly #clock: Clock;
  /** Handles what is due and returns the next moment, or Infinity. */
  readonly #sweep: (nowMs: number) => number;
  readonly #leastGapMs: () => number;
  #dueAtMs: number = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(clock: Clock, sweep: (nowMs: number) => number, leastGapMs: () => number) {
    this.#clock = clock;
    this.#sweep = sweep;
    this.#leastGapMs = leastGapMs;
  }

  /** Something will be due then. */
  note(atMs: number): void {
    if (atMs < this.#dueAtMs) this.#arm(atMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
  }

  #arm(atMs: number): void {
    this.#dueAtMs = atMs;
    this.#timer?.cancel();
    const delayMs = Math.max(this.#leastGapMs(), atMs - this.#clock.nowMs());
    this.#timer = this.#clock.setTimer(delayMs, () => this.#run());
  }

  #run(): void {
    this.#timer = undefined;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    const nextMs = this.#sweep(this.#clock.nowMs());
    if (nextMs < this.#dueAtMs) this.#arm(nextMs);
  }
}
