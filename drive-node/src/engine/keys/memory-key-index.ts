// The key index of simulations and tests: sorted arrays, no thread, no file.
//
// What it holds can be kept over a simulated restart: it is as durable as the object.

import { compareKeys, keyAfter } from '@piton/protocol';
import type { KeyBatch, KeyCount, KeyIndex, KeyInterval, KeyPage } from './key-index.ts';

interface Row {
  readonly key: Uint8Array;
  readonly recordBytes: number;
  readonly position: number;
}

export class MemoryKeyIndex implements KeyIndex {
  filledPosition = 0;
  readonly #rows = new Map<number, Row[]>();

  /** What a restart would find now. */
  clone(): MemoryKeyIndex {
    const copy = new MemoryKeyIndex();
    copy.filledPosition = this.filledPosition;
    for (const [namespace, rows] of this.#rows) copy.#rows.set(namespace, [...rows]);
    return copy;
  }

  async fill(batch: KeyBatch, filledPosition: number): Promise<void> {
    await this.#turn();
    for (let entry = 0; entry < batch.count; entry++) {
      const key = batch.keys.slice(batch.starts[entry], batch.starts[entry + 1]);
      const recordBytes = batch.recordBytes[entry] as number;
      const position = batch.positions[entry] as number;
      this.#put(batch.namespaces[entry] as number, { key, recordBytes, position });
    }
    this.filledPosition = filledPosition;
  }

  async page(interval: KeyInterval, reverse: boolean, keysMax: number): Promise<KeyPage> {
    await this.#turn();
    const [from, to] = this.#bounds(interval);
    const rows = this.#table(interval.namespace).slice(from, to);
    if (reverse) rows.reverse();
    const taken = rows.slice(0, keysMax);
    return {
      keys: taken.map((row) => row.key),
      recordBytes: taken.map((row) => row.recordBytes),
      positions: taken.map((row) => row.position),
      isLast: rows.length <= keysMax,
    };
  }

  async count(interval: KeyInterval, keysMax: number): Promise<KeyCount> {
    const page = await this.page(interval, false, keysMax);
    let bytes = 0;
    for (const count of page.recordBytes as number[]) bytes += count;
    const last = page.keys.at(-1);
    const next = page.isLast || last === undefined ? undefined : keyAfter(last);
    return { keys: page.keys.length, bytes, next };
  }

  async close(): Promise<void> {
    await this.#turn();
  }

  /** Settles late, as a thread would answer, yet in the order of the calls. */
  #turn(): Promise<void> {
    return Promise.resolve();
  }

  #table(namespace: number): Row[] {
    let table = this.#rows.get(namespace);
    if (table === undefined) {
      table = [];
      this.#rows.set(namespace, table);
    }
    return table;
  }

  #put(namespace: number, row: Row): void {
    const table = this.#table(namespace);
    const at = lowerBound(table, row.key);
    const isThere = at < table.length && compareKeys((table[at] as Row).key, row.key) === 0;
    if (row.recordBytes !== 0) table.splice(at, isThere ? 1 : 0, row);
    else if (isThere) table.splice(at, 1);
  }

  #bounds(interval: KeyInterval): [number, number] {
    const table = this.#table(interval.namespace);
    const from = lowerBound(table, interval.start);
    const to = interval.end === undefined ? table.length : lowerBound(table, interval.end);
    return [from, Math.max(from, to)];
  }
}

function lowerBound(table: readonly Row[], key: Uint8Array): number {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys((table[middle] as Row).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
