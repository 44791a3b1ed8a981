// A clock that stands still until a test moves it; sockets and everything else stay real.

import type { Clock, Environment, Timer } from '../../src/environment/environment.ts';
import { nodeEnvironment } from '../../src/environment/node-environment.ts';

interface Pending {
  readonly atMs: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1_000;
  readonly #pending: Set<Pending> = new Set();

  /** The real world with this clock. */
  readonly environment: Environment = { ...nodeEnvironment, clock: this };

  get timers(): number {
    return this.#pending.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#pending.add(timer);
    return { cancel: () => this.#pending.delete(timer) };
  }

  defer(run: () => void): void {
    setImmediate(run);
  }

  /** Lets time pass; timers run in order, each at its own moment. */
  advance(ms: number): void {
    const until = this.#nowMs + ms;
    for (;;) {
      let next: Pending | undefined;
      for (const timer of this.#pending) {
        if (timer.atMs <= until && (next === undefined || timer.atMs < next.atMs)) next = timer;
      }
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = until;
  }
}
