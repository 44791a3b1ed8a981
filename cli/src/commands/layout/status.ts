// piton status: the cluster at a glance.

import type { StatusView } from '@piton/cluster';
import { Command } from 'commander';
import { formatBytes, formatCount, formatMs, formatRate, plural } from '../../output/figures.ts';
import { toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';

const OPERATIONS_SHOWN = 5;

function facts(status: StatusView): [string, string][] {
  const { drives, load } = status;
  const down = drives.total - drives.up;
  return [
    ['cluster', status.clusterId],
    ['software', `${status.software}, up for ${formatMs(status.uptimeMs)}`],
    ['drives', `${drives.up} up${down > 0 ? `, ${down} DOWN` : ''}`],
    ['ranges', rangesText(status)],
    ['data', `${plural(load.keys, 'key')}, ${formatBytes(load.bytes)} (before replication)`],
    [
      'load',
      `reads ${formatRate(load.readsPerSecond)}, writes ${formatRate(load.writesPerSecond)}`,
    ],
    ['clients', `${formatCount(status.watchers)} connected`],
  ];
}

function rangesText({ ranges, rangesUnsound, indexVersion }: StatusView): string {
  const lacking = rangesUnsound > 0 ? `, ${formatCount(rangesUnsound)} NOT WHOLE` : '';
  return `${formatCount(ranges)}${lacking}, index version ${formatCount(indexVersion)}`;
}

function keyspaceLines(status: StatusView): string[] {
  return status.keyspaces.map(({ name, partitioning, replicas, ranges, state }) => {
    const copies = replicas === 1 ? '1 copy' : `${replicas} copies`;
    const unready = state === 'ready' ? '' : ` (${state})`;
    return `  ${name}: by ${partitioning}, ${copies}, ${plural(ranges, 'range')}${unready}`;
  });
}

function describe(status: StatusView): string {
  const lines = facts(status).map(([name, fact]) => `${name.padEnd(10)}${fact}`);
  lines.push('keyspaces', ...keyspaceLines(status));
  const running = status.operations.slice(0, OPERATIONS_SHOWN);
  if (running.length > 0) {
    lines.push('operations, running ones first');
    lines.push(...running.map(({ id, state, message }) => `  ${id} ${state}: ${message}`));
  }
  if (status.obstacle !== null) lines.push(`not ready: ${status.obstacle}`);
  return `${lines.join('\n')}\n`;
}

export function statusCommand(terminal: Terminal): Command {
  return new Command('status')
    .summary('show the cluster at a glance')
    .description('Shows drives, keyspaces, data, load and running operations of the cluster.')
    .addHelpText('after', '\nExamples:\n  piton status\n  piton status --json | jq .drives')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const status = await admin.status();
      terminal.out.write(context.isJson ? `${toJson(status)}\n` : describe(status));
    });
}
