// Checks a plan against its input from first principles. Shares nothing with the planner but the form of the files: its own walk
// over keys, its own exact sums, its own zones, counts and figures. What it finds is a list of sentences; none means that the
// plan holds, and that nothing it says about itself is wrong.

import type { PlanJson } from '../formats/plan-json.ts';
import type { DriveSet } from '../model/drives.ts';
import type { Ranges } from '../model/ranges.ts';
import { type Certified, verifyBounds } from './certificates.ts';
import { cutRanges } from './cut.ts';
import { checkFigures } from './figures.ts';
import { afterHeadroom, type Machine, machinesOf } from './machines.ts';
import { type Tally, walkPlacements } from './walk.ts';

const FAULTS_MAX = 20;

export interface Verdict {
  readonly faults: readonly string[];
  readonly bounds: readonly Certified[];
  /** The largest bound that was proved again. */
  readonly lower: number;
}

class Faults {
  readonly list: string[] = [];

  readonly add = (sentence: string): void => {
    if (this.list.length < FAULTS_MAX) this.list.push(sentence);
    else if (this.list.length === FAULTS_MAX) this.list.push('... and more');
  };
}

/** The rules a plan states must be rules at all before anything is measured by them. */
function checkRules(plan: PlanJson, drives: DriveSet, faults: Faults): void {
  if (plan.resources.join() !== drives.resources.join()) {
    faults.add(
      `the plan counts ${plan.resources.join(', ')}, the drives have ${drives.resources.join(', ')}`,
    );
  }
  if (plan.reads !== 'tail' && plan.reads !== 'shared') faults.add('reads are tail or shared');
  if (!Number.isSafeInteger(plan.replicas) || plan.replicas < 1) {
    faults.add(`the number of replicas cannot be ${String(plan.replicas)}`);
  }
  const isShare = (share: number): boolean => typeof share === 'number' && share >= 0 && share < 1;
  if (plan.headroom.length !== plan.resources.length || !plan.headroom.every(isShare)) {
    faults.add('headroom must be a share below one for each resource');
  }
}

function checkCapacity(
  plan: PlanJson,
  tally: Tally,
  machine: (id: string) => Machine | undefined,
  faults: Faults,
): void {
  for (const [id, load] of tally.loads) {
    const known = machine(id);
    if (known === undefined) continue;
    load.forEach((value, r) => {
      const limit = afterHeadroom(known.capacity[r] ?? 0, plan.headroom[r] ?? 0);
      if (value > BigInt(limit)) {
        faults.add(
          `drive ${id}: ${value} of ${plan.resources[r]}, ${value - BigInt(limit)} more than the ${limit} allowed`,
        );
      }
    });
    const entries = tally.entries.get(id) ?? 0;
    if (known.maxRanges > 0 && entries > known.maxRanges) {
      faults.add(`drive ${id}: ${entries} index entries, ${known.maxRanges} allowed`);
    }
  }
}

function checkGroups(plan: PlanJson, tally: Tally, ranges: Ranges, faults: Faults): void {
  if (ranges.groups === undefined) return;
  const chainOf = new Map<string, string>();
  tally.placementOf.forEach((p, i) => {
    const group = ranges.groups![i]!;
    if (group === '' || p < 0) return;
    const chain = plan.placements[p]!.drives.join(' ');
    const first = chainOf.get(group) ?? chain;
    chainOf.set(group, first);
    if (first !== chain) faults.add(`group ${group} is split between ${first} and ${chain}`);
  });
}

function checkBounds(plan: PlanJson, bounds: readonly Certified[], faults: Faults): number {
  let lower = 0;
  for (const bound of bounds) {
    if (bound.holds) lower = Math.max(lower, bound.drives);
    else faults.add(`the bound of ${bound.drives} (${bound.name}) does not hold: ${bound.why}`);
  }
  if (plan.lower_bound > lower) {
    faults.add(
      `the plan claims a bound of ${plan.lower_bound} drives, only ${lower} could be proved`,
    );
  }
  for (const { drives, entries } of plan.curve) {
    if (!(drives >= lower && entries >= 1))
      faults.add(`the curve has ${entries} entries on ${drives} drives, ${lower} are needed`);
  }
  return lower;
}

/** `sha256` is the fingerprint of the ranges file; the plan's own is compared with it when both are there. */
export function verifyPlan(
  plan: PlanJson,
  input: Ranges,
  drives: DriveSet,
  sha256?: string,
): Verdict {
  const faults = new Faults();
  checkRules(plan, drives, faults);
  // Under other rules every further figure would be off; the sentence that matters would drown.
  if (faults.list.length > 0) return { faults: faults.list, bounds: [], lower: 0 };
  const ranges = cutRanges(input, plan.splits ?? [], faults.add);
  const machine = machinesOf(drives);
  const tally = walkPlacements(plan, ranges, machine, faults.add);
  checkCapacity(plan, tally, machine, faults);
  checkGroups(plan, tally, ranges, faults);
  if (plan.unplaced.length > 0) faults.add(`${plan.unplaced.length} ranges are not placed`);
  const bounds = verifyBounds(plan, ranges, drives);
  const lower = checkBounds(plan, bounds, faults);
  checkFigures(plan, tally, ranges, machine, faults.add);
  const stated = plan.input.sha256;
  if (sha256 !== undefined && stated !== undefined && sha256 !== stated) {
    faults.add('the plan was made from another ranges file: the fingerprints differ');
  }
  return { faults: faults.list, bounds, lower };
}
