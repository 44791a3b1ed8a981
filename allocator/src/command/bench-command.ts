// piton-allocate bench: plans every .vbp file of a folder, for comparison with published results on the same files.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseVbp } from '../formats/vbp.ts';
import { InputError } from '../model/errors.ts';
import { plan } from '../plan/plan.ts';
import { type Context, Progress, print, readText } from './context.ts';
import { parseWords, type Values, wholeNumber } from './options.ts';
import { toolsFor } from './plan-command.ts';

const OPTIONS = {
  'time-limit': { type: 'string' },
  steps: { type: 'string' },
  seed: { type: 'string' },
  solver: { type: 'string' },
  json: { type: 'boolean' },
} as const;

interface Result {
  readonly file: string;
  readonly items: number;
  readonly drives: number;
  readonly bound: number;
  readonly ms: number;
}

function filesIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new InputError({ file: folder, line: 1, column: 1 }, (error as Error).message);
  }
  const files = names.filter((name) => name.endsWith('.vbp')).sort();
  if (files.length === 0)
    throw new InputError({ file: folder, line: 1, column: 1 }, 'expected .vbp files');
  return files;
}

async function solve(values: Values, context: Context, path: string): Promise<Result> {
  const input = parseVbp(readText(path), path);
  const limited = { ...values, 'time-limit': values['time-limit'] ?? '10s' };
  const tools = await toolsFor(limited, context, input.ranges.count, new Progress(false));
  const options = {
    seed: wholeNumber(values, 'seed', 0) ?? 1,
    steps: wholeNumber(values, 'steps', 1) ?? Number.MAX_SAFE_INTEGER,
  };
  const startedAt = Date.now();
  const { drives, lower } = plan(input, options, tools);
  const ms = Date.now() - startedAt;
  return { file: path, items: input.ranges.count, drives: drives.length, bound: lower, ms };
}

export async function runBench(context: Context): Promise<number> {
  const { values, paths } = parseWords(context.words, OPTIONS, ['FOLDER']);
  const results: Result[] = [];
  for (const file of filesIn(paths[0]!)) {
    const result = await solve(values, context, join(paths[0]!, file));
    results.push(result);
    const { items, drives, bound, ms } = result;
    const verdict = drives === bound ? 'optimal' : `${drives - bound} over the bound`;
    if (values['json'] !== true) {
      print(`${file}: ${items} items, ${drives} drives, ${verdict}, ${(ms / 1000).toFixed(1)} s\n`);
    }
    if (context.isInterrupted()) break;
  }
  const sum = (of: (result: Result) => number): number =>
    results.reduce((total, result) => total + of(result), 0);
  const drives = sum((result) => result.drives);
  const bound = sum((result) => result.bound);
  const optimal = results.filter((result) => result.drives === result.bound).length;
  if (values['json'] === true) print(`${JSON.stringify({ drives, bound, optimal, results })}\n`);
  else {
    const gap = bound === 0 ? 0 : (100 * (drives - bound)) / bound;
    print(
      `${results.length} files: ${drives} drives, bound ${bound}, gap ${gap.toFixed(2)} %, ${optimal} proved optimal\n`,
    );
  }
  return 0;
}
