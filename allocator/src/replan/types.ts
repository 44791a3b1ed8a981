// What re-allocation takes and gives.

import type { ClusterDrive } from './state.ts';
import type { OrderedMove } from './waves.ts';

export interface ReplanOptions {
  readonly replicas?: number;
  readonly reads?: 'tail' | 'shared';
  readonly headroom?: readonly number[];
  /** Bring drives down to the mean fill plus the threshold, not only to their capacity. */
  readonly isBalancing?: boolean;
  /** Share of capacity: overloads are relieved that far below the limit, and balance tolerates that much above the mean. */
  readonly threshold?: number;
  readonly isShrinking?: boolean;
  /**
   * Only tails are moved to relieve drives: for clusters in which a copy that comes becomes the tail, and
   * the tail serves the reads. What must move (drained drives, shared zones) moves whatever its place.
   */
  readonly isMovingTailsOnly?: boolean;
  readonly moveBytesMax?: number;
  readonly movesMax?: number;
  readonly movesPerDrive?: number;
  /** Index entries that moves by choice may add; those that must be (drain, domain, new range) count but are never refused. */
  readonly entriesAddedMax?: number;
}

/** Where copies are now: chain of drive ids per range, head first; shorter or empty where copies are missing. */
export type CurrentPlacement = readonly (readonly string[])[];

export interface Replan {
  readonly drives: readonly ClusterDrive[];
  readonly chains: readonly Int32Array[];
  readonly moves: readonly OrderedMove[];
  readonly bytesMoved: number;
  /** No way to mend the violations moves fewer bytes than this. */
  readonly bytesBound: number;
  readonly entriesBefore: number;
  readonly entriesAfter: number;
  /** What could not be mended, in words. */
  readonly unsolved: readonly string[];
  readonly before: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
}
