// What bounds are proved from: demands, totals and capacities, taken from the ranges and drives, never from the plan's own figures.

import type { PlanJson } from '../formats/plan-json.ts';
import type { DriveSet } from '../model/drives.ts';
import type { Ranges } from '../model/ranges.ts';
import { copiesWanted, copyDemand } from './copy-demand.ts';
import { afterHeadroom, inventory } from './machines.ts';

export interface Facts {
  /** Demand of an only copy: demand[r][k]. Ranges of one group, which stay together, count as one. */
  readonly demand: readonly (readonly number[])[];
  /** Total over all copies. */
  readonly totals: readonly bigint[];
  /** Usable capacity of the most capable machine, resource by resource. */
  readonly capacity: readonly number[];
  /** Usable capacities of all machines where their number is limited. */
  readonly listed: readonly (readonly number[])[] | undefined;
  /** Most index entries that any machine may hold; 0 when one may hold any number. */
  readonly entriesMax: number;
  readonly isSingleCopy: boolean;
  /** Stretches of keys without a gap, each of them at least one entry per copy. */
  readonly segments: number;
  readonly copiesMost: number;
}

class Collector {
  readonly #plan: PlanJson;
  readonly #ranges: Ranges;
  readonly demand: number[][];
  readonly totals: bigint[];
  readonly #bundleOf = new Map<string, number>();
  segments = 0;
  copiesMost = 0;

  constructor(plan: PlanJson, ranges: Ranges) {
    this.#plan = plan;
    this.#ranges = ranges;
    this.demand = plan.resources.map(() => []);
    this.totals = plan.resources.map(() => 0n);
  }

  /** The item that range i belongs to; a group stands where its first range is. */
  #itemOf(i: number): number {
    const items = this.demand[0]?.length ?? 0;
    const group = this.#ranges.groups?.[i] ?? '';
    const known = group === '' ? undefined : this.#bundleOf.get(group);
    if (known !== undefined) return known;
    if (group !== '') this.#bundleOf.set(group, items);
    for (const column of this.demand) column.push(0);
    return items;
  }

  add(i: number): void {
    const copies = copiesWanted(this.#plan, this.#ranges, i);
    this.copiesMost = Math.max(this.copiesMost, copies);
    const only = copyDemand(this.#plan, this.#ranges, i, true, 1);
    const tail = copyDemand(this.#plan, this.#ranges, i, true, copies);
    const other = copyDemand(this.#plan, this.#ranges, i, false, copies);
    const item = this.#itemOf(i);
    this.totals.forEach((_, r) => {
      this.totals[r]! += BigInt(tail[r]!) + BigInt(other[r]!) * BigInt(copies - 1);
      this.demand[r]![item]! += only[r]!;
    });
  }
}

export function factsOf(plan: PlanJson, ranges: Ranges, drives: DriveSet): Facts {
  const leftOut = new Set(plan.unplaced.map((entry) => entry.start));
  const collector = new Collector(plan, ranges);
  let goesOn = false;
  for (let i = 0; i < ranges.count; i++) {
    if (leftOut.size > 0 && leftOut.has(ranges.keys.text(2 * i))) {
      goesOn = false;
      continue;
    }
    if (!goesOn || ranges.joins[i] === 0) collector.segments++;
    goesOn = true;
    collector.add(i);
  }
  const kinds = [...drives.drives.filter((drive) => drive.state !== 'drain'), ...drives.types];
  const isCounted = kinds.every((kind) => kind.maxRanges > 0);
  return {
    demand: collector.demand,
    totals: collector.totals,
    capacity: plan.resources.map((_, r) =>
      kinds.reduce(
        (most, kind) => Math.max(most, afterHeadroom(kind.capacity[r]!, plan.headroom[r] ?? 0)),
        0,
      ),
    ),
    listed: inventory(drives, plan.headroom),
    entriesMax: isCounted ? kinds.reduce((most, kind) => Math.max(most, kind.maxRanges), 0) : 0,
    isSingleCopy: collector.copiesMost <= 1,
    segments: collector.segments,
    copiesMost: collector.copiesMost,
  };
}
