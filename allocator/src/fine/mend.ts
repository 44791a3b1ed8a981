// Last repair of the fine case: a drive that is over capacity shares its items anew with a drive that has room.
//
// Both drives' items are taken together and the split between them is corrected towards the middle of what is allowed. Only the
// two change, so nothing that was right becomes wrong. Single-item moves all over the cluster would do too, but they
// multiply index entries by thirty; runs between two drives cost a handful.

import type { Budget } from '../packing/budget.ts';
import { type Bins, binLoads, type Packing } from '../packing/packing.ts';
import { Sequence, type Target } from './split.ts';
import { correctSplit } from './transfers.ts';

const PARTNERS_MAX = 12;
const MENDABLE_SHARE = 0.02;

class Mender {
  readonly #packing: Packing;
  readonly #bins: Bins;
  readonly #binOf: Int32Array;
  readonly #loads: Float64Array[];
  readonly #itemsOf: (Int32Array | undefined)[];

  constructor(packing: Packing, bins: Bins, binOf: Int32Array) {
    this.#packing = packing;
    this.#bins = bins;
    this.#binOf = binOf;
    this.#loads = binLoads(packing, bins.count, binOf);
    this.#itemsOf = new Array(bins.count);
  }

  /** Largest overload of a drive as a share of its capacity; at most 0 when it is fine. */
  overload(b: number): number {
    let worst = Number.NEGATIVE_INFINITY;
    this.#loads.forEach((load, r) => {
      const capacity = this.#bins.capacity[r]![b]!;
      worst = Math.max(worst, (load[b]! - capacity) / Math.max(1, capacity));
    });
    return worst;
  }

  overloaded(): number[] {
    const list: number[] = [];
    for (let b = 0; b < this.#bins.count; b++) if (this.overload(b) > 0) list.push(b);
    return list.sort((x, y) => this.overload(y) - this.overload(x) || x - y);
  }

  /** Drives that together with this one have room for both loads, roomiest first. */
  partners(b: number): number[] {
    const room: [number, number][] = [];
    for (let other = 0; other < this.#bins.count; other++) {
      if (other === b) continue;
      let least = Number.POSITIVE_INFINITY;
      this.#loads.forEach((load, r) => {
        const capacity = this.#bins.capacity[r]!;
        const free = capacity[b]! + capacity[other]! - load[b]! - load[other]!;
        least = Math.min(least, free / Math.max(1, capacity[other]!));
      });
      if (least >= 0) room.push([least, other]);
    }
    room.sort((x, y) => y[0] - x[0] || x[1] - y[1]);
    return room.slice(0, PARTNERS_MAX).map(([, other]) => other);
  }

  #indexItems(): void {
    const counts = new Int32Array(this.#bins.count);
    for (const b of this.#binOf) if (b >= 0) counts[b]!++;
    for (let b = 0; b < counts.length; b++) this.#itemsOf[b] = new Int32Array(counts[b]!);
    counts.fill(0);
    this.#binOf.forEach((b, i) => {
      if (b >= 0) this.#itemsOf[b]![counts[b]!++] = i;
    });
  }

  #shared(a: number, b: number): Int32Array {
    if (this.#itemsOf[a] === undefined) this.#indexItems();
    const both = new Int32Array(this.#itemsOf[a]!.length + this.#itemsOf[b]!.length);
    both.set(this.#itemsOf[a]!);
    both.set(this.#itemsOf[b]!, this.#itemsOf[a]!.length);
    return both.sort();
  }

  /** Shares the items of two drives anew; true when both are then within capacity. */
  share(a: number, b: number): boolean {
    const items = this.#shared(a, b);
    const sequence = new Sequence(this.#packing, items.length);
    sequence.load(items);
    for (let k = 0; k < items.length; k++) sequence.side[k] = this.#binOf[items[k]!] === a ? 1 : 0;
    const target = this.#window(sequence, a, b);
    if (correctSplit(sequence, target, 4) > 1) return false;
    this.#apply(sequence, a, b);
    return true;
  }

  #window(sequence: Sequence, a: number, b: number): Target {
    const resources = this.#bins.capacity.length;
    const load = new Float64Array(resources);
    const tolerance = new Float64Array(resources);
    for (let r = 0; r < resources; r++) {
      const high = this.#bins.capacity[r]![a]!;
      const low = sequence.total(r) - this.#bins.capacity[r]![b]!;
      load[r] = (high + low) / 2;
      tolerance[r] = Math.max((high - low) / 2, high * 1e-12);
    }
    return { load, tolerance };
  }

  #apply(sequence: Sequence, a: number, b: number): void {
    for (let k = 0; k < sequence.length; k++) {
      this.#binOf[sequence.items[k]!] = sequence.side[k] === 1 ? a : b;
    }
    this.#itemsOf[a] = sequence.itemsOn(1);
    this.#itemsOf[b] = sequence.itemsOn(0);
    this.#loads.forEach((load, r) => {
      load[a] = sequence.leftLoad(r);
      load[b] = sequence.total(r) - load[a]!;
    });
  }
}

/** So many overloads mean that the whole split failed; another threshold or one drive more is cheaper than mending. */
export function overloadsMax(drives: number): number {
  return Math.floor(8 + drives * MENDABLE_SHARE);
}

/** Number of drives still over capacity afterwards. */
export function mendOverloads(
  packing: Packing,
  bins: Bins,
  binOf: Int32Array,
  budget: Budget,
): number {
  const mender = new Mender(packing, bins, binOf);
  const overloaded = mender.overloaded();
  if (overloaded.length > overloadsMax(bins.count)) return overloaded.length;
  for (const b of overloaded) {
    for (const other of mender.partners(b)) {
      if (!budget.spend(50_000)) return mender.overloaded().length;
      if (mender.share(b, other)) break;
    }
  }
  return mender.overloaded().length;
}
