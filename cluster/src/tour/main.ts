// `npm run demo`: the tour as a command.

import { parseArgs } from 'node:util';
import { Narrator } from './narrator.ts';
import { runTour } from './tour.ts';

const HELP = `Usage: npm run demo -- [options]

Starts a metadata server and four drives as processes on this machine, with three copies of every
key, and shows on real data (135,000 cities from GeoNames, CC BY 4.0) what Piton does: load, read,
scan, split and move ranges under load, kill a drive with SIGKILL for good, and verify every record
again.

Options:
  --records N   only N records (default: all)
  --victim ID   the drive that is killed: drive-1 to drive-4 (default: one by chance)
  --json        print the last line only
  --help        this text

The last line is a JSON object; the exit code is 0 only when nothing was lost.
`;

interface Arguments {
  readonly records: number | undefined;
  readonly victim: string | undefined;
  readonly json: boolean;
}

const RECORDS_MIN = 100;

/** Undefined when the help was asked for. Throws TypeError for wrong usage. */
function readArguments(argv: string[]): Arguments | undefined {
  const { values } = parseArgs({
    args: argv,
    options: {
      records: { type: 'string' },
      victim: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { records, victim, json } = values;
  if (victim !== undefined && !/^drive-[1-4]$/.test(victim)) {
    throw new TypeError(`--victim: expected drive-1 to drive-4, got "${victim}"`);
  }
  if (records === undefined) return { records: undefined, victim, json };
  if (!/^\d+$/.test(records) || Number(records) < RECORDS_MIN) {
    throw new TypeError(`--records: expected a whole number from ${RECORDS_MIN}, got "${records}"`);
  }
  return { records: Number(records), victim, json };
}

/** Aborts at the first signal; the second one ends the process as it is. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort(new Error(`stopped by ${signal}`));
    });
  }
  return controller.signal;
}

async function main(argv: string[]): Promise<number> {
  let given: Arguments | undefined;
  try {
    given = readArguments(argv);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nSee: npm run demo -- --help\n`);
    return 2;
  }
  if (given === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const narrator = new Narrator(process.stdout, given.json);
  const signal = stopSignal();
  try {
    const result = await runTour(
      narrator,
      { recordCount: given.records, victim: given.victim },
      signal,
    );
    narrator.result(result);
    return result.ok ? 0 : 1;
  } catch (error) {
    narrator.close();
    const isAsked = signal.aborted;
    const text = error instanceof Error ? (isAsked ? error.message : error.stack) : String(error);
    process.stderr.write(`${isAsked ? '' : 'the tour broke: '}${text}\n`);
    narrator.result({ ok: false, error: (error as Error).message });
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
