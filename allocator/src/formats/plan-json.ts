// The plan as a file: format `allocator-plan/1`, stable key order, no times, so that equal plans are equal files.
//
// Placements are index entries, not ranges: a million ranges give a few thousand lines. Bounds carry their proofs; `verify`
// needs nothing but this file, the ranges and the drives.

import type { Bound } from '../bounds/bound.ts';
import { InputError, type InputPlace } from '../model/errors.ts';
import type { Ranges } from '../model/ranges.ts';
import type { Cut } from '../model/split-keys.ts';
import { planLoads } from '../plan/loads.ts';
import type { CurvePoint, Plan } from '../plan/types.ts';
import { messageOf, placeOfPath, syntaxPlace } from './json-place.ts';
import { planShapeFault } from './plan-shape.ts';

export interface PlacementJson {
  readonly start: string;
  readonly end: string;
  /** Chain from head to tail. */
  readonly drives: readonly string[];
  readonly ranges: number;
  readonly bytes: number;
}

export interface PlanDriveJson {
  readonly id: string;
  readonly zone: string;
  readonly capacity: readonly number[];
  readonly usable: readonly number[];
  readonly used: readonly number[];
  readonly entries: number;
}

export interface MoveJson {
  readonly seq: number;
  readonly wave: number;
  readonly start: string;
  readonly end: string;
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
  readonly reason: string;
}

export interface PlanJson {
  readonly format: 'allocator-plan/1';
  readonly objective: string;
  readonly seed: number;
  readonly replicas: number;
  readonly reads: 'tail' | 'shared';
  readonly headroom: readonly number[];
  readonly resources: readonly string[];
  readonly input: { readonly ranges: number; readonly sha256?: string };
  readonly drives_used: number;
  readonly lower_bound: number;
  readonly gap: number;
  readonly index: {
    readonly entries: number;
    readonly bytes: number;
    readonly per_drive: number;
    readonly reduction: number;
  };
  readonly utilisation: readonly {
    readonly resource: string;
    readonly mean: number;
    readonly max: number;
  }[];
  readonly bounds: readonly Bound[];
  readonly curve: readonly CurvePoint[];
  readonly drives: readonly PlanDriveJson[];
  readonly unplaced: readonly {
    readonly start: string;
    readonly end: string;
    readonly reason: string;
    readonly remedy: string;
  }[];
  readonly placements: readonly PlacementJson[];
  /** Ranges of the input that were cut before they were placed. */
  readonly splits?: readonly Cut[];
  readonly moves?: readonly MoveJson[];
}

interface Run {
  from: number;
  to: number;
}

/** Stretches of ranges with one chain, in key order; ranges that are not placed belong to none. */
export function placementRuns(joins: Uint8Array, chains: readonly Int32Array[]): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < joins.length; i++) {
    if (chains[0]![i]! < 0) continue;
    const last = runs[runs.length - 1];
    const goesOn =
      last !== undefined &&
      last.to === i &&
      joins[i] === 1 &&
      chains.every((chain) => chain[i] === chain[i - 1]);
    if (goesOn) last.to = i + 1;
    else runs.push({ from: i, to: i + 1 });
  }
  return runs;
}

/** Bytes of the index when every start key shares what it can with the one before, and drives are 4-byte numbers. */
export function indexBytes(ranges: Ranges, runs: readonly Run[], copies: number): number {
  let bytes = 0;
  let before = new Uint8Array(0);
  for (const run of runs) {
    const key = ranges.keys.bytes(2 * run.from);
    let shared = 0;
    while (shared < key.length && shared < before.length && key[shared] === before[shared])
      shared++;
    bytes += 2 + (key.length - shared) + 4 * copies;
    before = Uint8Array.from(key);
  }
  return bytes;
}

function round(value: number): number {
  return Number(value.toFixed(6));
}

export interface PlanJsonExtras {
  readonly sha256?: string;
  readonly moves?: readonly MoveJson[];
  readonly splits?: readonly Cut[];
  /** Loads per drive, loads[r][d]; summed from the ranges when absent. */
  readonly loads?: readonly Float64Array[];
}

export function planToJson(plan: Plan, ranges: Ranges, extras: PlanJsonExtras = {}): PlanJson {
  const loads = extras.loads ?? planLoads(plan, ranges);
  const runs = placementRuns(ranges.joins, plan.chains);
  const entriesOf = new Int32Array(plan.drives.length);
  const placements = runs.map((run) => {
    const chain = plan.chains.map((column) => column[run.from]!).filter((d) => d >= 0);
    for (const d of chain) entriesOf[d]!++;
    let bytes = 0;
    for (let i = run.from; i < run.to; i++) bytes += ranges.bytes[i]!;
    return {
      start: ranges.keys.text(2 * run.from),
      end: ranges.keys.text(2 * run.to - 1),
      drives: chain.map((d) => plan.drives[d]!.id),
      ranges: run.to - run.from,
      bytes,
    };
  });
  const used = plan.drives.length;
  const fill = (r: number): Float64Array =>
    loads[r]!.map((load, d) => load / plan.drives[d]!.usable[r]!);
  return {
    format: 'allocator-plan/1',
    objective: plan.objective,
    seed: plan.seed,
    replicas: plan.replicas,
    reads: plan.reads,
    headroom: plan.headroom,
    resources: plan.resources,
    input: { ranges: ranges.count, ...(extras.sha256 !== undefined && { sha256: extras.sha256 }) },
    drives_used: used,
    lower_bound: plan.lower,
    gap: plan.lower === 0 ? 0 : round(used / plan.lower - 1),
    index: {
      entries: runs.length,
      bytes: indexBytes(ranges, runs, plan.chains.length),
      per_drive: used === 0 ? 0 : round(runs.length / used),
      reduction: ranges.count === 0 ? 0 : round(1 - runs.length / ranges.count),
    },
    utilisation: plan.resources.map((resource, r) => {
      const fills = fill(r);
      const sum = fills.reduce((total, value) => total + value, 0);
      const max = fills.reduce((most, value) => Math.max(most, value), 0);
      return { resource, mean: round(used === 0 ? 0 : sum / used), max: round(max) };
    }),
    bounds: plan.bounds,
    curve: plan.curve,
    drives: plan.drives.map((drive, d) => ({
      id: drive.id,
      zone: drive.zone,
      capacity: drive.capacity,
      usable: drive.usable,
      used: loads.map((load) => load[d]!),
      entries: entriesOf[d]!,
    })),
    unplaced: plan.unplaced.map(({ range, reason, remedy }) => ({
      start: ranges.keys.text(2 * range),
      end: ranges.keys.text(2 * range + 1),
      reason,
      remedy,
    })),
    placements,
    ...(extras.splits !== undefined && extras.splits.length > 0 && { splits: extras.splits }),
    ...(extras.moves !== undefined && { moves: extras.moves }),
  };
}

/** One line per drive, placement and move: readable, and differences between two plans show line by line. */
export function formatPlan(plan: PlanJson): string {
  const parts = Object.entries(plan).map(([name, value]) => {
    const isList = Array.isArray(value) && value.length > 0 && typeof value[0] === 'object';
    if (!isList) return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
    const lines = (value as unknown[]).map((entry) => JSON.stringify(entry));
    return `${JSON.stringify(name)}:[\n${lines.join(',\n')}\n]`;
  });
  return `{${parts.join(',\n')}}\n`;
}

/** Reads a plan and checks its form; throws InputError with the place of the first fault. */
export function parsePlan(text: string, file: string): PlanJson {
  const refuse = (at: InputPlace, message: string): never => {
    throw new InputError(at, message);
  };
  let value: PlanJson;
  try {
    value = JSON.parse(text) as PlanJson;
  } catch (error) {
    return refuse(syntaxPlace(text, file), `expected a plan in JSON: ${messageOf(error)}`);
  }
  if (value?.format !== 'allocator-plan/1') {
    refuse(placeOfPath(text, file, ['format']), 'expected a plan of format "allocator-plan/1"');
  }
  const fault = planShapeFault(value);
  if (fault === undefined) return value;
  const [name, ...rest] = fault.path;
  const where = `${name}${rest.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')}`;
  return refuse(placeOfPath(text, file, fault.path), `${where}: expected ${fault.expected}`);
}
