// Saves index entries after packing: a short run that lies beside, or between, runs of another drive joins them if there is room.
//
// Merging ranges before packing costs drives; merging afterwards is free, because nothing moves unless the receiving drive has room
// and, in the balanced objective, unless it is not the fuller one.

import { type Bins, binLoads, type Packing } from '../packing/packing.ts';

class Coalescer {
  readonly #packing: Packing;
  readonly #bins: Bins;
  readonly #binOf: Int32Array;
  readonly #isFixed: Uint8Array | undefined;
  readonly #loads: Float64Array[];

  constructor(packing: Packing, bins: Bins, binOf: Int32Array, isFixed: Uint8Array | undefined) {
    this.#packing = packing;
    this.#bins = bins;
    this.#binOf = binOf;
    this.#isFixed = isFixed;
    this.#loads = binLoads(packing, bins.count, binOf);
  }

  #load(r: number, from: number, to: number): number {
    const column = this.#packing.demand[r]!;
    let sum = 0;
    for (let i = from; i < to; i++) sum += column[i]!;
    return sum;
  }

  #hasRoom(b: number, loads: readonly number[]): boolean {
    return loads.every((load, r) => this.#loads[r]![b]! + load <= this.#bins.capacity[r]![b]!);
  }

  #isFree(from: number, to: number): boolean {
    if (this.#isFixed === undefined) return true;
    for (let i = from; i < to; i++) if (this.#isFixed[i] === 1) return false;
    return true;
  }

  #move(from: number, to: number, loads: readonly number[], target: number): void {
    const source = this.#binOf[from]!;
    loads.forEach((load, r) => {
      this.#loads[r]![source]! -= load;
      this.#loads[r]![target]! += load;
    });
    this.#binOf.fill(target, from, to);
  }

  /** One pass over all runs from left to right; returns the entries saved. */
  sweep(): number {
    const binOf = this.#binOf;
    const { joins, demand } = this.#packing;
    let saved = 0;
    for (let from = 0; from < binOf.length; ) {
      let to = from + 1;
      while (to < binOf.length && binOf[to] === binOf[from] && joins[to] === 1) to++;
      const left = from > 0 && joins[from] === 1 ? binOf[from - 1]! : -1;
      const right = to < binOf.length && joins[to] === 1 ? binOf[to]! : -1;
      const wanted = left >= 0 && left === right ? [left] : [left, right];
      const loads = demand.map((_, r) => this.#load(r, from, to));
      const target = wanted.find((b) => b >= 0 && this.#hasRoom(b, loads));
      if (target !== undefined && this.#isFree(from, to)) {
        this.#move(from, to, loads, target);
        saved += left === right ? 2 : 1;
      }
      from = to;
    }
    return saved;
  }
}

/** Changes binOf in place; items marked in isFixed stay. Returns the entries saved. */
export function coalesce(
  packing: Packing,
  bins: Bins,
  binOf: Int32Array,
  isFixed?: Uint8Array,
): number {
  const coalescer = new Coalescer(packing, bins, binOf, isFixed);
  let saved = 0;
  for (let pass = 0; pass < 4; pass++) {
    const here = coalescer.sweep();
    saved += here;
    if (here === 0) break;
  }
  return saved;
}
