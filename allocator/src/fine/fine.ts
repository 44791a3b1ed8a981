// The fine case on a given set of bins: fixed items stay, heavy items are spread, arcs divide the rest, overloads are mended,
// index entries coalesced. Several thresholds for "heavy" are tried, the most index-saving one first.

import type { Budget } from '../packing/budget.ts';
import { type Bins, binLoads, countRuns, isFeasible, type Packing } from '../packing/packing.ts';
import { placeByArcs } from './arcs.ts';
import { coalesce } from './coalesce.ts';
import { heavyItems, residual, spread } from './heavy.ts';
import { mendOverloads, overloadsMax } from './mend.ts';

export interface FineOptions {
  readonly isEven: boolean;
  readonly budget: Budget;
  /** Bin of items that may not choose (-1: free). */
  readonly fixed?: Int32Array;
}

export interface FineResult {
  readonly binOf: Int32Array;
  readonly entries: number;
  readonly isFeasible: boolean;
}

const THRESHOLDS = [1, 0.1, 0.04, 0.015] as const;
/** Spreading looks at every drive for every heavy item; beyond this it takes longer than all else. */
const SPREAD_STEPS_MAX = 600_000_000;
/** Going back among arcs: a second or two at most. */
const ARC_STEPS = 200_000_000;
/** Ranges larger than so many times the room that a drive has to spare are not divided by arcs alone. */
const SEARCHED_SHARE_MAX = 8;

function fixedMask(fixed: Int32Array | undefined): Uint8Array | undefined {
  return fixed === undefined ? undefined : Uint8Array.from(fixed, (b) => +(b >= 0));
}

/** Room that a drive has to spare on average as a share of it, in the resource that is tightest. */
function meanSlack(packing: Packing, bins: Bins): number {
  const shares = packing.totals.map((total, r) => {
    const capacity = bins.capacity[r]!.reduce((sum, value) => sum + value, 0) * packing.unit[r]!;
    return 1 - Number(total) / Math.max(1, capacity);
  });
  return Math.min(...shares);
}

function attempt(
  packing: Packing,
  bins: Bins,
  share: number,
  threshold: number,
  options: FineOptions,
): FineResult | undefined {
  const binOf = options.fixed?.slice() ?? new Int32Array(packing.count).fill(-1);
  const loads = binLoads(packing, bins.count, binOf);
  if (threshold < 1) {
    const heavy = heavyItems(packing, bins, threshold).filter((i) => binOf[i] === -1);
    if (heavy.length * bins.count > SPREAD_STEPS_MAX) return undefined;
    if (!spread(packing, bins, heavy, binOf, loads)) return undefined;
  }
  const light = freeItems(binOf);
  const largest = Math.min(threshold, share);
  const isPlaced = placeByArcs(packing, residual(bins, loads), light, binOf, {
    isBalanced: options.isEven,
    faultsMax: overloadsMax,
    ...(largest < SEARCHED_SHARE_MAX * meanSlack(packing, bins) && {
      budget: options.budget.part(ARC_STEPS),
    }),
  });
  if (!isPlaced) return undefined;
  const isFixed = fixedMask(options.fixed);
  if (isFixed === undefined) mendOverloads(packing, bins, binOf, options.budget);
  if (!options.isEven) coalesce(packing, bins, binOf, isFixed);
  return {
    binOf,
    entries: countRuns(packing.joins, binOf),
    isFeasible: isFeasible(packing, bins, binOf),
  };
}

function freeItems(binOf: Int32Array): Int32Array {
  let count = 0;
  for (const b of binOf) if (b === -1) count++;
  const free = new Int32Array(count);
  for (let i = 0, at = 0; i < binOf.length; i++) if (binOf[i] === -1) free[at++] = i;
  return free;
}

/** The first feasible packing over falling thresholds, or the last one tried. `share` is the largest item's share of a bin. */
export function packFine(
  packing: Packing,
  bins: Bins,
  share: number,
  options: FineOptions,
): FineResult | undefined {
  let result: FineResult | undefined;
  const hasNoSlack = meanSlack(packing, bins) < 1e-9;
  for (const threshold of THRESHOLDS) {
    // Spreading matters only where items stand out: between the thresholds there is nothing to spread.
    if (threshold < 1 && threshold > share) continue;
    if (threshold === 1 && share > 0.2) continue;
    const found = attempt(packing, bins, share, threshold, options);
    if (found?.isFeasible) return found;
    result ??= found;
    // Drives that must be full to the last byte are hit by luck or not at all, whatever is spread first.
    if (hasNoSlack || options.budget.isOver) break;
  }
  return result;
}

/** Ranges in key order, each drive filled before the next is begun: one index entry per drive, more drives than needed. */
export function contiguousDrives(packing: Packing, capacity: readonly number[]): Int32Array {
  const binOf = new Int32Array(packing.count);
  const load = new Float64Array(capacity.length);
  let bin = 0;
  for (let i = 0; i < packing.count; i++) {
    const fits = packing.demand.every((column, r) => load[r]! + column[i]! <= capacity[r]!);
    if (!fits) {
      bin++;
      load.fill(0);
    }
    packing.demand.forEach((column, r) => {
      load[r]! += column[i]!;
    });
    binOf[i] = bin;
  }
  return binOf;
}
