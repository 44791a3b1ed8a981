// `npm run sim`: runs seeds until one fails or all are done. Exit code 0: no violation; 1: one was found, or a
// bug that was built in was not; 2: usage.

import { BUGS } from '../bugs/registry.ts';
import type { SeedResult } from '../seed/result.ts';
import { type CrewOutcome, runSeeds } from './crew.ts';
import { commandFor, makeCommand, type SimOptions } from './options.ts';
import { startProgress } from './progress.ts';
import { Summary } from './summary.ts';

const USAGE_CODE = 2;

interface Hunt extends CrewOutcome {
  readonly summary: Summary;
}

async function hunt(options: SimOptions): Promise<Hunt> {
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
        keepsLog: options.log === true,
        command: commandFor(options),
      },
      jobs,
      from,
      count,
      progress(result: SeedResult) {
        summary.add(result);
        progress.update(++done, `${summary.seedsPerSecond.toFixed(1)} a second`);
      },
    });
    return { ...outcome, summary };
  } finally {
    progress.stop();
  }
}

async function lookForViolations(options: SimOptions): Promise<void> {
  const { failed, report, summary } = await hunt(options);
  if (report !== undefined) console.log(report);
  if (options.json)
    console.log(JSON.stringify({ ...summary.toJson(), failedSeed: failed?.seed ?? null }));
  else console.log(summary.toText());
  if (failed === undefined && !options.json) console.log('no violation');
  const isExpected = options.bug !== undefined;
  if (isExpected && failed === undefined) console.log(`the bug ${options.bug} was not found`);
  process.exitCode = (failed === undefined) === isExpected ? 1 : 0;
}

async function lookForBugs(options: SimOptions): Promise<void> {
  let missed = 0;
  for (const { name } of BUGS) {
    const { failed, summary } = await hunt({ ...options, bug: name });
    if (failed === undefined) missed++;
    const where =
      failed === undefined ? 'NOT FOUND' : `seed ${failed.seed}: ${failed.failures[0]?.what}`;
    if (options.json) {
      const seconds = Number(summary.seconds.toFixed(1));
      console.log(JSON.stringify({ bug: name, seed: failed?.seed ?? null, seconds }));
    } else console.log(`${name.padEnd(32)} ${where.slice(0, 120)}`);
  }
  if (!options.json) console.log(`${BUGS.length - missed} of ${BUGS.length} bugs found`);
  process.exitCode = missed === 0 ? 0 : 1;
}

makeCommand((options) => (options.bugs ? lookForBugs(options) : lookForViolations(options)))
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_CODE))
  .parseAsync()
  .catch((error: unknown) => {
    console.error((error as Error).message);
    process.exitCode = 1;
  });
