// piton-allocate plan

import { loadHighs } from '../coarse/highs.ts';
import { formatPlan, type PlanJson, planToJson } from '../formats/plan-json.ts';
import { UsageError } from '../model/errors.ts';
import { plan } from '../plan/plan.ts';
import type { Objective, Plan, PlanTools } from '../plan/types.ts';
import { splitOversized } from '../plan/unplaceable.ts';
import { plotPage, plotSvg } from '../plot/plot.ts';
import { explainPlan } from '../report/explain.ts';
import { surviveLosses } from '../report/survive.ts';
import { type Context, complain, Progress, print, writeText } from './context.ts';
import {
  durationMs,
  INPUT_OPTIONS,
  type Inputs,
  oneOf,
  parseWords,
  readInputs,
  textOf,
  type Values,
  wholeNumber,
} from './options.ts';

const OBJECTIVES: readonly Objective[] = ['drives', 'balanced', 'index', 'even'];
/** Beyond so many ranges the coarse case, and with it the solver, is out of the question. */
const SOLVER_RANGES_MAX = 20_000;

const OPTIONS = {
  ...INPUT_OPTIONS,
  objective: { type: 'string' },
  'max-drives': { type: 'string' },
  survive: { type: 'string' },
  'time-limit': { type: 'string' },
  steps: { type: 'string' },
  seed: { type: 'string' },
  solver: { type: 'string' },
  output: { type: 'string', short: 'o' },
  index: { type: 'string' },
  plot: { type: 'string' },
  pareto: { type: 'boolean' },
  split: { type: 'boolean' },
  quiet: { type: 'boolean' },
} as const;

/** Asks the clock only now and then: searches ask thousands of times a second. */
export function stopper(values: Values, context: Context): () => boolean {
  const limitMs = durationMs(values, 'time-limit');
  const endsAtMs = limitMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + limitMs;
  return () => context.isInterrupted() || (limitMs !== undefined && Date.now() >= endsAtMs);
}

export async function toolsFor(
  values: Values,
  context: Context,
  rangeCount: number,
  progress: Progress,
): Promise<PlanTools> {
  const shouldStop = stopper(values, context);
  const wanted = oneOf(values, 'solver', ['highs', 'none'], 'highs');
  const pays = wanted === 'highs' && rangeCount <= SOLVER_RANGES_MAX;
  const solver = pays ? await loadHighs() : undefined;
  if (solver === undefined && textOf(values, 'solver') === 'highs' && pays) {
    complain('piton-allocate: the package highs is not installed; going on without it\n');
  }
  return {
    solver,
    shouldStop,
    onProgress: (drives, lower) => progress.say(`${drives} drives, at least ${lower}`),
  };
}

export function writeIndex(path: string, json: PlanJson): void {
  const quote = (text: string): string =>
    /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const lines = json.placements.map(
    (placement) => `${quote(placement.start)},${placement.drives.join(' ')}`,
  );
  writeText(path, `start,drives\n${lines.join('\n')}\n`);
}

async function writePlot(path: string, json: PlanJson): Promise<void> {
  const svg = await plotSvg(json);
  if (svg === undefined) {
    complain('piton-allocate: the package echarts is not installed; no picture was drawn\n');
    return;
  }
  writeText(path, path.endsWith('.html') ? plotPage(svg, explainPlan(json)) : svg);
}

function reportSurvival(unit: string | undefined, result: Plan, inputs: Inputs): number {
  if (unit === undefined) return 0;
  if (unit !== 'drive' && unit !== 'zone')
    throw new UsageError('--survive: expected drive or zone');
  const unsafe = surviveLosses(result, inputs.ranges, unit).filter((loss) => !loss.isSafe);
  for (const loss of unsafe.slice(0, 10)) complain(`piton-allocate: ${loss.words}\n`);
  if (unsafe.length === 0) complain(`The loss of any ${unit} can be absorbed.\n`);
  return unsafe.length === 0 ? 0 : 1;
}

export async function runPlan(context: Context): Promise<number> {
  const { values, paths } = parseWords(context.words, OPTIONS, ['RANGES']);
  const plotPath = textOf(values, 'plot');
  if (plotPath !== undefined && !/\.(svg|html)$/.test(plotPath)) {
    throw new UsageError('--plot: expected a name ending in .svg or .html');
  }
  const objective = oneOf(values, 'objective', OBJECTIVES, 'drives');
  const options = {
    objective,
    drivesMax: wholeNumber(values, 'max-drives', 1) ?? Number.POSITIVE_INFINITY,
    seed: wholeNumber(values, 'seed', 0) ?? 1,
    steps: wholeNumber(values, 'steps', 1) ?? 1_000_000_000,
  };
  const given = readInputs(values, paths[0]!);
  const { headroom, replicas, reads } = given;
  const isPareto = values['pareto'] === true;
  if (isPareto && replicas > 1) throw new UsageError('--pareto: only for single copies');
  const wantsCurve = isPareto || (plotPath !== undefined && replicas === 1);
  const isSplitting = values['split'] === true;
  const { input, cuts } = isSplitting
    ? splitOversized(given, { headroom, replicas, reads })
    : { input: given, cuts: [] };
  const inputs = { ...given, ...input };
  const progress = new Progress(context.isTerminal && values['quiet'] !== true);
  const tools = await toolsFor(values, context, inputs.ranges.count, progress);
  const result = plan(inputs, { ...options, headroom, replicas, reads, wantsCurve }, tools);
  progress.end();
  const json = planToJson(result, inputs.ranges, { sha256: inputs.sha256, splits: cuts });
  const output = textOf(values, 'output');
  const text = output !== undefined || values['json'] === true ? formatPlan(json) : '';
  if (output !== undefined) writeText(output, text);
  if (values['json'] === true) print(text);
  else if (values['quiet'] !== true && output !== '-') print(`${explainPlan(json).join('\n')}\n`);
  const indexPath = textOf(values, 'index');
  if (indexPath !== undefined) writeIndex(indexPath, json);
  if (plotPath !== undefined) await writePlot(plotPath, json);
  const survival = reportSurvival(textOf(values, 'survive'), result, inputs);
  return json.unplaced.length > 0 ? 1 : survival;
}
