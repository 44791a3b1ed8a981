// Heavy ranges first: those above a threshold are spread over the drives before arcs divide the rest.
//
// A range of a quarter of a drive is no dust: an arc that happens to hold four of them overfills a drive whatever its ends. Largest
// first onto the drive that stays emptiest spreads them evenly and leaves residual capacities of like proportions, which
// is what the arcs need. Each heavy range costs up to two index entries, so the threshold is as high as feasibility permits.

import type { Bins, Packing } from '../packing/packing.ts';

function shares(packing: Packing, bins: Bins): Float64Array {
  const share = new Float64Array(packing.count);
  packing.demand.forEach((column, r) => {
    let capacity = 0;
    for (const value of bins.capacity[r]!) capacity = Math.max(capacity, value);
    const scale = 1 / Math.max(1, capacity);
    for (let i = 0; i < column.length; i++) {
      const value = column[i]! * scale;
      if (value > share[i]!) share[i] = value;
    }
  });
  return share;
}

/** Items above the threshold, largest first. */
export function heavyItems(packing: Packing, bins: Bins, threshold: number): Int32Array {
  const share = shares(packing, bins);
  const heavy: number[] = [];
  for (let i = 0; i < share.length; i++) if (share[i]! > threshold) heavy.push(i);
  return Int32Array.from(heavy.sort((a, b) => share[b]! - share[a]! || a - b));
}

/** Load after adding item i to bin b as share of capacity, in the resource where it is highest. */
function fillAfter(
  packing: Packing,
  bins: Bins,
  loads: Float64Array[],
  i: number,
  b: number,
): number {
  let fill = 0;
  for (let r = 0; r < loads.length; r++) {
    const after = (loads[r]![b]! + packing.demand[r]![i]!) / Math.max(1, bins.capacity[r]![b]!);
    if (after > fill) fill = after;
  }
  return fill;
}

/** Spreads the items, each to the bin that stays emptiest; adds to loads; false when one fits nowhere. */
export function spread(
  packing: Packing,
  bins: Bins,
  items: Int32Array,
  binOf: Int32Array,
  loads: Float64Array[],
): boolean {
  for (const i of items) {
    let best = -1;
    let least = 1 + 1e-12;
    for (let b = 0; b < bins.count; b++) {
      const fill = fillAfter(packing, bins, loads, i, b);
      if (fill < least) {
        best = b;
        least = fill;
      }
    }
    if (best < 0) return false;
    binOf[i] = best;
    loads.forEach((load, r) => {
      load[best]! += packing.demand[r]![i]!;
    });
  }
  return true;
}

/** The capacities that are left beside the loads. */
export function residual(bins: Bins, loads: readonly Float64Array[]): Bins {
  return {
    ...bins,
    capacity: bins.capacity.map((column, r) =>
      column.map((value, b) => Math.max(0, value - loads[r]![b]!)),
    ),
  };
}
