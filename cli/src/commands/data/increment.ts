// piton increment KEY [N]: adds to a counter, exactly once, and prints what it is now.

import { Command } from 'commander';
import { parseStep } from '../../input/numbers.ts';
import { jsonKey, toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';

export function incrementCommand(terminal: Terminal): Command {
  return new Command('increment')
    .summary('add to a counter')
    .description(
      'Adds N to a counter and prints the new value. An absent key counts as 0.\n' +
        'A retry inside never counts twice.',
    )
    .argument('<KEY>', 'the key, as text')
    .argument('[N]', 'a whole number of 64 bits, may be negative', '1')
    .addHelpText('after', '\nExamples:\n  piton increment visits\n  piton increment stock/42 -3')
    .action(async (key: string, text: string, _options: object, command: Command) => {
      const context = contextOf(terminal, command);
      const step = parseStep('N', text);
      await using kv = await context.connect();
      const value = await kv.increment(key, step);
      if (context.isJson) terminal.out.write(`${toJson({ key: jsonKey(key), value })}\n`);
      else terminal.out.write(`${value}\n`);
    });
}
