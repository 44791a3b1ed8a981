// piton get KEY: prints the value and a newline, or exits 1 when the key is absent.

import { Command } from 'commander';
import { isBytes, jsonKey, showKey, showValue, toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import { CommandError, Exit } from '../../shell/exit.ts';
import { type Terminal, writeOut } from '../../shell/terminal.ts';

export function absentKey(key: string): CommandError {
  return new CommandError(`no such key: ${showKey(key)}`, Exit.failed, 'NOT_FOUND');
}

export function getCommand(terminal: Terminal): Command {
  return new Command('get')
    .summary('print the value of a key')
    .description(
      'Prints the value and a newline: text as it is, anything else as JSON.\n' +
        'Exits 1 with a message on standard error when the key is absent.',
    )
    .argument('<KEY>', 'the key, as text')
    .option('--raw', 'bytes as they are, without a newline')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton get greeting\n' +
        '  piton get city/IS/3413829 --json\n' +
        '  piton get logo.png --raw > logo.png',
    )
    .action(async (key: string, options: { raw?: boolean }, command: Command) => {
      const context = contextOf(terminal, command);
      await using kv = await context.connect();
      const entry = await kv.getEntry(key);
      if (entry === undefined) throw absentKey(key);
      const { value, version } = entry;
      if (options.raw) {
        await writeOut(terminal.out, isBytes(value) ? value : showValue(value));
      } else if (context.isJson) {
        await writeOut(terminal.out, `${toJson({ key: jsonKey(key), value, version })}\n`);
      } else {
        await writeOut(terminal.out, `${showValue(value)}\n`);
      }
    });
}
