// How a drive stands, as those see it who wait for it.
//
// A drive of which nothing was heard for a while is *suspected*: what can be undone does not wait for it
// any longer. A *fenced* drive has no rights (its lease is over, and it gets no other before it has
// registered and taken in what the catalog says): it counts as told of every record that is persisted,
// so nothing ever waits for it. A member that is *cut off* from others of its chain is heard here, and has
// to be told like any other; only the chain cannot wait for it.

import type { DriveId, RangeRecord } from '@piton/protocol';

export interface Standing {
  isFenced(drive: DriveId): boolean;
  /** Also true while it is fenced. */
  isSuspected(drive: DriveId): boolean;
  /** Whether a member has to leave this chain: others cannot reach it, or a copy to it does not fit. */
  isCutOff(record: RangeRecord, drive: DriveId): boolean;
  /** Calls `wake` once, when one of these becomes true. Returns how to stop listening. */
  whenDoubted(drive: DriveId, wake: () => void): () => void;
}

/** Where nobody looks after the drives: all are waited for. */
export const ALL_TRUSTED: Standing = {
  isFenced: () => false,
  isSuspected: () => false,
  isCutOff: () => false,
  whenDoubted: () => () => {},
};

/** Those who wait for a drive to be doubted. */
export class DoubtListeners {
  readonly #waiting: Map<DriveId, Set<() => void>> = new Map();

  listen(drive: DriveId, wake: () => void): () => void {
    const waiting = this.#waiting.get(drive) ?? new Set();
    this.#waiting.set(drive, waiting.add(wake));
    return () => {
      waiting.delete(wake);
      if (waiting.size === 0 && this.#waiting.get(drive) === waiting) this.#waiting.delete(drive);
    };
  }

  tell(drive: DriveId): void {
    const waiting = this.#waiting.get(drive);
    this.#waiting.delete(drive);
    for (const wake of waiting ?? []) wake();
  }
}
