// Bounds by dual feasible functions on weighted sums.
//
// Any weighting of the resources turns a drive into a one-dimensional bin of capacity C, and a function f with
// "what fits C has f-values that fit f(C)" turns item sizes into other sizes: ceil(sum of f / f(C)) is a bound for each
// weighting and each f. Where two large ranges fill a drive this proves what sums miss by a fifth. Three families are
// tried (Martello-Toth thresholds, rounding steps, and the function of Carlier, Clautiaux and Moukrim), all in whole numbers:
// an item's weight is rounded down, so each claim is exact.

import type { Budget } from '../packing/budget.ts';
import type { Packing } from '../packing/packing.ts';
import type { Bound, Proof } from './bound.ts';

type Shape = 'threshold' | 'steps' | 'ccm';
type Functions = Extract<Proof, { kind: 'dual-feasible' }>;

const WEIGHT_UNITS = 2 ** 30;

/** Weightings as shares that sum to 1: single resources, all equal, pairs in 32nds, and a grid for three. */
export function weightings(resourceCount: number): number[][] {
  const unit = (r: number): number[] => Array.from({ length: resourceCount }, (_, q) => +(q === r));
  const all = Array.from({ length: resourceCount }, (_, r) => unit(r));
  if (resourceCount === 1) return all;
  all.push(Array.from({ length: resourceCount }, () => 1 / resourceCount));
  const steps = resourceCount === 2 ? 32 : resourceCount <= 5 ? 4 : 2;
  for (let a = 0; a < resourceCount; a++) {
    for (let b = a + 1; b < resourceCount; b++) {
      for (let s = 1; s < steps; s++) {
        const weights = unit(a).map((value) => (value * s) / steps);
        weights[b] = 1 - s / steps;
        all.push(weights);
      }
    }
  }
  if (resourceCount === 3) all.push([0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]);
  return all;
}

/** Whole-number weights of all items against capacity 2^30, never more than the truth. */
export function itemWeights(
  columns: readonly Float64Array[],
  capacity: ArrayLike<number>,
  weights: readonly number[],
): Float64Array {
  const result = new Float64Array(columns[0]!.length);
  for (let i = 0; i < result.length; i++) {
    let share = 0;
    for (let r = 0; r < weights.length; r++)
      share += (weights[r]! * columns[r]![i]!) / capacity[r]!;
    // A share that is a dyadic number is exact; any other loses one unit to stay on the safe side of rounding.
    const scaled = share * WEIGHT_UNITS;
    const whole = Math.floor(scaled + 2 ** -16);
    result[i] = Math.min(whole, WEIGHT_UNITS);
  }
  return result;
}

/** f of one size; every shape is superadditive in the sense the bound needs, for sizes from 0 to capacity. */
export function dualValue(shape: Shape, parameter: number, capacity: number, x: number): number {
  if (shape === 'threshold') {
    if (x > capacity - parameter) return capacity;
    return x < parameter ? 0 : x;
  }
  if (shape === 'steps') {
    const scaled = x * (parameter + 1);
    return scaled % capacity === 0 ? x * parameter : Math.floor(scaled / capacity) * capacity;
  }
  const half = capacity / 2;
  if (x > half)
    return 2 * (Math.floor(capacity / parameter) - Math.floor((capacity - x) / parameter));
  return x === half ? Math.floor(capacity / parameter) : 2 * Math.floor(x / parameter);
}

export function dualCapacity(shape: Shape, parameter: number, capacity: number): number {
  if (shape === 'threshold') return capacity;
  return shape === 'steps' ? capacity * parameter : 2 * Math.floor(capacity / parameter);
}

function evaluate(sizes: Float64Array, shape: Shape, parameter: number, capacity: number): number {
  let sum = 0;
  for (let i = 0; i < sizes.length; i++) sum += dualValue(shape, parameter, capacity, sizes[i]!);
  return Math.ceil(sum / dualCapacity(shape, parameter, capacity));
}

/** Parameters worth a try: sizes that occur, up to half a drive, thinned to `limit`. */
function thresholds(sizes: Float64Array, capacity: number, limit: number): number[] {
  const seen = new Set<number>();
  for (const size of sizes) {
    const small = size <= capacity / 2 ? size : capacity - size + 1;
    if (small > capacity / 100) seen.add(small);
  }
  const sorted = Float64Array.from(seen).sort();
  const step = Math.max(1, sorted.length / limit);
  const chosen: number[] = [];
  for (let at = 0; at < sorted.length; at += step) chosen.push(sorted[Math.floor(at)]!);
  return chosen;
}

function tryWeighting(
  packing: Packing,
  capacity: ArrayLike<number>,
  weights: readonly number[],
  limit: number,
): { drives: number; proof: Functions } {
  const perDrive = Array.from(capacity, (value, r) => value / packing.unit[r]!);
  const sizes = itemWeights(packing.demand, perDrive, weights);
  let drives = 0;
  let shape: Shape = 'threshold';
  let parameter = 0;
  const attempt = (candidate: Shape, value: number): void => {
    const found = evaluate(sizes, candidate, value, WEIGHT_UNITS);
    if (found <= drives) return;
    drives = found;
    shape = candidate;
    parameter = value;
  };
  for (let k = 1; k <= 12; k++) attempt('steps', k);
  for (const value of thresholds(sizes, WEIGHT_UNITS, limit)) {
    attempt('threshold', value);
    attempt('ccm', value);
  }
  const proof: Functions = {
    kind: 'dual-feasible',
    weights,
    capacity: WEIGHT_UNITS,
    shape,
    parameter,
  };
  return { drives, proof };
}

/** The best bound over all weightings and functions that the budget allows; undefined when items are too small to gain. */
export function dualFeasibleBound(
  packing: Packing,
  capacity: ArrayLike<number>,
  budget: Budget,
): Bound | undefined {
  if (packing.unit.some((unit) => unit !== 1)) return undefined;
  let best: { drives: number; proof: Functions } | undefined;
  for (const weights of weightings(packing.demand.length)) {
    if (!budget.spend(packing.count * 200)) break;
    const found = tryWeighting(packing, capacity, weights, 80);
    if (best === undefined || found.drives > best.drives) best = found;
  }
  if (best === undefined) return undefined;
  const mix = best.proof.weights.map((weight) => weight.toFixed(2)).join(' : ');
  return {
    name: 'dual feasible function',
    drives: best.drives,
    words: `large ranges fill drives badly: with resources weighed ${mix} no packing uses fewer than ${best.drives}`,
    proof: best.proof,
  };
}
