// Which copies leave an overloaded drive: least bytes that bring every resource under its limit, and a proof of how few bytes
// could do at all.
//
// The bound is the fractional knapsack: for a missing resource take copies by how much of it they free per byte, the last one
// in part. For bytes it is simply the excess. Choosing whole copies is a covering knapsack; greed by value per byte, then
// dropping what turned out superfluous, is compared with the smallest single copy that does.

import type { ClusterState } from './state.ts';

const BYTES = 0;

/** Fewest bytes that must leave so that the loads fall by `excess`, copies being divisible. */
export function shedBound(
  state: ClusterState,
  copies: readonly number[],
  excess: readonly number[],
): number {
  let bound = Math.max(0, excess[BYTES]!);
  for (let r = 1; r < excess.length; r++) {
    if (excess[r]! <= 0) continue;
    const sorted = copies
      .map((copy) => ({ bytes: state.demand(BYTES, copy), gain: state.demand(r, copy) }))
      .filter((copy) => copy.gain > 0)
      .sort((a, b) => b.gain * a.bytes - a.gain * b.bytes || b.gain - a.gain);
    let missing = excess[r]!;
    let bytes = 0;
    for (const copy of sorted) {
      if (missing <= 0) break;
      const part = Math.min(1, missing / copy.gain);
      bytes += copy.bytes * part;
      missing -= copy.gain * part;
    }
    bound = Math.max(bound, Math.floor(bytes));
  }
  return bound;
}

function covers(
  state: ClusterState,
  chosen: readonly number[],
  excess: readonly number[],
): boolean {
  return excess.every((need, r) => {
    if (need <= 0) return true;
    return chosen.reduce((sum, copy) => sum + state.demand(r, copy), 0) >= need;
  });
}

/** How much of what is missing a copy frees, as a sum of shares. */
function gainOf(state: ClusterState, copy: number, missing: readonly number[]): number {
  let gain = 0;
  missing.forEach((need, r) => {
    if (need > 0) gain += Math.min(1, state.demand(r, copy) / need);
  });
  return gain;
}

function bytesOf(state: ClusterState, copies: readonly number[]): number {
  return copies.reduce((sum, copy) => sum + state.demand(BYTES, copy), 0);
}

/** Copies in falling order of what they free per byte, until all is covered, without the superfluous ones. */
function greedy(
  state: ClusterState,
  copies: readonly number[],
  excess: readonly number[],
): number[] {
  const rated = copies.map((copy) => {
    const gain = gainOf(state, copy, excess);
    return { copy, rate: gain / (state.demand(BYTES, copy) + 1) };
  });
  rated.sort((a, b) => b.rate - a.rate || a.copy - b.copy);
  const missing = [...excess];
  const chosen: number[] = [];
  for (const { copy } of rated) {
    if (missing.every((need) => need <= 0)) break;
    if (gainOf(state, copy, missing) === 0) continue;
    chosen.push(copy);
    missing.forEach((_, r) => {
      missing[r]! -= state.demand(r, copy);
    });
  }
  const large = [...chosen].sort(
    (a, b) => state.demand(BYTES, b) - state.demand(BYTES, a) || a - b,
  );
  for (const copy of large) {
    const fits = missing.every((need, r) => need + state.demand(r, copy) <= 0 || excess[r]! <= 0);
    if (!fits) continue;
    chosen.splice(chosen.indexOf(copy), 1);
    missing.forEach((_, r) => {
      missing[r]! += state.demand(r, copy);
    });
  }
  return chosen;
}

export function chooseToShed(
  state: ClusterState,
  copies: readonly number[],
  excess: readonly number[],
): number[] {
  const several = greedy(state, copies, excess);
  let best = several;
  let least = covers(state, several, excess) ? bytesOf(state, several) : Number.POSITIVE_INFINITY;
  for (const copy of copies) {
    const bytes = state.demand(BYTES, copy);
    if (bytes < least && covers(state, [copy], excess)) {
      best = [copy];
      least = bytes;
    }
  }
  return best;
}
