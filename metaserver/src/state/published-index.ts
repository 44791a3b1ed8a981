// The range index of one keyspace as clients see it: by key, and in the order of its changes.
//
// There is no separate log of changes. Every record carries the index version at which it was
// published, so "what changed since V" is the records with a higher version, in that order. A record
// that a newer one replaced need not be told: the newer one covers its keys. So the list is never longer
// than the index, survives a restart, and a client however old can be answered; but when more than
// `changesMax` records changed, reading the index whole is cheaper and the answer is `tooOld`.

import {
  type DriveId,
  type IndexVersion,
  limits,
  RangeIndex,
  type RangeRecord,
  recordBytes,
  recordsThatFit,
} from '@piton/protocol';

export interface IndexPageView {
  readonly records: readonly RangeRecord[];
  readonly next: Uint8Array | undefined;
}

export interface ChangesView {
  readonly records: readonly RangeRecord[];
  /** Version of the last record; undefined when all records are here. */
  readonly upTo: IndexVersion | undefined;
  readonly tooOld: boolean;
}

/** Replaced records that may stand in the order before it is tidied up. */
const STALE_MAX = 64;

export class PublishedIndex {
  readonly #index: RangeIndex = new RangeIndex();
  readonly #changesMax: number;
  /** Records by version; those that the index does not hold any more are passed over. */
  #order: RangeRecord[] = [];

  constructor(changesMax: number) {
    this.#changesMax = changesMax;
  }

  get size(): number {
    return this.#index.size;
  }

  /** In key order; valid until the next change. */
  records(): readonly RangeRecord[] {
    return this.#index.records();
  }

  find(key: Uint8Array): RangeRecord | undefined {
    return this.#index.find(key);
  }

  /** All records at once, in any order: for the start. */
  fill(records: readonly RangeRecord[]): void {
    this.#index.replaceAll(records);
    this.#order = [...this.#index.records()].sort((a, b) => a.version - b.version);
  }

  /** Records that are published together, all with the same version, newer than any before. */
  publish(records: readonly RangeRecord[]): void {
    for (const record of records) {
      this.#index.insert(record);
      this.#order.push(record);
    }
    if (this.#order.length > 2 * this.#index.size + STALE_MAX) this.#tidy();
  }

  /** One page of the index from the range that holds `from` on. */
  page(from: Uint8Array, recordsMax: number): IndexPageView {
    const first = this.#index.find(from) ?? this.#index.findNext(from);
    if (first === undefined) return { records: [], next: undefined };
    const all = this.#index.records();
    const position = this.#positionOf(first);
    const window = all.slice(position, position + recordsMax);
    const records = recordsThatFit(window, recordsMax, limits.RECORDS_BYTES_MAX);
    return { records, next: all[position + records.length]?.start };
  }

  /** The records that changed since a version, oldest first, whole versions only. */
  changesSince(since: IndexVersion, recordsMax: number): ChangesView {
    const from = this.#firstBehind(since);
    if (this.#order.length - from > this.#changesMax) this.#tidy();
    const start = this.#firstBehind(since);
    if (this.#order.length - start > this.#changesMax) {
      return { records: [], upTo: undefined, tooOld: true };
    }
    return this.#collect(start, recordsMax);
  }

  #collect(start: number, recordsMax: number): ChangesView {
    const records: RangeRecord[] = [];
    let bytes = 0;
    for (let position = start; position < this.#order.length; position++) {
      const record = this.#order[position] as RangeRecord;
      if (this.#index.get(record.id) !== record) continue;
      bytes += recordBytes(record);
      const isOver = records.length >= recordsMax || bytes > limits.RECORDS_BYTES_MAX;
      const last = records.at(-1);
      if (isOver && last !== undefined && last.version < record.version) {
        return { records, upTo: last.version, tooOld: false };
      }
      records.push(record);
    }
    return { records, upTo: undefined, tooOld: false };
  }

  #firstBehind(version: IndexVersion): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle] as RangeRecord).version <= version) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #positionOf(record: RangeRecord): number {
    const records = this.#index.records();
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (Buffer.compare((records[middle] as RangeRecord).start, record.start) < 0) {
        low = middle + 1;
      } else high = middle;
    }
    return low;
  }

  #tidy(): void {
    this.#order = this.#order.filter((record) => this.#index.get(record.id) === record);
  }
}

/** The drives that records name. */
export function drivesOf(records: Iterable<RangeRecord>): Set<DriveId> {
  const drives = new Set<DriveId>();
  for (const record of records) for (const member of record.chain) drives.add(member.drive);
  return drives;
}
