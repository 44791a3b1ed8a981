// piton split KEY: cuts a range in two. Nothing is copied; reads and writes go on.

import { Command } from 'commander';
import { showKey } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';
import { reportEnd, waitForOperation } from './wait.ts';

interface SplitOptions {
  readonly middle?: boolean;
  readonly wait: boolean;
}

export function splitCommand(terminal: Terminal): Command {
  return new Command('split')
    .summary('cut a range in two')
    .description(
      'Cuts the range that holds KEY into two: one up to KEY, one from KEY on. Both stay on the\n' +
        'same drives, nothing is copied, and reads and writes go on.',
    )
    .argument('<KEY>', 'the first key of the right half')
    .option('--middle', 'cut the range that holds KEY in the middle of its data instead')
    .option('--no-wait', 'return as soon as the operation is accepted')
    .addHelpText('after', '\nExamples:\n  piton split city/M\n  piton split city/M --middle')
    .action(async (key: string, options: SplitOptions, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const keyspace = await admin.keyspace(context.keyspace);
      const operation = await admin.split(keyspace, Buffer.from(key), options.middle !== true);
      const ended = await waitForOperation(context, admin, operation, options.wait);
      const where = options.middle ? `the range of ${showKey(key)} in the middle` : showKey(key);
      reportEnd(context, ended, options.middle ? `ok, cut ${where}` : `ok, cut at ${where}`);
    });
}
