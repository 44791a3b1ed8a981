// piton drives: every drive with its address, state, room and load.

import type { DriveView } from '@piton/cluster';
import { Command } from 'commander';
import { formatBytes, formatCount, formatRate } from '../../output/figures.ts';
import { type Column, printRows } from '../../output/table.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';

function stateOf(drive: DriveView): string {
  const troubles = [
    drive.drain === 'open' ? '' : drive.drain,
    drive.rights === 'fencing' ? drive.rights : '',
    drive.isFull ? 'full' : '',
    drive.storeFailed ? 'device failed' : '',
  ];
  return [drive.state, ...troubles.filter((trouble) => trouble !== '')].join(', ');
}

function number(
  title: string,
  value: (drive: DriveView) => number,
  format: (value: number) => string,
): Column<DriveView> {
  return {
    title,
    isNumber: true,
    show: (drive) => format(value(drive)),
    plain: (drive) => String(value(drive)),
  };
}

const COLUMNS: readonly Column<DriveView>[] = [
  { title: 'DRIVE', show: ({ id }) => id },
  { title: 'ADDRESS', show: ({ address }) => address },
  { title: 'STATE', show: stateOf },
  number('RANGES', ({ ranges }) => ranges, formatCount),
  number('HEADS', ({ heads }) => heads, formatCount),
  number('TAILS', ({ tails }) => tails, formatCount),
  number('KEYS', ({ keys }) => keys, formatCount),
  number('USED', ({ usedBytes }) => usedBytes, formatBytes),
  number('ROOM', ({ capacityBytes }) => capacityBytes, formatBytes),
  number('READS', ({ readsPerSecond }) => readsPerSecond, formatRate),
  number('WRITES', ({ writesPerSecond }) => writesPerSecond, formatRate),
  { title: 'ZONE', show: ({ zone }) => zone || '-' },
];

export function drivesCommand(terminal: Terminal): Command {
  return new Command('drives')
    .summary('list the drives')
    .description(
      'Lists the drives: address, state, how many range copies they hold (and of how many they are\n' +
        'head and tail), keys, used and total room, load, zone.',
    )
    .addHelpText('after', '\nExamples:\n  piton drives\n  piton drives --json | jq .usedBytes')
    .action(async (_options: object, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const drives = await admin.drives();
      printRows(terminal, COLUMNS, drives, context.isJson);
      if (drives.length === 0) context.say('no drive has joined yet; start one with: piton-drive');
    });
}
