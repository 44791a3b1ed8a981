// piton-allocate diff

import { type PlanJson, parsePlan } from '../formats/plan-json.ts';
import { formatBytes } from '../model/units.ts';
import { diffPlans, type PlanDiff } from '../report/diff.ts';
import { type Context, print, readText } from './context.ts';
import { INPUT_OPTIONS, parseWords, readInputs, textOf } from './options.ts';

const SHOWN_MAX = 20;

function inWords(before: PlanJson, after: PlanJson, diff: PlanDiff): string[] {
  const { differences, drivesAdded, drivesRemoved } = diff;
  const pair = (name: string, a: number, b: number): string =>
    a === b ? `${name}: ${a} in both.` : `${name}: ${a} before, ${b} after.`;
  const lines = [
    pair('Drives', before.drives_used, after.drives_used),
    pair('Lower bound', before.lower_bound, after.lower_bound),
    pair('Index entries', before.index.entries, after.index.entries),
  ];
  if (drivesAdded.length > 0) lines.push(`Only after: ${drivesAdded.join(', ')}.`);
  if (drivesRemoved.length > 0) lines.push(`Only before: ${drivesRemoved.join(', ')}.`);
  if (differences.length === 0) return [...lines, 'Every key is placed alike.'];
  const bytes = differences.reduce((sum, entry) => sum + (entry.bytes ?? 0), 0);
  const isMeasured = differences[0]!.bytes !== undefined;
  const amount = isMeasured ? `, ${formatBytes(bytes)} that get another drive` : '';
  lines.push(`${differences.length} stretches of keys are placed differently${amount}:`);
  for (const entry of differences.slice(0, SHOWN_MAX)) {
    const of = entry.bytes === undefined ? '' : ` (${formatBytes(entry.bytes)})`;
    lines.push(
      `  ${entry.start || 'the lowest key'} to ${entry.end || 'the end'}: ${entry.before.join(' ') || 'nowhere'} -> ${entry.after.join(' ') || 'nowhere'}${of}`,
    );
  }
  if (differences.length > SHOWN_MAX) {
    lines.push(`  and ${differences.length - SHOWN_MAX} more; --json lists them all.`);
  }
  return lines;
}

export function runDiff(context: Context): number {
  const options = { ...INPUT_OPTIONS, ranges: { type: 'string' } } as const;
  const { values, paths } = parseWords(context.words, options, ['PLAN', 'PLAN']);
  const [before, after] = paths.map((path) => parsePlan(readText(path), path));
  const rangesPath = textOf(values, 'ranges');
  const ranges = rangesPath === undefined ? undefined : readInputs(values, rangesPath).ranges;
  const diff = diffPlans(before!, after!, ranges);
  if (values['json'] === true) print(`${JSON.stringify(diff)}\n`);
  else print(`${inWords(before!, after!, diff).join('\n')}\n`);
  return 0;
}
