// Proves bounds again from the certificates in a plan, with code of its own.
//
// Sums are taken anew over the ranges, conflicts are tested pair by pair, dual feasible functions are evaluated by a second
// implementation, and for prices a knapsack that bounds each resource separately looks for a drive worth more than claimed.
// A bound holds when exactly the stated number of drives comes out: one that understates what it proves was not written by a planner.

import type { Bound, Proof } from '../bounds/bound.ts';
import type { PlanJson } from '../formats/plan-json.ts';
import type { DriveSet } from '../model/drives.ts';
import type { Ranges } from '../model/ranges.ts';
import { type Facts, factsOf } from './facts.ts';
import { mostValuable } from './knapsack.ts';

export interface Certified {
  readonly name: string;
  readonly drives: number;
  readonly holds: boolean;
  readonly why: string;
}

/** A sentence against the bound; undefined when it holds. */
type Objection = string | undefined;

function divideUp(total: bigint, by: bigint): bigint {
  return (total + by - 1n) / by;
}

function compare(proved: bigint | number, bound: Bound, by: string): Objection {
  return Number(proved) === bound.drives
    ? undefined
    : `${by} proves ${proved}, not ${bound.drives}`;
}

function proveSum(
  bound: Bound,
  proof: Extract<Proof, { kind: 'sum' }>,
  facts: Facts,
  plan: PlanJson,
): Objection {
  if (proof.resource === 'entries') {
    if (facts.entriesMax === 0) return 'there are drives that may hold any number of entries';
    const total = BigInt(facts.segments) * BigInt(facts.copiesMost);
    if (proof.capacity !== facts.entriesMax || proof.total !== String(total))
      return `${total} stretches and ${facts.entriesMax} entries per drive are what there is`;
    return compare(divideUp(total, BigInt(facts.entriesMax)), bound, 'the count');
  }
  const r = plan.resources.indexOf(proof.resource);
  if (r < 0) return `unknown resource ${proof.resource}`;
  const total = facts.totals[r]!;
  const capacity = facts.capacity[r]!;
  if (proof.total !== String(total) || proof.capacity !== capacity)
    return `the total is ${total} and a drive holds ${capacity}, the proof says otherwise`;
  return compare(divideUp(total, BigInt(capacity)), bound, 'the sum');
}

function proveInventory(
  bound: Bound,
  proof: Extract<Proof, { kind: 'inventory' }>,
  facts: Facts,
  plan: PlanJson,
): Objection {
  const r = plan.resources.indexOf(proof.resource);
  if (r < 0 || facts.listed === undefined) return 'there is no list of drives';
  const total = facts.totals[r]!;
  if (proof.total !== String(total)) return `the total is ${total}, the proof says otherwise`;
  const sorted = facts.listed.map((capacity) => capacity[r]!).sort((a, b) => b - a);
  let drives = 0;
  for (let reached = 0n; reached < total; drives++) {
    if (drives > sorted.length) break;
    reached += BigInt(sorted[drives] ?? 0);
  }
  return compare(drives, bound, 'the list of drives');
}

function proveClique(
  bound: Bound,
  proof: Extract<Proof, { kind: 'clique' }>,
  facts: Facts,
): Objection {
  const { items } = proof;
  const count = facts.demand[0]?.length ?? 0;
  const isKnown = items.every((item) => Number.isInteger(item) && item >= 0 && item < count);
  if (!isKnown || new Set(items).size !== items.length) return 'each range may be named once';
  for (let a = 0; a < items.length; a++) {
    for (let b = 0; b < a; b++) {
      const fits = facts.capacity.every(
        (limit, r) => facts.demand[r]![items[a]!]! + facts.demand[r]![items[b]!]! <= limit,
      );
      if (fits) return `ranges ${items[a]} and ${items[b]} fit one drive`;
    }
  }
  return compare(items.length, bound, 'the set');
}

/** The three functions once more, from their definitions, in exact arithmetic: value of x, and what a drive is worth. */
function functionValue(
  shape: string,
  parameter: bigint,
  capacity: bigint,
  x: bigint,
): [bigint, bigint] | undefined {
  if (shape === 'threshold') {
    if (parameter * 2n > capacity) return undefined;
    const value = x + parameter > capacity ? capacity : x >= parameter ? x : 0n;
    return [value, capacity];
  }
  if (shape === 'steps') {
    const whole = (x * (parameter + 1n)) / capacity;
    const isExact = (x * (parameter + 1n)) % capacity === 0n;
    return [isExact ? x * parameter : whole * capacity, capacity * parameter];
  }
  if (shape !== 'ccm' || parameter > capacity) return undefined;
  const most = 2n * (capacity / parameter);
  if (2n * x > capacity) return [most - 2n * ((capacity - x) / parameter), most];
  return [2n * x === capacity ? capacity / parameter : 2n * (x / parameter), most];
}

/**
 * An item weighs the weighted sum of its shares, in whole units of the capacity. Rounding may lift an item by 2^-16 of a unit,
 * which no drive with fewer than 2^16 items can turn into a whole one.
 */
function proveFunction(
  bound: Bound,
  proof: Extract<Proof, { kind: 'dual-feasible' }>,
  facts: Facts,
): Objection {
  const { weights, shape, parameter, capacity } = proof;
  const isShared =
    weights.length === facts.capacity.length &&
    weights.every((weight) => weight >= 0) &&
    weights.reduce((sum, weight) => sum + weight, 0) <= 1 + 1e-12;
  if (!isShared) return 'weights must be shares of one, one for each resource';
  if (!(Number.isSafeInteger(parameter) && parameter > 0)) return 'the parameter must be whole';
  if (!(Number.isSafeInteger(capacity) && capacity > 0 && capacity <= 2 ** 30))
    return 'the capacity must be whole and at most 2^30';
  const count = facts.demand[0]?.length ?? 0;
  if (count >= 2 ** 16) return 'too many ranges for weights that are rounded';
  let sum = 0n;
  let of = 1n;
  for (let k = 0; k < count; k++) {
    let share = 0;
    weights.forEach((weight, r) => {
      share += (weight * facts.demand[r]![k]!) / facts.capacity[r]!;
    });
    const size = BigInt(Math.min(capacity, Math.floor(share * capacity + 2 ** -16)));
    const found = functionValue(shape, BigInt(parameter), BigInt(capacity), size);
    if (found === undefined) return 'no dual feasible function';
    sum += found[0];
    of = found[1];
  }
  return compare(divideUp(sum, of), bound, 'the function');
}

function provePrices(
  bound: Bound,
  proof: Extract<Proof, { kind: 'prices' }>,
  facts: Facts,
): Objection {
  const { prices, perDrive } = proof;
  const isWhole = prices.every((price) => Number.isSafeInteger(price) && price >= 0);
  if (!isWhole || prices.length !== (facts.demand[0]?.length ?? 0))
    return 'one whole price per range is needed';
  if (!(Number.isSafeInteger(perDrive) && perDrive > 0)) return 'a drive must have a whole price';
  const total = prices.reduce((sum, price) => sum + BigInt(price), 0n);
  const objection = compare(divideUp(total, BigInt(perDrive)), bound, 'the sum of prices');
  if (objection !== undefined) return objection;
  const found = mostValuable(prices, facts.demand, facts.capacity, perDrive);
  if (found === 'too much work') return 'the check of the prices was given up for its size';
  return found === 'holds' ? undefined : 'a drive can hold more value than claimed';
}

function prove(bound: Bound, facts: Facts, plan: PlanJson): Objection {
  const { proof } = bound;
  if (proof.kind === 'sum') return proveSum(bound, proof, facts, plan);
  if (proof.kind === 'inventory') return proveInventory(bound, proof, facts, plan);
  if (proof.kind === 'zones') return compare(facts.copiesMost, bound, 'the number of replicas');
  if (!facts.isSingleCopy) return 'only plans of single copies are checked for this kind';
  if (proof.kind === 'clique') return proveClique(bound, proof, facts);
  if (proof.kind === 'dual-feasible') return proveFunction(bound, proof, facts);
  return provePrices(bound, proof, facts);
}

export function verifyBounds(plan: PlanJson, ranges: Ranges, drives: DriveSet): Certified[] {
  const facts = factsOf(plan, ranges, drives);
  return plan.bounds.map((bound) => {
    const objection = prove(bound, facts, plan);
    const why = objection ?? 'proved again';
    return { name: bound.name, drives: bound.drives, holds: objection === undefined, why };
  });
}
