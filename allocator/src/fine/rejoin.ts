// Fewer index entries on the same drives, for ranges that are too large for arcs: stretches change places until neighbours meet.
//
// A packing of large ranges has no regard for keys. Here a stretch of ranges moves to the drive of its neighbour, often in
// exchange for a stretch of that drive, under falling willingness to accept more entries for a while. No drive ever gets
// fuller than it may, so the number of drives stays what it was. Where drives have room to spare much is won, where
// they are full to the brim little.

import type { Budget } from '../packing/budget.ts';
import { type Bins, binLoads, countRuns, type Packing } from '../packing/packing.ts';
import type { Random } from '../packing/random.ts';

const STRETCH_MAX = 24;
const WARM = 0.7;
const COLD = 0.08;
const STEP_COST = 60;

class Rejoiner {
  readonly #packing: Packing;
  readonly #bins: Bins;
  readonly #binOf: Int32Array;
  readonly #loads: readonly Float64Array[];
  readonly #random: Random;
  /** Items of each bin, and the place of each item in its list. */
  readonly #itemsOf: number[][];
  readonly #placeOf: Int32Array;
  readonly #here: Float64Array;
  readonly #there: Float64Array;

  constructor(packing: Packing, bins: Bins, binOf: Int32Array, random: Random) {
    this.#packing = packing;
    this.#bins = bins;
    this.#binOf = binOf;
    this.#random = random;
    this.#loads = binLoads(packing, bins.count, binOf);
    this.#itemsOf = Array.from({ length: bins.count }, () => []);
    this.#placeOf = new Int32Array(binOf.length);
    binOf.forEach((b, i) => {
      this.#placeOf[i] = this.#itemsOf[b]!.push(i) - 1;
    });
    this.#here = new Float64Array(packing.demand.length);
    this.#there = new Float64Array(packing.demand.length);
  }

  #joins(k: number): boolean {
    return k > 0 && k < this.#binOf.length && this.#packing.joins[k] === 1;
  }

  /** 1 where an entry ends before item k. */
  #cut(k: number): number {
    return this.#joins(k) && this.#binOf[k] !== this.#binOf[k - 1] ? 1 : 0;
  }

  #sum(into: Float64Array, from: number, to: number): void {
    this.#packing.demand.forEach((column, r) => {
      let sum = 0;
      for (let i = from; i < to; i++) sum += column[i]!;
      into[r] = sum;
    });
  }

  /** Whether a bin has room for one load when another one leaves it. */
  #fits(b: number, comes: Float64Array, goes?: Float64Array): boolean {
    for (let r = 0; r < comes.length; r++) {
      const after = this.#loads[r]![b]! + comes[r]! - (goes?.[r] ?? 0);
      if (after > this.#bins.capacity[r]![b]!) return false;
    }
    return true;
  }

  #put(from: number, to: number, load: Float64Array, target: number): void {
    const source = this.#binOf[from]!;
    this.#loads.forEach((column, r) => {
      column[source]! -= load[r]!;
      column[target]! += load[r]!;
    });
    for (let i = from; i < to; i++) {
      const list = this.#itemsOf[source]!;
      const last = list.pop()!;
      if (last !== i) {
        list[this.#placeOf[i]!] = last;
        this.#placeOf[last] = this.#placeOf[i]!;
      }
      this.#placeOf[i] = this.#itemsOf[target]!.push(i) - 1;
      this.#binOf[i] = target;
    }
  }

  /** End of the stretch from `from` on its bin, `most` items away at most. */
  #endOf(from: number, most: number): number {
    let to = from + 1;
    while (to < from + most && this.#joins(to) && this.#binOf[to] === this.#binOf[from]) to++;
    return to;
  }

  #startOf(to: number, most: number): number {
    let from = to - 1;
    while (from > to - most && this.#joins(from) && this.#binOf[from - 1] === this.#binOf[from]) {
      from--;
    }
    return from;
  }

  /** A stretch beside a cut, and the bin on the other side of it. */
  #beside(cut: number): { from: number; to: number; target: number } {
    const most = this.#random.below(3) === 0 ? 1 + this.#random.below(STRETCH_MAX) : STRETCH_MAX;
    if (this.#random.below(2) === 0) {
      return { from: cut, to: this.#endOf(cut, most), target: this.#binOf[cut - 1]! };
    }
    return { from: this.#startOf(cut, most), to: cut, target: this.#binOf[cut]! };
  }

  /** Tries one change; returns by how many entries it changed the index. */
  step(temperature: number): number {
    const k = this.#random.below(this.#binOf.length);
    if (this.#cut(k) === 0) return 0;
    const { from, to, target } = this.#beside(k);
    this.#sum(this.#here, from, to);
    if (this.#fits(target, this.#here)) return this.#move(from, to, target, temperature);
    return this.#swap(from, to, target, temperature);
  }

  #accepts(change: number, temperature: number): boolean {
    return change <= 0 || this.#random.float() < Math.exp(-change / temperature);
  }

  #move(from: number, to: number, target: number, temperature: number): number {
    const source = this.#binOf[from]!;
    const before = this.#cut(from) + this.#cut(to);
    this.#put(from, to, this.#here, target);
    const change = this.#cut(from) + this.#cut(to) - before;
    if (this.#accepts(change, temperature)) return change;
    this.#put(from, to, this.#here, source);
    return 0;
  }

  /** A stretch of the target makes room: it goes where the first one comes from, or anywhere. */
  #swap(from: number, to: number, target: number, temperature: number): number {
    const list = this.#itemsOf[target]!;
    const other = list[this.#random.below(list.length)]!;
    const end = this.#endOf(other, 1 + this.#random.below(STRETCH_MAX));
    const source = this.#binOf[from]!;
    this.#sum(this.#there, other, end);
    const back = this.#random.below(4) === 0 ? this.#random.below(this.#bins.count) : source;
    if (back === target || !this.#fits(target, this.#here, this.#there)) return 0;
    const isExchange = back === source;
    if (!this.#fits(back, this.#there, isExchange ? this.#here : undefined)) return 0;
    const before = this.#cutsAround(from, to, other, end);
    this.#put(other, end, this.#there, back);
    this.#put(from, to, this.#here, target);
    const change = this.#cutsAround(from, to, other, end) - before;
    if (this.#accepts(change, temperature)) return change;
    this.#put(from, to, this.#here, source);
    this.#put(other, end, this.#there, target);
    return 0;
  }

  /** Cuts at the ends of two stretches; an end that they share counts once. */
  #cutsAround(a: number, b: number, c: number, d: number): number {
    let cuts = this.#cut(a) + this.#cut(b);
    if (c !== a && c !== b) cuts += this.#cut(c);
    if (d !== a && d !== b) cuts += this.#cut(d);
    return cuts;
  }
}

/** An assignment to the same bins with fewer index entries, or undefined when none was found. */
export function rejoin(
  packing: Packing,
  bins: Bins,
  binOf: Int32Array,
  random: Random,
  budget: Budget,
): Int32Array | undefined {
  const current = binOf.slice();
  const rejoiner = new Rejoiner(packing, bins, current, random);
  const steps = Math.floor(budget.left / STEP_COST);
  const start = countRuns(packing.joins, binOf);
  let entries = start;
  let best = start;
  let found: Int32Array | undefined;
  for (let s = 0; s < steps; s++) {
    if ((s & 1023) === 0 && !budget.spend(1024 * STEP_COST)) break;
    entries += rejoiner.step(WARM * (COLD / WARM) ** (s / steps));
    // Copies are dear: at the end of the warm part nothing is best yet for long.
    if (entries < best && (s > steps / 2 || entries < best - 8)) {
      best = entries;
      found = found ?? new Int32Array(binOf.length);
      found.set(current);
    }
  }
  return found;
}
