// piton scan: the entries of an interval, in order, as a stream of lines.

import type { KVClient } from '@piton/sdk';
import { Command } from 'commander';
import { parseCount } from '../../input/numbers.ts';
import { jsonKey, oneLine, showKey, showValue, toJson } from '../../output/values.ts';
import { type Context, contextOf } from '../../shell/context.ts';
import { usageError } from '../../shell/exit.ts';
import { type Terminal, writeOut } from '../../shell/terminal.ts';

interface ScanOptions {
  readonly prefix?: string;
  readonly start?: string;
  readonly end?: string;
  readonly limit?: string;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
}

type Selector = Parameters<KVClient['scan']>[0];

function selectorOf(options: ScanOptions): Selector {
  const { prefix, start, end } = options;
  if (prefix === undefined) {
    return { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
  }
  if (start !== undefined || end !== undefined) {
    throw usageError('--prefix', 'it alone, without --start and --end', prefix);
  }
  return { prefix };
}

interface Checked {
  readonly selector: Selector;
  readonly limit: number | undefined;
}

function check(options: ScanOptions): Checked {
  const { limit } = options;
  return {
    selector: selectorOf(options),
    limit: limit === undefined ? undefined : parseCount('--limit', limit, 1),
  };
}

async function printEntries(context: Context, kv: KVClient, options: ScanOptions): Promise<number> {
  const { terminal, isJson } = context;
  const { selector, limit } = check(options);
  const scan = kv.scan(selector, {
    ...(limit === undefined ? {} : { limit }),
    reverse: options.reverse === true,
    keysOnly: options.keysOnly === true,
  });
  let count = 0;
  for await (const { key, value, version } of scan) {
    count++;
    if (isJson) {
      const shown = options.keysOnly ? {} : { value };
      await writeOut(terminal.out, `${toJson({ key: jsonKey(key), ...shown, version })}\n`);
    } else {
      const shown = options.keysOnly ? '' : `\t${oneLine(showValue(value))}`;
      await writeOut(terminal.out, `${showKey(key)}${shown}\n`);
    }
  }
  return count;
}

export function scanCommand(terminal: Terminal): Command {
  return new Command('scan')
    .summary('list entries in key order')
    .description(
      'Prints key, tab and value of each entry, one on a line, in key order (in a keyspace\n' +
        'partitioned by hash: in hash order). Every key comes exactly once, also while ranges\n' +
        'are split and moved.',
    )
    .option('--prefix <P>', 'only keys that begin with P')
    .option('--start <K>', 'first key, included')
    .option('--end <K>', 'end of the keys, not included')
    .option('--limit <N>', 'at most N entries')
    .option('--reverse', 'from the last key to the first')
    .option('--keys-only', 'keys without values')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton scan --prefix city/IS/ --limit 5\n' +
        '  piton scan --start a --end n --keys-only\n' +
        '  piton scan --json | jq .value',
    )
    .action(async (options: ScanOptions, command: Command) => {
      const context = contextOf(terminal, command);
      check(options);
      await using kv = await context.connect();
      const count = await printEntries(context, kv, options);
      if (terminal.isOutTerminal) context.say(`${count} ${count === 1 ? 'entry' : 'entries'}`);
    });
}
