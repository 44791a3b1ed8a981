// Constructive heuristics of the coarse case; the best result of all is where the search begins.
//
// Led by the bin-centric dot product: open one drive and take again and again the range whose demand points the way of
// what is left, resources weighed by how much of them is still to be placed. It was the best single one of 351 published variants. First
// fit decreasing under four size measures is there for instances on which greed pays less.

import type { Budget } from '../packing/budget.ts';
import type { Items, Solution } from './items.ts';

type Score = 'dot' | 'dot-static' | 'distance' | 'tight';
type Measure = 'sum' | 'largest' | 'squares' | 'product';

const SCORES: readonly Score[] = ['dot', 'dot-static', 'distance', 'tight'];
const MEASURES: readonly Measure[] = ['sum', 'largest', 'squares', 'product'];

/** Share of each resource that the given items want together. */
function demandWeights(items: Items, list: Int32Array, count: number): Float64Array {
  const weights = new Float64Array(items.resources);
  for (let k = 0; k < count; k++) {
    for (let r = 0; r < items.resources; r++) {
      weights[r]! += items.share[list[k]! * items.resources + r]!;
    }
  }
  return weights;
}

function scoreOf(
  items: Items,
  kind: Score,
  weights: Float64Array,
  room: Float64Array,
  i: number,
): number {
  let score = 0;
  for (let r = 0; r < room.length; r++) {
    const share = items.share[i * room.length + r]!;
    if (kind === 'distance') score -= weights[r]! * (room[r]! - share) ** 2;
    else if (kind === 'tight') score += weights[r]! * (share / Math.max(1e-9, room[r]!));
    else score += weights[r]! * share * room[r]!;
  }
  return score;
}

class BinFiller {
  readonly #items: Items;
  readonly #kind: Score;
  readonly #left: Int32Array;
  #count: number;
  readonly #free: Float64Array;
  readonly #room: Float64Array;

  constructor(items: Items, kind: Score) {
    this.#items = items;
    this.#kind = kind;
    this.#left = new Int32Array(items.count).map((_, i) => i);
    this.#count = items.count;
    this.#free = new Float64Array(items.resources);
    this.#room = new Float64Array(items.resources);
  }

  #fits(i: number): boolean {
    const { demand, resources } = this.#items;
    for (let r = 0; r < resources; r++) {
      if (demand[i * resources + r]! > this.#free[r]!) return false;
    }
    return true;
  }

  #bestFitting(weights: Float64Array): number {
    let best = -1;
    let most = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < this.#count; k++) {
      const i = this.#left[k]!;
      if (!this.#fits(i)) continue;
      const score = scoreOf(this.#items, this.#kind, weights, this.#room, i);
      if (score > most) {
        most = score;
        best = k;
      }
    }
    return best;
  }

  #take(k: number): number {
    const { demand, share, resources } = this.#items;
    const i = this.#left[k]!;
    for (let r = 0; r < resources; r++) {
      this.#free[r]! -= demand[i * resources + r]!;
      this.#room[r]! -= share[i * resources + r]!;
    }
    this.#left.copyWithin(k, k + 1, this.#count);
    this.#count--;
    return i;
  }

  fillAll(capacities: (bin: number) => Float64Array | undefined, budget: Budget): number[][] {
    const bins: number[][] = [];
    let weights = demandWeights(this.#items, this.#left, this.#count);
    while (this.#count > 0 && budget.spend(this.#count * 8)) {
      const capacity = capacities(bins.length);
      if (capacity === undefined) break;
      this.#free.set(capacity);
      capacity.forEach((value, r) => {
        this.#room[r] = value / Math.max(1, this.#items.capacity[r]!);
      });
      const bin: number[] = [];
      for (;;) {
        if (this.#kind !== 'dot-static') {
          weights = demandWeights(this.#items, this.#left, this.#count);
        }
        const k = this.#bestFitting(weights);
        if (k < 0) break;
        bin.push(this.#take(k));
      }
      if (bin.length === 0 && capacity === this.#items.capacity) break;
      bins.push(bin);
    }
    return bins;
  }
}

function measure(items: Items, kind: Measure, weights: Float64Array, i: number): number {
  let value = kind === 'product' ? 1 : 0;
  for (let r = 0; r < items.resources; r++) {
    const share = items.share[i * items.resources + r]! * weights[r]!;
    if (kind === 'sum') value += share;
    else if (kind === 'largest') value = Math.max(value, share);
    else if (kind === 'squares') value += share * share;
    else value *= share + 1e-6;
  }
  return value;
}

export function firstFitDecreasing(items: Items, kind: Measure): number[][] {
  const all = new Int32Array(items.count).map((_, i) => i);
  const weights = demandWeights(items, all, items.count);
  const size = Float64Array.from(all, (i) => measure(items, kind, weights, i));
  all.sort((a, b) => size[b]! - size[a]! || a - b);
  const bins: number[][] = [];
  const free: Float64Array[] = [];
  for (const i of all) {
    const at = i * items.resources;
    let b = free.findIndex((room) => room.every((value, r) => items.demand[at + r]! <= value));
    if (b < 0) {
      b = bins.length;
      bins.push([]);
      free.push(items.capacity.slice());
    }
    bins[b]!.push(i);
    for (let r = 0; r < items.resources; r++) free[b]![r]! -= items.demand[at + r]!;
  }
  return bins;
}

/** All constructive solutions that the budget allows, the best first. */
export function constructAll(items: Items, budget: Budget): Solution[] {
  const solutions: Solution[] = MEASURES.map((kind) => firstFitDecreasing(items, kind));
  for (const kind of SCORES) {
    if (!budget.spend(items.count * 50)) break;
    const bins = new BinFiller(items, kind).fillAll(() => items.capacity, budget);
    const placed = bins.reduce((sum, bin) => sum + bin.length, 0);
    if (placed === items.count) solutions.push(bins);
  }
  return solutions.sort((a, b) => a.length - b.length);
}

/** Fills given, possibly different, bins in their order; undefined when items are left over. */
export function fillGivenBins(
  items: Items,
  capacities: readonly Float64Array[],
  budget: Budget,
): Solution | undefined {
  for (const kind of SCORES) {
    const bins = new BinFiller(items, kind).fillAll((b) => capacities[b], budget);
    if (bins.reduce((sum, bin) => sum + bin.length, 0) === items.count) return bins;
  }
  return undefined;
}
