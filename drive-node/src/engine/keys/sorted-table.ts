// A sorted table of keys in one array: what the memory store keeps per namespace.
//
// Inserting costs a move of everything behind, which is fine for the sizes of tests.

import { compareKeys } from '@piton/protocol';
import type { LogRecord, Place } from '../store.ts';

export interface TableEntry {
  readonly record: LogRecord;
  readonly place: Place;
  readonly era: number;
}

export class SortedTable {
  readonly entries: TableEntry[] = [];

  /** Position of the first entry whose key is not below `key`. */
  lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#keyAt(middle), key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  find(key: Uint8Array): TableEntry | undefined {
    const position = this.lowerBound(key);
    return this.#isAt(position, key) ? this.entries[position] : undefined;
  }

  put(entry: TableEntry): void {
    const position = this.lowerBound(entry.record.key);
    const replaced = this.#isAt(position, entry.record.key) ? 1 : 0;
    this.entries.splice(position, replaced, entry);
  }

  remove(key: Uint8Array): void {
    const position = this.lowerBound(key);
    if (this.#isAt(position, key)) this.entries.splice(position, 1);
  }

  removeInterval(start: Uint8Array, end: Uint8Array | undefined): void {
    const [from, to] = this.bounds(start, end);
    this.entries.splice(from, to - from);
  }

  /** First position inside the interval and first position behind it. */
  bounds(start: Uint8Array, end: Uint8Array | undefined): [number, number] {
    const from = this.lowerBound(start);
    const to = end === undefined ? this.entries.length : this.lowerBound(end);
    return [from, Math.max(from, to)];
  }

  #keyAt(position: number): Uint8Array {
    return (this.entries[position] as TableEntry).record.key;
  }

  #isAt(position: number, key: Uint8Array): boolean {
    return position < this.entries.length && compareKeys(this.#keyAt(position), key) === 0;
  }
}
