// One halving step of the fine case: from a cyclic sequence of items cut an arc for the left group of drives.
//
// Close the key space to a circle. For two divisible resources there is, for every share a, an arc holding exactly the share a of
// both: f(x) = bandwidth share of the arc that begins at x and holds byte share a is continuous and has mean a. So peeling N drives
// arc by arc costs at most 2(N - 1) cuts and every drive is equally full in both resources. Items are not divisible, hence the
// search: of all arcs close to the wanted size take one whose error is tolerable and whose ends fall where the sequence is
// broken anyway (such cuts cost no index entry), or, if none is tolerable, the one with the least error.

import type { Packing } from '../packing/packing.ts';

/** What the left side should hold, per resource, and how far it may be off. */
export interface Target {
  readonly load: Float64Array;
  readonly tolerance: Float64Array;
}

/** Cyclic positions [from, to), how far the load is off relative to tolerance, and the index entries that its ends cut. */
export interface Arc {
  readonly from: number;
  readonly to: number;
  readonly error: number;
  readonly cuts: number;
}

/** In long sequences most starts are as good as their neighbours: so many are tried first. */
const STARTS_MAX = 40_000;

function isBefore(a: Arc, b: Arc): boolean {
  return a.cuts - b.cuts < 0 || (a.cuts === b.cuts && a.error < b.error);
}

/** Scratch space for sequences up to a length, so that the recursion allocates nothing. */
export class Sequence {
  readonly items: Int32Array;
  length = 0;
  readonly prefix: readonly Float64Array[];
  readonly side: Uint8Array;
  readonly #mix: Float64Array;
  readonly #packing: Packing;

  constructor(packing: Packing, capacity: number) {
    this.#packing = packing;
    this.items = new Int32Array(capacity);
    this.prefix = packing.demand.map(() => new Float64Array(capacity + 1));
    this.side = new Uint8Array(capacity);
    this.#mix = new Float64Array(capacity + 1);
  }

  /** Takes items (ascending) and sums them up. */
  load(items: Int32Array): void {
    const { demand } = this.#packing;
    this.items.set(items);
    this.length = items.length;
    for (let r = 0; r < demand.length; r++) {
      const column = demand[r]!;
      const prefix = this.prefix[r]!;
      let sum = 0;
      for (let k = 0; k < items.length; k++) {
        prefix[k] = sum;
        sum += column[items[k]!]!;
      }
      prefix[items.length] = sum;
    }
  }

  total(r: number): number {
    return this.prefix[r]![this.length]!;
  }

  /** Load of the cyclic stretch from position `from` to `to` (excluded, up to twice the length). */
  stretch(r: number, from: number, to: number): number {
    const prefix = this.prefix[r]!;
    const length = this.length;
    if (to <= length) return prefix[to]! - prefix[from]!;
    return prefix[length]! - prefix[from]! + prefix[to - length]!;
  }

  /** Whether cutting before position k (cyclic) splits an index entry. */
  isJoined(k: number): boolean {
    if (k === 0 || k >= this.length) return false;
    const item = this.items[k]!;
    return this.#packing.joins[item] === 1 && this.items[k - 1] === item - 1;
  }

  /** Largest deviation from the target relative to tolerance; at most 1 is tolerable. May stop at the first above `limit`. */
  error(target: Target, from: number, to: number, limit: number): number {
    let worst = 0;
    for (let r = 0; r < this.prefix.length; r++) {
      const off = Math.abs(this.stretch(r, from, to) - target.load[r]!) / target.tolerance[r]!;
      if (off > worst) worst = off;
      if (worst > limit) break;
    }
    return worst;
  }

  /** Running sum of all resources, each as a share of its target; the pointer walk follows this measure. */
  #mixShares(target: Target): number {
    const mix = this.#mix;
    const length = this.length;
    mix.fill(0, 0, length + 1);
    let wanted = 0;
    for (let r = 0; r < this.prefix.length; r++) {
      const prefix = this.prefix[r]!;
      const scale = prefix[length]! > 0 ? 1 / prefix[length]! : 0;
      for (let k = 0; k <= length; k++) mix[k]! += prefix[k]! * scale;
      wanted += target.load[r]! * scale;
    }
    return wanted;
  }

  /** Index entries that are cut where the arc begins and ends. */
  #cutsOf(from: number, to: number): number {
    return +this.isJoined(from) + +this.isJoined(to >= this.length ? to - this.length : to);
  }

  /**
   * Visits, for every `stride`-th start, the two arcs that end on either side of the wanted size and whose error is at most
   * `errorMax()`.
   */
  #walk(
    target: Target,
    stride: number,
    errorMax: () => number,
    visit: (from: number, to: number, error: number) => void,
  ): void {
    const wanted = this.#mixShares(target);
    const mix = this.#mix;
    const length = this.length;
    const round = mix[length]!;
    let to = 0;
    let limit = errorMax();
    for (let from = 0; from < length; from++) {
      if (to < from) to = from;
      const goal = mix[from]! + wanted;
      while (to < from + length) {
        const next = to + 1;
        const reached = next <= length ? mix[next]! : round + mix[next - length]!;
        if (reached > goal) break;
        to = next;
      }
      if (stride > 1 && from % stride !== 0 && this.isJoined(from)) continue;
      for (let end = to; end <= to + 1 && end <= from + length; end++) {
        const error = this.error(target, from, end, limit);
        if (error > limit) continue;
        visit(from, end, error);
        limit = errorMax();
      }
    }
  }

  /** The arc with the least error, or, where several are tolerable, the one that cuts the fewest index entries. */
  findArc(target: Target, preferFewCuts: boolean): { from: number; to: number; error: number } {
    const stride = Math.floor(this.length / STARTS_MAX);
    const arc = stride > 1 ? this.#bestArc(target, stride, preferFewCuts) : undefined;
    return arc !== undefined && arc.error <= 1 ? arc : this.#bestArc(target, 1, preferFewCuts);
  }

  #bestArc(
    target: Target,
    stride: number,
    preferFewCuts: boolean,
  ): { from: number; to: number; error: number } {
    let best = { from: 0, to: 0, error: Number.POSITIVE_INFINITY };
    let bestCost = 3;
    // Once an arc is tolerable, others are of interest up to the tolerance if they may cut less.
    const limit = (): number =>
      preferFewCuts && bestCost > 0 ? Math.max(1, best.error) : best.error;
    this.#walk(target, stride, limit, (from, to, error) => {
      const cost = error > 1 || !preferFewCuts ? 3 : this.#cutsOf(from, to);
      if (cost < bestCost || (cost === bestCost && error < best.error)) {
        best = { from, to, error };
        bestCost = cost;
      }
    });
    return best;
  }

  /**
   * Tolerable arcs, those that cut fewest index entries first, then those with the least error. With equal sides an arc and
   * what it leaves are the same division, so only arcs that do not wrap are looked at.
   */
  arcs(target: Target, limit: number, areSidesEqual: boolean): Arc[] {
    const found: Arc[] = [];
    const one = (): number => 1;
    this.#walk(target, 1, one, (from, to, error) => {
      if (areSidesEqual && to > this.length) return;
      const arc = { from, to, error, cuts: this.#cutsOf(from, to) };
      if (found.length === limit && !isBefore(arc, found[limit - 1]!)) return;
      let at = found.length;
      while (at > 0 && isBefore(arc, found[at - 1]!)) at--;
      found.splice(at, 0, arc);
      if (found.length > limit) found.pop();
    });
    return found;
  }

  /** Marks side 1 on the arc and 0 elsewhere. */
  markArc(from: number, to: number): void {
    const length = this.length;
    this.side.fill(0, 0, length);
    this.side.fill(1, from, Math.min(to, length));
    if (to > length) this.side.fill(1, 0, to - length);
  }

  /** Items of one side, in order. */
  itemsOn(side: 0 | 1): Int32Array {
    let count = 0;
    for (let k = 0; k < this.length; k++) if (this.side[k] === side) count++;
    const items = new Int32Array(count);
    for (let k = 0, at = 0; k < this.length; k++) {
      if (this.side[k] === side) items[at++] = this.items[k]!;
    }
    return items;
  }

  /** Load of side 1. */
  leftLoad(r: number): number {
    const prefix = this.prefix[r]!;
    let sum = 0;
    for (let k = 0; k < this.length; k++) {
      if (this.side[k] === 1) sum += prefix[k + 1]! - prefix[k]!;
    }
    return sum;
  }
}
