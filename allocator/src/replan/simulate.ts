// How a placement fares while its ranges change: steps of drift, each mended by re-allocation.
//
// The same drift as the generator's: neighbouring ranges rise and fall together, everything grows a little, and at each step one
// stretch is hot. What comes out per step is what an operator would ask: how many drives were over, what had to move, what it cost.

import { type Drift, drift } from '../generate/workloads.ts';
import type { PlanInput } from '../plan/types.ts';
import { replan } from './replan.ts';
import type { CurrentPlacement, ReplanOptions } from './types.ts';

export interface SimulationOptions extends ReplanOptions, Drift {
  readonly steps: number;
  readonly seed: number;
}

export interface SimulationStep {
  readonly step: number;
  /** Drives over their capacity before anything moved. */
  readonly over: number;
  readonly moves: number;
  readonly bytesMoved: number;
  readonly bytesBound: number;
  readonly entries: number;
  readonly drives: number;
  /** Fill of the fullest drive afterwards, in the resource where it is fullest. */
  readonly fullest: number;
  readonly unsolved: readonly string[];
}

function fullest(
  loads: readonly (readonly number[])[],
  drives: readonly { readonly usable: readonly number[] }[],
): { most: number; over: number } {
  let most = 0;
  let over = 0;
  drives.forEach((drive, d) => {
    const fill = loads.reduce(
      (worst, load, r) => Math.max(worst, (load[d] ?? 0) / Math.max(1, drive.usable[r]!)),
      0,
    );
    most = Math.max(most, fill);
    if (fill > 1) over++;
  });
  return { most, over };
}

/** Steps until the first drive is over capacity if every range grows alike and nothing moves; infinite without growth. */
export function stepsToOverflow(
  drives: readonly { readonly used: readonly number[]; readonly usable: readonly number[] }[],
  growth: number,
): number {
  let least = Number.POSITIVE_INFINITY;
  for (const { used, usable } of drives) {
    used.forEach((value, r) => {
      if (value <= 0 || growth <= 0) return;
      least = Math.min(least, Math.max(0, Math.log(usable[r]! / value) / Math.log1p(growth)));
    });
  }
  return least;
}

/** One result per step; the placement goes on from step to step. */
export function* simulate(
  input: PlanInput,
  current: CurrentPlacement,
  options: SimulationOptions,
): Generator<SimulationStep> {
  const { ranges, drives } = input;
  const start = {
    name: 'now',
    bytes: ranges.bytes,
    readBps: ranges.readBps,
    writeBps: ranges.writeBps,
  };
  let placement = current;
  let step = 0;
  for (const { bytes, readBps, writeBps } of drift(start, options.steps, options.seed, options)) {
    const result = replan(
      { ranges: { ...ranges, bytes, readBps, writeBps }, drives },
      placement,
      options,
    );
    placement = Array.from({ length: ranges.count }, (_, i) =>
      result.chains.flatMap((chain) => (chain[i]! >= 0 ? [result.drives[chain[i]!]!.id] : [])),
    );
    const after = fullest(result.after, result.drives);
    yield {
      step: ++step,
      over: fullest(result.before, result.drives).over,
      moves: result.moves.length,
      bytesMoved: result.bytesMoved,
      bytesBound: result.bytesBound,
      entries: result.entriesAfter,
      drives: new Set(placement.flat()).size,
      fullest: after.most,
      unsolved: result.unsolved,
    };
  }
}
