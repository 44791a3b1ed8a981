// What each drive has to hold according to the index: kept up to date record by record, so that
// nobody walks the whole index to answer one drive or to plan one move.
//
// A range counts for every drive that its newest or its published record names.

import { type DriveId, headOf, type RangeId, type RangeRecord, tailOf } from '@piton/protocol';
import type { RangeEntry } from './entries.ts';
import { drivesOf } from './published-index.ts';

export interface DriveShare {
  readonly ranges: ReadonlySet<RangeId>;
  readonly heads: number;
  readonly tails: number;
  /** What the records take on the wire, for the bound on one registration. */
  readonly recordBytes: number;
}

interface MutableShare {
  readonly ranges: Set<RangeId>;
  heads: number;
  tails: number;
  recordBytes: number;
}

const NOTHING: DriveShare = { ranges: new Set(), heads: 0, tails: 0, recordBytes: 0 };

/** What a record takes on the wire: numbers at their longest, names and keys as they are. */
export function wireBytes(record: RangeRecord): number {
  let bytes = 40 + record.start.length + (record.end?.length ?? 0);
  for (const { drive } of record.chain) bytes += 4 + drive.length;
  return bytes;
}

function namedBy(entry: RangeEntry): Set<DriveId> {
  return drivesOf(entry.published ? [entry.record, entry.published] : [entry.record]);
}

export class DriveShares {
  readonly #shares: Map<DriveId, MutableShare> = new Map();

  of(drive: DriveId): DriveShare {
    return this.#shares.get(drive) ?? NOTHING;
  }

  replace(before: RangeEntry | undefined, after: RangeEntry | undefined): void {
    if (before !== undefined) this.#count(before, -1);
    if (after !== undefined) this.#count(after, 1);
  }

  #count(entry: RangeEntry, sign: 1 | -1): void {
    const { record } = entry;
    const head = headOf(record);
    const tail = tailOf(record);
    const bytes = sign * wireBytes(record);
    for (const drive of namedBy(entry)) {
      const share = this.#share(drive);
      if (sign === 1) share.ranges.add(record.id);
      else share.ranges.delete(record.id);
      if (drive === head) share.heads += sign;
      if (drive === tail) share.tails += sign;
      share.recordBytes += bytes;
    }
  }

  #share(drive: DriveId): MutableShare {
    let share = this.#shares.get(drive);
    if (share === undefined) {
      share = { ranges: new Set(), heads: 0, tails: 0, recordBytes: 0 };
      this.#shares.set(drive, share);
    }
    return share;
  }
}
