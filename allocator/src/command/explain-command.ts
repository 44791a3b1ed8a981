// piton-allocate explain

import { parsePlan } from '../formats/plan-json.ts';
import { UsageError } from '../model/errors.ts';
import { formatBytes } from '../model/units.ts';
import { replan } from '../replan/replan.ts';
import { explainDrive, explainPlan, explainRange, explainWhyNotFewer } from '../report/explain.ts';
import { type Context, print, readText } from './context.ts';
import { INPUT_OPTIONS, parseWords, readInputs, textOf, type Values } from './options.ts';
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
