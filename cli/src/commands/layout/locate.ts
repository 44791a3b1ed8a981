// piton locate KEY: which range holds a key, and which drives.

import { Command } from 'commander';
import { jsonKey, showKey, toJson } from '../../output/values.ts';
import { contextOf } from '../../shell/context.ts';
import type { Terminal } from '../../shell/terminal.ts';

export function locateCommand(terminal: Terminal): Command {
  return new Command('locate')
    .summary('show where a key lives')
    .description(
      'Shows the range that holds KEY (or would), its borders, its epoch and its chain of drives\n' +
        'from head to tail: writes enter at the head, reads are served by the tail.',
    )
    .argument('<KEY>', 'the key, as text')
    .addHelpText('after', '\nExample:\n  piton locate city/IS/3413829')
    .action(async (key: string, _options: object, command: Command) => {
      const context = contextOf(terminal, command);
      await using kv = await context.connect();
      const { rangeId, start, end, epoch, chain } = await kv.locate(key);
      const drives = chain.map(({ drive, state }) =>
        state === 'serving' ? drive : `${drive} (${state})`,
      );
      if (context.isJson) {
        const borders = { start: jsonKey(start), end: end === undefined ? null : jsonKey(end) };
        terminal.out.write(`${toJson({ key, rangeId, ...borders, epoch, chain: drives })}\n`);
        return;
      }
      const from = start.length === 0 ? 'the beginning' : showKey(start);
      const to = end === undefined ? 'the end' : showKey(end);
      terminal.out.write(
        `key     ${showKey(key)}\nrange   ${rangeId}, from ${from} up to ${to}\n` +
          `epoch   ${epoch}\nchain   ${drives.join(' -> ')}\n`,
      );
    });
}
