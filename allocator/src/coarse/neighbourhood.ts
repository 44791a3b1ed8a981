// Search for one drive fewer over partial packings that are always feasible.
//
// With a target of m drives, m - 1 of them are kept filled within capacity and the rest of the items is out. A step takes up to
// three items off one drive and refills it from outside; the total weight left out is what is minimised, with falling
// willingness to accept a worse state. As soon as all that is left out fits one drive, m drives suffice. The shape follows
// the consistent neighbourhood search of Buljubasic and Vasquez: never an overfull drive, one drive against the outside.

import type { Budget } from '../packing/budget.ts';
import type { Random } from '../packing/random.ts';
import type { Items, Solution } from './items.ts';

const TAKEN_MAX = 3;

class PartialPacking {
  readonly #items: Items;
  readonly #random: Random;
  readonly bins: number[][];
  readonly free: Float64Array[];
  outside: number[];
  readonly #outsideLoad: Float64Array;
  readonly #room: Float64Array;
  readonly #taken: number[] = [];
  readonly #added: number[] = [];

  constructor(items: Items, random: Random, bins: number[][], outside: number[]) {
    this.#items = items;
    this.#random = random;
    this.bins = bins;
    this.outside = outside;
    this.free = bins.map((bin) => this.#freeOf(bin));
    this.#outsideLoad = new Float64Array(items.resources);
    this.#room = new Float64Array(items.resources);
    for (const i of outside) this.#addTo(this.#outsideLoad, i, 1);
  }

  #freeOf(bin: readonly number[]): Float64Array {
    const free = this.#items.capacity.slice();
    for (const i of bin) this.#addTo(free, i, -1);
    return free;
  }

  #addTo(vector: Float64Array, i: number, sign: number): void {
    const at = i * this.#items.resources;
    for (let r = 0; r < vector.length; r++) vector[r]! += sign * this.#items.demand[at + r]!;
  }

  #fits(i: number): boolean {
    const { demand, resources } = this.#items;
    const at = i * resources;
    for (let r = 0; r < resources; r++) if (demand[at + r]! > this.#room[r]!) return false;
    return true;
  }

  /** Whether all that is outside fits one drive. */
  isDone(): boolean {
    return this.#outsideLoad.every((load, r) => load <= this.#items.capacity[r]!);
  }

  #take(b: number): number {
    const bin = this.bins[b]!;
    const wanted = Math.min(bin.length, this.#random.below(TAKEN_MAX + 1));
    this.#taken.length = 0;
    let weight = 0;
    for (let k = 0; k < wanted; k++) {
      // The chosen item changes places with the k-th last: the taken ones are then the tail of the list.
      const last = bin.length - 1 - k;
      const at = this.#random.below(last + 1);
      const i = bin[at]!;
      bin[at] = bin[last]!;
      bin[last] = i;
      this.#taken.push(i);
      this.#addTo(this.#room, i, 1);
      weight += this.#items.weight[i]!;
    }
    return weight;
  }

  /** Adds from outside, beginning anywhere; then takes back what still fits. Returns the weight added. */
  #refill(): number {
    const outside = this.outside;
    this.#added.length = 0;
    let weight = 0;
    const start = outside.length === 0 ? 0 : this.#random.below(outside.length);
    for (let k = 0; k < outside.length; k++) {
      const at = start + k < outside.length ? start + k : start + k - outside.length;
      const i = outside[at]!;
      if (!this.#fits(i)) continue;
      this.#added.push(at);
      this.#addTo(this.#room, i, -1);
      weight += this.#items.weight[i]!;
    }
    return weight;
  }

  #keepFitting(): number {
    let weight = 0;
    let kept = 0;
    const taken = this.#taken;
    for (let k = 0; k < taken.length; k++) {
      const i = taken[k]!;
      if (this.#fits(i)) {
        this.#addTo(this.#room, i, -1);
        weight += this.#items.weight[i]!;
        taken[k] = -1 - i;
        kept++;
      }
    }
    return kept === 0 ? 0 : weight;
  }

  /** One step on a random drive; true when something changed. */
  step(temperature: number): boolean {
    const b = this.#random.below(this.bins.length);
    this.#room.set(this.free[b]!);
    const lost = this.#take(b);
    const gained = this.#refill();
    const worse = lost - gained - this.#keepFitting();
    if (this.#added.length === 0 && this.#taken.every((i) => i < 0)) return false;
    if (worse > 0 && this.#random.float() >= Math.exp(-worse / temperature)) return false;
    this.#apply(b);
    return true;
  }

  #apply(b: number): void {
    const bin = this.bins[b]!;
    bin.length -= this.#taken.length;
    const outside = this.outside;
    const added = this.#added.map((at) => outside[at]!);
    for (const at of this.#added.sort((x, y) => y - x)) {
      outside[at] = outside[outside.length - 1]!;
      outside.pop();
    }
    for (const i of added) {
      bin.push(i);
      this.#addTo(this.#outsideLoad, i, -1);
    }
    for (const code of this.#taken) {
      if (code < 0) bin.push(-1 - code);
      else {
        outside.push(code);
        this.#addTo(this.#outsideLoad, code, 1);
      }
    }
    this.free[b]!.set(this.#room);
  }
}

/** Dissolves the emptiest drives until one fewer than the target stays. */
function partialFrom(items: Items, solution: Solution, target: number): [number[][], number[]] {
  const weight = (bin: readonly number[]): number =>
    bin.reduce((sum, i) => sum + items.weight[i]!, 0);
  const sorted = solution
    .map((bin) => [...bin])
    .sort((a, b) => weight(b) - weight(a) || a[0]! - b[0]!);
  return [sorted.slice(0, target - 1), sorted.slice(target - 1).flat()];
}

/**
 * A packing on `target` drives, or undefined when the budget ends first. `collect` sees the drives of good states: they are
 * patterns for the cover step.
 */
export function searchFewer(
  items: Items,
  solution: Solution,
  target: number,
  random: Random,
  budget: Budget,
  collect?: (bins: readonly (readonly number[])[]) => void,
): Solution | undefined {
  if (target < 2) return undefined;
  const [bins, outside] = partialFrom(items, solution, target);
  const state = new PartialPacking(items, random, bins, outside);
  const mean = items.weight.reduce((sum, value) => sum + value, 0) / items.count;
  const perStep = 30 + items.resources * 10;
  const cycleSteps = 60_000 + items.count * 400;
  for (;;) {
    for (let s = 0; s < cycleSteps; s++) {
      if (state.isDone()) return [...state.bins, state.outside].filter((bin) => bin.length > 0);
      if ((s & 255) === 0 && !budget.spend(256 * perStep)) return undefined;
      const temperature = mean * 0.25 * (0.004 / 0.25) ** (s / cycleSteps);
      state.step(temperature);
    }
    collect?.(state.bins);
  }
}
