// piton merge KEY: one range of two neighbours.

import { Command } from 'commander';
import { showKey } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';
import { reportEnd, waitForOperation } from './wait.ts';

export function mergeCommand(terminal: Terminal): Command {
  return new Command('merge')
    .summary('make one range of two')
    .description(
      'Makes one range of the range that holds KEY and the one behind it. Both must lie on the same\n' +
        'drives, in the same order, and never have been copied since they were cut: no data moves.',
    )
    .argument('<KEY>', 'any key of the first of the two')
    .option('--no-wait', 'return as soon as the operation is accepted')
    .addHelpText('after', '\nExample:\n  piton ranges\n  piton merge city/M')
    .action(async (key: string, options: { readonly wait: boolean }, command: Command) => {
      const context = contextOf(terminal, command);
      await using admin = context.admin();
      const keyspace = await admin.keyspace(context.keyspace);
      const operation = await admin.merge(keyspace, Buffer.from(key));
      const ended = await waitForOperation(context, admin, operation, options.wait);
      reportEnd(context, ended, `ok, the range of ${showKey(key)} has the keys behind it as well`);
    });
}
