// Takes back the moves that turned out needless.
//
// Relief looks at one drive after the other, and exchanges come last: what was moved off a drive first may be in nobody's way once
// the hot copies beside it have gone. A move is needless when, with all others done, taking it back puts no drive further above its
// limits. Each one taken back saves its bytes, so the largest are looked at first.

import { overSquares } from './limits.ts';
import type { ClusterState } from './state.ts';
import type { CopyMove } from './waves.ts';

const IS_CHOICE: Readonly<Record<string, boolean>> = { balance: true, exchange: true };

function isNeedless(
  state: ClusterState,
  limits: readonly Float64Array[],
  { copy, from, to, reason }: CopyMove,
): boolean {
  if (IS_CHOICE[reason] !== true || from < 0 || !state.drives[from]!.isOpen) return false;
  if (state.clashes(copy, from)) return false;
  const shifted = (d: number, sign: number): number =>
    overSquares(
      limits,
      d,
      state.loads.map((load, r) => load[d]! + sign * state.demand(r, copy)),
    );
  return shifted(from, 1) + shifted(to, -1) <= shifted(from, 0) + shifted(to, 0);
}

/** The moves that are needed; the others are undone in the state. */
export function withoutNeedless(
  state: ClusterState,
  limits: readonly Float64Array[],
  moves: readonly CopyMove[],
): CopyMove[] {
  let left = [...moves].sort(
    (a, b) => state.demand(0, b.copy) - state.demand(0, a.copy) || a.copy - b.copy,
  );
  // What is taken back may make room for taking back another: again until nothing changes.
  for (let count = -1; count !== left.length; ) {
    count = left.length;
    left = left.filter((move) => {
      if (!isNeedless(state, limits, move)) return true;
      state.move(move.copy, move.from);
      return false;
    });
  }
  const kept = new Set(left);
  return moves.filter((move) => kept.has(move));
}
