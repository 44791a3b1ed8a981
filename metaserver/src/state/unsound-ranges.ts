// The ranges that are not as they should be: fewer serving members than their keyspace asks for, members
// that do not serve, or a record that is not published yet. Kept up to date record by record, so that
// nobody walks the whole index to find what is to be repaired.
//
// A range that clients do not see yet is not in it: the operation that makes it looks after it.

import { MemberState, type RangeId } from '@piton/protocol';
import type { RangeEntry } from './entries.ts';

export class UnsoundRanges {
  readonly #ranges: Set<RangeId> = new Set();

  get ids(): ReadonlySet<RangeId> {
    return this.#ranges;
  }

  put(entry: RangeEntry, replicas: number): void {
    if (isUnsound(entry, replicas)) this.#ranges.add(entry.record.id);
    else this.#ranges.delete(entry.record.id);
  }

  remove(range: RangeId): void {
    this.#ranges.delete(range);
  }
}

function isUnsound({ record, published }: RangeEntry, replicas: number): boolean {
  if (published === undefined) return false;
  if (published.epoch !== record.epoch || record.chain.length < replicas) return true;
  return record.chain.some(({ state }) => state !== MemberState.serving);
}
