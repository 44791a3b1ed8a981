// What drives say of each other: "I do not reach that one". Says which of it counts as a broken link.
//
// A complaint counts when it has lasted for a third of the lease while both were heard here without a
// break, and both are heard now. So a drive that is dead, paused or has just been started again is nobody's broken
// link (the detector looks after it), and one that was paused itself cannot blame others for that.
//
// It lasts up to the moment in which it was said, no longer: a drive that lost its power right after it had complained
// would otherwise accuse one that had just come back, and take the last living copy out of its chain.
//
// Kept in memory: complaints come again with every heartbeat for as long as they last.

import type { Clock, DriveId, UnreachedDrive } from '@piton/protocol';
import type { BrokenLink } from './cut-off.ts';

export interface AccusationParts {
  readonly clock: Clock;
  readonly leaseMs: number;
  /** Heard of now, and not fenced. */
  readonly isHeard: (drive: DriveId) => boolean;
}

interface Witness {
  /** Heard without a break since then. */
  steadySinceMs: number;
  heardAtMs: number;
  unreached: readonly UnreachedDrive[];
}

const COUNTS_SHARE = 1 / 3;
/** Heartbeats come three times in a lease: a longer silence is a break. */
const BREAK_SHARE = 2 / 3;

export class Accusations {
  readonly #parts: AccusationParts;
  readonly #witnesses: Map<DriveId, Witness> = new Map();
  /** Those with something to say: hardly ever anybody. */
  readonly #accusers: Set<DriveId> = new Set();

  constructor(parts: AccusationParts) {
    this.#parts = parts;
  }

  /** The drive has registered: whatever it said before is not known to be so any more. */
  arrived(drive: DriveId): void {
    const nowMs = this.#parts.clock.nowMs();
    this.#witnesses.set(drive, { steadySinceMs: nowMs, heardAtMs: nowMs, unreached: [] });
    this.#accusers.delete(drive);
  }

  heard(drive: DriveId, unreached: readonly UnreachedDrive[]): void {
    const { clock, leaseMs } = this.#parts;
    const nowMs = clock.nowMs();
    const known = this.#witnesses.get(drive);
    const hasBreak = known === undefined || nowMs - known.heardAtMs > BREAK_SHARE * leaseMs;
    const steadySinceMs = hasBreak ? nowMs : known.steadySinceMs;
    this.#witnesses.set(drive, { steadySinceMs, heardAtMs: nowMs, unreached });
    if (unreached.length > 0) this.#accusers.add(drive);
    else this.#accusers.delete(drive);
  }

  broken(): BrokenLink[] {
    const { isHeard } = this.#parts;
    const links: BrokenLink[] = [];
    for (const by of this.#accusers) {
      const witness = this.#witnesses.get(by);
      if (witness === undefined || !isHeard(by)) continue;
      for (const { drive: of, forMs } of witness.unreached) {
        if (of !== by && isHeard(of) && this.#counts(witness, of, forMs)) links.push({ by, of });
      }
    }
    return links;
  }

  #counts(witness: Witness, of: DriveId, forMs: number): boolean {
    const { leaseMs } = this.#parts;
    const accused = this.#witnesses.get(of);
    if (accused === undefined) return false;
    const sinceMs = witness.heardAtMs - forMs;
    const fromMs = Math.max(sinceMs, witness.steadySinceMs, accused.steadySinceMs);
    return witness.heardAtMs - fromMs >= COUNTS_SHARE * leaseMs;
  }
}
