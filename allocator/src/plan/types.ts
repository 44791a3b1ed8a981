// What goes into planning and what comes out, in memory. The file form is formats/plan-json.ts.

import type { Bound } from '../bounds/bound.ts';
import type { LinearSolver } from '../coarse/solver.ts';
import type { DriveSet } from '../model/drives.ts';
import type { Ranges } from '../model/ranges.ts';

/** drives: fewest. balanced: up to 0.2 % more if that saves index entries. index: fewest entries. even: all drives, level. */
export type Objective = 'drives' | 'balanced' | 'index' | 'even';

/** tail: the last of a chain serves the reads. shared: all replicas serve an equal part. */
export type ReadMode = 'tail' | 'shared';

export interface PlanInput {
  readonly ranges: Ranges;
  readonly drives: DriveSet;
}

export interface PlanOptions {
  readonly objective?: Objective;
  readonly replicas?: number;
  readonly reads?: ReadMode;
  /** Share of each resource that stays free, in the order of the drives' resources; 0 when absent. */
  readonly headroom?: readonly number[];
  readonly drivesMax?: number;
  /** Also compute the curve of drives against index entries; equal drives and single copies only. */
  readonly wantsCurve?: boolean;
  readonly seed?: number;
  /** Work the searches may do; about 10^8 a second. */
  readonly steps?: number;
}

/** What the library cannot bring itself: a solver, a reason to stop, someone who watches. */
export interface PlanTools {
  readonly solver?: LinearSolver | undefined;
  readonly shouldStop?: (() => boolean) | undefined;
  readonly onProgress?: ((drives: number, lower: number) => void) | undefined;
}

export interface PlannedDrive {
  readonly id: string;
  readonly zone: string;
  /** Capacity with and without headroom. */
  readonly capacity: readonly number[];
  readonly usable: readonly number[];
  readonly cost: number;
}

export interface Unplaced {
  readonly range: number;
  readonly reason: string;
  readonly remedy: string;
}

export interface CurvePoint {
  readonly drives: number;
  readonly entries: number;
}

export interface Plan {
  readonly objective: Objective;
  readonly replicas: number;
  readonly reads: ReadMode;
  readonly seed: number;
  readonly headroom: readonly number[];
  readonly resources: readonly string[];
  readonly drives: readonly PlannedDrive[];
  /** chains[j][i]: drive of copy j of range i, head first, -1 where range i has no such copy. */
  readonly chains: readonly Int32Array[];
  readonly bounds: readonly Bound[];
  /** The best bound: no plan uses fewer drives. */
  readonly lower: number;
  readonly entries: number;
  readonly unplaced: readonly Unplaced[];
  /** Drives against index entries, where more than one trade-off was computed. */
  readonly curve: readonly CurvePoint[];
}
