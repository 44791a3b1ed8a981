// piton rebalance [--dry-run]: levels the drives, and says before what it does and why.

import type { RebalanceView } from '@piton/cluster';
import { Command } from 'commander';
import { formatBytes, plural } from '../../output/figures.ts';
import { type Column, drawTable, plainLines } from '../../output/table.ts';
import { toJson } from '../../output/values.ts';
import { type Context, contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';
import { reportEnd, waitForOperation } from './wait.ts';

interface RebalanceFlags {
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

type Drive = RebalanceView['drives'][number];
type Move = RebalanceView['moves'][number];

const MOVES_SHOWN = 20;

const times = (fill: number): string => `x${fill.toFixed(2)}`;

function number(
  title: string,
  value: (drive: Drive) => number,
  format: (value: number) => string,
): Column<Drive> {
  return {
    title,
    isNumber: true,
    show: (drive) => format(value(drive)),
    plain: (drive) => String(value(drive)),
  };
}

const DRIVES: readonly Column<Drive>[] = [
  { title: 'DRIVE', show: ({ id }) => id },
  number('BYTES', (drive) => drive.bytesBefore, formatBytes),
  number('AFTER', (drive) => drive.bytesAfter, formatBytes),
  number('SHARE', (drive) => drive.byteFillBefore, times),
  number('AFTER', (drive) => drive.byteFillAfter, times),
  number(
    'WORK',
    (drive) => drive.workBefore,
    (work) => `${formatBytes(work)}/s`,
  ),
  number(
    'AFTER',
    (drive) => drive.workAfter,
    (work) => `${formatBytes(work)}/s`,
  ),
  number('SHARE', (drive) => drive.workFillBefore, times),
  number('AFTER', (drive) => drive.workFillAfter, times),
];

const MOVES: readonly Column<Move>[] = [
  { title: 'RANGE', isNumber: true, show: ({ range }) => String(range) },
  { title: 'FROM', show: ({ from }) => from },
  { title: 'TO', show: ({ to }) => to },
  {
    title: 'BYTES',
    isNumber: true,
    show: ({ bytes }) => formatBytes(bytes),
    plain: ({ bytes }) => String(bytes),
  },
  { title: 'WHY', show: ({ why }) => why },
];

function summary(plan: RebalanceView): string {
  const { before, after, moveCount, bytesMoved, bytesBound } = plan;
  const spread = (what: 'bytes' | 'work'): string =>
    `${times(before[what])} to ${times(after[what])} in ${what}`;
  return `${plural(moveCount, 'move')} of ${formatBytes(bytesMoved)} (at least ${formatBytes(bytesBound)} must move); the fullest drive against the mean: ${spread('bytes')}, ${spread('work')}`;
}

/** Drives and moves as two tables; in a pipe as lines that begin with `drive` or `move`. */
function printPlan({ terminal, isJson }: Context, plan: RebalanceView): void {
  if (isJson) return;
  if (!terminal.isOutTerminal) {
    const prefixed = (word: string, text: string): string => text.replace(/^(?=.)/gm, `${word}\t`);
    terminal.out.write(prefixed('drive', plainLines(DRIVES, plan.drives)));
    terminal.out.write(prefixed('move', plainLines(MOVES, plan.moves)));
    return;
  }
  terminal.out.write(drawTable(DRIVES, plan.drives));
  if (plan.moves.length > 0) {
    terminal.out.write(`\n${drawTable(MOVES, plan.moves.slice(0, MOVES_SHOWN))}`);
    const rest = plan.moveCount - Math.min(plan.moves.length, MOVES_SHOWN);
    if (rest > 0) terminal.out.write(`... and ${plural(rest, 'move')} more (--json shows them)\n`);
  }
}

function say(context: Context, plan: RebalanceView): void {
  if (plan.moveCount > 0) context.say(summary(plan));
  for (const note of plan.notes) context.say(note);
}

export function rebalanceCommand(terminal: Terminal): Command {
  return new Command('rebalance')
    .summary('level the drives')
    .description(
      'Moves range copies so that every drive carries its share of the bytes and of the work, with as\n' +
        'few bytes moved as it takes, under load. Prints the plan first: what each drive carries before\n' +
        'and after, every move and why. A drive that has just joined gets its share this way. Nothing\n' +
        'moves when there is little to gain.',
    )
    .option('--dry-run', 'print the plan, and change nothing')
    .option('--no-wait', 'return as soon as the operation is accepted')
    .addHelpText(
      'after',
      '\nSHARE is against what the drive should carry: x1.00 is just that. WORK counts bytes read and\n' +
        'written per second and 1 kB for every operation.\n' +
        '\nExamples:\n' +
        '  piton rebalance --dry-run\n' +
        '  piton rebalance\n' +
        '  piton rebalance --dry-run --json | jq ".before, .after, .moveCount"',
    )
    .action(async (flags: RebalanceFlags, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const plan = await admin.rebalance(flags.dryRun === true);
      printPlan(context, plan);
      say(context, plan);
      if (plan.operation === null) {
        if (context.isJson) terminal.out.write(`${toJson(plan)}\n`);
        return;
      }
      const ended = await waitForOperation(context, admin, plan.operation, flags.wait, Infinity);
      if (!context.isJson) reportEnd(context, ended, `ok, ${ended.status?.message}`);
      else {
        const { status, ms } = ended;
        const end = { state: status?.state ?? 'running', message: status?.message ?? '', ms };
        terminal.out.write(`${toJson({ ...plan, ...end })}\n`);
      }
    });
}
