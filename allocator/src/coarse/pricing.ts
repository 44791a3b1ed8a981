// The most valuable set of items that fits one drive: branch and bound for a knapsack with any number of resources.
//
// Items are ordered by value per combined share of capacity. The bound fills the combined room fractionally with what still
// fits, along that order. Values are whole numbers, so a branch must promise one more. Exact when it ends within the step limit, and then it certifies prices: no drive is worth more.

import type { Budget } from '../packing/budget.ts';
import type { Items } from './items.ts';

export interface Priced {
  readonly value: number;
  /** No fitting set is worth more than this; equal to value when the search ended. */
  readonly limit: number;
  readonly patterns: number[][];
}

const LOOKS_CHARGED = 100_000;
/** A look of the search itself, against one of the bound. */
const LOOK_OF_SEARCH = 3;

class Knapsack {
  readonly #items: Items;
  readonly #order: Int32Array;
  readonly #value: Float64Array;
  readonly #size: Float64Array;
  readonly #room: Float64Array;
  #roomSum: number;
  #steps: number;
  #looks = 0;
  best = 0;
  readonly #chosen: number[] = [];
  readonly #found: { value: number; pattern: number[] }[] = [];
  readonly #worth: number;
  readonly #budget: Budget;

  constructor(items: Items, values: Float64Array, steps: number, worth: number, budget: Budget) {
    this.#items = items;
    this.#steps = steps;
    this.#worth = worth;
    this.#budget = budget;
    const { resources, share } = items;
    const size = new Float64Array(items.count);
    for (let i = 0; i < items.count; i++) {
      for (let r = 0; r < resources; r++) size[i]! += share[i * resources + r]!;
    }
    const useful: number[] = [];
    for (let i = 0; i < items.count; i++) if (values[i]! > 0) useful.push(i);
    const density = (i: number): number => values[i]! / Math.max(1e-12, size[i]!);
    this.#order = Int32Array.from(useful.sort((a, b) => density(b) - density(a) || a - b));
    this.#value = Float64Array.from(this.#order, (i) => values[i]!);
    this.#size = Float64Array.from(this.#order, (i) => size[i]!);
    this.#room = items.capacity.slice();
    this.#roomSum = resources;
  }

  #fits(k: number): boolean {
    const { demand, resources } = this.#items;
    const at = this.#order[k]! * resources;
    for (let r = 0; r < resources; r++) if (demand[at + r]! > this.#room[r]!) return false;
    return true;
  }

  #bound(from: number): number {
    let room = this.#roomSum;
    let bound = 0;
    for (let k = from; k < this.#order.length; k++) {
      const size = this.#size[k]!;
      this.#looks++;
      if (!this.#fits(k)) continue;
      if (size >= room) return bound + (this.#value[k]! * room) / Math.max(size, 1e-12);
      bound += this.#value[k]!;
      room -= size;
    }
    return bound;
  }

  /** Looks at items are the work; they are charged to the budget by the hundred thousand. */
  #charge(least: number): boolean {
    if (this.#looks < least) return true;
    const looks = this.#looks;
    this.#looks = 0;
    return this.#budget.spend(looks);
  }

  #put(k: number, sign: number): void {
    const { demand, share, resources } = this.#items;
    const at = this.#order[k]! * resources;
    for (let r = 0; r < resources; r++) {
      this.#room[r]! -= sign * demand[at + r]!;
      this.#roomSum -= sign * share[at + r]!;
    }
  }

  #record(value: number): void {
    if (value > this.best) this.best = value;
    if (value <= this.#worth) return;
    const last = this.#found[this.#found.length - 1];
    if (last !== undefined && value <= last.value && this.#found.length > 12) return;
    this.#found.push({ value, pattern: this.#chosen.map((k) => this.#order[k]!) });
  }

  /** True when the subtree was searched completely. */
  #search(from: number, value: number): boolean {
    let isMaximal = true;
    for (let k = from; k < this.#order.length; k++) {
      this.#looks += LOOK_OF_SEARCH;
      if (!this.#fits(k)) continue;
      this.#steps -= 1;
      if (this.#steps < 0 || !this.#charge(LOOKS_CHARGED)) return false;
      isMaximal = false;
      if (value + this.#bound(k) < this.best + 1) return true;
      this.#chosen.push(k);
      this.#put(k, 1);
      const done = this.#search(k + 1, value + this.#value[k]!);
      this.#put(k, -1);
      this.#chosen.pop();
      if (!done) return false;
    }
    if (isMaximal) this.#record(value);
    else if (value > this.best) this.#record(value);
    return true;
  }

  run(): Priced {
    const rootBound = this.#bound(0);
    const done = this.#search(0, 0);
    this.#charge(0);
    this.#found.sort((a, b) => b.value - a.value);
    return {
      value: this.best,
      limit: done ? this.best : Math.ceil(rootBound) + 1,
      patterns: this.#found.slice(0, 12).map((found) => found.pattern),
    };
  }
}

/** Patterns worth more than `worth`, best first, and the proven maximum. Ends early when the budget is over. */
export function priceOut(
  items: Items,
  values: Float64Array,
  steps: number,
  worth: number,
  budget: Budget,
): Priced {
  return new Knapsack(items, values, steps, worth, budget).run();
}
