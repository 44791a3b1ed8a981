// Ranges that cannot share a drive pairwise need a drive each. The largest such set is hard to find; a greedy one, started from
// the ranges with the most conflicts, is often tight where ranges are larger than half a drive in one resource or another.

import type { Packing } from '../packing/packing.ts';
import type { Bound } from './bound.ts';

const ITEMS_MAX = 2500;

/** Items above a quarter of a drive somewhere, largest first: smaller ones hardly conflict. */
function candidates(packing: Packing, capacity: ArrayLike<number>): number[] {
  const share = new Float64Array(packing.count);
  packing.demand.forEach((column, r) => {
    const unitsPerDrive = Math.floor(capacity[r]! / packing.unit[r]!);
    for (let i = 0; i < column.length; i++) {
      share[i] = Math.max(share[i]!, column[i]! / unitsPerDrive);
    }
  });
  const large: number[] = [];
  for (let i = 0; i < share.length; i++) if (share[i]! > 0.25) large.push(i);
  return large.sort((a, b) => share[b]! - share[a]! || a - b).slice(0, ITEMS_MAX);
}

function conflicts(
  demand: readonly Float64Array[],
  limits: readonly number[],
  i: number,
  j: number,
): boolean {
  for (let r = 0; r < limits.length; r++) {
    if (demand[r]![i]! + demand[r]![j]! > limits[r]!) return true;
  }
  return false;
}

/** The demands are rounded up only when units are not 1; then rounding could invent a conflict, so none is claimed. */
export function cliqueBound(packing: Packing, capacity: ArrayLike<number>): Bound | undefined {
  if (packing.unit.some((unit) => unit !== 1)) return undefined;
  const items = candidates(packing, capacity);
  const limits = Array.from(capacity);
  const degree = new Float64Array(packing.count);
  for (const i of items) {
    for (const j of items) {
      if (i < j && conflicts(packing.demand, limits, i, j)) {
        degree[i]!++;
        degree[j]!++;
      }
    }
  }
  const order = [...items].sort((a, b) => degree[b]! - degree[a]! || a - b);
  const clique: number[] = [];
  for (const i of order) {
    if (clique.every((j) => conflicts(packing.demand, limits, i, j))) clique.push(i);
  }
  if (clique.length < 2) return undefined;
  return {
    name: 'pairwise conflicts',
    drives: clique.length,
    words: `${clique.length} ranges cannot share a drive with each other`,
    proof: { kind: 'clique', items: clique.sort((a, b) => a - b) },
  };
}
