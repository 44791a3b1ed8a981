// The packing literature: Caprara and Toth, Mommessin and others, regenerated; gap to our own bound, share proved optimal, time.

import { loadHighs } from '../src/coarse/highs.ts';
import { coarseItems } from '../src/coarse/items.ts';
import { constructAll } from '../src/coarse/portfolio.ts';
import { vectorInstance } from '../src/formats/vbp.ts';
import { capraraToth, type Instance, mommessin } from '../src/generate/literature.ts';
import { Budget } from '../src/packing/budget.ts';
import { packingFrom } from '../src/packing/packing.ts';
import { plan } from '../src/plan/plan.ts';
import { percent, type Row, seconds } from './table.ts';

interface Outcome {
  readonly drives: number;
  readonly lower: number;
  readonly constructed: number;
  readonly ms: number;
}

let endsAt = 0;
const shouldStop = (): boolean => performance.now() >= endsAt;

function constructedDrives(instance: Instance): number {
  const joins = new Uint8Array(instance.demands[0]!.length);
  const packing = packingFrom(instance.demands, joins, instance.capacity);
  return constructAll(coarseItems(packing, instance.capacity), new Budget(1e9))[0]!.length;
}

async function solve(instance: Instance, limitMs: number): Promise<Outcome> {
  const solver = await loadHighs(shouldStop);
  const input = vectorInstance(instance.capacity, instance.demands);
  const started = performance.now();
  endsAt = started + limitMs;
  const result = plan(input, { steps: 1e12 }, { solver, shouldStop });
  const ms = performance.now() - started;
  const lower = Math.max(result.lower, instance.optimum ?? 0);
  return { drives: result.drives.length, lower, constructed: constructedDrives(instance), ms };
}

async function solveAll(
  name: string,
  instances: readonly Instance[],
  limitMs: number,
): Promise<Row> {
  const outcomes: Outcome[] = [];
  for (const instance of instances) outcomes.push(await solve(instance, limitMs));
  const sum = (value: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + value(outcome), 0);
  const lower = sum((outcome) => outcome.lower);
  return {
    class: name,
    instances: outcomes.length,
    drives: sum((outcome) => outcome.drives),
    bound: lower,
    gap: percent(sum((outcome) => outcome.drives) / lower - 1),
    constructedGap: percent(sum((outcome) => outcome.constructed) / lower - 1),
    optimal: outcomes.filter((outcome) => outcome.drives === outcome.lower).length,
    worst: outcomes.reduce((most, outcome) => Math.max(most, outcome.drives - outcome.lower), 0),
    meanTime: seconds(sum((outcome) => outcome.ms) / outcomes.length),
    maxTime: seconds(outcomes.reduce((most, outcome) => Math.max(most, outcome.ms), 0)),
  };
}

function seeds(count: number): number[] {
  return Array.from({ length: count }, (_, s) => s + 1);
}

export async function benchCapraraToth(isShort: boolean, limitMs: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (let kind = 1; kind <= 10; kind++) {
    for (const n of isShort ? [25, 50] : [25, 50, 100, 200]) {
      const items = kind === 10 ? { 25: 24, 50: 51, 100: 99, 200: 201 }[n]! : n;
      const list = seeds(isShort ? 2 : 10).map((seed) => capraraToth(kind, items, seed));
      rows.push(await solveAll(`ct-${kind} n=${items}`, list, limitMs));
    }
  }
  return rows;
}

const KINDS = 'P1 P2 P3 P4 P5 P6 P7 P8 P9 I1 I2 I3 I4 I5 I6 TF TC'.split(' ');

export async function benchMommessin(
  isShort: boolean,
  limitMs: number,
  perClass: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const d of [2, 3]) {
    for (const kind of KINDS) {
      const isTriplet = kind.startsWith('T');
      const sizes = isShort ? [60] : isTriplet ? [60, 120, 249] : [60, 120, 250];
      const list = sizes.flatMap((n) =>
        seeds(isShort ? 1 : perClass).map((seed) => mommessin(kind, n, d, seed)),
      );
      rows.push(await solveAll(`${kind} d=${d}`, list, limitMs));
    }
  }
  return rows;
}
