// Drift over 24 steps: what adapting moves, against the least that must move, against planning from scratch and against
// consistent hashing, which knows nothing of loads and can only add drives or pass ranges on.

import { overfullDrives, Ring } from '../src/baselines/ring.ts';
import { drift, type Workload, ycsb } from '../src/generate/workloads.ts';
import { PAPER_DRIVE } from '../src/model/drives.ts';
import { plan } from '../src/plan/plan.ts';
import { replan } from '../src/replan/replan.ts';
import { checkMoves } from '../src/verify/moves.ts';
import { currentOf, listedDrives, rangesOf } from './inputs.ts';
import { percent, type Row } from './table.ts';

const [DRIVE_BYTES = 0, DRIVE_BPS = 0] = PAPER_DRIVE.capacity;

interface Course {
  readonly start: Workload;
  readonly steps: readonly Workload[];
  readonly drives: number;
}

const totalOf = (workload: Workload): number =>
  workload.bytes.reduce((sum, value) => sum + value, 0);

function bytesThatDiffer(a: ArrayLike<unknown>, b: ArrayLike<unknown>, step: Workload): number {
  return step.bytes.reduce((sum, bytes, i) => sum + (a[i] === b[i] ? 0 : bytes), 0);
}

function adapt({ start, steps, drives }: Course, threshold: number): Row {
  const ranges = start.bytes.length;
  const set = listedDrives(drives);
  const first = plan({ ranges: rangesOf(start), drives: set }, { objective: 'even' });
  let current = currentOf(first.drives, first.chains, ranges);
  const sums = { moved: 0, bound: 0, faults: 0, unsolved: 0 };
  let entries = first.entries;
  for (const step of steps) {
    const input = { ranges: rangesOf(step), drives: set };
    const result = replan(input, current, { threshold });
    sums.moved += result.bytesMoved;
    sums.bound += result.bytesBound;
    sums.unsolved += result.unsolved.length;
    entries = result.entriesAfter;
    const moves = result.moves.map((move) => ({
      range: move.copy % ranges,
      position: Math.floor(move.copy / ranges),
      from: move.from < 0 ? '' : result.drives[move.from]!.id,
      to: result.drives[move.to]!.id,
      wave: move.wave,
    }));
    const rule = { resources: set.resources, reads: 'tail', replicas: 1 } as const;
    const usable = (): readonly number[] => PAPER_DRIVE.capacity;
    sums.faults += checkMoves(moves, current, input.ranges, rule, usable).length;
    current = currentOf(result.drives, result.chains, ranges);
  }
  return {
    method: `adapt, ${percent(threshold)} margin`,
    drives,
    movedOfAll: percent(sums.moved / totalOf(start)),
    overBound: sums.bound === 0 ? '-' : (sums.moved / sums.bound).toFixed(2),
    overfull: sums.unsolved,
    prefixFaults: sums.faults,
    entriesBefore: first.entries,
    entriesAfter: entries,
  };
}

/** New drives named after the old ones with which they share most bytes. */
function renamed(
  before: Int32Array,
  after: Int32Array,
  step: Workload,
  drives: number,
): Int32Array {
  const shared = new Map<number, number>();
  step.bytes.forEach((bytes, i) => {
    const pair = after[i]! * drives + before[i]!;
    shared.set(pair, (shared.get(pair) ?? 0) + bytes);
  });
  const pairs = [...shared].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const nameOf = new Map<number, number>();
  const used = new Set<number>();
  for (const [pair] of pairs) {
    const [fresh, old] = [Math.floor(pair / drives), pair % drives];
    if (nameOf.has(fresh) || used.has(old)) continue;
    nameOf.set(fresh, old);
    used.add(old);
  }
  const rest = Array.from({ length: drives }, (_, d) => d).filter((d) => !used.has(d));
  return after.map((d) => {
    if (!nameOf.has(d)) nameOf.set(d, rest.shift()!);
    return nameOf.get(d)!;
  });
}

function fromScratch({ start, steps, drives }: Course): Row {
  const planned = (workload: Workload) =>
    plan({ ranges: rangesOf(workload), drives: listedDrives(drives) }, { objective: 'even' });
  const first = planned(start);
  let current = first.chains[0]!;
  let { entries } = first;
  let moved = 0;
  for (const step of steps) {
    const anew = planned(step);
    const next = renamed(current, anew.chains[0]!, step, drives);
    moved += bytesThatDiffer(current, next, step);
    current = next;
    entries = anew.entries;
  }
  return {
    method: 'plan from scratch',
    drives,
    movedOfAll: percent(moved / totalOf(start)),
    overfull: 0,
    entriesBefore: first.entries,
    entriesAfter: entries,
  };
}

function sharesOf(workload: Workload): Float64Array[] {
  return [
    workload.bytes.map((value) => value / DRIVE_BYTES),
    workload.readBps.map((value, i) => (value + workload.writeBps[i]!) / DRIVE_BPS),
  ];
}

/** The same drives, whatever the load: how many are too full, summed over the steps. */
function ringAlone({ start, steps, drives }: Course): Row {
  const ring = new Ring(start.bytes.length, drives);
  const place = ring.place();
  const overfull = steps.reduce(
    (sum, step) => sum + overfullDrives(place, drives, sharesOf(step)),
    0,
  );
  const entries = start.bytes.length;
  return {
    ...{ method: 'consistent hashing', drives, movedOfAll: percent(0), overfull },
    ...{ entriesBefore: entries, entriesAfter: entries },
  };
}

/** A further drive whenever one is too full, as many as it takes. */
function ringGrowing({ start, steps, drives }: Course): Row {
  const ring = new Ring(start.bytes.length, drives);
  const grow = (workload: Workload): Int32Array => {
    const shares = sharesOf(workload);
    for (;;) {
      const place = ring.place();
      if (ring.drives >= drives * 8 || overfullDrives(place, ring.drives, shares) === 0) {
        return place;
      }
      ring.addDrive();
    }
  };
  let place = grow(start);
  const atStart = ring.drives;
  let moved = 0;
  let overfull = 0;
  for (const step of steps) {
    const next = grow(step);
    moved += bytesThatDiffer(place, next, step);
    place = next;
    overfull += overfullDrives(place, ring.drives, sharesOf(step));
  }
  const entries = start.bytes.length;
  return {
    method: 'consistent hashing, adding drives',
    drives: atStart === ring.drives ? ring.drives : `${atStart} to ${ring.drives}`,
    movedOfAll: percent(moved / totalOf(start)),
    overfull,
    ...{ entriesBefore: entries, entriesAfter: entries },
  };
}

/** Ranges pass on to the next drive with room. */
function ringBounded({ start, steps, drives }: Course): Row {
  const ring = new Ring(start.bytes.length, drives);
  let place = ring.placeBounded(sharesOf(start));
  let moved = 0;
  let overfull = 0;
  for (const step of steps) {
    const next = ring.placeBounded(sharesOf(step));
    moved += bytesThatDiffer(place, next, step);
    overfull += next.includes(-1) ? 1 : 0;
    place = next;
  }
  const entries = start.bytes.length;
  return {
    method: 'consistent hashing, bounded loads',
    drives,
    movedOfAll: percent(moved / totalOf(start)),
    overfull,
    ...{ entriesBefore: entries, entriesAfter: entries },
  };
}

export function benchDrift(isShort: boolean): Row[] {
  const ranges = isShort ? 5_000 : 20_000;
  const drives = isShort ? 30 : 100;
  const start = ycsb({ ranges, drives, seed: 1, cap: 0.02, fill: [0.8, 0.8] }, true);
  const course = { start, steps: drift(start, isShort ? 6 : 24, 7), drives };
  return [
    adapt(course, 0),
    adapt(course, 0.02),
    fromScratch(course),
    ringBounded(course),
    ringGrowing(course),
    ringAlone(course),
  ];
}
