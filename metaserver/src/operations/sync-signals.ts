// Where the news that a copy is complete meets the operation that waits for it, in either order.
//
// Kept in memory only: the drive that reports is answered when the next step is durable, and reports
// again when it gets no answer.

import type { Epoch, RangeId } from '@piton/protocol';

interface Signal {
  readonly epoch: Epoch;
  wake: (() => void) | undefined;
  hasArrived: boolean;
}

export class SyncSignals {
  readonly #signals: Map<RangeId, Signal> = new Map();
  readonly #waiters: Map<RangeId, Set<() => void>> = new Map();

  /** The copy of this range under this epoch is complete. */
  arrived(range: RangeId, epoch: Epoch): void {
    const signal = this.#signal(range, epoch);
    if (signal === undefined) return;
    signal.hasArrived = true;
    signal.wake?.();
  }

  hasArrived(range: RangeId, epoch: Epoch): boolean {
    const signal = this.#signals.get(range);
    return signal?.epoch === epoch && signal.hasArrived;
  }

  /** Calls `wake` when it arrives. Returns how to stop listening. One listener per range. */
  listen(range: RangeId, epoch: Epoch, wake: () => void): () => void {
    const signal = this.#signal(range, epoch);
    if (signal === undefined) return () => {};
    signal.wake = wake;
    return () => {
      signal.wake = undefined;
    };
  }

  /** The step behind it is durable. */
  taken(range: RangeId): void {
    this.#signals.delete(range);
    const waiters = this.#waiters.get(range);
    this.#waiters.delete(range);
    for (const wake of waiters ?? []) wake();
  }

  /** Calls `wake` when the step behind the news is durable. Returns how to stop listening. */
  whenTaken(range: RangeId, wake: () => void): () => void {
    const waiters = this.#waiters.get(range) ?? new Set();
    this.#waiters.set(range, waiters.add(wake));
    return () => {
      waiters.delete(wake);
      if (waiters.size === 0 && this.#waiters.get(range) === waiters) this.#waiters.delete(range);
    };
  }

  #signal(range: RangeId, epoch: Epoch): Signal | undefined {
    const known = this.#signals.get(range);
    if (known !== undefined && known.epoch >= epoch) {
      return known.epoch === epoch ? known : undefined;
    }
    const signal: Signal = { epoch, wake: undefined, hasArrived: false };
    this.#signals.set(range, signal);
    return signal;
  }
}
