// Every figure that a plan states about itself, computed once more from what its placements really hold.
//
// Rounded figures are compared as rounded: to six places, as the plan's format says.

import type { PlanJson } from '../formats/plan-json.ts';
import type { Ranges } from '../model/ranges.ts';
import { afterHeadroom, type Machine } from './machines.ts';
import type { Tally } from './walk.ts';

type Report = (sentence: string) => void;

function rounded(value: number): number {
  return Number(value.toFixed(6));
}

function same(fault: Report, what: string, stated: unknown, found: unknown): void {
  if (stated === found) return;
  fault(`${what}: the plan says ${String(stated)}, its placements give ${String(found)}`);
}

function checkPlacements(plan: PlanJson, tally: Tally, fault: Report): void {
  plan.placements.forEach((placement, p) => {
    const where = `of the placement at ${placement.start || 'the lowest key'}`;
    same(fault, `ranges ${where}`, placement.ranges, tally.ranges[p]);
    same(fault, `bytes ${where}`, placement.bytes, Number(tally.bytes[p]));
  });
}

function checkDrives(
  plan: PlanJson,
  tally: Tally,
  machine: (id: string) => Machine | undefined,
  fault: Report,
): void {
  const stated = new Set(plan.drives.map((drive) => drive.id));
  if (stated.size !== plan.drives.length) fault('the plan lists a drive twice');
  for (const id of tally.loads.keys()) {
    if (!stated.has(id)) fault(`drive ${id} holds ranges, the plan does not list it`);
  }
  for (const drive of plan.drives) {
    const known = machine(drive.id);
    if (known === undefined) {
      fault(`the plan lists drive ${drive.id}, which does not exist or is drained`);
      continue;
    }
    const load = tally.loads.get(drive.id);
    if (load === undefined) fault(`the plan lists drive ${drive.id}, which holds nothing`);
    same(fault, `zone of drive ${drive.id}`, drive.zone, known.zone);
    same(
      fault,
      `index entries of drive ${drive.id}`,
      drive.entries,
      tally.entries.get(drive.id) ?? 0,
    );
    const figures = plan.resources.length;
    for (const list of [drive.capacity, drive.usable, drive.used]) {
      if (list.length !== figures) fault(`drive ${drive.id}: ${figures} figures are needed`);
    }
    plan.resources.forEach((resource, r) => {
      const capacity = known.capacity[r] ?? 0;
      const of = `of drive ${drive.id}`;
      same(fault, `capacity (${resource}) ${of}`, drive.capacity[r], capacity);
      const usable = afterHeadroom(capacity, plan.headroom[r] ?? 0);
      same(fault, `usable capacity (${resource}) ${of}`, drive.usable[r], usable);
      same(fault, `load (${resource}) ${of}`, drive.used[r], Number(load?.[r] ?? 0n));
    });
  }
}

function checkUtilisation(plan: PlanJson, tally: Tally, fault: Report): void {
  same(fault, 'number of utilised resources', plan.utilisation.length, plan.resources.length);
  plan.utilisation.forEach((use, r) => {
    same(fault, `utilised resource ${r + 1}`, use.resource, plan.resources[r]);
    let sum = 0;
    let most = 0;
    for (const drive of plan.drives) {
      const fill = Number(tally.loads.get(drive.id)?.[r] ?? 0n) / drive.usable[r]!;
      sum += fill;
      most = Math.max(most, fill);
    }
    const mean = plan.drives.length === 0 ? 0 : sum / plan.drives.length;
    // The order of a sum of doubles may cost the last place.
    if (!(Math.abs(use.mean - mean) <= 1e-6))
      fault(`the plan says ${use.resource} is used to ${use.mean} on average, it is ${mean}`);
    same(fault, `fullest drive in ${use.resource}`, use.max, rounded(most));
  });
}

/** Bytes of the index: each start key without what it shares with the one before, two bytes for that, four for each drive. */
function indexBytes(plan: PlanJson, tally: Tally, ranges: Ranges, copies: number): number {
  let bytes = 0;
  let before: Uint8Array = new Uint8Array(0);
  let last = -1;
  tally.placementOf.forEach((p, i) => {
    if (p < 0 || p === last) return;
    last = p;
    const key = ranges.keys.bytes(2 * i);
    let shared = 0;
    while (shared < Math.min(key.length, before.length) && key[shared] === before[shared]) shared++;
    bytes += 2 + key.length - shared + 4 * copies;
    before = key;
  });
  return plan.placements.length === 0 ? 0 : bytes;
}

function checkIndex(plan: PlanJson, tally: Tally, ranges: Ranges, fault: Report): void {
  const { index, placements } = plan;
  const drives = tally.loads.size;
  let copies = 1;
  for (const { drives: chain } of placements) copies = Math.max(copies, chain.length);
  same(fault, 'index entries', index.entries, placements.length);
  same(fault, 'bytes of the index', index.bytes, indexBytes(plan, tally, ranges, copies));
  const perDrive = drives === 0 ? 0 : rounded(placements.length / drives);
  same(fault, 'entries per drive', index.per_drive, perDrive);
  const reduction = ranges.count === 0 ? 0 : rounded(1 - placements.length / ranges.count);
  same(fault, 'reduction of the index', index.reduction, reduction);
}

/** Two entries side by side with one chain are one entry written as two. */
function checkMerged(plan: PlanJson, tally: Tally, ranges: Ranges, fault: Report): void {
  tally.placementOf.forEach((p, i) => {
    const before = i === 0 ? -1 : tally.placementOf[i - 1]!;
    if (p < 0 || before < 0 || p === before || ranges.joins[i] === 0) return;
    const chain = plan.placements[p]!.drives;
    const other = plan.placements[before]!.drives;
    if (chain.length !== other.length || chain.some((id, j) => id !== other[j])) return;
    fault(`the placements before and after ${ranges.keys.text(2 * i)} are one`);
  });
}

/** Compares all stated figures with the tally. */
export function checkFigures(
  plan: PlanJson,
  tally: Tally,
  ranges: Ranges,
  machine: (id: string) => Machine | undefined,
  fault: Report,
): void {
  same(fault, 'ranges', plan.input.ranges, ranges.count);
  same(fault, 'drives used', plan.drives_used, tally.loads.size);
  checkPlacements(plan, tally, fault);
  checkDrives(plan, tally, machine, fault);
  checkUtilisation(plan, tally, fault);
  checkIndex(plan, tally, ranges, fault);
  checkMerged(plan, tally, ranges, fault);
  const { lower_bound: lower, drives_used: used } = plan;
  same(fault, 'gap', plan.gap, lower === 0 ? 0 : rounded(used / lower - 1));
  const claimed = plan.bounds.reduce((most, bound) => Math.max(most, bound.drives), 0);
  same(fault, 'best bound', lower, claimed);
}
