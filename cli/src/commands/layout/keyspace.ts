// piton keyspace create NAME: a new, empty keyspace.

import { type LayoutRange, limits, Partitioning } from '@piton/protocol';
import { Command, Option } from 'commander';
import { parseCount } from '../../input/numbers.ts';
import { readPlanLayout } from '../../input/plan-file.ts';
import { toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import { usageError } from '../../shell/exit.ts';
import type { Terminal } from '../../shell/terminal.ts';

interface CreateOptions {
  readonly partitioning?: Partitioning;
  readonly replicas?: string;
  readonly splitAt?: string[];
  readonly plan?: string;
}

/** What the command asks for, wherever it stood. */
interface Wanted {
  readonly partitioning: Partitioning;
  readonly replicas: number;
  readonly splitKeys?: readonly Uint8Array[] | undefined;
  readonly layout?: readonly LayoutRange[] | undefined;
}

const replicasOf = (text: string): number =>
  parseCount('--replicas', text, 1, limits.CHAIN_MEMBERS_MAX);

function wantedByPlan(file: string, options: CreateOptions): Wanted {
  if (options.partitioning === Partitioning.hash) {
    throw usageError('--plan', 'it with --partitioning range only', 'hash');
  }
  if (options.splitAt !== undefined) throw usageError('--plan', 'it without --split-at', file);
  const { replicas, layout } = readPlanLayout(file);
  if (options.replicas !== undefined && replicasOf(options.replicas) !== replicas) {
    throw usageError(
      '--replicas',
      `${replicas}, as the plan has, or leave it out`,
      options.replicas,
    );
  }
  return { partitioning: Partitioning.range, replicas, layout };
}

function wantedBy(options: CreateOptions): Wanted {
  if (options.plan !== undefined) return wantedByPlan(options.plan, options);
  const { partitioning, replicas } = options;
  if (partitioning === undefined) throw usageError('--partitioning', 'range or hash', 'nothing');
  if (replicas === undefined) throw usageError('--replicas', 'a number of copies', 'nothing');
  const splitKeys = splitKeysOf(options);
  return { partitioning, replicas: replicasOf(replicas), splitKeys };
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
      new Option('--partitioning <P>', 'how keys are placed').choices([
        Partitioning.range,
        Partitioning.hash,
      ]),
    )
    .option('--replicas <N>', `copies of every key, 1 to ${limits.CHAIN_MEMBERS_MAX}`)
    .option('--split-at <KEY...>', 'cut it at these keys from the start')
    .option('--plan <FILE>', 'lay its ranges out as a plan of piton-allocate says')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton keyspace create users --partitioning hash --replicas 3\n' +
        '  piton keyspace create logs --partitioning range --replicas 1 --split-at h p\n' +
        '  piton keyspace create photos --plan plan.json\n' +
        '\nA plan for the drives of this cluster:\n' +
        '  piton drives --json | jq -s "{drives: map({id, zone, bytes: .capacityBytes,\n' +
        '    bandwidth_bps: .bandwidthBytesPerSecond})}" > drives.json\n' +
        '  piton-allocate plan ranges.csv --drives drives.json --replicas 3 --domain zone -o plan.json',
    )
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const context = contextOf(terminal, command);
      const { partitioning, replicas, splitKeys, layout } = wantedBy(options);
      await using admin = context.admin();
      await admin.createKeyspace(name, partitioning, replicas, splitKeys, layout);
      const ranges = layout === undefined ? {} : { ranges: layout.length };
      const made = { name, partitioning, replicas, ...ranges };
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
