// What the command can be told.

import { Partitioning } from '@piton/protocol';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CHANGES } from '../faults/changes.ts';
import type { Fault } from '../faults/fault.ts';
import { fill } from '../faults/fill.ts';
import { FAULTS } from '../faults/registry.ts';

export interface ChaosOptions {
  readonly minutes: number;
  readonly drives: number;
  readonly replicas: number;
  readonly leaseMs: number;
  readonly partitioning: Partitioning;
  readonly roundSeconds: number;
  readonly faults?: readonly Fault[];
  readonly seed?: number;
  readonly json?: true;
  readonly log?: true;
}

export const ALL_FAULTS: readonly Fault[] = [...FAULTS, fill, ...CHANGES];

function number(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text !== '' && value >= lowest && value <= highest) return value;
    throw new InvalidArgumentError(`expected a number from ${lowest} to ${highest}`);
  };
}

function faultList(text: string): Fault[] {
  return text.split(',').map((name) => {
    const found = ALL_FAULTS.find((fault) => fault.name === name);
    if (found !== undefined) return found;
    const names = ALL_FAULTS.map((fault) => fault.name).join(', ');
    throw new InvalidArgumentError(`expected some of ${names}`);
  });
}

export function makeCommand(run: (options: ChaosOptions) => Promise<void>): Command {
  return new Command('chaos')
    .description('A real cluster under real faults, with everything that it answers judged.')
    .option('--minutes <n>', 'how long', number(0.1, 10_000), 5)
    .option('--drives <n>', 'drives', number(3, 16), 5)
    .option('--replicas <n>', 'copies of each key', number(1, 5), 3)
    .option('--lease-ms <n>', 'lease of the drives', number(500, 60_000), 3_000)
    .addOption(
      new Option('--partitioning <how>', 'how the keys are cut into ranges')
        .choices(Object.values(Partitioning))
        .default(Partitioning.hash),
    )
    .option('--round-seconds <n>', 'length of a round', number(5, 600), 60)
    .option('--faults <names>', 'only these faults, with commas', faultList)
    .option(
      '--seed <n>',
      'which faults when; what they meet is up to the machine',
      number(0, 2 ** 32),
    )
    .option('--json', 'the summary as JSON')
    .option('--log', 'tell each fault on standard error')
    .addHelpText(
      'after',
      '\nExamples:\n  npm run chaos -- --minutes 60\n  npm run chaos -- --minutes 2 --faults kill,pause --log\n',
    )
    .action(run);
}
