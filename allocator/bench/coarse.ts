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
import { percent, type Row, seconds } from './table.ts';

interface Outcome {
  readonly name: string;
  readonly drives: number;
  readonly lower: number;
  readonly constructed: number;
  readonly cpuMs: number;
}

/** Processor time of this process: what a limit means on a machine that does other work as well. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Work for one instance: some five seconds of a quiet machine. The limit in seconds is only there for slower ones. */
const STEPS = 1_000_000_000;

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
    drives: result.drives.length,
    lower: Math.max(verdict.lower, instance.optimum ?? 0),
    constructed: constructedDrives(instance),
    cpuMs: usedMs,
  };
}

function sumOf(outcomes: readonly Outcome[], value: (outcome: Outcome) => number): number {
  return outcomes.reduce((total, outcome) => total + value(outcome), 0);
}

function rowOf(name: string, outcomes: readonly Outcome[]): Row {
  const lower = sumOf(outcomes, (outcome) => outcome.lower);
  const proved = outcomes.filter((outcome) => outcome.drives === outcome.lower).length;
  const meanGap = (drivesOf: (outcome: Outcome) => number): string =>
    percent(sumOf(outcomes, (outcome) => drivesOf(outcome) / outcome.lower - 1) / outcomes.length);
  const most = (value: (outcome: Outcome) => number): number =>
    outcomes.reduce((max, outcome) => Math.max(max, value(outcome)), 0);
  return {
    class: name,
    instances: outcomes.length,
    drives: sumOf(outcomes, (outcome) => outcome.drives),
    bound: lower,
    meanGap: meanGap((outcome) => outcome.drives),
    constructedGap: meanGap((outcome) => outcome.constructed),
    optimal: proved,
    share: percent(proved / outcomes.length),
    worst: most((outcome) => outcome.drives - outcome.lower),
    meanCpu: seconds(sumOf(outcomes, (outcome) => outcome.cpuMs) / outcomes.length),
    maxCpu: seconds(most((outcome) => outcome.cpuMs)),
    each: outcomes.map(({ name: id, drives, lower: bound, cpuMs: used }) => ({
      id,
      drives,
      bound,
      cpuMs: Math.round(used),
    })),
  };
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, s) => s + 1);
}

/** Solves class after class; the last row is all of them. */
async function solveClasses(
  classes: readonly (readonly [string, readonly Instance[]])[],
  limitMs: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  const all: Outcome[] = [];
  for (const [name, instances] of classes) {
    const outcomes: Outcome[] = [];
    for (const instance of instances) outcomes.push(await solve(instance, limitMs));
    all.push(...outcomes);
    rows.push(rowOf(name, outcomes));
    process.stderr.write('.');
  }
  const { each: _, ...total } = rowOf('all', all);
  process.stderr.write('\n');
  return [...rows, total];
}

/** Ten instances of each class and size; class 10 has sizes of whole triplets. */
export function benchCapraraToth(isShort: boolean, limitMs: number): Promise<Row[]> {
  const classes: [string, Instance[]][] = [];
  for (let kind = 1; kind <= 10; kind++) {
    for (const n of isShort ? [25, 50] : [25, 50, 100, 200]) {
      const items = kind === 10 ? { 25: 24, 50: 51, 100: 99, 200: 201 }[n]! : n;
      const list = seeds(isShort ? 2 : 10).map((seed) => capraraToth(kind, items, seed));
      classes.push([`ct-${kind} n=${items}`, list]);
    }
  }
  return solveClasses(classes, limitMs);
}

const KINDS = 'P1 P2 P3 P4 P5 P6 P7 P8 P9 I1 I2 I3 I4 I5 I6 TF TC'.split(' ');

export function benchMommessin(
  isShort: boolean,
  limitMs: number,
  perClass: number,
): Promise<Row[]> {
  const classes: [string, Instance[]][] = [];
  for (const d of [2, 3]) {
    for (const kind of KINDS) {
      const sizes = isShort ? [60] : kind.startsWith('T') ? [60, 120, 249] : [60, 120, 250];
      const list = sizes.flatMap((n) =>
        seeds(isShort ? 1 : perClass).map((seed) => mommessin(kind, n, d, seed)),
      );
      classes.push([`${kind} d=${d}`, list]);
    }
  }
  return solveClasses(classes, limitMs);
}
