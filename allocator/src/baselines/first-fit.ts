// First fit decreasing, for comparison only: the ranges by the length of their demand vector, each on the first drive with room.
//
// It looks at no neighbour, so its index is what chance leaves.

import { countRuns } from '../packing/packing.ts';

export interface Baseline {
  readonly drives: number;
  readonly entries: number;
}

class OpenDrives {
  readonly #freeBytes: Float64Array;
  readonly #freeTraffic: Float64Array;
  /** Drives before this one have no room for the smallest range. */
  #first = 0;
  count = 0;
  readonly #leastBytes: number;
  readonly #leastTraffic: number;

  constructor(bytes: Float64Array, traffic: Float64Array) {
    // In the worst case every range has a drive for itself.
    this.#freeBytes = new Float64Array(bytes.length).fill(1);
    this.#freeTraffic = new Float64Array(bytes.length).fill(1);
    this.#leastBytes = bytes.reduce((least, value) => Math.min(least, value), 1);
    this.#leastTraffic = traffic.reduce((least, value) => Math.min(least, value), 1);
  }

  #isFull(d: number): boolean {
    return this.#freeBytes[d]! < this.#leastBytes || this.#freeTraffic[d]! < this.#leastTraffic;
  }

  put(bytes: number, traffic: number): number {
    while (this.#first < this.count && this.#isFull(this.#first)) this.#first++;
    let d = this.#first;
    while (d < this.count && (this.#freeBytes[d]! < bytes || this.#freeTraffic[d]! < traffic)) d++;
    if (d === this.count) this.count++;
    this.#freeBytes[d]! -= bytes;
    this.#freeTraffic[d]! -= traffic;
    return d;
  }
}

/** Demands as shares of a drive, 0 to 1. */
export function firstFitDecreasing(bytes: Float64Array, traffic: Float64Array): Baseline {
  const length = bytes.map((value, i) => value * value + traffic[i]! * traffic[i]!);
  const order = new Int32Array(bytes.length).map((_, i) => i);
  order.sort((a, b) => length[b]! - length[a]! || a - b);
  const open = new OpenDrives(bytes, traffic);
  const binOf = new Int32Array(bytes.length);
  for (const i of order) binOf[i] = open.put(bytes[i]!, traffic[i]!);
  const joins = new Uint8Array(bytes.length).fill(1);
  if (joins.length > 0) joins[0] = 0;
  return { drives: open.count, entries: countRuns(joins, binOf) };
}
