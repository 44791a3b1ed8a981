// All patterns that a packing on very few drives may use, where there is next to no slack.
//
// If m drives have only W of a resource to spare in all, no drive of such a packing wastes more than W. With large
// ranges few patterns waste so little, and they can be listed: triplets that fill a drive exactly are a few thousand among
// millions. Covering by those alone decides whether m drives suffice.
//
// It takes exactly m of them, which is one more resource without waste. Patterns are listed by rising size: when few are small,
// the other drives have so many items that none is left for a large pattern, and the listing ends. That matters where
// some item is next to nothing: with it, larger patterns than any packing can use go into the millions.

import type { Budget } from '../packing/budget.ts';
import type { Items } from './items.ts';

const PATTERNS_MAX = 60_000;

class Lister {
  readonly #items: Items;
  readonly #order: Int32Array;
  readonly #room: Float64Array;
  readonly #waste: Float64Array;
  readonly #least: Float64Array;
  /** Largest demand of the items from each place of the order on: one row per place. */
  readonly #largestFrom: Float64Array;
  readonly #budget: Budget;
  readonly #chosen: number[] = [];
  readonly patterns: number[][] = [];

  constructor(items: Items, waste: Float64Array, budget: Budget) {
    const { count, resources, demand } = items;
    this.#items = items;
    this.#waste = waste;
    this.#budget = budget;
    this.#order = new Int32Array(count).map((_, i) => i);
    this.#order.sort((a, b) => items.weight[b]! - items.weight[a]! || a - b);
    this.#room = items.capacity.slice();
    this.#least = new Float64Array(resources).fill(Number.POSITIVE_INFINITY);
    this.#largestFrom = new Float64Array((count + 1) * resources);
    for (let k = count - 1; k >= 0; k--) {
      for (let r = 0; r < resources; r++) {
        const value = demand[this.#order[k]! * resources + r]!;
        const later = this.#largestFrom[(k + 1) * resources + r]!;
        this.#largestFrom[k * resources + r] = Math.max(value, later);
        this.#least[r] = Math.min(this.#least[r]!, value);
      }
    }
  }

  /** Lists the patterns of exactly `missing` more items from `from` on; true when the listing is complete. */
  run(missing: number, from = 0): boolean {
    const { demand, resources } = this.#items;
    if (missing === 0) {
      if (this.#room.some((room, r) => room > this.#waste[r]!)) return true;
      this.patterns.push(this.#chosen.slice());
      return this.patterns.length <= PATTERNS_MAX;
    }
    if (this.#room.some((room, r) => room < this.#least[r]!)) return true;
    let looked = 0;
    let isComplete = true;
    for (let k = from; k <= this.#order.length - missing && isComplete; k++) {
      looked++;
      if (!this.#canFill(missing, k)) break;
      const at = this.#order[k]! * resources;
      let fits = true;
      for (let r = 0; r < resources && fits; r++) fits = demand[at + r]! <= this.#room[r]!;
      if (!fits) continue;
      this.#put(k, 1);
      isComplete = this.run(missing - 1, k + 1);
      this.#put(k, -1);
    }
    return this.#budget.spend(looked) && isComplete;
  }

  /** Whether so many items from place k on, all as large as the largest, leave no more than may be wasted. */
  #canFill(missing: number, k: number): boolean {
    const at = k * this.#waste.length;
    for (let r = 0; r < this.#waste.length; r++) {
      if (this.#room[r]! - missing * this.#largestFrom[at + r]! > this.#waste[r]!) return false;
    }
    return true;
  }

  #put(k: number, sign: number): void {
    const { demand, resources } = this.#items;
    const i = this.#order[k]!;
    for (let r = 0; r < resources; r++) this.#room[r]! -= sign * demand[i * resources + r]!;
    if (sign > 0) this.#chosen.push(i);
    else this.#chosen.pop();
  }
}

/** Most items of one drive when the other drives have as few as the patterns listed so far, and larger ones, permit. */
function mostItems(
  patterns: readonly number[][],
  listedSize: number,
  itemCount: number,
  drives: number,
): number {
  const itemsBySize = Array.from({ length: listedSize + 1 }, () => new Set<number>());
  for (const pattern of patterns) {
    for (const i of pattern) itemsBySize[pattern.length]!.add(i);
  }
  let others = drives - 1;
  let items = 0;
  for (let size = 1; size <= listedSize; size++) {
    // Disjoint patterns of this size: no more than their items permit.
    const used = Math.min(others, Math.floor(itemsBySize[size]!.size / size));
    others -= used;
    items += used * size;
  }
  return itemCount - items - others * (listedSize + 1);
}

/** Every pattern of a packing on `drives` drives, or undefined when there are too many to list within the budget. */
export function listTightPatterns(
  items: Items,
  drives: number,
  budget: Budget,
): number[][] | undefined {
  const waste = items.capacity.map((capacity, r) => {
    let total = 0;
    for (let i = 0; i < items.count; i++) total += items.demand[i * items.resources + r]!;
    return capacity * drives - total;
  });
  // Worth a try only where a single drive may waste a few percent: otherwise the list explodes at once.
  if (waste.some((value, r) => value < 0 || value > items.capacity[r]! * 0.12)) return undefined;
  const lister = new Lister(items, waste, budget);
  for (let size = 1; size <= mostItems(lister.patterns, size - 1, items.count, drives); size++) {
    if (!lister.run(size)) return undefined;
  }
  return ofPossibleSize(lister.patterns, items.count, drives);
}

/** Patterns that leave the other drives neither too few nor too many items for the smallest and largest patterns there are. */
function ofPossibleSize(patterns: number[][], itemCount: number, drives: number): number[][] {
  for (let list = patterns; ; ) {
    const sizes = list.map((pattern) => pattern.length);
    const fewest = sizes.reduce((least, size) => Math.min(least, size), itemCount);
    const most = sizes.reduce((largest, size) => Math.max(largest, size), 0);
    const possible = list.filter(
      ({ length }) =>
        length <= itemCount - (drives - 1) * fewest && length >= itemCount - (drives - 1) * most,
    );
    if (possible.length === list.length) return possible;
    list = possible;
  }
}
