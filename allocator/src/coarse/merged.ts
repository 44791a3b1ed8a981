// Fewer index entries at the same number of drives, for ranges of middling size: neighbours are merged first, as coarsely as the
// given number of drives still permits.
//
// Merging costs drives, so it is never what decides their number: that is known already. From a quarter of a drive downwards the
// merged pieces are packed by the search of the coarse case until they fit; the first success has the longest pieces.

import { coalesce } from '../fine/coalesce.ts';
import type { Budget } from '../packing/budget.ts';
import { countRuns, equalBins, type Packing } from '../packing/packing.ts';
import { packCoarse } from './coarse.ts';
import { coarseItems, solutionToBins } from './items.ts';

const SHARES = [0.25, 0.15, 0.1, 0.07, 0.05, 0.035, 0.025, 0.015] as const;
const PIECES_MAX = 12_000;
const STEPS_PER_SHARE = 60_000_000;

/** Piece of each item: neighbours that join, while every resource stays below the share of a drive. */
function mergeNeighbours(packing: Packing, capacity: readonly number[], share: number): Int32Array {
  const of = new Int32Array(packing.count);
  const load = new Float64Array(capacity.length);
  const limits = capacity.map((value, r) => (value / packing.unit[r]!) * share);
  let piece = -1;
  for (let i = 0; i < packing.count; i++) {
    const goesOn =
      packing.joins[i] === 1 &&
      piece >= 0 &&
      packing.demand.every((column, r) => load[r]! + column[i]! <= limits[r]!);
    if (!goesOn) {
      piece++;
      load.fill(0);
    }
    packing.demand.forEach((column, r) => {
      load[r]! += column[i]!;
    });
    of[i] = piece;
  }
  return of;
}

function mergedPacking(packing: Packing, of: Int32Array): Packing {
  const count = of.length === 0 ? 0 : of[of.length - 1]! + 1;
  const demand = packing.demand.map((column) => {
    const sums = new Float64Array(count);
    for (let i = 0; i < of.length; i++) sums[of[i]!]! += column[i]!;
    return sums;
  });
  return { ...packing, count, demand, joins: new Uint8Array(count) };
}

/** A packing on at most `drives` drives with fewer index entries than `entries`, or undefined. */
export function packMerged(
  packing: Packing,
  capacity: readonly number[],
  drives: number,
  entries: number,
  seed: number,
  budget: Budget,
): Int32Array | undefined {
  for (const share of SHARES) {
    const of = mergeNeighbours(packing, capacity, share);
    const merged = mergedPacking(packing, of);
    if (merged.count > PIECES_MAX || budget.isOver) return undefined;
    if (merged.count < drives) continue;
    const items = coarseItems(merged, capacity);
    const own = budget.part(STEPS_PER_SHARE);
    const options = { lower: drives, seed, budget: own };
    const { solution } = packCoarse(items, options);
    if (solution.length > drives) continue;
    const pieces = solutionToBins(merged.count, solution);
    const binOf = of.map((piece) => pieces[piece]!);
    coalesce(packing, equalBins(packing, capacity, solution.length), binOf);
    return countRuns(packing.joins, binOf) < entries ? binOf : undefined;
  }
  return undefined;
}
