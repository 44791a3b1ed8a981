// piton-allocate explain, verify, bound and generate

import { bestBound } from '../bounds/bound.ts';
import { type PlanJson, parsePlan } from '../formats/plan-json.ts';
import { formatVbp } from '../formats/vbp.ts';
import { capraraToth, type Instance, mommessin } from '../generate/literature.ts';
import * as workloads from '../generate/workloads.ts';
import { UsageError } from '../model/errors.ts';
import { formatBytes, parseBytes } from '../model/units.ts';
import { boundsFor } from '../plan/bounds-for.ts';
import { replan } from '../replan/replan.ts';
import { explainDrive, explainPlan, explainRange, explainWhyNotFewer } from '../report/explain.ts';
import { verifyMoves } from '../verify/moves.ts';
import { verifyPlan } from '../verify/verify.ts';
import { type Context, Progress, print, readText, writeText } from './context.ts';
import {
  INPUT_OPTIONS,
  type Inputs,
  parseWords,
  readInputs,
  shareOf,
  textOf,
  type Values,
  wholeNumber,
} from './options.ts';
import { toolsFor } from './plan-command.ts';
import { currentFromPlan, movesToJson } from './replan-command.ts';

function printLines(lines: readonly string[], isJson: boolean): void {
  print(isJson ? `${JSON.stringify(lines)}\n` : `${lines.join('\n')}\n`);
}

/** What it takes to do without a drive: the moves that empty it. */
function explainWithout(values: Values, plan: ReturnType<typeof parsePlan>, id: string): string[] {
  const path = textOf(values, 'ranges');
  if (path === undefined) throw new UsageError('--without needs --ranges');
  const inputs = readInputs(values, path);
  const drives = inputs.drives.drives.map((drive) =>
    drive.id === id ? { ...drive, state: 'drain' as const } : drive,
  );
  const types = drives.length === 0 ? [] : inputs.drives.types;
  const listed =
    drives.length > 0
      ? drives
      : plan.drives.map((drive) => ({
          ...drive,
          maxRanges: 0,
          cost: 1,
          state: drive.id === id ? ('drain' as const) : ('ok' as const),
        }));
  const set = { resources: plan.resources, drives: listed, types };
  const current = currentFromPlan(plan, inputs.ranges);
  const { headroom, reads, replicas } = plan;
  const result = replan({ ranges: inputs.ranges, drives: set }, current, {
    headroom,
    reads,
    replicas,
  });
  const moves = movesToJson(result, inputs.ranges);
  return [
    `Without ${id}: ${moves.length} moves, ${formatBytes(result.bytesMoved)}.`,
    `Index entries: ${result.entriesBefore} before, ${result.entriesAfter} after.`,
    ...(result.unsolved.length === 0
      ? ['Everything finds a place.']
      : [`${result.unsolved.length} copies find no place: ${result.unsolved[0]}.`]),
  ];
}

export function runExplain(context: Context): number {
  const { values, paths } = parseWords(
    context.words,
    {
      ...INPUT_OPTIONS,
      range: { type: 'string' },
      drive: { type: 'string' },
      without: { type: 'string' },
      ranges: { type: 'string' },
      'why-not-fewer': { type: 'boolean' },
    },
    ['PLAN'],
  );
  const plan = parsePlan(readText(paths[0]!), paths[0]!);
  const isJson = values['json'] === true;
  const key = textOf(values, 'range');
  const drive = textOf(values, 'drive');
  const without = textOf(values, 'without');
  const rangesPath = textOf(values, 'ranges');
  if (key !== undefined) {
    const ranges = rangesPath === undefined ? undefined : readInputs(values, rangesPath).ranges;
    printLines(explainRange(plan, key, ranges), isJson);
  } else if (drive !== undefined) printLines(explainDrive(plan, drive), isJson);
  else if (without !== undefined) printLines(explainWithout(values, plan, without), isJson);
  else if (values['why-not-fewer'] === true) printLines(explainWhyNotFewer(plan), isJson);
  else printLines(explainPlan(plan), isJson);
  return 0;
}

/** Faults of a plan's moves, when the plan that they begin with is given. */
function moveFaults(values: Values, plan: PlanJson, inputs: Inputs): readonly string[] {
  const path = textOf(values, 'before');
  if (path === undefined) return [];
  if (plan.moves === undefined) throw new UsageError('--before: the plan has no moves');
  return verifyMoves(plan, parsePlan(readText(path), path), inputs.ranges, inputs.drives);
}

export function runVerify(context: Context): number {
  const options = { ...INPUT_OPTIONS, before: { type: 'string' } } as const;
  const { values, paths } = parseWords(context.words, options, ['PLAN', 'RANGES']);
  const plan = parsePlan(readText(paths[0]!), paths[0]!);
  const inputs = readInputs(values, paths[1]!);
  const verdict = verifyPlan(plan, inputs.ranges, inputs.drives, inputs.sha256);
  const faults = [...verdict.faults, ...moveFaults(values, plan, inputs)];
  const isFine = faults.length === 0;
  if (values['json'] === true) print(`${JSON.stringify({ ...verdict, faults })}\n`);
  else {
    const lines = faults.map((fault) => `Fault: ${fault}.`);
    for (const bound of verdict.bounds)
      lines.push(`Bound ${bound.drives} (${bound.name}): ${bound.why}.`);
    if (plan.moves !== undefined && values['before'] === undefined) {
      lines.push(`Its ${plan.moves.length} moves were not checked: give --before PLAN.`);
    }
    lines.push(
      isFine
        ? `The plan holds: ${plan.drives_used} drives, ${verdict.lower} proved necessary.`
        : 'The plan does not hold.',
    );
    print(`${lines.join('\n')}\n`);
  }
  return isFine ? 0 : 1;
}

export async function runBound(context: Context): Promise<number> {
  const { values, paths } = parseWords(
    context.words,
    {
      ...INPUT_OPTIONS,
      exact: { type: 'boolean' },
      solver: { type: 'string' },
      'time-limit': { type: 'string' },
    },
    ['RANGES'],
  );
  const inputs = readInputs(values, paths[0]!);
  const tools = await toolsFor(values, context, inputs.ranges.count, new Progress(false));
  const bounds = boundsFor(inputs, inputs, values['exact'] === true ? tools : {});
  const best = bestBound(bounds);
  if (values['json'] === true) print(`${JSON.stringify({ best: best.drives, bounds })}\n`);
  else {
    const lines = [`At least ${best.drives} drives: ${best.words}.`];
    for (const bound of bounds) lines.push(`  ${bound.drives} by ${bound.name}`);
    print(`${lines.join('\n')}\n`);
  }
  return 0;
}

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
  if (output === '-') for (const part of workloads.workloadCsv(made)) print(part);
  else writeText(output, [...workloads.workloadCsv(made)].join(''));
  return 0;
}
