// Proves bounds again from the certificates in a plan, with code of its own.
//
// Sums are taken anew over the ranges, conflicts are tested pair by pair, dual feasible functions are evaluated by a second
// implementation, and for prices a knapsack that bounds each resource separately looks for a drive worth more than claimed.

import type { Bound } from '../bounds/bound.ts';
import type { PlanJson } from '../formats/plan-json.ts';
import type { DriveSet } from '../model/drives.ts';
import type { Ranges } from '../model/ranges.ts';
import { mostValuable } from './knapsack.ts';

export interface Certified {
  readonly name: string;
  readonly drives: number;
  readonly holds: boolean;
  readonly why: string;
}

interface Facts {
  /** Demand of an only copy: demand[r][i]. */
  readonly demand: readonly (readonly number[] | Float64Array)[];
  /** Total over all copies. */
  readonly totals: readonly bigint[];
  /** Usable capacity of the most capable drive. */
  readonly capacity: readonly number[];
  /** Usable capacities of all drives where they are listed. */
  readonly listed: readonly (readonly number[])[] | undefined;
  readonly isSingleCopy: boolean;
  readonly segments: number;
  readonly copiesMost: number;
}

function usable(capacity: readonly number[], headroom: readonly number[]): number[] {
  return capacity.map((value, r) => {
    const share = headroom[r] ?? 0;
    return share === 0 ? value : Math.floor(value * (1 - share));
  });
}

function rowOf(ranges: Ranges, plan: PlanJson, i: number, copies: number): [bigint[], number[]] {
  if (ranges.extra !== undefined) {
    const row = ranges.extra.map((column) => column[i]!);
    return [row.map((value) => BigInt(value) * BigInt(copies)), row];
  }
  const reads = ranges.readBps[i]!;
  const writes = ranges.writeBps[i]!;
  const readsInAll = plan.reads === 'shared' ? Math.ceil(reads / copies) * copies : reads;
  const single = plan.resources.map((resource) => {
    if (resource === 'bytes') return ranges.bytes[i]!;
    if (resource === 'read_bps') return reads;
    return resource === 'write_bps' ? writes : writes + reads;
  });
  const all = plan.resources.map((resource) => {
    if (resource === 'bytes') return BigInt(ranges.bytes[i]!) * BigInt(copies);
    if (resource === 'read_bps') return BigInt(readsInAll);
    const written = BigInt(writes) * BigInt(copies);
    return resource === 'write_bps' ? written : written + BigInt(readsInAll);
  });
  return [all, single];
}

function factsOf(plan: PlanJson, ranges: Ranges, drives: DriveSet): Facts {
  const left = new Set(plan.unplaced.map((entry) => entry.start));
  const demand: number[][] = plan.resources.map(() => []);
  const totals = plan.resources.map(() => 0n);
  let segments = 0;
  let copiesMost = 0;
  for (let i = 0; i < ranges.count; i++) {
    if (ranges.joins[i] === 0) segments++;
    if (left.size > 0 && left.has(ranges.keys.text(2 * i))) continue;
    const copies = ranges.replicas?.[i] || plan.replicas;
    copiesMost = Math.max(copiesMost, copies);
    const [all, single] = rowOf(ranges, plan, i, copies);
    all.forEach((value, r) => {
      totals[r]! += value;
      demand[r]!.push(single[r]!);
    });
  }
  const machines = [
    ...drives.drives.filter((drive) => drive.state !== 'drain'),
    ...drives.types,
  ].map((machine) => usable(machine.capacity, plan.headroom));
  const isListed = drives.types.every((type) => type.count !== null);
  const listed = [
    ...drives.drives
      .filter((drive) => drive.state !== 'drain')
      .map((drive) => usable(drive.capacity, plan.headroom)),
    ...drives.types.flatMap((type) =>
      Array.from({ length: type.count ?? 0 }, () => usable(type.capacity, plan.headroom)),
    ),
  ];
  return {
    demand,
    totals,
    capacity: plan.resources.map((_, r) => Math.max(...machines.map((machine) => machine[r]!))),
    listed: isListed ? listed : undefined,
    isSingleCopy: copiesMost <= 1 && ranges.groups === undefined,
    segments,
    copiesMost,
  };
}

function proveSum(
  bound: Bound,
  facts: Facts,
  plan: PlanJson,
  resource: string,
): string | undefined {
  if (bound.proof.kind !== 'sum') return 'wrong proof';
  if (resource === 'entries') {
    const proved = Math.ceil(facts.segments / bound.proof.capacity);
    return proved >= bound.drives ? undefined : `separate stretches prove only ${proved}`;
  }
  const r = plan.resources.indexOf(resource);
  if (r < 0) return `unknown resource ${resource}`;
  const capacity = BigInt(facts.capacity[r]!);
  const proved = (facts.totals[r]! + capacity - 1n) / capacity;
  return proved >= BigInt(bound.drives) ? undefined : `the sum proves only ${proved}`;
}

function proveInventory(
  bound: Bound,
  facts: Facts,
  plan: PlanJson,
  resource: string,
): string | undefined {
  const r = plan.resources.indexOf(resource);
  if (r < 0 || facts.listed === undefined) return 'there is no list of drives';
  const sorted = facts.listed.map((capacity) => capacity[r]!).sort((a, b) => b - a);
  const reach = sorted.slice(0, bound.drives - 1).reduce((sum, value) => sum + BigInt(value), 0n);
  return reach < facts.totals[r]! ? undefined : `${bound.drives - 1} drives reach the total`;
}

function proveClique(items: readonly number[], bound: Bound, facts: Facts): string | undefined {
  if (new Set(items).size < bound.drives) return 'fewer ranges than claimed';
  for (let a = 0; a < items.length; a++) {
    for (let b = 0; b < a; b++) {
      const apart = facts.capacity.some((limit, r) => {
        const column = facts.demand[r]!;
        return (column[items[a]!] ?? 0) + (column[items[b]!] ?? 0) > limit;
      });
      if (!apart) return `ranges ${items[a]} and ${items[b]} fit one drive`;
    }
  }
  return undefined;
}

/** The three functions once more, written from their definitions, in exact arithmetic. */
function functionValue(
  shape: string,
  parameter: bigint,
  capacity: bigint,
  x: bigint,
): [bigint, bigint] {
  if (shape === 'threshold') {
    const value = x + parameter > capacity ? capacity : x >= parameter ? x : 0n;
    return parameter * 2n > capacity ? [0n, 1n] : [value, capacity];
  }
  if (shape === 'steps') {
    const whole = (x * (parameter + 1n)) / capacity;
    const isExact = (x * (parameter + 1n)) % capacity === 0n;
    return [isExact ? x * parameter : whole * capacity, capacity * parameter];
  }
  const most = 2n * (capacity / parameter);
  if (2n * x > capacity) return [most - 2n * ((capacity - x) / parameter), most];
  return [2n * x === capacity ? capacity / parameter : 2n * (x / parameter), most];
}

function proveFunction(bound: Bound, facts: Facts): string | undefined {
  if (bound.proof.kind !== 'dual-feasible') return 'wrong proof';
  const { weights, shape, parameter, capacity } = bound.proof;
  if (weights.some((w) => w < 0) || weights.reduce((sum, w) => sum + w, 0) > 1 + 1e-12) {
    return 'weights must be shares of one';
  }
  let sum = 0n;
  let of = 1n;
  const count = facts.demand[0]!.length;
  for (let i = 0; i < count; i++) {
    const share = weights.reduce(
      (s, w, r) => s + (w * facts.demand[r]![i]!) / facts.capacity[r]!,
      0,
    );
    const size = BigInt(Math.min(capacity, Math.floor(share * capacity + 2 ** -16)));
    const [value, most] = functionValue(shape, BigInt(parameter), BigInt(capacity), size);
    sum += value;
    of = most;
  }
  const proved = (sum + of - 1n) / of;
  return proved >= BigInt(bound.drives) ? undefined : `the function proves only ${proved}`;
}

function provePrices(bound: Bound, facts: Facts): string | undefined {
  if (bound.proof.kind !== 'prices') return 'wrong proof';
  const { prices, perDrive } = bound.proof;
  const isFine = prices.every((price) => Number.isSafeInteger(price) && price >= 0);
  if (!isFine || prices.length !== facts.demand[0]!.length)
    return 'one whole price per range is needed';
  const total = prices.reduce((sum, price) => sum + BigInt(price), 0n);
  const claimed = BigInt(bound.drives - 1) * BigInt(perDrive);
  if (total <= claimed) return 'the prices do not add up to the bound';
  const found = mostValuable(prices, facts.demand, facts.capacity, perDrive);
  if (found === 'too much work') return 'the check of the prices was given up for its size';
  return found === 'holds' ? undefined : 'a drive can hold more value than claimed';
}

function prove(bound: Bound, facts: Facts, plan: PlanJson): string | undefined {
  const { proof } = bound;
  if (proof.kind === 'sum') return proveSum(bound, facts, plan, proof.resource);
  if (proof.kind === 'inventory') return proveInventory(bound, facts, plan, proof.resource);
  if (proof.kind === 'zones') {
    return bound.drives <= facts.copiesMost ? undefined : `no range has ${bound.drives} replicas`;
  }
  if (!facts.isSingleCopy) return 'only plans of single ranges are checked for this kind';
  if (proof.kind === 'clique') return proveClique(proof.items, bound, facts);
  return proof.kind === 'prices' ? provePrices(bound, facts) : proveFunction(bound, facts);
}

export function verifyBounds(plan: PlanJson, ranges: Ranges, drives: DriveSet): Certified[] {
  const facts = factsOf(plan, ranges, drives);
  return plan.bounds.map((bound) => {
    const fault = prove(bound, facts, plan);
    const why = fault ?? 'proved again';
    return { name: bound.name, drives: bound.drives, holds: fault === undefined, why };
  });
}
