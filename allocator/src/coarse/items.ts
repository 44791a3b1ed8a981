// Items of the coarse case as shares of one drive, row by row: a search touches all resources of an item at once.
//
// Whole numbers decide what fits; shares only guide. Row i of `demand` is demand[i * resources ... + resources).

import type { Packing } from '../packing/packing.ts';

export interface Items {
  readonly count: number;
  readonly resources: number;
  readonly demand: Float64Array;
  readonly capacity: Float64Array;
  /** Demand over capacity, same layout. */
  readonly share: Float64Array;
  /** Sum over resources of share times how scarce the resource is: what it costs to leave the item out. */
  readonly weight: Float64Array;
}

export function coarseItems(packing: Packing, capacity: ArrayLike<number>): Items {
  const resources = packing.demand.length;
  const count = packing.count;
  const scaled = Float64Array.from(capacity, (value, r) => Math.floor(value / packing.unit[r]!));
  const demand = new Float64Array(count * resources);
  const share = new Float64Array(count * resources);
  const totalShare = new Float64Array(resources);
  for (let r = 0; r < resources; r++) {
    for (let i = 0; i < count; i++) {
      demand[i * resources + r] = packing.demand[r]![i]!;
      share[i * resources + r] = packing.demand[r]![i]! / Math.max(1, scaled[r]!);
      totalShare[r]! += share[i * resources + r]!;
    }
  }
  const most = Math.max(...totalShare, 1e-9);
  const weight = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    for (let r = 0; r < resources; r++) {
      weight[i]! += share[i * resources + r]! * (0.2 + 0.8 * (totalShare[r]! / most) ** 2);
    }
  }
  return { count, resources, demand, capacity: scaled, share, weight };
}

/** Bins as lists of items; the order of bins and items in them carries no meaning. */
export type Solution = readonly (readonly number[])[];

export function solutionToBins(count: number, solution: Solution): Int32Array {
  const binOf = new Int32Array(count).fill(-1);
  solution.forEach((bin, b) => {
    for (const i of bin) binOf[i] = b;
  });
  return binOf;
}

export function fitsTogether(items: Items, list: readonly number[]): boolean {
  for (let r = 0; r < items.resources; r++) {
    let load = 0;
    for (const i of list) load += items.demand[i * items.resources + r]!;
    if (load > items.capacity[r]!) return false;
  }
  return true;
}
