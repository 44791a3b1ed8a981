// piton keyspace create NAME: a new, empty keyspace.

import { limits, Partitioning } from '@piton/protocol';
import { Command, Option } from 'commander';
import { parseCount } from '../../input/numbers.ts';
import { toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import { usageError } from '../../shell/exit.ts';
import type { Terminal } from '../../shell/terminal.ts';

interface CreateOptions {
  readonly partitioning: Partitioning;
  readonly replicas: string;
  readonly splitAt?: string[];
}

function splitKeysOf(options: CreateOptions): Uint8Array[] | undefined {
  if (options.splitAt === undefined) return undefined;
  if (options.partitioning === Partitioning.hash) {
    throw usageError('--split-at', 'it with --partitioning range only', 'hash');
  }
  return [...new Set(options.splitAt)].map((key) => Buffer.from(key)).sort(Buffer.compare);
}

function createCommand(terminal: Terminal): Command {
  return new Command('create')
    .summary('make a new keyspace')
    .description(
      'Makes a new, empty keyspace.\n' +
        '  range  keys are kept in order: scans by prefix and interval touch few drives\n' +
        '  hash   keys are spread evenly over the drives: no hot spots, scans visit all ranges',
    )
    .argument('<NAME>', 'letters, digits and . _ -')
    .addOption(
      new Option('--partitioning <P>', 'how keys are placed')
        .choices([Partitioning.range, Partitioning.hash])
        .makeOptionMandatory(),
    )
    .requiredOption('--replicas <N>', `copies of every key, 1 to ${limits.CHAIN_MEMBERS_MAX}`)
    .option('--split-at <KEY...>', 'cut it at these keys from the start')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton keyspace create users --partitioning hash --replicas 3\n' +
        '  piton keyspace create logs --partitioning range --replicas 1 --split-at h p',
    )
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const context = contextOf(terminal, command);
      const replicas = parseCount('--replicas', options.replicas, 1, limits.CHAIN_MEMBERS_MAX);
      const splitKeys = splitKeysOf(options);
      await using admin = context.admin();
      await admin.createKeyspace(name, options.partitioning, replicas, splitKeys);
      const made = { name, partitioning: options.partitioning, replicas };
      if (context.isJson) terminal.out.write(`${toJson(made)}\n`);
      else terminal.out.write(`ok, use it with --keyspace ${name}\n`);
    });
}

export function keyspaceCommand(terminal: Terminal): Command {
  return new Command('keyspace')
    .summary('make keyspaces')
    .description('A keyspace has its own keys, its own partitioning and its own replica count.')
    .addCommand(createCommand(terminal));
}
