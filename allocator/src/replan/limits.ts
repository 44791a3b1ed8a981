// How much each drive may carry: its capacity, or under balance the mean fill and the threshold above it.

import type { ClusterState } from './state.ts';
import type { ReplanOptions } from './types.ts';

const THRESHOLD_DEFAULT = 0.02;

/** Limits per resource and drive. */
export function limitsOf(
  state: ClusterState,
  { isBalancing = false, threshold = THRESHOLD_DEFAULT }: ReplanOptions,
): Float64Array[] {
  const open = state.drives.flatMap((drive, d) => (drive.isOpen ? [d] : []));
  return state.loads.map((load, r) => {
    const total = load.reduce((sum, value) => sum + value, 0);
    const capacity = open.reduce((sum, d) => sum + state.drives[d]!.usable[r]!, 0);
    const level = total / Math.max(1, capacity) + threshold;
    return Float64Array.from(state.drives, ({ usable }) =>
      isBalancing ? Math.min(usable[r]!, level * usable[r]!) : usable[r]!,
    );
  });
}

/** How far a drive with these loads is above its limits: the squares of the excess, in shares of the limit. */
export function overSquares(
  limits: readonly Float64Array[],
  d: number,
  loads: readonly number[],
): number {
  let sum = 0;
  for (let r = 0; r < loads.length; r++) {
    const over = loads[r]! / Math.max(1, limits[r]![d]!) - 1;
    if (over > 0) sum += over * over;
  }
  return sum;
}
