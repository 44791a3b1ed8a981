// One run of the command's seeds, with its progress and its sums.

import type { SeedResult } from '../seed/result.ts';
import { type CrewOutcome, runSeeds } from './crew.ts';
import { commandFor, type SimOptions } from './options.ts';
import { startProgress } from './progress.ts';
import { Summary } from './summary.ts';

export interface Hunt extends CrewOutcome {
  readonly summary: Summary;
}

/** Runs seeds until one fails or all are done. */
export async function hunt(options: SimOptions): Promise<Hunt> {
  const { faults, ops, bug, jobs } = options;
  const from = options.seed ?? options.from;
  const count = options.seed === undefined ? options.seeds : 1;
  const summary = new Summary();
  const progress = startProgress(count, bug ?? 'seeds');
  let done = 0;
  try {
    const outcome = await runSeeds({
      orders: {
        wishes: { operations: ops, faults },
        bug,
        isTight: options.tight === true,
        step: options.step,
        keepsLog: options.log === true,
        command: commandFor(options),
      },
      jobs,
      from,
      count,
      failure: options.keepGoing === true ? (_, report) => console.log(report) : undefined,
      progress(result: SeedResult, cpuMs: number) {
        summary.add(result, cpuMs);
        progress.update(++done, `${summary.seedsPerSecond.toFixed(1)} a second`);
      },
    });
    return { ...outcome, summary };
  } finally {
    progress.stop();
  }
}
