// The range index of one keyspace as a sorted table: which range holds a key.
//
// Invariants: entries are sorted by start and never overlap; a record is only replaced by a newer
// one (higher epoch of the same range, or higher index version where different ranges overlap), so
// that news may come late, twice, or out of order. Holes are allowed: a client's cache has them.
//
// Not here: how long a client keeps a record (sdk), and who makes them (metaserver).

import { compareKeys } from '../keys/keys.ts';
import type { RangeId } from '../words/ids.ts';
import type { RangeRecord } from './range-record.ts';

/** True when `candidate` must not replace `known`. */
function isOlder(candidate: RangeRecord, known: RangeRecord): boolean {
  if (candidate.id === known.id && candidate.epoch !== known.epoch) {
    return candidate.epoch < known.epoch;
  }
  return candidate.version < known.version;
}

function isSame(a: RangeRecord, b: RangeRecord): boolean {
  return a.id === b.id && a.epoch === b.epoch && a.version === b.version;
}

export class RangeIndex {
  #records: RangeRecord[] = [];
  readonly #byId: Map<RangeId, RangeRecord> = new Map();

  get size(): number {
    return this.#records.length;
  }

  /** All records in key order. Valid until the next change. */
  records(): readonly RangeRecord[] {
    return this.#records;
  }

  get(id: RangeId): RangeRecord | undefined {
    return this.#byId.get(id);
  }

  /** The record whose range holds `key`, or undefined where the table has a hole. */
  find(key: Uint8Array): RangeRecord | undefined {
    const record = this.#records[this.#positionAtOrBefore(key)];
    if (record === undefined) return undefined;
    return record.end === undefined || compareKeys(key, record.end) < 0 ? record : undefined;
  }

  /** The first record that starts behind `key`. */
  findNext(key: Uint8Array): RangeRecord | undefined {
    return this.#records[this.#positionAtOrBefore(key) + 1];
  }

  /** The records that share keys with [start, end), in key order. */
  overlapping(start: Uint8Array, end: Uint8Array | undefined): readonly RangeRecord[] {
    const [from, to] = this.#overlap(start, end);
    return this.#records.slice(from, to);
  }

  /**
   * Takes a record in unless something newer is known for any of its keys. Older records that it
   * overlaps are dropped. Returns whether the table changed.
   */
  insert(record: RangeRecord): boolean {
    const [from, to] = this.#overlap(record.start, record.end);
    for (let position = from; position < to; position++) {
      const known = this.#records[position] as RangeRecord;
      if (isOlder(record, known) || isSame(record, known)) return false;
    }
    const sameId = this.#byId.get(record.id);
    if (sameId !== undefined && (isOlder(record, sameId) || isSame(record, sameId))) return false;
    for (let position = from; position < to; position++) {
      this.#byId.delete((this.#records[position] as RangeRecord).id);
    }
    this.#records.splice(from, to - from, record);
    if (sameId !== undefined && this.#byId.has(record.id)) this.#removeRecord(sameId);
    this.#byId.set(record.id, record);
    return true;
  }

  /**
   * Replaces everything: for a full index, sorted or not. Its pages may have been read at different
   * index versions, so even here the newer record wins where two overlap.
   */
  replaceAll(records: readonly RangeRecord[]): void {
    this.#records = [];
    this.#byId.clear();
    const sorted = [...records].sort((a, b) => compareKeys(a.start, b.start));
    for (const record of sorted) {
      const last = this.#records.at(-1);
      const isBehind =
        last === undefined || (last.end !== undefined && compareKeys(last.end, record.start) <= 0);
      if (isBehind && !this.#byId.has(record.id)) this.#append(record);
      else this.insert(record);
    }
  }

  /** Forgets a range. Returns whether it was known. */
  remove(id: RangeId): boolean {
    const record = this.#byId.get(id);
    if (record === undefined) return false;
    this.#byId.delete(id);
    this.#removeRecord(record);
    return true;
  }

  #append(record: RangeRecord): void {
    this.#records.push(record);
    this.#byId.set(record.id, record);
  }

  #removeRecord(record: RangeRecord): void {
    const position = this.#positionAtOrBefore(record.start);
    if (this.#records[position] === record) this.#records.splice(position, 1);
  }

  /** Position of the last record that starts at or before `key`; -1 when there is none. */
  #positionAtOrBefore(key: Uint8Array): number {
    const records = this.#records;
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys((records[middle] as RangeRecord).start, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #overlap(start: Uint8Array, end: Uint8Array | undefined): [from: number, to: number] {
    let from = Math.max(0, this.#positionAtOrBefore(start));
    const first = this.#records[from];
    if (first?.end !== undefined && compareKeys(first.end, start) <= 0) from++;
    let to = this.#records.length;
    if (end !== undefined) {
      to = this.#positionAtOrBefore(end) + 1;
      const last = this.#records[to - 1];
      if (last !== undefined && compareKeys(last.start, end) === 0) to--;
    }
    return [from, Math.max(from, to)];
  }
}
