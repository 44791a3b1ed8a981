// piton cancel OPERATION: stops a change that is under way, and undoes what can be undone.

import { Command } from 'commander';
import { parseCount } from '../../input/numbers.ts';
import { toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';

const WAIT_MS = 10_000;

export function cancelCommand(terminal: Terminal): Command {
  return new Command('cancel')
    .summary('stop a change')
    .description(
      'Asks an operation to stop. A move is undone as long as its copy is not in use; a rebalance or a\n' +
        'drain stops, and what has moved stays where it is. Cuts and new keyspaces run to their end.',
    )
    .argument('<OPERATION>', 'its number, as "piton status" shows it')
    .addHelpText('after', '\nExamples:\n  piton status\n  piton cancel 17')
    .action(async (text: string, _options: object, command: Command) => {
      const context = contextOf(terminal, command);
      const operation = parseCount('OPERATION', text, 1);
      await using admin = context.admin();
      await admin.cancel(operation);
      const { state, message } = await admin.operation(operation, WAIT_MS);
      if (context.isJson) terminal.out.write(`${toJson({ operation, state, message })}\n`);
      else terminal.out.write(`${state === 'running' ? 'it is stopping' : state}: ${message}\n`);
    });
}
