// piton-allocate generate

import { formatVbp } from '../formats/vbp.ts';
import { capraraToth, type Instance, mommessin } from '../generate/literature.ts';
import * as workloads from '../generate/workloads.ts';
import { PAPER_DRIVE } from '../model/drives.ts';
import { UsageError } from '../model/errors.ts';
import { parseBytes } from '../model/units.ts';
import { type Context, complain, print, writeText } from './context.ts';
import { parseWords, shareOf, textOf, type Values, wholeNumber } from './options.ts';

const GENERATE_OPTIONS = {
  ranges: { type: 'string' },
  'target-drives': { type: 'string' },
  cap: { type: 'string' },
  'value-size': { type: 'string' },
  step: { type: 'string' },
  class: { type: 'string' },
  items: { type: 'string' },
  resources: { type: 'string' },
  seed: { type: 'string' },
  output: { type: 'string', short: 'o' },
} as const;

function workload(kind: string, values: Values, seed: number): workloads.Workload | undefined {
  const ranges = wholeNumber(values, 'ranges', 1) ?? 100_000;
  const drives = wholeNumber(values, 'target-drives', 1) ?? 100;
  const cap = shareOf(values, 'cap') ?? 0.005;
  const options = { ranges, drives, seed, cap, fill: [0.99, 0.9905] as const };
  switch (kind) {
    case 'ycsb':
    case 'ycsb-scrambled':
      return workloads.ycsb(options, kind === 'ycsb-scrambled');
    case 'mixgraph':
      return workloads.mixgraph(options);
    case 'twitter':
      return workloads.twitter(options);
    case 'adversarial':
      return workloads.adversarial(options);
    case 'perfect':
      return workloads.perfectFit(ranges, drives, seed);
    case 'paper-kv': {
      const size = parseBytes(textOf(values, 'value-size') ?? '64KiB', 'up');
      if (size === undefined || size < 1)
        throw new UsageError('--value-size: expected bytes such as 64KiB');
      return workloads.paperKv(size, drives, seed);
    }
    case 'drift': {
      const step = wholeNumber(values, 'step', 1) ?? 1;
      const start = workloads.ycsb({ ...options, fill: [0.6, 0.6] }, true);
      return workloads.drift(start, step, seed)[step - 1];
    }
    default:
      return undefined;
  }
}

function instance(kind: string, values: Values, seed: number): Instance {
  const items = wholeNumber(values, 'items', 3) ?? 100;
  const name = textOf(values, 'class') ?? (kind === 'ct' ? '6' : 'P6');
  try {
    if (kind === 'ct') return capraraToth(Number(name), items, seed);
    return mommessin(name.toUpperCase(), items, wholeNumber(values, 'resources', 1) ?? 2, seed);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--class: ${error.message}`);
    throw error;
  }
}

/** Few ranges of at most a small share of a drive cannot fill many drives: said, so that nobody wonders at the plan. */
function warnIfFewer(made: workloads.Workload, values: Values): void {
  const wanted = wholeNumber(values, 'target-drives', 1) ?? 100;
  const bytes = made.bytes.reduce((sum, value) => sum + value, 0) / PAPER_DRIVE.capacity[0]!;
  const traffic = made.readBps.reduce((sum, value, i) => sum + value + made.writeBps[i]!, 0);
  const drives = Math.max(bytes, traffic / PAPER_DRIVE.capacity[1]!);
  if (drives > wanted * 0.75) return;
  complain(
    `piton-allocate: these ranges need about ${Math.ceil(drives)} drives, not ${wanted}: give more --ranges or a larger --cap\n`,
  );
}

export function runGenerate(context: Context): number {
  const { values, paths } = parseWords(context.words, GENERATE_OPTIONS, ['KIND']);
  const kind = paths[0]!;
  const seed = wholeNumber(values, 'seed', 0) ?? 1;
  const output = textOf(values, 'output') ?? '-';
  if (kind === 'ct' || kind === 'mommessin') {
    const made = instance(kind, values, seed);
    writeText(output, formatVbp(made.capacity, made.demands));
    return 0;
  }
  const made = workload(kind, values, seed);
  if (made === undefined)
    throw new UsageError(`generate: unknown kind ${kind}; see generate --help`);
  if (kind !== 'drift') warnIfFewer(made, values);
  if (output === '-') for (const part of workloads.workloadCsv(made)) print(part);
  else writeText(output, [...workloads.workloadCsv(made)].join(''));
  return 0;
}
