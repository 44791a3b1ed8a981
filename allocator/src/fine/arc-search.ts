// Divides the items of a group of drives by arcs alone, and goes back when a choice leads nowhere.
//
// Two cuts per drive are what pure arcs cost; every correction with loose runs costs two more. Where ranges are half a per cent of a
// drive and the slack is a fifth of that, the single best arc of a node often leaves its halves without any arc. But most nodes
// have several tolerable arcs, and a group of eight drives thousands of ways to be cut. So a group tries its arcs in the order of
// their cost and error until every drive in it is within capacity, and lets arcs grow (arc-path.ts) where that fails. What
// neither solves is left to corrections (transfers.ts).

import type { Budget } from '../packing/budget.ts';
import type { Bins, Packing } from '../packing/packing.ts';
import { growArcs } from './arc-path.ts';
import { Sequence, type Target } from './split.ts';

/** Larger groups are not searched as a whole. */
export const SEARCHED_DRIVES_MAX = 64;
const GROWN_DRIVES_MIN = 17;
const GROWN_DRIVES_MAX = 32;

/** Arcs tried per node, by the number of drives below it. */
const TRIES: readonly (readonly [drives: number, arcs: number])[] = [
  [2, 200],
  [4, 40],
  [8, 12],
  [16, 5],
  [32, 2],
];
const TRIES_ABOVE = 4;
/** Work on a node of few drives before arcs grow instead, in passes over its items. */
const PASSES_MAX = 200;

function triesFor(driveCount: number): number {
  return TRIES.find(([most]) => driveCount <= most)?.[1] ?? TRIES_ABOVE;
}

export class ArcSearch {
  readonly #packing: Packing;
  readonly #bins: Bins;
  readonly #binOf: Int32Array;
  /** One per depth: a node's sequence is needed again after its halves have failed. */
  readonly #scratch: Sequence[] = [];

  constructor(packing: Packing, bins: Bins, binOf: Int32Array) {
    this.#packing = packing;
    this.#bins = bins;
    this.#binOf = binOf;
  }

  /** True when the items are divided among the bins within capacity; binOf then says how. */
  run(items: Int32Array, bins: Int32Array, budget: Budget): boolean {
    return bins.length <= SEARCHED_DRIVES_MAX && this.#divide(items, bins, 0, budget);
  }

  #sequence(depth: number, length: number): Sequence {
    const known = this.#scratch[depth];
    if (known !== undefined && known.items.length >= length) return known;
    const made = new Sequence(this.#packing, length);
    this.#scratch[depth] = made;
    return made;
  }

  #place(items: Int32Array, bin: number): boolean {
    for (let r = 0; r < this.#bins.capacity.length; r++) {
      const column = this.#packing.demand[r]!;
      let load = 0;
      for (const i of items) load += column[i]!;
      if (load > this.#bins.capacity[r]![bin]!) return false;
    }
    for (const i of items) this.#binOf[i] = bin;
    return true;
  }

  #divide(items: Int32Array, bins: Int32Array, depth: number, budget: Budget): boolean {
    if (bins.length === 1) return this.#place(items, bins[0]!);
    if (!budget.spend(items.length * 4)) return false;
    const mayGrow = bins.length >= GROWN_DRIVES_MIN && bins.length <= GROWN_DRIVES_MAX;
    const own = mayGrow ? budget.part(items.length * PASSES_MAX) : budget;
    if (this.#halve(items, bins, depth, own)) return true;
    if (!mayGrow) return false;
    const sequence = this.#sequence(depth, items.length);
    sequence.load(items);
    return growArcs(sequence, this.#bins, bins, this.#binOf, budget);
  }

  #halve(items: Int32Array, bins: Int32Array, depth: number, budget: Budget): boolean {
    const left = bins.filter((_, k) => k % 2 === 0);
    const right = bins.filter((_, k) => k % 2 === 1);
    const sequence = this.#sequence(depth, items.length);
    sequence.load(items);
    const target = this.#window(sequence, left, right);
    if (target === undefined) return false;
    for (const arc of sequence.arcs(target, triesFor(bins.length), this.#areEqual(left, right))) {
      // The halves below use the deeper scratch only, so this one is still what it was.
      sequence.markArc(arc.from, arc.to);
      const isDone =
        this.#divide(sequence.itemsOn(1), left, depth + 1, budget) &&
        this.#divide(sequence.itemsOn(0), right, depth + 1, budget);
      if (isDone) return true;
      if (budget.isOver) return false;
    }
    return false;
  }

  #areEqual(left: Int32Array, right: Int32Array): boolean {
    if (left.length !== right.length) return false;
    return this.#bins.capacity.every((capacity) =>
      left.every((b, k) => capacity[b] === capacity[right[k]!]),
    );
  }

  /** What the left bins may hold so that both sides stay within capacity; undefined when there is no such window. */
  #window(sequence: Sequence, left: Int32Array, right: Int32Array): Target | undefined {
    const resources = this.#bins.capacity.length;
    const load = new Float64Array(resources);
    const tolerance = new Float64Array(resources);
    for (let r = 0; r < resources; r++) {
      const capacity = this.#bins.capacity[r]!;
      let high = 0;
      let low = sequence.total(r);
      for (const b of left) high += capacity[b]!;
      for (const b of right) low -= capacity[b]!;
      if (low > high) return undefined;
      load[r] = (high + low) / 2;
      tolerance[r] = Math.max((high - low) / 2, high * 1e-12);
    }
    return { load, tolerance };
  }
}
