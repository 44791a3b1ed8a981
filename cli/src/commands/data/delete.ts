// piton delete KEY: fine also when the key is absent, and says which of the two it was.

import { Command } from 'commander';
import { jsonKey, showKey, toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';

export function deleteCommand(terminal: Terminal): Command {
  return new Command('delete')
    .summary('delete a key')
    .description('Deletes a key. A key that is absent already is fine: the exit code is 0.')
    .argument('<KEY>', 'the key, as text')
    .addHelpText('after', '\nExample:\n  piton delete greeting')
    .action(async (key: string, _options: object, command: Command) => {
      const context = contextOf(terminal, command);
      await using kv = await context.connect();
      const { existed } = await kv.delete(key);
      if (context.isJson) terminal.out.write(`${toJson({ key: jsonKey(key), existed })}\n`);
      else terminal.out.write(existed ? 'ok, deleted\n' : `ok, ${showKey(key)} was absent\n`);
    });
}
