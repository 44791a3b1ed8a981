// Checks an ordered list of moves by carrying it out, one by one, with code of its own.
//
// After every single move the target holds the copy and, until the wave ends, so does the source. A drive that receives a copy
// may then not be fuller than it is allowed; one that was too full before and receives nothing is no fault of the moves.

import type { MoveJson, PlanJson } from '../formats/plan-json.ts';
import type { DriveSet } from '../model/drives.ts';
import { keyFromText } from '../model/keys.ts';
import type { Ranges } from '../model/ranges.ts';
import { copiesWanted, copyDemand } from './copy-demand.ts';
import { cutRanges } from './cut.ts';
import { afterHeadroom, machinesOf } from './machines.ts';

type Rule = Pick<PlanJson, 'resources' | 'reads' | 'replicas'>;

/** One copy of one range: from a drive ('' for a new copy) to another. */
export interface MoveStep {
  readonly range: number;
  readonly position: number;
  readonly from: string;
  readonly to: string;
  readonly wave: number;
}

class Run {
  readonly #ranges: Ranges;
  readonly #rule: Rule;
  readonly #usable: (id: string) => readonly number[] | undefined;
  readonly #loads = new Map<string, number[]>();
  readonly chains: string[][];
  #leaving: MoveStep[] = [];
  #wave: number;
  readonly faults: string[] = [];

  constructor(
    before: readonly (readonly string[])[],
    ranges: Ranges,
    rule: Rule,
    usable: (id: string) => readonly number[] | undefined,
  ) {
    this.#ranges = ranges;
    this.#rule = rule;
    this.#usable = usable;
    this.#wave = Number.NEGATIVE_INFINITY;
    this.chains = before.map((chain) => [...chain]);
    this.chains.forEach((chain, range) => {
      chain.forEach((id, position) => {
        if (id !== '') this.#change(id, range, position, 1);
      });
    });
  }

  #need(range: number, position: number): number[] {
    const copies = copiesWanted(this.#rule, this.#ranges, range);
    return copyDemand(this.#rule, this.#ranges, range, position === copies - 1, copies);
  }

  #change(id: string, range: number, position: number, sign: number): void {
    const need = this.#need(range, position);
    const load = this.#loads.get(id) ?? need.map(() => 0);
    need.forEach((value, r) => {
      load[r]! += sign * value;
    });
    this.#loads.set(id, load);
  }

  /** The wave is over: what has arrived elsewhere is dropped at its source. */
  endWave(): void {
    for (const { from, range, position } of this.#leaving) this.#change(from, range, position, -1);
    this.#leaving = [];
  }

  step(step: MoveStep, name: string): void {
    const { range, position, from, to, wave } = step;
    if (wave < this.#wave) this.faults.push(`${name}: wave ${wave} comes after ${this.#wave}`);
    if (wave !== this.#wave) this.endWave();
    this.#wave = wave;
    const chain = this.chains[range]!;
    const here = chain[position] ?? '';
    if (here !== from)
      this.faults.push(`${name}: the copy is on ${here || 'no drive'}, not ${from}`);
    if (chain.includes(to)) this.faults.push(`${name}: ${to} holds a copy of the range already`);
    this.#change(to, range, position, 1);
    this.#checkRoom(to, this.#need(range, position), name);
    chain[position] = to;
    if (from !== '') this.#leaving.push(step);
  }

  #checkRoom(to: string, need: readonly number[], name: string): void {
    const limits = this.#usable(to);
    if (limits === undefined) this.faults.push(`${name}: drive ${to} takes no copies`);
    this.#loads.get(to)!.forEach((value, r) => {
      if (limits === undefined || need[r] === 0 || value <= limits[r]!) return;
      this.faults.push(
        `${name}: ${to} would hold ${value} of ${this.#rule.resources[r]}, ${limits[r]} allowed`,
      );
    });
  }
}

/** Faults of single moves in their order; `usable` gives what a drive may hold, undefined when it takes nothing. */
export function checkMoves(
  steps: readonly MoveStep[],
  before: readonly (readonly string[])[],
  ranges: Ranges,
  rule: Rule,
  usable: (id: string) => readonly number[] | undefined,
): string[] {
  const run = new Run(before, ranges, rule, usable);
  steps.forEach((step, k) => {
    run.step(step, `move ${k + 1}`);
  });
  return run.faults;
}

/** Chain of each range by the placements; a range that none covers has an empty one. */
function chainsOf(plan: PlanJson, ranges: Ranges): string[][] {
  const bounds = plan.placements.map(({ start, end }) => [keyFromText(start)!, keyFromText(end)!]);
  let p = 0;
  return Array.from({ length: ranges.count }, (_, i) => {
    const key = ranges.keys.bytes(2 * i);
    const isPast = (end: Uint8Array): boolean => end.length > 0 && Buffer.compare(end, key) <= 0;
    while (p < bounds.length && isPast(bounds[p]![1]!)) p++;
    const start = bounds[p]?.[0];
    return start === undefined || Buffer.compare(start, key) > 0
      ? []
      : [...plan.placements[p]!.drives];
  });
}

function rangesIn(move: MoveJson, ranges: Ranges): number[] {
  const start = keyFromText(move.start)!;
  const end = keyFromText(move.end)!;
  const list: number[] = [];
  for (let i = 0; i < ranges.count; i++) {
    const key = ranges.keys.bytes(2 * i);
    if (end.length > 0 && Buffer.compare(key, end) >= 0) break;
    if (Buffer.compare(key, start) >= 0) list.push(i);
  }
  return list;
}

/** Carries the moves of a plan out, from where `before` has everything, and compares where that ends with the plan. */
export function verifyMoves(
  plan: PlanJson,
  before: PlanJson,
  input: Ranges,
  drives: DriveSet,
): string[] {
  // What the cuts lack is said where the plan itself is checked.
  const ranges = cutRanges(input, plan.splits ?? [], () => {});
  const machine = machinesOf(drives);
  const usable = (id: string): number[] | undefined =>
    machine(id)?.capacity.map((value, r) => afterHeadroom(value, plan.headroom[r] ?? 0));
  const run = new Run(chainsOf(before, ranges), ranges, plan, usable);
  (plan.moves ?? []).forEach((move, k) => {
    const name = `move ${move.seq}`;
    if (move.seq !== k + 1) run.faults.push(`${name}: it is number ${k + 1}`);
    let bytes = 0;
    for (const range of rangesIn(move, ranges)) {
      const chain = run.chains[range]!;
      const position = move.from === '' ? firstGap(chain) : chain.indexOf(move.from);
      run.step({ ...move, range, position: position < 0 ? chain.length : position }, name);
      bytes += ranges.bytes[range]!;
    }
    if (bytes !== move.bytes)
      run.faults.push(`${name}: ${move.bytes} bytes stated, ${bytes} moved`);
  });
  const wanted = chainsOf(plan, ranges);
  const wrong = run.chains.findIndex((chain, i) => chain.join(' ') !== wanted[i]!.join(' '));
  if (wrong >= 0) {
    run.faults.push(
      `after the moves the range at ${ranges.keys.text(2 * wrong)} is on ${run.chains[wrong]!.join(', ')}, the plan has it on ${wanted[wrong]!.join(', ')}`,
    );
  }
  return run.faults;
}

function firstGap(chain: readonly string[]): number {
  const gap = chain.indexOf('');
  return gap < 0 ? chain.length : gap;
}
