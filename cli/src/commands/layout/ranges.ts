// piton ranges: every range of a keyspace with its borders, its chain and its load.

import type { RangeView } from '@piton/cluster';
import { Command } from 'commander';
import { showBorder } from '../../output/border.ts';
import { formatBytes, formatCount, formatRate } from '../../output/figures.ts';
import { type Column, printRows } from '../../output/table.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';

function chainOf({ chain }: RangeView): string {
  return chain
    .map(({ drive, state }) => (state === 'serving' ? drive : `${drive} (${state})`))
    .join(' > ');
}

function number(
  title: string,
  value: (range: RangeView) => number,
  format: (value: number) => string = formatCount,
): Column<RangeView> {
  return {
    title,
    isNumber: true,
    show: (range) => format(value(range)),
    plain: (range) => String(value(range)),
  };
}

const COLUMNS: readonly Column<RangeView>[] = [
  number('RANGE', ({ id }) => id),
  {
    title: 'FROM',
    show: ({ start }) => showBorder(start, '(beginning)'),
    plain: ({ start }) => showBorder(start, ''),
  },
  {
    title: 'UP TO',
    show: ({ end }) => showBorder(end, '(end)'),
    plain: ({ end }) => showBorder(end, ''),
  },
  { title: 'CHAIN, HEAD FIRST', show: chainOf },
  number('EPOCH', ({ epoch }) => epoch),
  number('KEYS', ({ keys }) => keys),
  number('SIZE', ({ bytes }) => bytes, formatBytes),
  number('READS', ({ readsPerSecond }) => readsPerSecond, formatRate),
  number('WRITES', ({ writesPerSecond }) => writesPerSecond, formatRate),
  { title: 'OPERATION', show: ({ operation }) => (operation === null ? '-' : String(operation)) },
];

export function rangesCommand(terminal: Terminal): Command {
  return new Command('ranges')
    .summary('list the ranges of a keyspace')
    .description(
      'Lists the ranges of a keyspace in key order: borders (the end is not included), the chain of\n' +
        'drives from head to tail, epoch, keys and bytes, load, and the operation that changes it.',
    )
    .option('--drive <DRIVE>', 'only ranges with a copy on this drive')
    .addHelpText('after', '\nExamples:\n  piton ranges\n  piton ranges --drive drive-2 --json')
    .action(async (options: { drive?: string }, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const all = await admin.ranges(await admin.keyspace(context.keyspace));
      const isWanted = ({ chain }: RangeView): boolean =>
        options.drive === undefined || chain.some(({ drive }) => drive === options.drive);
      const ranges = all.filter(isWanted);
      printRows(terminal, COLUMNS, ranges, context.isJson);
      if (ranges.length === 0) context.say(`no range has a copy on ${options.drive}`);
    });
}
