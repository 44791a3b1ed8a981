// What the command can be told.

import { Command, InvalidArgumentError } from 'commander';
import { BUG_NAMES } from '../bugs/registry.ts';
import { FAULT_NAMES, type FaultName, isFaultName } from '../faults/registry.ts';
import { deathAt } from '../steps/moments.ts';

export interface SimOptions {
  readonly seeds: number;
  readonly from: number;
  /** Exactly this one. */
  readonly seed?: number | undefined;
  readonly faults?: readonly FaultName[];
  readonly ops?: number;
  readonly jobs: number;
  readonly json?: true;
  readonly log?: true;
  /** Violations are told, and the rest of the seeds are run. */
  readonly keepGoing?: true | undefined;
  readonly bug?: string | undefined;
  readonly bugs?: true;
  /** With limits of the size of the work. */
  readonly tight?: true;
  /** The name of a moment in which a process dies. */
  readonly step?: string;
  readonly steps?: true;
}

const SEED_MAX = 0xffff_ffff;

function whole(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= lowest && number <= highest) return number;
    throw new InvalidArgumentError(`expected a whole number from ${lowest} to ${highest}`);
  };
}

function faultList(text: string): FaultName[] {
  return text.split(',').flatMap((name) => {
    if (name === 'none') return [];
    if (isFaultName(name)) return [name];
    throw new InvalidArgumentError(`expected none, or some of ${FAULT_NAMES.join(', ')}`);
  });
}

function bugName(text: string): string {
  if (BUG_NAMES.includes(text)) return text;
  throw new InvalidArgumentError(`expected one of ${BUG_NAMES.join(', ')}`);
}

function momentName(text: string): string {
  if (deathAt(text) !== undefined) return text;
  throw new InvalidArgumentError('expected a fault point, commit:NUMBER or flush:DRIVE:NUMBER');
}

export function makeCommand(run: (options: SimOptions) => Promise<void>): Command {
  return new Command('sim')
    .description('Whole clusters in one process and virtual time, under faults, and judged.')
    .option('--seeds <n>', 'how many seeds', whole(1, SEED_MAX), 100)
    .option('--from <n>', 'the first one', whole(0, SEED_MAX), 1)
    .option('--seed <n>', 'this one alone', whole(0, SEED_MAX))
    .option('--faults <names>', 'only these faults, with commas; none: no faults', faultList)
    .option('--ops <n>', 'operations of a run', whole(1, 100_000))
    .option('--jobs <n>', 'worker processes', whole(1, 64), 1)
    .option('--keep-going', 'tell of a violation, and go on')
    .option('--json', 'the summary as JSON')
    .option('--log', 'show what the programs log')
    .option('--bug <name>', 'build this bug in, and look for it', bugName)
    .option('--bugs', 'each deliberate bug: in which seed is it found?')
    .option('--tight', 'limits small enough for what lies behind them to happen')
    .option('--step <name>', 'a process dies in this moment', momentName)
    .option('--steps', 'a process dies behind each step that is durable, one after the other')
    .action(run);
}

/** The command that repeats a seed when `--seed` is added. */
export function commandFor({ faults, ops, bug, step, tight }: SimOptions): string {
  const parts = ['npm run sim --'];
  if (bug !== undefined) parts.push(`--bug ${bug}`);
  if (tight) parts.push('--tight');
  if (step !== undefined) parts.push(`--step ${step}`);
  if (faults !== undefined) parts.push(`--faults ${faults.join(',') || 'none'}`);
  if (ops !== undefined) parts.push(`--ops ${ops}`);
  return parts.join(' ');
}
