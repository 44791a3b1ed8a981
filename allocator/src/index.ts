// The allocator as a library: pure functions from ranges and drives to plans, moves and reasons.
//
// A metadata server fills `rangesFrom` with live statistics, names its drives, and calls `replan` with the chains as they are;
// what comes back are moves in a safe order, with reasons. Nothing here reads a clock, a file or a random source.

export { type Bound, bestBound, type Proof } from './bounds/bound.ts';
export { loadHighs } from './coarse/highs.ts';
export type { LinearSolver } from './coarse/solver.ts';
export { parseCsvRanges } from './formats/csv-ranges.ts';
export { parseDrives } from './formats/drives-json.ts';
export { parseNdjsonRanges } from './formats/ndjson-ranges.ts';
export {
  formatPlan,
  type MoveJson,
  type PlacementJson,
  type PlanJson,
  parsePlan,
  placementRuns,
  planToJson,
} from './formats/plan-json.ts';
export {
  type Drive,
  type DriveSet,
  type DriveState,
  type DriveType,
  PAPER_DRIVE,
} from './model/drives.ts';
export { InfeasibleError, InputError, NoPlanError, UsageError } from './model/errors.ts';
export { keyFromText, keyToText } from './model/keys.ts';
export { type RangeRow, type Ranges, rangesFrom } from './model/ranges.ts';
export { formatBytes, formatRate, parseBytes, parseRate } from './model/units.ts';
export { boundsFor } from './plan/bounds-for.ts';
export { planLoads } from './plan/loads.ts';
export { countEntries, plan } from './plan/plan.ts';
export type {
  Objective,
  Plan,
  PlanInput,
  PlannedDrive,
  PlanOptions,
  PlanTools,
  ReadMode,
  Unplaced,
} from './plan/types.ts';
export { replan } from './replan/replan.ts';
export type { CurrentPlacement, Replan, ReplanOptions } from './replan/types.ts';
export type { MoveReason, OrderedMove } from './replan/waves.ts';
export { explainDrive, explainPlan, explainRange, explainWhyNotFewer } from './report/explain.ts';
export { type Survival, surviveLosses } from './report/survive.ts';
export { type Verdict, verifyPlan } from './verify/verify.ts';
