// Who becomes whose witness, and when a fence has heard enough of them.

import { type DriveId, driveId, META_WITNESS, type WitnessSet } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { completeAtMs } from '../../src/leases/fence-votes.ts';
import {
  isSameSet,
  type PlannedSet,
  planWitnesses,
  type WitnessCandidate,
} from '../../src/leases/plan-witnesses.ts';

const test = suite('witness sets');
const names = (count: number): DriveId[] =>
  Array.from({ length: count }, (_, at) => driveId(`d${at + 1}`));

type Present = Map<DriveId, WitnessCandidate>;

function present(drives: readonly DriveId[], zoneOf: (at: number) => string = () => ''): Present {
  return new Map(drives.map((drive, at) => [drive, { drive, zone: zoneOf(at), watchedCount: 0 }]));
}

const nobody = (): boolean => false;

/** Plans every drive in turn, as a server does that counts who watches whom. */
function planAll(here: Present, before: Map<DriveId, PlannedSet> = new Map()) {
  const plans = new Map<DriveId, PlannedSet>();
  for (const candidate of here.values()) candidate.watchedCount = 0;
  for (const { drives } of before.values()) count(here, drives, 1);
  for (const drive of here.keys()) {
    const known = before.get(drive);
    const current = known === undefined ? undefined : { ...known, generation: 1 };
    const plan = planWitnesses(drive, current, here, nobody);
    count(here, known?.drives ?? [], -1);
    count(here, plan.drives, 1);
    plans.set(drive, plan);
  }
  return plans;
}

function count(here: Present, drives: readonly DriveId[], by: number): void {
  for (const drive of drives) {
    const candidate = here.get(drive);
    if (candidate !== undefined) candidate.watchedCount += by;
  }
}

test('sizes are as decided: itself; two and the server; two others; four others', () => {
  const sizes = [1, 2, 3, 4, 5, 9].map((size) => {
    const [plan] = planAll(present(names(size))).values();
    assert.ok(plan);
    return [plan.hasMetadataServer, plan.drives.length, plan.drives.includes(driveId('d1'))];
  });
  assert.equal(sizes, [
    [false, 1, true],
    [true, 2, true],
    [true, 2, false],
    [true, 2, false],
    [true, 4, false],
    [true, 4, false],
  ]);
});

test('every set is odd, and the work is spread evenly', () => {
  const here = present(names(40));
  for (const { hasMetadataServer, drives } of planAll(here).values()) {
    assert.is((drives.length + (hasMetadataServer ? 1 : 0)) % 2, 1);
    assert.is(new Set(drives).size, drives.length);
  }
  const loads = [...here.values()].map(({ watchedCount }) => watchedCount);
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 2, loads.join(' '));
});

test('the same picture gives the same sets', () => {
  assert.equal(planAll(present(names(12))), planAll(present(names(12))));
});

test('a drive that joins changes no set of others that is large enough', () => {
  const before = planAll(present(names(7)));
  const after = planAll(present(names(8)), before);
  for (const [drive, plan] of before) assert.ok(isSameSet(plan, after.get(drive) as PlannedSet));
});

test('a witness that is gone for good is replaced, and only that one', () => {
  const before = planAll(present(names(8)));
  const gone = driveId('d3');
  const after = planAll(present(names(8).filter((drive) => drive !== gone)), before);
  for (const [drive, plan] of after) {
    const old = before.get(drive) as PlannedSet;
    assert.not.ok(plan.drives.includes(gone));
    const kept = old.drives.filter((witness) => witness !== gone);
    assert.ok(kept.every((witness) => plan.drives.includes(witness)));
    assert.is(plan.drives.length, 4);
  }
});

test('a witness that may return keeps its place', () => {
  const [a, b, c] = names(3) as [DriveId, DriveId, DriveId];
  const current: WitnessSet = { generation: 1, hasMetadataServer: true, drives: [b, c] };
  const here = present([a, b]);
  const waiting = planWitnesses(a, current, here, (drive) => drive === c);
  assert.ok(isSameSet(waiting, current));
  // Of three drives one has gone: the two that are left renew each other.
  const shrunk = planWitnesses(a, current, here, nobody);
  assert.equal(shrunk, { hasMetadataServer: true, drives: [a, b] });
  const alone = planWitnesses(a, current, present([a]), nobody);
  assert.equal(alone, { hasMetadataServer: false, drives: [a] });
});

test('a server that has just started waits for the witnesses that it knows', () => {
  const [a, b, c, d, e] = names(5) as [DriveId, DriveId, DriveId, DriveId, DriveId];
  const current: WitnessSet = { generation: 4, hasMetadataServer: true, drives: [b, c, d, e] };
  const first = planWitnesses(a, current, present([]), () => true);
  assert.ok(isSameSet(first, current));
  const alone: WitnessSet = { generation: 5, hasMetadataServer: false, drives: [a] };
  assert.ok(
    isSameSet(
      planWitnesses(a, alone, present([]), () => true),
      alone,
    ),
  );
});

test('witnesses are in different zones where there are some', () => {
  const zones = ['north', 'south', 'west'];
  const here = present(names(12), (at) => zones[at % 3] as string);
  for (const [drive, { drives }] of planAll(here)) {
    const used = new Set(drives.map((witness) => here.get(witness)?.zone));
    assert.is(used.size, 3, drive);
  }
});

const set = (generation: number, drives: readonly DriveId[]): WitnessSet => ({
  generation,
  hasMetadataServer: true,
  drives,
});

test('a fence is complete with the last of the quickest majority', () => {
  const [b, c, d, e] = names(4) as [DriveId, DriveId, DriveId, DriveId];
  const sets = [set(1, [b, c, d, e])];
  assert.is(completeAtMs(sets, new Map()), undefined);
  const ends = new Map<DriveId | typeof META_WITNESS, number>([
    [META_WITNESS, 100],
    [b, 300],
  ]);
  assert.is(completeAtMs(sets, ends), undefined, 'two of five');
  ends.set(c, 200);
  assert.is(completeAtMs(sets, ends), 300);
  ends.set(d, 50);
  assert.is(completeAtMs(sets, ends), 200, 'whoever would be waited for longest is not needed');
});

test('while two sets may count, both have to agree', () => {
  const [b, c, d, e] = names(4) as [DriveId, DriveId, DriveId, DriveId];
  const sets = [set(1, [b, c]), set(2, [d, e])];
  const ends = new Map<DriveId | typeof META_WITNESS, number>([
    [META_WITNESS, 0],
    [b, 10],
  ]);
  assert.is(completeAtMs(sets, ends), undefined);
  ends.set(d, 20);
  assert.is(completeAtMs(sets, ends), 20);
});

test('a drive without any set cannot be fenced', () => {
  assert.is(completeAtMs([], new Map([[META_WITNESS, 0]])), undefined);
});

test.run();
