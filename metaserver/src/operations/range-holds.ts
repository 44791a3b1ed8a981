// Who may change the record of a range now.
//
// An operation holds its ranges from its acceptance to its end. While it only waits for a copy it lends
// them: members that failed meanwhile can be taken out of the chain without waiting for it. It takes a
// range back before it goes on, and looks at the record anew.
//
// Invariant: of the operation that holds a range and the one who has borrowed it, only one changes it
// at a time. Kept in memory: after a restart every running operation holds its ranges again, and a
// record that was persisted but not published tells what else was under way.

import type { RangeId } from '@piton/protocol';

interface Hold {
  operation: number | undefined;
  isLent: boolean;
  isBorrowed: boolean;
  /** The operation waits for the range to be given back. */
  waiting: (() => void) | undefined;
}

export class RangeHolds {
  readonly #holds: Map<RangeId, Hold> = new Map();
  readonly #byOperation: Map<number, readonly RangeId[]> = new Map();
  readonly #listeners: Set<(range: RangeId) => void> = new Set();

  /** The operation that has a range in hand. */
  holderOf(range: RangeId): number | undefined {
    return this.#holds.get(range)?.operation;
  }

  /** True while anybody may change the range's record. */
  isHeld(range: RangeId): boolean {
    return this.#holds.has(range);
  }

  isBorrowed(range: RangeId): boolean {
    return this.#holds.get(range)?.isBorrowed ?? false;
  }

  /** Whether an operation has it, even if it lends it now. */
  isInOperation(range: RangeId): boolean {
    return this.#holds.get(range)?.operation !== undefined;
  }

  /** The caller has checked that the ranges are free. */
  take(ranges: readonly RangeId[], operation: number): void {
    for (const range of ranges) {
      const hold = { operation, isLent: false, isBorrowed: false, waiting: undefined };
      this.#holds.set(range, hold);
    }
    this.#byOperation.set(operation, ranges);
  }

  /** The operation has ended. */
  release(operation: number): void {
    const ranges = this.#byOperation.get(operation) ?? [];
    this.#byOperation.delete(operation);
    for (const range of ranges) {
      const hold = this.#holds.get(range);
      if (hold?.operation !== operation) continue;
      hold.operation = undefined;
      hold.isLent = false;
      if (!hold.isBorrowed) this.#free(range);
    }
  }

  /** From now until `reclaim` the record may change under the operation. */
  lend(range: RangeId): void {
    const hold = this.#holds.get(range);
    if (hold === undefined || hold.isLent) return;
    hold.isLent = true;
    this.#tell(range);
  }

  /** Resolves when nobody else changes the range any more, or when the signal is aborted. */
  async reclaim(range: RangeId, signal: AbortSignal): Promise<void> {
    const hold = this.#holds.get(range);
    if (hold === undefined) return;
    hold.isLent = false;
    if (!hold.isBorrowed || signal.aborted) return;
    await new Promise<void>((resolve) => {
      hold.waiting = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Takes a range that is free or lent. Returns whether it did; `giveBack` ends it. */
  tryBorrow(range: RangeId): boolean {
    const hold = this.#holds.get(range);
    if (hold === undefined) {
      const fresh = { operation: undefined, isLent: true, isBorrowed: true, waiting: undefined };
      this.#holds.set(range, fresh);
      return true;
    }
    if (!hold.isLent || hold.isBorrowed) return false;
    hold.isBorrowed = true;
    return true;
  }

  giveBack(range: RangeId): void {
    const hold = this.#holds.get(range);
    if (hold === undefined) return;
    hold.isBorrowed = false;
    const { waiting } = hold;
    hold.waiting = undefined;
    if (hold.operation === undefined) this.#free(range);
    waiting?.();
  }

  /** Told when a range can be borrowed that could not before. */
  onAvailable(listener: (range: RangeId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #free(range: RangeId): void {
    this.#holds.delete(range);
    this.#tell(range);
  }

  #tell(range: RangeId): void {
    for (const listener of this.#listeners) listener(range);
  }
}
