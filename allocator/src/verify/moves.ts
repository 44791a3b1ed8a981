// Checks an ordered list of moves by carrying it out: code of its own, for tests, the benchmark and `verify`.
//
// After every single move the target holds the copy and, until the wave ends, so does the source. No drive may then be fuller than
// it is allowed, unless it was so before and has not received anything.

import type { Demand } from '../plan/demand.ts';

export interface MoveStep {
  readonly range: number;
  readonly position: number;
  readonly from: string;
  readonly to: string;
  readonly wave: number;
}

export function checkMoves(
  steps: readonly MoveStep[],
  before: readonly (readonly string[])[],
  demand: Demand,
  usable: ReadonlyMap<string, readonly number[]>,
  copiesOf: (range: number) => number,
): string[] {
  const faults: string[] = [];
  const resources = demand.base.length;
  const loads = new Map<string, number[]>();
  const need = (range: number, position: number): number[] =>
    Array.from(
      { length: resources },
      (_, r) =>
        demand.base[r]![range]! + (position === copiesOf(range) - 1 ? demand.tail[r]![range]! : 0),
    );
  const change = (id: string, amount: readonly number[], sign: number): void => {
    const load = loads.get(id) ?? new Array<number>(resources).fill(0);
    loads.set(
      id,
      load.map((value, r) => value + sign * amount[r]!),
    );
  };
  const place = before.map((chain) => [...chain]);
  place.forEach((chain, range) => {
    chain.forEach((id, position) => {
      if (id !== '') change(id, need(range, position), 1);
    });
  });
  let leaving: MoveStep[] = [];
  let wave = steps[0]?.wave ?? 0;
  steps.forEach((step, k) => {
    if (step.wave !== wave) {
      for (const left of leaving) change(left.from, need(left.range, left.position), -1);
      leaving = [];
      wave = step.wave;
    }
    const here = place[step.range]?.[step.position] ?? '';
    if (here !== step.from)
      faults.push(`move ${k + 1}: the copy is on ${here}, not on ${step.from}`);
    const amount = need(step.range, step.position);
    change(step.to, amount, 1);
    const limit = usable.get(step.to);
    loads.get(step.to)!.forEach((value, r) => {
      if (amount[r]! > 0 && value > (limit?.[r] ?? 0)) {
        faults.push(
          `move ${k + 1}: ${step.to} would hold ${value} of resource ${r}, ${limit?.[r]} allowed`,
        );
      }
    });
    const chain = place[step.range] ?? [];
    chain[step.position] = step.to;
    place[step.range] = chain;
    if (step.from !== '') leaving.push(step);
  });
  return faults;
}
