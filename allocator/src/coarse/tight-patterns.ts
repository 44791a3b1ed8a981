// All patterns that a packing on very few drives may use, where there is next to no slack.
//
// If m drives have only W of a resource to spare in all, no drive of such a packing wastes more than W. With large
// ranges few patterns waste so little, and they can be listed: triplets that fill a drive exactly are a few thousand among
// millions. Covering by those alone decides whether m drives suffice. It takes exactly m of them, which is one more resource without
// waste: if no pattern has fewer than three items and there are three times as many items as drives, none has more.

import type { Budget } from '../packing/budget.ts';
import type { Items } from './items.ts';

const PATTERNS_MAX = 60_000;

class Lister {
  readonly #items: Items;
  readonly #order: Int32Array;
  readonly #room: Float64Array;
  readonly #waste: Float64Array;
  readonly #least: Float64Array;
  readonly #budget: Budget;
  readonly #chosen: number[] = [];
  readonly patterns: number[][] = [];

  constructor(items: Items, waste: Float64Array, budget: Budget) {
    this.#items = items;
    this.#waste = waste;
    this.#budget = budget;
    this.#order = new Int32Array(items.count).map((_, i) => i);
    this.#order.sort((a, b) => items.weight[b]! - items.weight[a]! || a - b);
    this.#room = items.capacity.slice();
    this.#least = new Float64Array(items.resources).fill(Number.POSITIVE_INFINITY);
    items.demand.forEach((value, at) => {
      const r = at % items.resources;
      this.#least[r] = Math.min(this.#least[r]!, value);
    });
  }

  /** True when the listing is complete. */
  run(from = 0): boolean {
    const { demand, resources } = this.#items;
    if (this.#room.every((room, r) => room <= this.#waste[r]!)) {
      this.patterns.push(this.#chosen.slice());
      if (this.patterns.length > PATTERNS_MAX) return false;
    }
    if (this.#room.some((room, r) => room < this.#least[r]!)) return true;
    if (!this.#budget.spend(this.#order.length - from)) return false;
    for (let k = from; k < this.#order.length; k++) {
      const at = this.#order[k]! * resources;
      let fits = true;
      for (let r = 0; r < resources && fits; r++) fits = demand[at + r]! <= this.#room[r]!;
      if (!fits) continue;
      this.#put(k, 1);
      const done = this.run(k + 1);
      this.#put(k, -1);
      if (!done) return false;
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
  return lister.run() ? ofPossibleSize(lister.patterns, items.count, drives) : undefined;
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
