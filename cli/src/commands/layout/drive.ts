// piton drive forget DRIVE: goes on without a drive that will never be back.

import { createInterface } from 'node:readline';
import type { ForgetView } from '@piton/cluster';
import { Command } from 'commander';
import { formatBytes } from '../../output/figures.ts';
import { contextOf } from '../../shell/context.ts';
import { CommandError } from '../../shell/exit.ts';
import type { Terminal } from '../../shell/terminal.ts';
import { reportEnd, waitForOperation } from './wait.ts';

interface ForgetOptions {
  readonly loseData?: boolean;
  readonly yes?: boolean;
  readonly wait: boolean;
}

/** Lost ranges that are listed for people. */
const SHOWN_MAX = 20;

export function driveCommand(terminal: Terminal): Command {
  return new Command('drive')
    .summary('forget a drive')
    .description('What concerns one drive that is not there any more.')
    .addCommand(forgetCommand(terminal));
}

function forgetCommand(terminal: Terminal): Command {
  return new Command('forget')
    .summary('go on without a drive that will never be back')
    .description(
      'Takes a drive that is lost for good out of everything that names it. Ranges that others hold as well\n' +
        'stay as they are. Ranges whose newest data only this drive has are listed, and nothing is done; with\n' +
        '--lose-data they begin again, empty. A drive that is connected, or may still answer, is refused.',
    )
    .argument('<DRIVE>', 'its name, as "piton drives" shows it')
    .option('--lose-data', 'give the data up that only this drive has')
    .option('--yes', 'do not ask')
    .option('--no-wait', 'return as soon as the operation is accepted')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton drive forget pi-4                      its machine is gone; others have its data\n' +
        '  piton drive forget pi-4 --lose-data --yes    nobody has its data, and nobody will',
    )
    .action(async (drive: string, options: ForgetOptions, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const view = await admin.lookAtForget(drive);
      if (!context.isJson) tellOutcome(terminal, view);
      if (view.lost > 0 && options.loseData !== true) {
        const what = `${view.lost} ranges, ${view.lostKeys} keys, ${formatBytes(view.lostBytes)}`;
        throw new CommandError(
          `only drive ${drive} has the newest data of ${what}; --lose-data gives it up`,
        );
      }
      if (options.yes !== true && !(await isConfirmed(terminal, drive))) {
        throw new CommandError('the name was not typed: nothing was changed');
      }
      const { operation } = await admin.forget(drive, options.loseData === true);
      const ended = await waitForOperation(
        context,
        admin,
        operation as number,
        options.wait,
        Infinity,
      );
      reportEnd(context, ended, `ok, drive ${drive} is forgotten`);
    });
}

function tellOutcome({ out }: Terminal, view: ForgetView): void {
  const { drive, kept, lost, lostKeys, lostBytes, lostRanges } = view;
  out.write(`drive ${drive}: ${kept} ranges that others hold as well\n`);
  if (lost === 0) return;
  out.write(`LOST with it: ${lost} ranges, ${lostKeys} keys, ${formatBytes(lostBytes)}\n`);
  for (const { id, keyspace, keys, bytes } of lostRanges.slice(0, SHOWN_MAX)) {
    out.write(`  range ${id} of ${keyspace}: ${keys} keys, ${formatBytes(bytes)}\n`);
  }
  if (lost > SHOWN_MAX) out.write(`  and ${lost - SHOWN_MAX} more\n`);
}

/** The name has to be typed: a habit of answering yes does not do. */
async function isConfirmed({ err, input }: Terminal, drive: string): Promise<boolean> {
  err.write(`type the name of the drive to forget it for good: `);
  const lines = createInterface({ input });
  try {
    for await (const line of lines) return line.trim() === drive;
    return false;
  } finally {
    lines.close();
  }
}
