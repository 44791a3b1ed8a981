// piton move KEY --from DRIVE --to DRIVE: moves one copy of a range to another drive, under load.

import { Command } from 'commander';
import { showKey } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';
import { reportEnd, waitForOperation } from './wait.ts';

interface MoveOptions {
  readonly from: string;
  readonly to: string;
  readonly wait: boolean;
}

export function moveCommand(terminal: Terminal): Command {
  return new Command('move')
    .summary('move a range to another drive')
    .description(
      'Moves the copy of the range that holds KEY from one drive to another. The data goes from\n' +
        'drive to drive while reads and writes go on.',
    )
    .argument('<KEY>', 'any key of the range')
    .requiredOption('--from <DRIVE>', 'the drive that gives its copy up')
    .requiredOption('--to <DRIVE>', 'the drive that takes it')
    .option('--no-wait', 'return as soon as the operation is accepted')
    .addHelpText(
      'after',
      '\nExample:\n  piton locate city/M\n  piton move city/M --from drive-1 --to drive-4',
    )
    .action(async (key: string, options: MoveOptions, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const keyspace = await admin.keyspace(context.keyspace);
      const { from, to } = options;
      const operation = await admin.move(keyspace, Buffer.from(key), from, to);
      const ended = await waitForOperation(context, admin, operation, options.wait);
      reportEnd(context, ended, `ok, the range of ${showKey(key)} moved from ${from} to ${to}`);
    });
}
