// Exact cover by a random walk: all items by disjoint patterns of a given list.
//
// Where every possible drive of a perfect packing is known, what is left is to choose disjoint ones. The walk keeps a set of disjoint
// patterns; it takes an item not yet covered, adds one of its patterns and throws out those it overlaps, preferring to
// uncover little weight. Items gain weight while they are left over, so that those which fit few patterns are served first in
// the end. A pattern just thrown out rests a while.

import type { Budget } from '../packing/budget.ts';
import type { Random } from '../packing/random.ts';

const REST_STEPS = 3;
const WEIGHT_GAIN = 0.03;
const NOISE = 0.5;

/** Lists of numbers one behind the other: list k is at[from[k]] to at[from[k + 1]], excluded. */
interface Lists {
  readonly from: Int32Array;
  readonly at: Int32Array;
}

function listsOf(lists: readonly (readonly number[])[]): Lists {
  const from = new Int32Array(lists.length + 1);
  lists.forEach((list, k) => {
    from[k + 1] = from[k]! + list.length;
  });
  const at = new Int32Array(from[lists.length]!);
  lists.forEach((list, k) => {
    at.set(list, from[k]);
  });
  return { from, at };
}

class Walk {
  readonly #random: Random;
  readonly #itemsOf: Lists;
  readonly #patternsOf: Lists;
  readonly #coveredBy: Int32Array;
  /** The first `#openCount` of these are the items that no chosen pattern covers. */
  readonly #open: Int32Array;
  readonly #openAt: Int32Array;
  #openCount: number;
  readonly #changedAt: Float64Array;
  readonly #weight: Float64Array;
  /** Weight of a chosen pattern; its items gain none while it is chosen. */
  readonly #chosenWeight: Float64Array;
  /** Last question in which a chosen pattern was counted. */
  readonly #countedAt: Float64Array;
  #question = 0;
  #step = 0;

  constructor(itemCount: number, patterns: readonly (readonly number[])[], random: Random) {
    this.#random = random;
    this.#itemsOf = listsOf(patterns);
    const patternsOf: number[][] = Array.from({ length: itemCount }, () => []);
    patterns.forEach((pattern, p) => {
      for (const i of pattern) patternsOf[i]!.push(p);
    });
    this.#patternsOf = listsOf(patternsOf);
    this.#coveredBy = new Int32Array(itemCount).fill(-1);
    this.#open = new Int32Array(itemCount).map((_, i) => i);
    this.#openAt = this.#open.slice();
    this.#openCount = itemCount;
    this.#weight = new Float64Array(itemCount).fill(1);
    this.#changedAt = new Float64Array(patterns.length).fill(-REST_STEPS);
    this.#chosenWeight = new Float64Array(patterns.length);
    this.#countedAt = new Float64Array(patterns.length);
  }

  get canCoverAll(): boolean {
    const { from } = this.#patternsOf;
    return this.#openAt.every((_, i) => from[i + 1]! > from[i]!);
  }

  get isDone(): boolean {
    return this.#openCount === 0;
  }

  #setOpen(i: number): void {
    this.#openAt[i] = this.#openCount;
    this.#open[this.#openCount++] = i;
  }

  #setCovered(i: number): void {
    const last = this.#open[--this.#openCount]!;
    this.#open[this.#openAt[i]!] = last;
    this.#openAt[last] = this.#openAt[i]!;
  }

  #remove(p: number): void {
    const { from, at } = this.#itemsOf;
    for (let k = from[p]!; k < from[p + 1]!; k++) {
      this.#coveredBy[at[k]!] = -1;
      this.#setOpen(at[k]!);
    }
    this.#changedAt[p] = this.#step;
  }

  #add(p: number): void {
    const { from, at } = this.#itemsOf;
    for (let k = from[p]!; k < from[p + 1]!; k++) {
      const by = this.#coveredBy[at[k]!]!;
      if (by >= 0) this.#remove(by);
    }
    let weight = 0;
    for (let k = from[p]!; k < from[p + 1]!; k++) {
      this.#coveredBy[at[k]!] = p;
      this.#setCovered(at[k]!);
      weight += this.#weight[at[k]!]!;
    }
    this.#chosenWeight[p] = weight;
    this.#changedAt[p] = this.#step;
  }

  /** Weight that would be uncovered, less the weight newly covered. */
  #cost(p: number): number {
    const { from, at } = this.#itemsOf;
    this.#question++;
    let cost = 0;
    for (let k = from[p]!; k < from[p + 1]!; k++) {
      const i = at[k]!;
      const by = this.#coveredBy[i]!;
      cost -= this.#weight[i]!;
      if (by < 0 || this.#countedAt[by] === this.#question) continue;
      this.#countedAt[by] = this.#question;
      cost += this.#chosenWeight[by]!;
    }
    return cost;
  }

  /** Returns the patterns looked at. */
  step(): number {
    this.#step++;
    const item = this.#open[this.#random.below(this.#openCount)]!;
    this.#weight[item]! += WEIGHT_GAIN;
    const restCost = 3 * this.#weight[item]!;
    const { from, at } = this.#patternsOf;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let k = from[item]!; k < from[item + 1]!; k++) {
      const p = at[k]!;
      const rests = this.#step - this.#changedAt[p]! < REST_STEPS;
      const cost = this.#cost(p) + this.#random.float() * NOISE + (rests ? restCost : 0);
      if (cost < least) {
        best = p;
        least = cost;
      }
    }
    this.#add(best);
    return from[item + 1]! - from[item]!;
  }

  chosen(): number[][] {
    const { from, at } = this.#itemsOf;
    return [...new Set(this.#coveredBy)].map((p) => [...at.subarray(from[p]!, from[p + 1]!)]);
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
