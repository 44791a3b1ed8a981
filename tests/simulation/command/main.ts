// `npm run sim`: runs seeds until one fails or all are done. Exit code 0: no violation; 1: one was found, or a
// bug that was built in was not; 2: usage.

import { BUGS } from '../bugs/registry.ts';
import { tryAllMoments } from '../steps/try-moments.ts';
import { type Find, findBug } from './bug-hunt.ts';
import { hunt } from './hunt.ts';
import { makeCommand, type SimOptions } from './options.ts';
import { reportOn } from './report.ts';

const USAGE_CODE = 2;

async function lookForViolations(options: SimOptions): Promise<void> {
  const { failed, report, summary } = await hunt(options);
  if (report !== undefined) console.log(report);
  if (options.json) {
    console.log(JSON.stringify({ ...summary.toJson(), failedSeed: failed?.seed ?? null }));
  } else {
    console.log(summary.toText());
    const seeds = summary.failedSeeds.join(', ');
    console.log(failed === undefined ? 'no violation' : `violation in seed ${seeds}`);
  }
  process.exitCode = failed === undefined ? 0 : 1;
}

async function lookForBug(options: SimOptions): Promise<void> {
  const find = await findBug(options);
  if (find.report !== undefined) console.log(find.report);
  tellFind(options.bug as string, find, options);
  process.exitCode = find.failed === undefined ? 1 : 0;
}

async function lookForBugs(options: SimOptions): Promise<void> {
  let found = 0;
  for (const { name } of BUGS) {
    const find = await findBug({ ...options, bug: name });
    if (find.failed !== undefined) found++;
    tellFind(name, find, options);
  }
  if (!options.json) console.log(`${found} of ${BUGS.length} bugs found`);
  process.exitCode = found === BUGS.length ? 0 : 1;
}

async function lookAtSteps(): Promise<void> {
  const counts = new Map<string, number>();
  const problems: string[] = [];
  for await (const { moment, seed, failed } of tryAllMoments()) {
    if (seed === undefined) problems.push(`${moment} is never reached`);
    else {
      const kind = /^(commit|flush)/.exec(moment)?.[0] ?? 'fault point';
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    if (failed === undefined) continue;
    console.log(reportOn(failed, `npm run sim -- --step ${moment} --seed ${seed}`));
    problems.push(`violation at ${moment} in seed ${seed}`);
  }
  for (const [kind, count] of counts) console.log(`${count} deaths, each at another ${kind}`);
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function tellFind(bug: string, { failed, failWithout, seconds }: Find, { json }: SimOptions): void {
  if (json) {
    const shown = { bug, seed: failed?.seed ?? null, failWithout, seconds: Math.round(seconds) };
    console.log(JSON.stringify(shown));
    return;
  }
  const where = failed === undefined ? 'NOT FOUND' : `seed ${failed.seed}`;
  const what = failed?.failures[0]?.what ?? '';
  console.log(`${bug.padEnd(34)} ${where.padEnd(11)} ${what.slice(0, 110)}`);
  if (failWithout.length > 0) console.log(`  fail without it: ${failWithout.join(', ')}`);
}

function run(options: SimOptions): Promise<void> {
  if (options.steps) return lookAtSteps();
  if (options.bugs) return lookForBugs(options);
  return options.bug === undefined ? lookForViolations(options) : lookForBug(options);
}

makeCommand(run)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_CODE))
  .parseAsync()
  .catch((error: unknown) => {
    console.error((error as Error).message);
    process.exitCode = 1;
  });
