// Members that have to be copied anew though they are alive: a neighbour reports that their histories
// cannot be joined. Such a member leaves the chain like one that died (it is told, being alive), and is
// brought back as any offline member.
//
// Kept in memory: a neighbour repeats it with every heartbeat for as long as it lasts. What was said of
// another epoch counts no more.

import type { DriveId, Epoch, HistoryGap, RangeId, RangeRecord } from '@piton/protocol';

interface Noted {
  readonly epoch: Epoch;
  readonly drives: Set<DriveId>;
}

export class HistoryGaps {
  readonly #noted: Map<RangeId, Noted> = new Map();

  /** Returns whether this is new. */
  note({ range, epoch, drive }: HistoryGap, record: RangeRecord): boolean {
    if (record.epoch !== epoch || !record.chain.some((member) => member.drive === drive)) {
      return false;
    }
    const known = this.#noted.get(range);
    if (known?.epoch === epoch) {
      if (known.drives.has(drive)) return false;
      known.drives.add(drive);
      return true;
    }
    this.#noted.set(range, { epoch, drives: new Set([drive]) });
    return true;
  }

  has({ id, epoch }: RangeRecord, drive: DriveId): boolean {
    const noted = this.#noted.get(id);
    if (noted === undefined) return false;
    if (noted.epoch === epoch) return noted.drives.has(drive);
    this.#noted.delete(id);
    return false;
  }
}
