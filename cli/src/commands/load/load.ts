// piton load FILE: stores every record of a file, with a progress bar, and says how to go on when it
// could not store them all.

import type { KVClient } from '@piton/sdk';
import { Command } from 'commander';
import { parseCount } from '../../input/numbers.ts';
import { formatBytes, formatMs, formatRate, plural } from '../../output/figures.ts';
import { startProgress } from '../../output/progress.ts';
import { toJson } from '../../output/values.ts';
import { type LineProblem, Loader, type LoadTarget } from '../../records/loader.ts';
import { fileBytes, formatOf, parserFor, readRecords } from '../../records/read-file.ts';
import { type Context, contextOf } from '../../shell/context.ts';
import { CommandError } from '../../shell/exit.ts';
import type { Terminal } from '../../shell/terminal.ts';

interface LoadOptions {
  readonly format?: string;
  readonly fromLine?: string;
}

interface Summary {
  readonly file: string;
  readonly stored: number;
  readonly bad: number;
  readonly failed: number;
  readonly bytes: number;
  readonly seconds: number;
  /** Where to go on; null when the whole file was read. */
  readonly resumeLine: number | null;
}

const PROBLEMS_SHOWN = 20;

function targetOf(kv: KVClient): LoadTarget {
  return {
    async store(records) {
      const settled = await kv.putMany(records.map(({ key, value }) => [key, value]));
      return settled.map((one) =>
        one.status === 'fulfilled' ? { ok: true } : { ok: false, error: one.reason as Error },
      );
    },
  };
}

/** Problems one on a line, the first few: a broken file of a million lines must not flood. */
function problemReporter(context: Context): (problem: LineProblem) => void {
  let count = 0;
  return ({ line, problem }) => {
    count++;
    if (count <= PROBLEMS_SHOWN) context.say(`line ${line}: ${problem}`);
    if (count === PROBLEMS_SHOWN) context.say('further problems are counted, not shown');
  };
}

async function loadFile(context: Context, file: string, options: LoadOptions): Promise<Summary> {
  const format = formatOf(file, options.format);
  const fromLine = parseCount('--from-line', options.fromLine ?? '1', 1);
  const total = await fileBytes(file);
  const { terminal } = context;
  await using kv = await context.connect();
  const loader = new Loader(targetOf(kv), fromLine, problemReporter(context));
  const progress = startProgress(terminal, `loading ${file}`, total, context.isJson);
  const startedAt = performance.now();
  let bytes = 0;
  try {
    for await (const piece of readRecords(file, parserFor(format), terminal.input)) {
      await loader.add(piece.records);
      if (loader.failed > 0) break;
      bytes = piece.bytes;
      const perSecond = loader.stored / ((performance.now() - startedAt) / 1000);
      progress.update(bytes, `${plural(loader.stored, 'record')}, ${formatRate(perSecond)}`);
    }
    await loader.finish();
  } finally {
    progress.stop();
  }
  const { stored, bad, failed, resumeLine } = loader;
  const seconds = Math.round(performance.now() - startedAt) / 1000;
  return { file, stored, bad, failed, bytes, seconds, resumeLine: failed > 0 ? resumeLine : null };
}

function report(context: Context, summary: Summary): void {
  const { stored, bad, failed, bytes, seconds, resumeLine } = summary;
  if (context.isJson) context.terminal.out.write(`${toJson(summary)}\n`);
  else {
    const rate = formatRate(stored / Math.max(seconds, 0.001));
    context.terminal.out.write(
      `${plural(stored, 'record')} stored from ${formatBytes(bytes)} ` +
        `in ${formatMs(seconds * 1000)} (${rate})\n`,
    );
  }
  if (resumeLine !== null) {
    throw new CommandError(
      `${plural(failed, 'record')} not stored; everything before line ${resumeLine} is. ` +
        `Go on with: piton load ${summary.file} --from-line ${resumeLine}`,
    );
  }
  if (bad > 0) throw new CommandError(`${plural(bad, 'line')} left out; all others are stored`);
}

export function loadCommand(terminal: Terminal): Command {
  return new Command('load')
    .summary('store every record of a file')
    .description(
      'Stores every record of FILE. Formats:\n' +
        '  ndjson  one {"key": "...", "value": ...} on each line\n' +
        '  csv     a heading line; the first column is the key; two columns: the value is the\n' +
        '          text of the second; more: an object of heading and text\n' +
        '  tsv     the same with tabs, without quotes\n' +
        'Bad lines are reported with their number and left out (exit code 1). When the cluster\n' +
        'does not take a record, loading stops and says from which line to go on.',
    )
    .argument('<FILE>', 'the file; - reads standard input')
    .option('--format <FORMAT>', 'ndjson, csv or tsv; default: as the name of the file says')
    .option('--from-line <N>', 'leave out what stands before line N; the first line is 1')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  piton load cities.ndjson\n' +
        '  piton load users.csv --keyspace users\n' +
        '  zcat big.ndjson.gz | piton load - --json',
    )
    .action(async (file: string, options: LoadOptions, command: Command) => {
      const context = contextOf(terminal, command);
      report(context, await loadFile(context, file, options));
    });
}
