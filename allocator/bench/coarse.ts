// The packing literature: Caprara and Toth, Mommessin and others, regenerated; gap to our own bound, share proved optimal, time.

import { loadHighs } from '../src/coarse/highs.ts';
import { coarseItems } from '../src/coarse/items.ts';
import { constructAll } from '../src/coarse/portfolio.ts';
import { planToJson } from '../src/formats/plan-json.ts';
import { vectorInstance } from '../src/formats/vbp.ts';
import { capraraToth, type Instance, mommessin } from '../src/generate/literature.ts';
import { Budget } from '../src/packing/budget.ts';
import { packingFrom } from '../src/packing/packing.ts';
import { plan } from '../src/plan/plan.ts';
import { verifyPlan } from '../src/verify/verify.ts';
import type { Journal, Outcome } from './journal.ts';
import { percent, type Row, seconds } from './table.ts';

/** Processor time of this process: what a limit means on a machine that does other work as well. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Work for one instance, at most some nine seconds of a quiet machine. The limit in
 * seconds is for slower ones, and short of the ten that are promised: the solver is not stopped at once.
 */
const STEPS = 870_000_000;

let endsAtMs = 0;
const shouldStop = (): boolean => cpuMs() >= endsAtMs;

function constructedDrives(instance: Instance): number {
  const joins = new Uint8Array(instance.demands[0]!.length);
  const packing = packingFrom(instance.demands, joins, instance.capacity);
  return constructAll(coarseItems(packing, instance.capacity), new Budget(1e9))[0]!.length;
}

async function solve(instance: Instance, limitMs: number): Promise<Outcome> {
  const solver = await loadHighs();
  const input = vectorInstance(instance.capacity, instance.demands);
  const startedMs = cpuMs();
  endsAtMs = startedMs + limitMs;
  const result = plan(input, { steps: STEPS }, { solver, shouldStop });
  const usedMs = cpuMs() - startedMs;
  const verdict = verifyPlan(planToJson(result, input.ranges), input.ranges, input.drives);
  if (verdict.faults.length > 0) throw new Error(`${instance.name}: ${verdict.faults[0]}`);
  return {
    name: instance.name,
    steps: STEPS,
    drives: result.drives.length,
    lower: Math.max(verdict.lower, instance.optimum ?? 0),
    constructed: constructedDrives(instance),
    cpuMs: Math.round(usedMs),
  };
}

/** Which part of the literature, how long each instance may take, and what is known from earlier runs. */
export interface CoarseRun {
  readonly isShort: boolean;
  readonly limitMs: number;
  readonly journal: Journal;
  /** Instances of each class and size. */
  readonly perClass: number;
  /** Classes and sizes to solve; all when undefined. */
  readonly classes: readonly string[] | undefined;
  readonly sizes: readonly number[] | undefined;
}

interface Family {
  readonly name: string;
  readonly group: string;
  readonly instances: readonly Instance[];
}

function sumOf(outcomes: readonly Outcome[], value: (outcome: Outcome) => number): number {
  return outcomes.reduce((total, outcome) => total + value(outcome), 0);
}

function rowOf(name: string, outcomes: readonly Outcome[]): Row {
  const lower = sumOf(outcomes, (outcome) => outcome.lower);
  const proved = outcomes.filter((outcome) => outcome.drives === outcome.lower).length;
  const meanGap = (drivesOf: (outcome: Outcome) => number): number =>
    sumOf(outcomes, (outcome) => drivesOf(outcome) / outcome.lower - 1) / outcomes.length;
  const most = (value: (outcome: Outcome) => number): number =>
    outcomes.reduce((max, outcome) => Math.max(max, value(outcome)), 0);
  const gap = meanGap((outcome) => outcome.drives);
  const constructed = meanGap((outcome) => outcome.constructed);
  return {
    class: name,
    instances: outcomes.length,
    drives: sumOf(outcomes, (outcome) => outcome.drives),
    bound: lower,
    meanGap: percent(gap),
    constructedGap: percent(constructed),
    belowHalf: gap < constructed / 2 ? 'yes' : constructed === 0 && gap === 0 ? 'both 0' : 'NO',
    optimal: proved,
    share: percent(proved / outcomes.length),
    worst: most((outcome) => outcome.drives - outcome.lower),
    meanCpu: seconds(sumOf(outcomes, (outcome) => outcome.cpuMs) / outcomes.length),
    maxCpu: seconds(most((outcome) => outcome.cpuMs)),
    each: [...outcomes],
  };
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, s) => s + 1);
}

/** Solves class after class; after them come rows for each group and for all. */
async function solveFamilies(families: readonly Family[], run: CoarseRun): Promise<Row[]> {
  const rows: Row[] = [];
  const groups = new Map<string, Outcome[]>();
  for (const { name, group, instances } of families) {
    const outcomes: Outcome[] = [];
    for (const instance of instances) {
      const known = run.journal.find(instance.name, STEPS);
      const outcome = known ?? (await solve(instance, run.limitMs));
      if (known === undefined) run.journal.add(outcome);
      outcomes.push(outcome);
      process.stderr.write('.');
    }
    groups.set(group, [...(groups.get(group) ?? []), ...outcomes]);
    rows.push(rowOf(name, outcomes));
    process.stderr.write(`${name}\n`);
  }
  const all = [...groups.values()].flat();
  const totals = groups.size > 1 ? [...groups] : [];
  return [
    ...rows,
    ...[...totals, ['all', all] as const].map(([name, list]) => totalRow(name, list)),
  ];
}

/** The instances stand in the rows of their classes already. */
function totalRow(name: string, outcomes: readonly Outcome[]): Row {
  const { each: _, ...total } = rowOf(name, outcomes);
  return total;
}

/** Ten instances of each class and size; class 10 has sizes of whole triplets. */
export function benchCapraraToth(run: CoarseRun): Promise<Row[]> {
  const families: Family[] = [];
  for (let kind = 1; kind <= 10; kind++) {
    if (!(run.classes?.includes(String(kind)) ?? true)) continue;
    for (const n of run.isShort ? [25, 50] : [25, 50, 100, 200]) {
      if (!(run.sizes?.includes(n) ?? true)) continue;
      const items = kind === 10 ? { 25: 24, 50: 51, 100: 99, 200: 201 }[n]! : n;
      const instances = seeds(run.isShort ? 2 : 10).map((seed) => capraraToth(kind, items, seed));
      families.push({ name: `ct-${kind} n=${items}`, group: `class ${kind}`, instances });
    }
  }
  return solveFamilies(families, run);
}

const KINDS = 'P1 P2 P3 P4 P5 P6 P7 P8 P9 I1 I2 I3 I4 I5 I6 TF TC'.split(' ');
const TRIPLET_SIZES = [60, 120, 249, 501];
const SIZES = [20, 40, 60, 120, 250, 500];

/** The published sizes; with two resources in place of the published five and ten. */
export function benchMommessin(run: CoarseRun): Promise<Row[]> {
  const families: Family[] = [];
  for (const d of [2, 3]) {
    for (const kind of KINDS) {
      if (!(run.classes?.includes(kind) ?? true)) continue;
      const isTriplet = kind.startsWith('T');
      for (const n of run.isShort ? [60] : isTriplet ? TRIPLET_SIZES : SIZES) {
        if (!(run.sizes?.includes(n) ?? true)) continue;
        const count = run.isShort ? 1 : run.perClass;
        const instances = seeds(count).map((seed) => mommessin(kind, n, d, seed));
        const group = isTriplet ? `triplets n=${n}` : `P and I d=${d} n=${n}`;
        families.push({ name: `${kind} d=${d} n=${n}`, group, instances });
      }
    }
  }
  return solveFamilies(families, run);
}
