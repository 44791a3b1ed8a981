// piton drain DRIVE: empties a drive, so that it can be stopped for good.

import { Command } from 'commander';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';
import { reportEnd, waitForOperation } from './wait.ts';

interface DrainOptions {
  readonly cancel?: boolean;
  readonly wait: boolean;
}

export function drainCommand(terminal: Terminal): Command {
  return new Command('drain')
    .summary('empty a drive')
    .description(
      'Moves every range copy off a drive to the others, under load, and keeps it empty: then it can be\n' +
        'stopped. The copies are spread over all other drives, in different zones where there are\n' +
        'enough. The drain goes on by itself when this command is interrupted, and when the metadata\n' +
        'server is restarted. It is refused when the other drives are too few or have no room.',
    )
    .argument('<DRIVE>', 'its name, as "piton drives" shows it')
    .option('--cancel', 'stop the drain (what has moved stays), or let a drained drive take ranges')
    .option('--no-wait', 'return as soon as the operation is accepted')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton drain pi-4              wait until it is empty\n' +
        '  piton drain pi-4 --no-wait    begin, and watch it with: piton drives\n' +
        '  piton drain pi-4 --cancel     it takes ranges again',
    )
    .action(async (drive: string, options: DrainOptions, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      if (options.cancel === true) {
        const operation = await admin.cancelDrain(drive);
        const text = `ok, drive ${drive} takes ranges again`;
        if (context.isJson) reportEnd(context, { operation, status: undefined, ms: 0 }, text);
        else terminal.out.write(`${text}\n`);
        return;
      }
      const operation = await admin.drain(drive);
      const ended = await waitForOperation(context, admin, operation, options.wait, Infinity);
      reportEnd(context, ended, `ok, drive ${drive} is empty and can be stopped`);
    });
}
