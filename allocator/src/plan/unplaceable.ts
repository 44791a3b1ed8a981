// Ranges that no empty drive can hold: hot or large beyond any allocator's help, reported with what would help.

import { type Ranges, rangeName } from '../model/ranges.ts';
import { type Cut, splitRanges } from '../model/split-keys.ts';
import { formatQuantity } from '../model/units.ts';
import { type Candidates, candidatesOf } from './candidates.ts';
import { demandOf, wholeDemand } from './demand.ts';
import type { PlanInput, PlanOptions, Unplaced } from './types.ts';

/** Each with what it lacks and what would help. */
export function findUnplaceable(
  ranges: Ranges,
  whole: readonly Float64Array[],
  resources: readonly string[],
  candidates: Candidates,
): Unplaced[] {
  const most = resources.map((_, r) => candidates.largest(r));
  const kinds = candidates.kinds();
  const unplaced: Unplaced[] = [];
  for (let i = 0; i < ranges.count; i++) {
    if (kinds.some((usable) => whole.every((column, k) => column[i]! <= usable[k]!))) continue;
    const r = whole.findIndex((column, k) => column[i]! > most[k]!);
    if (r < 0) {
      unplaced.push({
        range: i,
        reason: `no single drive has enough of ${resources.join(' and ')} for ${rangeName(ranges, i)}`,
        remedy: 'split it, or add a drive that is large in all of them',
      });
      continue;
    }
    const times = whole[r]![i]! / most[r]!;
    const need = formatQuantity(resources[r]!, whole[r]![i]!);
    unplaced.push({
      range: i,
      reason: `${rangeName(ranges, i)} needs ${need} of ${resources[r]}, ${times.toFixed(2)} times what the largest drive offers (${formatQuantity(resources[r]!, most[r]!)})`,
      remedy:
        resources[r] === 'bytes'
          ? `split it at ${Math.ceil(times) - 1} or more points`
          : `split it at ${Math.ceil(times) - 1} or more points, or let more replicas serve its reads`,
    });
  }
  return unplaced;
}

/** The input with every range that fits no drive cut at its split keys, and which were cut. */
export function splitOversized(
  input: PlanInput,
  options: PlanOptions,
): { input: PlanInput; cuts: Cut[] } {
  const { resources } = input.drives;
  const headroom = options.headroom ?? resources.map(() => 0);
  const demand = demandOf(input.ranges, resources, options.reads ?? 'tail', options.replicas ?? 1);
  const candidates = candidatesOf(input.drives, headroom);
  const over = findUnplaceable(input.ranges, wholeDemand(demand), resources, candidates);
  const { ranges, cuts } = splitRanges(
    input.ranges,
    over.map((entry) => entry.range),
  );
  return { input: { ...input, ranges }, cuts };
}
