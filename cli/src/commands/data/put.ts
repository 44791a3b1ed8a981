// piton put KEY VALUE: stores text, JSON or bytes.

import { Command } from 'commander';
import { parseCount } from '../../input/numbers.ts';
import { readValue, type ValueOptions } from '../../input/value-argument.ts';
import { jsonKey, toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import { usageError } from '../../shell/exit.ts';
import type { Terminal } from '../../shell/terminal.ts';

interface PutOptions extends ValueOptions {
  readonly ifVersion?: string;
  readonly ifAbsent?: boolean;
}

/** The version that the key must have; null: it must be absent; undefined: whatever. */
function conditionOf(options: PutOptions): number | null | undefined {
  if (options.ifAbsent && options.ifVersion !== undefined) {
    throw usageError('--if-absent', 'it alone, without --if-version', 'both');
  }
  if (options.ifAbsent) return null;
  if (options.ifVersion === undefined) return undefined;
  return parseCount('--if-version', options.ifVersion, 1);
}

export function putCommand(terminal: Terminal): Command {
  return new Command('put')
    .summary('store a value under a key')
    .description('Stores VALUE as text under KEY and prints its version.')
    .argument('<KEY>', 'the key, as text: 1 to 4096 bytes')
    .argument('<VALUE>', 'the value, at most 1 MiB; - reads standard input')
    .option('--value-json', 'VALUE is JSON: store what it says')
    .option('--bytes', 'store standard input as bytes')
    .option('--if-version <N>', 'only when the key has this version')
    .option('--if-absent', 'only when the key is absent')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton put greeting "hello, world"\n' +
        `  piton put user/7 '{"name":"Ada","age":36}' --value-json\n` +
        '  piton put logo.png - --bytes < logo.png\n' +
        '  piton put -- key -starts-with-a-dash',
    )
    .action(async (key: string, argument: string, options: PutOptions, command: Command) => {
      const context = contextOf(terminal, command);
      const ifVersion = conditionOf(options);
      const value = await readValue(argument, options, terminal);
      await using kv = await context.connect();
      const { version } = await kv.put(key, value, {
        ...(ifVersion === undefined ? {} : { ifVersion }),
        ...(options.bytes ? { codec: 'binary' as const } : {}),
      });
      if (context.isJson) terminal.out.write(`${toJson({ key: jsonKey(key), version })}\n`);
      else terminal.out.write(`ok, version ${version}\n`);
    });
}
