// Plans of every kind are damaged in one place each; the verifier must notice every damage and must never crash.
//
// Damage is done to the file as it is parsed: numbers, texts and lists, anywhere. Left out is what states nothing that could be
// false (seed, objective, names and words of bounds, the curve's other points), and damage after which the statement is still
// true: a proof that proves the same bound as before, or a head that changed places with a middle copy.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { currentFromPlan, movesToJson, planFromReplan } from '../src/command/replan-command.ts';
import { type PlanJson, parsePlan, planToJson } from '../src/formats/plan-json.ts';
import { vectorInstance } from '../src/formats/vbp.ts';
import { capraraToth } from '../src/generate/literature.ts';
import { ycsb } from '../src/generate/workloads.ts';
import { type DriveSet, paperDrives } from '../src/model/drives.ts';
import { InputError } from '../src/model/errors.ts';
import type { Ranges } from '../src/model/ranges.ts';
import { Random } from '../src/packing/random.ts';
import { plan } from '../src/plan/plan.ts';
import type { PlanOptions } from '../src/plan/types.ts';
import { replan } from '../src/replan/replan.ts';
import { verifyMoves } from '../src/verify/moves.ts';
import { verifyPlan } from '../src/verify/verify.ts';
import { driveList, rangesOf } from './support.ts';

const test = suite('verify fuzz');

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Parent = Json[] | { [name: string]: Json };

interface Place {
  readonly parent: Parent;
  readonly name: string;
  readonly path: string;
}

interface Subject {
  readonly name: string;
  readonly json: PlanJson;
  readonly ranges: Ranges;
  readonly drives: DriveSet;
}

const STATES_NOTHING =
  /^\/(seed|objective|curve|format)|\/moves\/[0-9]+\/reason$|\/bounds\/[0-9]+\/(name|words|proof\/detail)$/;
/** Damages per plan. */
const ROUNDS = 250;
const SHA = 'a'.repeat(64);

function subject(
  name: string,
  ranges: Ranges,
  drives: DriveSet,
  options: PlanOptions = {},
): Subject {
  const made = plan({ ranges, drives }, { steps: 100_000_000, ...options });
  return { name, json: planToJson(made, ranges, { sha256: SHA }), ranges, drives };
}

function fine(count: number, drives: number): Ranges {
  const shared = { seed: 5, cap: 0.05, fill: [0.8, 0.9] as const };
  return rangesOf(ycsb({ ...shared, ranges: count, drives }, true));
}

function subjects(): Subject[] {
  const some = fine(120, 5);
  const groups = Array.from({ length: 120 }, (_, i) => (i % 40 === 7 ? 'g' : ''));
  const pins = Array.from({ length: 120 }, (_, i) => (i === 60 ? 'd2' : ''));
  const coarse = capraraToth(6, 40, 1);
  const triplets = capraraToth(8, 30, 1);
  const ofCoarse = vectorInstance(coarse.capacity, coarse.demands);
  const ofTriplets = vectorInstance(triplets.capacity, triplets.demands);
  const uneven = driveList(9);
  const list = {
    ...uneven,
    drives: uneven.drives.map((drive, d) => ({
      ...drive,
      capacity: drive.capacity.map((value) => value * (1 + d / 10)),
      maxRanges: 100,
    })),
  };
  return [
    subject('fine', fine(300, 6), paperDrives()),
    subject('headroom', fine(200, 4), paperDrives(), { headroom: [0.1, 0.2] }),
    subject('different drives', some, list),
    subject('groups', { ...some, groups }, driveList(9)),
    subject('pins', { ...some, pins }, driveList(9)),
    subject('zones', fine(300, 6), driveList(30, [11, 10, 9]), { replicas: 3 }),
    subject('shared reads', fine(300, 6), driveList(30), { replicas: 2, reads: 'shared' }),
    subject('coarse', ofCoarse.ranges, ofCoarse.drives),
    subject('conflicts', ofTriplets.ranges, ofTriplets.drives),
  ];
}

function placesIn(value: Json, path: string, list: Place[]): Place[] {
  if (value === null || typeof value !== 'object') return list;
  for (const [name, inner] of Object.entries(value)) {
    const here = `${path}/${name}`;
    if (!STATES_NOTHING.test(here)) list.push({ parent: value, name, path: here });
    placesIn(inner, here, list);
  }
  return list;
}

function otherNumber(random: Random, value: number): Json {
  const choices: Json[] = [value + 1, value - 1, value * 2 + 1, -value - 1, value + 0.5, null, 'x'];
  return choices[random.below(choices.length)]!;
}

function otherText(random: Random, value: string): Json {
  const at = random.below(value.length + 1);
  const changed = [
    `${value.slice(0, at)}${value.slice(at + 1)}`,
    `${value.slice(0, at)}7${value.slice(at + 1)}`,
    `${value}0`,
    '',
    7,
    null,
  ];
  return changed[random.below(changed.length)]!;
}

function otherList(random: Random, list: Json[]): Json {
  const copy = [...list];
  const at = random.below(copy.length + 1);
  const kind = random.below(3);
  if (kind === 0) copy.splice(at, 1);
  else if (kind === 1) copy.splice(at, 0, copy[random.below(copy.length)] ?? 'x');
  else if (copy.length > 1) {
    const other = random.below(copy.length);
    const kept = copy[other]!;
    copy[other] = copy[at % copy.length]!;
    copy[at % copy.length] = kept;
  }
  return copy;
}

/** Damages one place; says which, or undefined when it happened to stay the same. */
function damage(random: Random, root: Json): string | undefined {
  const places = placesIn(root, '', []);
  const { parent, name, path } = places[random.below(places.length)]!;
  const holder = parent as { [name: string]: Json };
  const before = holder[name]!;
  let after: Json = null;
  if (typeof before === 'number') after = otherNumber(random, before);
  else if (typeof before === 'string') after = otherText(random, before);
  else if (Array.isArray(before)) after = otherList(random, before);
  if (JSON.stringify(after) === JSON.stringify(before)) return undefined;
  holder[name] = after;
  return `${path}: ${JSON.stringify(before)?.slice(0, 90)} -> ${JSON.stringify(after)?.slice(0, 90)}`;
}

/** Whether the damaged plan is as true as it was: other orders of the same, and proofs that still prove. */
function isStillTrue(what: string, damaged: PlanJson, whole: PlanJson): boolean {
  const sorted = (list: readonly unknown[]): string =>
    list
      .map((entry) => JSON.stringify(entry))
      .sort()
      .join();
  if (/^\/(drives|bounds):/.test(what)) {
    const of = /^\/drives/.test(what) ? 'drives' : 'bounds';
    if (sorted(damaged[of]) === sorted(whole[of])) return true;
    // Fewer or repeated bounds claim nothing new as long as the best one is among them.
    return of === 'bounds' && damaged.bounds.some((bound) => bound.drives === whole.lower_bound);
  }
  if (/^\/bounds\/[0-9]+\/proof\/(prices|perDrive|items|weights|parameter|capacity)/.test(what))
    return true;
  // A move in another wave is as good when every step still has room.
  if (/^\/moves\/[0-9]+\/wave:/.test(what)) return true;
  if (/^\/placements\/[0-9]+\/drives:/.test(what)) {
    const p = Number(/[0-9]+/.exec(what)![0]);
    const [now, then] = [damaged.placements[p]!.drives, whole.placements[p]!.drives];
    return sorted(now) === sorted(then) && (now.at(-1) === then.at(-1) || whole.reads === 'shared');
  }
  return false;
}

function verdictOn(text: string, { ranges, drives }: Subject): readonly string[] {
  try {
    return verifyPlan(parsePlan(text, 'plan.json'), ranges, drives, SHA).faults;
  } catch (error) {
    if (error instanceof InputError) return [error.message];
    throw error;
  }
}

/** Damages the text ROUNDS times; what was neither noticed nor harmless, in words. */
function unnoticed(
  whole: Subject,
  random: Random,
  faultsOf: (text: string) => readonly string[],
): string[] {
  const text = JSON.stringify(whole.json);
  assert.equal(faultsOf(text), [], whole.name);
  const missed: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const damaged = JSON.parse(text) as Json;
    const what = damage(random, damaged);
    if (what === undefined) continue;
    try {
      if (faultsOf(JSON.stringify(damaged)).length > 0) continue;
    } catch (error) {
      missed.push(`${whole.name} ${what}: crash: ${(error as Error).message}`);
      continue;
    }
    if (!isStillTrue(what, damaged as unknown as PlanJson, whole.json))
      missed.push(`${whole.name} ${what}`);
  }
  return missed;
}

test('every damage to a plan is found', () => {
  const random = new Random(20);
  const missed = subjects().flatMap((whole) =>
    unnoticed(whole, random, (text) => verdictOn(text, whole)),
  );
  assert.equal(missed, []);
});

test('every damage to the moves of a plan is found', () => {
  const random = new Random(21);
  const ranges = fine(120, 5);
  const set = driveList(15, [5, 5, 5]);
  const before = subject('before', ranges, set, { replicas: 2 });
  const lost = before.json.drives[0]!.id;
  const drives = {
    ...set,
    drives: set.drives.map((drive) => ({
      ...drive,
      state: drive.id === lost ? ('drain' as const) : drive.state,
    })),
  };
  const inputs = {
    ranges,
    drives,
    headroom: [0, 0],
    replicas: 2,
    reads: 'tail',
    sha256: SHA,
  } as const;
  const result = replan(inputs, currentFromPlan(before.json, ranges), { replicas: 2 });
  assert.equal(result.unsolved, []);
  const json = planToJson(planFromReplan(result, inputs), ranges, {
    sha256: SHA,
    moves: movesToJson(result, ranges),
  });
  assert.ok(json.moves!.length > 3);
  const whole = { name: 'moves', json, ranges, drives };
  const missed = unnoticed(whole, random, (text) => {
    const faults = verdictOn(text, whole);
    if (faults.length > 0) return faults;
    return verifyMoves(parsePlan(text, 'plan.json'), before.json, ranges, drives);
  });
  assert.equal(missed, []);
});

test.run();
