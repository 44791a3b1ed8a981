// A few thousand keys in the order in which they were applied, sorted only when someone asks.
//
// Writing costs a copy of the key and four numbers. A scan that meets the run sorts it once; the
// filler never needs it sorted. Bytes are only ever added, so views into the run stay good.

import { compareKeys } from '@piton/protocol';
import type { KeyBatch } from './key-index.ts';

export const RUN_KEYS_MAX: number = 4096;
/** A run begins with room for so many, because most of those of an idle drive stay small. */
const RUN_KEYS_FIRST = 64;
const GROWTH = 4;

export class KeyRun {
  count = 0;
  /** Everything applied below is in this run or an earlier one. Set when the run is sealed. */
  filledPosition = 0;
  /** Everything in this run was appended below. Set when the run is sealed. */
  endPosition = 0;
  #keys = new Uint8Array(RUN_KEYS_FIRST * 16);
  #starts = new Uint32Array(RUN_KEYS_FIRST + 1);
  #namespaces = new Uint32Array(RUN_KEYS_FIRST);
  #recordBytes = new Uint32Array(RUN_KEYS_FIRST);
  #positions = new Float64Array(RUN_KEYS_FIRST);
  #order: Uint32Array | undefined;

  get isFull(): boolean {
    return this.count >= RUN_KEYS_MAX;
  }

  get keyBytes(): number {
    return this.#starts[this.count] as number;
  }

  /** `recordBytes` 0 means that the key is gone. */
  add(namespace: number, key: Uint8Array, recordBytes: number, position: number): void {
    const { count } = this;
    const start = this.#starts[count] as number;
    const end = start + key.length;
    if (count === this.#positions.length) this.#growEntries();
    if (end > this.#keys.length) this.#growKeys(end);
    this.#keys.set(key, start);
    this.#starts[count + 1] = end;
    this.#namespaces[count] = namespace;
    this.#recordBytes[count] = recordBytes;
    this.#positions[count] = position;
    this.count = count + 1;
    this.#order = undefined;
  }

  /** Which entry of the sorted order is the first one not below (namespace, key). */
  lowerBound(namespace: number, key: Uint8Array): number {
    const order = this.#sorted();
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareTo(order[middle] as number, namespace, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get isSorted(): boolean {
    return this.#order !== undefined;
  }

  sort(): void {
    this.#sorted();
  }

  get sortedCount(): number {
    return this.#sorted().length;
  }

  /** The following take a place in the sorted order. */
  keyAt(place: number): Uint8Array {
    return this.#key(this.#sorted()[place] as number);
  }
  namespaceAt(place: number): number {
    return this.#namespaces[this.#sorted()[place] as number] as number;
  }
  recordBytesAt(place: number): number {
    return this.#recordBytes[this.#sorted()[place] as number] as number;
  }
  positionAt(place: number): number {
    return this.#positions[this.#sorted()[place] as number] as number;
  }

  #key(entry: number): Uint8Array {
    return this.#keys.subarray(this.#starts[entry], this.#starts[entry + 1]);
  }

  #compareTo(entry: number, namespace: number, key: Uint8Array): number {
    const difference = (this.#namespaces[entry] as number) - namespace;
    return difference !== 0 ? difference : compareKeys(this.#key(entry), key);
  }

  #compareEntries(a: number, b: number): number {
    const difference = (this.#namespaces[a] as number) - (this.#namespaces[b] as number);
    if (difference !== 0) return difference;
    const keys = this.#keys;
    let atA = this.#starts[a] as number;
    let atB = this.#starts[b] as number;
    const endA = this.#starts[a + 1] as number;
    const endB = this.#starts[b + 1] as number;
    while (atA < endA && atB < endB) {
      const byByte = (keys[atA++] as number) - (keys[atB++] as number);
      if (byByte !== 0) return byByte;
    }
    return endA - atA - (endB - atB) || a - b;
  }

  /** Entries in key order; of several with one key only the last that was added. */
  #sorted(): Uint32Array {
    if (this.#order !== undefined) return this.#order;
    const order = new Uint32Array(this.count);
    for (let entry = 0; entry < order.length; entry++) order[entry] = entry;
    order.sort((a, b) => this.#compareEntries(a, b));
    let kept = 0;
    for (let place = 0; place < order.length; place++) {
      const entry = order[place] as number;
      const next = order[place + 1];
      const namespace = this.#namespaces[entry] as number;
      if (next !== undefined && this.#compareTo(next, namespace, this.#key(entry)) === 0) continue;
      order[kept++] = entry;
    }
    this.#order = order.subarray(0, kept);
    return this.#order;
  }

  #growKeys(bytes: number): void {
    const larger = new Uint8Array(Math.max(bytes, this.#keys.length * 2));
    larger.set(this.#keys);
    this.#keys = larger;
  }

  #growEntries(): void {
    const capacity = this.#positions.length * GROWTH;
    this.#starts = widened(this.#starts, capacity + 1);
    this.#namespaces = widened(this.#namespaces, capacity);
    this.#recordBytes = widened(this.#recordBytes, capacity);
    const positions = new Float64Array(capacity);
    positions.set(this.#positions);
    this.#positions = positions;
  }

  /** Packs runs, oldest first, into one batch with buffers of its own. */
  static pack(runs: readonly KeyRun[]): KeyBatch {
    let count = 0;
    let keyBytes = 0;
    for (const run of runs) {
      count += run.count;
      keyBytes += run.keyBytes;
    }
    const batch = {
      count,
      keys: new Uint8Array(keyBytes),
      starts: new Uint32Array(count + 1),
      namespaces: new Uint32Array(count),
      recordBytes: new Uint32Array(count),
      positions: new Float64Array(count),
    };
    let at = 0;
    for (const run of runs) at = run.#packInto(batch, at);
    return batch;
  }

  #packInto(batch: KeyBatch, at: number): number {
    const base = batch.starts[at] as number;
    const { count } = this;
    batch.keys.set(this.#keys.subarray(0, this.keyBytes), base);
    for (let entry = 1; entry <= count; entry++) {
      batch.starts[at + entry] = base + (this.#starts[entry] as number);
    }
    batch.namespaces.set(this.#namespaces.subarray(0, count), at);
    batch.recordBytes.set(this.#recordBytes.subarray(0, count), at);
    batch.positions.set(this.#positions.subarray(0, count), at);
    return at + count;
  }
}

function widened(words: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(length);
  wider.set(words);
  return wider;
}
