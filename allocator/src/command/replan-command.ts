// piton-allocate replan

import {
  formatPlan,
  type MoveJson,
  type PlanJson,
  parsePlan,
  planToJson,
} from '../formats/plan-json.ts';
import { expectedButGot, InputError, UsageError } from '../model/errors.ts';
import { compareKeys, keyFromText } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';
import { splitAgain } from '../model/split-keys.ts';
import { formatBytes, formatQuantity, parseBytes } from '../model/units.ts';
import type { Plan } from '../plan/types.ts';
import { replan } from '../replan/replan.ts';
import type { CurrentPlacement, Replan } from '../replan/types.ts';
import { type Context, print, readText, writeText } from './context.ts';
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

const OPTIONS = {
  ...INPUT_OPTIONS,
  balance: { type: 'boolean' },
  threshold: { type: 'string' },
  shrink: { type: 'boolean' },
  'max-move-bytes': { type: 'string' },
  'max-moves': { type: 'string' },
  'moves-per-drive': { type: 'string' },
  'max-index-growth': { type: 'string' },
  done: { type: 'string' },
  output: { type: 'string', short: 'o' },
  moves: { type: 'string' },
  quiet: { type: 'boolean' },
} as const;

/** Chains per range from the placements of a plan; a range in no placement, or across several, gets the first that holds its start. */
export function currentFromPlan(plan: PlanJson, ranges: Ranges): string[][] {
  const starts = plan.placements.map((placement) => keyFromText(placement.start)!);
  const ends = plan.placements.map((placement) => keyFromText(placement.end)!);
  let p = 0;
  return Array.from({ length: ranges.count }, (_, i) => {
    const key = ranges.keys.bytes(2 * i);
    while (p < ends.length && ends[p]!.length > 0 && compareKeys(ends[p]!, key) <= 0) p++;
    if (p === ends.length || compareKeys(starts[p]!, key) > 0) return [];
    return [...plan.placements[p]!.drives];
  });
}

function currentFromColumn(ranges: Ranges): CurrentPlacement {
  if (ranges.placed === undefined)
    throw new UsageError('"current" needs a column drive in the ranges');
  return ranges.placed.map((text) => text.split(' ').filter((id) => id !== ''));
}

/** Undoes what has not been carried out yet: the moves after the first `done`, from the last to the first. */
function beforePending(
  chains: string[][],
  ranges: Ranges,
  moves: readonly MoveJson[],
  done: number,
): void {
  for (const move of [...moves].reverse()) {
    if (move.seq <= done) return;
    const start = keyFromText(move.start)!;
    const end = keyFromText(move.end)!;
    for (let i = 0; i < ranges.count; i++) {
      const key = ranges.keys.bytes(2 * i);
      if (compareKeys(key, start) < 0) continue;
      if (end.length > 0 && compareKeys(key, end) >= 0) break;
      const j = chains[i]!.indexOf(move.to);
      if (j >= 0) chains[i]![j] = move.from;
    }
  }
}

/** Moves of neighbouring ranges between the same drives in the same wave, joined. */
export function movesToJson(result: Replan, ranges: Ranges): MoveJson[] {
  const count = ranges.count;
  const list: MoveJson[] = [];
  const sorted = [...result.moves].sort(
    (a, b) => a.wave - b.wave || a.from - b.from || a.to - b.to || a.copy - b.copy,
  );
  let last: { copy: number; index: number } | undefined;
  for (const move of sorted) {
    const i = move.copy % count;
    const from = move.from < 0 ? '' : result.drives[move.from]!.id;
    const to = result.drives[move.to]!.id;
    const before = last === undefined ? undefined : list[last.index];
    const goesOn =
      before !== undefined &&
      last!.copy === move.copy - 1 &&
      i > 0 &&
      ranges.joins[i] === 1 &&
      before.wave === move.wave &&
      before.from === from &&
      before.to === to &&
      before.reason === move.reason;
    if (goesOn) {
      list[last!.index] = {
        ...before,
        end: ranges.keys.text(2 * i + 1),
        bytes: before.bytes + ranges.bytes[i]!,
      };
      last = { copy: move.copy, index: last!.index };
    } else {
      list.push({
        seq: list.length + 1,
        wave: move.wave,
        start: ranges.keys.text(2 * i),
        end: ranges.keys.text(2 * i + 1),
        from,
        to,
        bytes: ranges.bytes[i]!,
        reason: move.reason,
      });
      last = { copy: move.copy, index: list.length - 1 };
    }
  }
  return list;
}

/** The new placement as a plan; drives that hold nothing any more are left out. */
export function planFromReplan(result: Replan, inputs: Inputs): Plan {
  const used = new Int32Array(result.drives.length).fill(-1);
  const drives: Plan['drives'][number][] = [];
  for (const chain of result.chains) {
    for (const d of chain) {
      if (d < 0 || used[d]! >= 0) continue;
      used[d] = drives.length;
      drives.push(result.drives[d]!);
    }
  }
  const { headroom, replicas, reads } = inputs;
  return {
    objective: 'drives',
    replicas,
    reads,
    seed: 0,
    headroom,
    resources: inputs.drives.resources,
    drives,
    chains: result.chains.map((chain) => chain.map((d) => (d < 0 ? -1 : used[d]!))),
    bounds: [],
    lower: 0,
    entries: result.entriesAfter,
    unplaced: [],
    curve: [],
  };
}

function summary(
  result: Replan,
  moves: readonly MoveJson[],
  resources: readonly string[],
): string[] {
  const waves = moves.reduce((most, move) => Math.max(most, move.wave + 1), 0);
  const lines = [
    `${moves.length} moves in ${waves} waves, ${formatBytes(result.bytesMoved)}; at least ${formatBytes(result.bytesBound)} had to move.`,
    `Index entries: ${result.entriesBefore} before, ${result.entriesAfter} after.`,
  ];
  const byReason = new Map<string, number>();
  for (const move of moves)
    byReason.set(move.reason, (byReason.get(move.reason) ?? 0) + move.bytes);
  for (const [reason, bytes] of byReason) lines.push(`  ${reason}: ${formatBytes(bytes)}`);
  result.drives.forEach((drive, d) => {
    const changed = resources.some((_, r) => (result.before[r]![d] ?? 0) !== result.after[r]![d]!);
    if (!changed || lines.length > 60) return;
    const loads = resources.map(
      (resource, r) =>
        `${resource} ${formatQuantity(resource, result.before[r]![d] ?? 0)} -> ${formatQuantity(resource, result.after[r]![d]!)}`,
    );
    lines.push(`  ${drive.id}: ${loads.join(', ')}`);
  });
  for (const fault of result.unsolved.slice(0, 20)) lines.push(`Not solved: ${fault}.`);
  return lines;
}

/** `5%` of the entries there are, or a number of them. */
function entriesAddedMax(values: Values, current: CurrentPlacement, ranges: Ranges): number {
  const text = textOf(values, 'max-index-growth');
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const match = /^([0-9]+(?:\.[0-9]+)?)(%?)$/.exec(text);
  if (match === null) {
    throw new UsageError(
      `--max-index-growth: ${expectedButGot('a share such as 5%, or a number of entries', text)}`,
    );
  }
  if (match[2] === '') return Math.floor(Number(match[1]));
  let entries = 0;
  current.forEach((chain, i) => {
    const goesOn = ranges.joins[i] === 1 && chain.join(' ') === current[i - 1]!.join(' ');
    if (!goesOn && chain.length > 0) entries++;
  });
  return Math.floor((entries * Number(match[1])) / 100);
}

function optionsOf(values: Values): Parameters<typeof replan>[2] {
  const limit = textOf(values, 'max-move-bytes');
  const bytes = limit === undefined ? undefined : parseBytes(limit, 'down');
  if (limit !== undefined && bytes === undefined)
    throw new UsageError('--max-move-bytes: expected bytes such as 2TB');
  const moves = wholeNumber(values, 'max-moves', 0);
  const perDrive = wholeNumber(values, 'moves-per-drive', 1);
  return {
    isBalancing: values['balance'] === true,
    isShrinking: values['shrink'] === true,
    threshold: shareOf(values, 'threshold') ?? 0.02,
    ...(bytes !== undefined && { moveBytesMax: bytes }),
    ...(moves !== undefined && { movesMax: moves }),
    ...(perDrive !== undefined && { movesPerDrive: perDrive }),
  };
}

/** Copies, reads and headroom are those of the plan unless the words say otherwise: a forgotten flag must not drop copies. */
function asPlanned(inputs: Inputs, values: Values, before: PlanJson): Inputs {
  const { replicas, reads, headroom } = before;
  const isSameKind = before.resources.join() === inputs.drives.resources.join();
  return {
    ...inputs,
    ...(values['replicas'] === undefined && { replicas }),
    ...(values['reads'] === undefined && { reads }),
    ...(values['headroom'] === undefined && isSameKind && { headroom }),
  };
}

export function runReplan(context: Context): number {
  const { values, paths } = parseWords(context.words, OPTIONS, ['PLAN', 'RANGES']);
  const options = optionsOf(values);
  let inputs = readInputs(values, paths[1]!);
  let splits: PlanJson['splits'];
  let current: CurrentPlacement;
  if (paths[0] === 'current') {
    current = currentFromColumn(inputs.ranges);
    const replicas = current.reduce((most, chain) => Math.max(most, chain.length), 1);
    if (values['replicas'] === undefined) inputs = { ...inputs, replicas };
  } else {
    const before = parsePlan(readText(paths[0]!), paths[0]!);
    inputs = asPlanned(inputs, values, before);
    const again = splitAgain(inputs.ranges, before.splits ?? []);
    inputs = { ...inputs, ranges: again.ranges };
    splits = again.cuts;
    const chains = currentFromPlan(before, inputs.ranges);
    const done = wholeNumber(values, 'done', 0);
    if (done !== undefined && before.moves === undefined) {
      throw new InputError(
        { file: paths[0]!, line: 1, column: 1 },
        '--done: this plan has no moves',
      );
    }
    if (done !== undefined) beforePending(chains, inputs.ranges, before.moves!, done);
    current = chains;
  }
  const { headroom, replicas, reads } = inputs;
  const result = replan(inputs, current, {
    ...options,
    headroom,
    replicas,
    reads,
    entriesAddedMax: entriesAddedMax(values, current, inputs.ranges),
  });
  const moves = movesToJson(result, inputs.ranges);
  const json = planToJson(planFromReplan(result, inputs), inputs.ranges, {
    sha256: inputs.sha256,
    moves,
    ...(splits !== undefined && { splits }),
  });
  const output = textOf(values, 'output');
  if (output !== undefined) writeText(output, formatPlan(json));
  const movesPath = textOf(values, 'moves');
  if (movesPath !== undefined)
    writeText(movesPath, moves.map((move) => `${JSON.stringify(move)}\n`).join(''));
  if (values['json'] === true) print(formatPlan(json));
  else if (values['quiet'] !== true)
    print(`${summary(result, moves, inputs.drives.resources).join('\n')}\n`);
  return result.unsolved.length > 0 ? 1 : 0;
}
