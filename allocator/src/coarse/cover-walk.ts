// Exact cover by a random walk: all items by disjoint patterns of a given list.
//
// Where every possible drive of a perfect packing is known, what is left is to choose disjoint ones. The walk keeps a set of disjoint
// patterns; it takes an item not yet covered, adds one of its patterns and throws out those it overlaps, preferring to
// uncover little weight. Items gain weight while they are left over, so that those which fit few patterns are served first in
// the end. A pattern just thrown out rests a while.

import type { Budget } from '../packing/budget.ts';
import type { Random } from '../packing/random.ts';

const REST_STEPS = 3;
const WEIGHT_GAIN = 0.1;

class Walk {
  readonly #patterns: readonly (readonly number[])[];
  readonly #random: Random;
  readonly #patternsOf: number[][];
  readonly #coveredBy: Int32Array;
  readonly #open: number[];
  readonly #openAt: Int32Array;
  readonly #changedAt: Float64Array;
  readonly #weight: Float64Array;
  #step = 0;

  constructor(itemCount: number, patterns: readonly (readonly number[])[], random: Random) {
    this.#patterns = patterns;
    this.#random = random;
    this.#patternsOf = Array.from({ length: itemCount }, () => []);
    patterns.forEach((pattern, p) => {
      for (const i of pattern) this.#patternsOf[i]!.push(p);
    });
    this.#coveredBy = new Int32Array(itemCount).fill(-1);
    this.#open = Array.from({ length: itemCount }, (_, i) => i);
    this.#openAt = Int32Array.from(this.#open);
    this.#weight = new Float64Array(itemCount).fill(1);
    this.#changedAt = new Float64Array(patterns.length).fill(-REST_STEPS);
  }

  get canCoverAll(): boolean {
    return this.#patternsOf.every((list) => list.length > 0);
  }

  get isDone(): boolean {
    return this.#open.length === 0;
  }

  #setOpen(i: number): void {
    this.#openAt[i] = this.#open.length;
    this.#open.push(i);
  }

  #setCovered(i: number): void {
    const at = this.#openAt[i]!;
    const last = this.#open[this.#open.length - 1]!;
    this.#open[at] = last;
    this.#openAt[last] = at;
    this.#open.pop();
    this.#openAt[i] = -1;
  }

  #remove(p: number): void {
    for (const i of this.#patterns[p]!) {
      this.#coveredBy[i] = -1;
      this.#setOpen(i);
    }
    this.#changedAt[p] = this.#step;
  }

  /** Weight that would be uncovered, less the weight newly covered. */
  #cost(p: number): number {
    const pattern = this.#patterns[p]!;
    let cost = 0;
    for (let k = 0; k < pattern.length; k++) {
      const i = pattern[k]!;
      const by = this.#coveredBy[i]!;
      cost -= this.#weight[i]!;
      if (by < 0) continue;
      let isFirst = true;
      for (let earlier = 0; earlier < k; earlier++) {
        if (this.#coveredBy[pattern[earlier]!] === by) isFirst = false;
      }
      if (!isFirst) continue;
      for (const other of this.#patterns[by]!) cost += this.#weight[other]!;
    }
    return cost;
  }

  step(): number {
    this.#step++;
    const item = this.#open[this.#random.below(this.#open.length)]!;
    const list = this.#patternsOf[item]!;
    this.#weight[item]! += WEIGHT_GAIN;
    const restCost = 3 * this.#weight[item]!;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const p of list) {
      const rests = this.#step - this.#changedAt[p]! < REST_STEPS;
      const noise = this.#random.float();
      const cost = this.#cost(p) + noise * 0.5 + (rests ? restCost : 0);
      if (cost < least) {
        best = p;
        least = cost;
      }
    }
    for (const i of this.#patterns[best]!) {
      const by = this.#coveredBy[i]!;
      if (by >= 0) this.#remove(by);
    }
    for (const i of this.#patterns[best]!) {
      this.#coveredBy[i] = best;
      this.#setCovered(i);
    }
    this.#changedAt[best] = this.#step;
    return list.length;
  }

  chosen(): number[][] {
    return [...new Set(this.#coveredBy)].map((p) => [...this.#patterns[p]!]);
  }
}

/** Disjoint patterns that cover all items, or undefined when the budget ends first. */
export function walkToCover(
  itemCount: number,
  patterns: readonly (readonly number[])[],
  random: Random,
  budget: Budget,
): number[][] | undefined {
  const walk = new Walk(itemCount, patterns, random);
  if (!walk.canCoverAll) return undefined;
  while (!walk.isDone) if (!budget.spend(walk.step() * 4)) return undefined;
  return walk.chosen();
}
