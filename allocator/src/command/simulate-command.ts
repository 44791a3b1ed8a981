// piton-allocate simulate

import { parsePlan } from '../formats/plan-json.ts';
import { UsageError } from '../model/errors.ts';
import { splitAgain } from '../model/split-keys.ts';
import { formatBytes } from '../model/units.ts';
import { type SimulationStep, simulate, stepsToOverflow } from '../replan/simulate.ts';
import { type Context, print, readText } from './context.ts';
import {
  INPUT_OPTIONS,
  parseWords,
  readInputs,
  shareOf,
  textOf,
  type Values,
  wholeNumber,
} from './options.ts';
import { currentFromPlan } from './replan-command.ts';

const OPTIONS = {
  ...INPUT_OPTIONS,
  steps: { type: 'string' },
  growth: { type: 'string' },
  volatility: { type: 'string' },
  heat: { type: 'string' },
  threshold: { type: 'string' },
  balance: { type: 'boolean' },
  seed: { type: 'string' },
} as const;

function heatOf(values: Values): number {
  const text = textOf(values, 'heat') ?? '3';
  const heat = Number(text);
  if (!/^[0-9]+(\.[0-9]+)?$/.test(text) || heat < 1)
    throw new UsageError('--heat: expected a factor from 1, such as 3');
  return heat;
}

function table(rows: readonly SimulationStep[]): string[] {
  const cells = [
    ['step', 'over', 'moves', 'moved', 'at least', 'entries', 'drives', 'fullest'],
    ...rows.map((row) => [
      String(row.step),
      String(row.over),
      String(row.moves),
      formatBytes(row.bytesMoved),
      formatBytes(row.bytesBound),
      String(row.entries),
      String(row.drives),
      `${(row.fullest * 100).toFixed(1)} %`,
    ]),
  ];
  const widths = cells[0]!.map((_, c) =>
    cells.reduce((most, row) => Math.max(most, row[c]!.length), 0),
  );
  return cells.map((row) => row.map((cell, c) => cell.padStart(widths[c]!)).join('  '));
}

export function runSimulate(context: Context): number {
  const { values, paths } = parseWords(context.words, OPTIONS, ['PLAN', 'RANGES']);
  const growth = shareOf(values, 'growth') ?? 0.002;
  const options = {
    growth,
    steps: wholeNumber(values, 'steps', 1) ?? 24,
    volatility: shareOf(values, 'volatility') ?? 0.1,
    heat: heatOf(values),
    threshold: shareOf(values, 'threshold') ?? 0.02,
    isBalancing: values['balance'] === true,
    seed: wholeNumber(values, 'seed', 0) ?? 1,
  };
  const plan = parsePlan(readText(paths[0]!), paths[0]!);
  const inputs = readInputs(values, paths[1]!);
  const { ranges } = splitAgain(inputs.ranges, plan.splits ?? []);
  const { headroom, reads, replicas } = plan;
  const current = currentFromPlan(plan, ranges);
  const input = { ranges, drives: inputs.drives };
  const rows = [...simulate(input, current, { ...options, headroom, reads, replicas })];
  const steps = stepsToOverflow(plan.drives, growth);
  if (values['json'] === true) {
    print(`${JSON.stringify({ stepsToOverflow: Number.isFinite(steps) ? steps : null, rows })}\n`);
  } else {
    const moved = rows.reduce((sum, row) => sum + row.bytesMoved, 0);
    const bound = rows.reduce((sum, row) => sum + row.bytesBound, 0);
    const lines = [
      Number.isFinite(steps)
        ? `Left alone, with a growth of ${growth * 100} % per step, the first drive is full after ${steps.toFixed(1)} steps.`
        : 'Without growth no drive ever fills up.',
      ...table(rows),
      `${formatBytes(moved)} moved in all, at least ${formatBytes(bound)} had to.`,
    ];
    for (const row of rows) {
      for (const fault of row.unsolved.slice(0, 3)) lines.push(`Step ${row.step}: ${fault}.`);
    }
    print(`${lines.join('\n')}\n`);
  }
  return rows.some((row) => row.unsolved.length > 0) ? 1 : 0;
}
