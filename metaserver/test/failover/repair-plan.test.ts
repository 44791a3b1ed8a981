// Which drive gets a missing copy: members that are back before others, other zones before the same, the least
// filled first, and nobody more than a few at once. And when a drive may be trusted again.

import {
  type DriveId,
  epoch,
  type HistoryGap,
  indexVersion,
  keyspaceId,
  MemberState,
  type RangeRecord,
  rangeId,
  SimWorld,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DriveFigures } from '../../src/balancer/picture.ts';
import { HistoryGaps } from '../../src/failover/history-gaps.ts';
import { RepairPlanner, Traffic } from '../../src/failover/repair-plan.ts';
import { Steadiness } from '../../src/failover/steadiness.ts';

const test = suite('repair plan');
const WEIGHT = { bytes: 1_000_000, workBytesPerSecond: 0 };
const id = (name: string): DriveId => name as DriveId;

/** `a b c-`: c is offline. */
function record(text: string, at = 1): RangeRecord {
  const chain = text.split(' ').map((word) => ({
    drive: id(word.slice(0, 1)),
    state: word.endsWith('-') ? MemberState.offline : MemberState.serving,
  }));
  const border = { start: new Uint8Array(0), end: undefined };
  const numbers = { id: rangeId(1), keyspace: keyspaceId(1), version: indexVersion(1) };
  return { ...numbers, ...border, epoch: epoch(at), chain };
}

function figures(name: string, zone = '', bytes = 0): [DriveId, DriveFigures] {
  const room = { capacityBytes: 1e12, bandwidthBytesPerSecond: 1e9, usedBytes: bytes };
  const held = { bytes, workBytesPerSecond: 0, copies: 0, heads: 0, tails: 0 };
  return [id(name), { id: id(name), zone, isOpen: true, ...room, ...held }];
}

interface Scene {
  readonly drives: readonly [DriveId, DriveFigures][];
  readonly away?: readonly string[];
  readonly max?: number;
}

function planner({ drives, away = [], max = 4 }: Scene): RepairPlanner {
  const isHere = (drive: DriveId): boolean => !away.includes(drive);
  const facts = { isAlive: isHere, mayReceive: isHere };
  return new RepairPlanner(() => new Map(drives), facts, new Traffic(max), new Traffic(100));
}

const letters = (text: string): [DriveId, DriveFigures][] =>
  text.split('').map((name) => figures(name));

test('a member that is back comes first, also before the delay for others', () => {
  const plan = planner({ drives: letters('abcd') });
  assert.equal(plan.choose(record('a b c-'), WEIGHT, false), { to: 'c', isReturn: true });
});

test('others only after the delay, and only such as are not in the chain', () => {
  const plan = planner({ drives: letters('abcd'), away: ['c'] });
  assert.is(plan.choose(record('a b c-'), WEIGHT, false), undefined);
  assert.equal(plan.choose(record('a b c-'), WEIGHT, true), { to: 'd', isReturn: false });
});

test('nobody is chosen while the tail is away, or gives out as much as it may', () => {
  const plan = planner({ drives: letters('abcd'), away: ['b', 'c'] });
  assert.is(plan.choose(record('a b c-'), WEIGHT, true), undefined);
  const none = new Traffic(0);
  const facts = { isAlive: () => true, mayReceive: () => true };
  const busy = new RepairPlanner(() => new Map(letters('abcd')), facts, new Traffic(4), none);
  assert.is(busy.choose(record('a b'), WEIGHT, true), undefined);
});

test('another zone before the least filled drive', () => {
  const drives = [
    figures('a', 'north'),
    figures('b', 'south'),
    figures('d', 'north', 0),
    figures('e', 'west', 5_000_000_000),
  ];
  const plan = planner({ drives, away: ['c'] });
  assert.is(plan.choose(record('a b c-'), WEIGHT, true)?.to, 'e');
});

test('copies spread over all others, and none takes more than it may at once', () => {
  const plan = planner({ drives: letters('abdefg'), away: ['c'], max: 2 });
  const taken = new Map<string, number>();
  for (let range = 0; range < 10; range++) {
    const lacking = { ...record('a b c-'), id: rangeId(range + 1) };
    const choice = plan.choose(lacking, WEIGHT, true);
    if (choice === undefined) continue;
    plan.note(lacking, choice, WEIGHT);
    taken.set(choice.to, (taken.get(choice.to) ?? 0) + 1);
  }
  assert.equal(
    [...taken].sort(),
    ['d', 'e', 'f', 'g'].map((name) => [name, 2]),
  );
});

test('a drive that falls again and again waits longer, but never long', async () => {
  const world = new SimWorld();
  const steadiness = new Steadiness(world.environmentFor('meta').clock);
  const lose = async (awayMs: number): Promise<void> => {
    steadiness.lost(id('a'));
    await world.run(() => false, awayMs);
    steadiness.cameBack(id('a'));
  };
  for (let loss = 0; loss < 2; loss++) {
    await lose(1_000);
    assert.ok(steadiness.isSteady(id('a')));
  }
  for (let loss = 0; loss < 8; loss++) await lose(1_000);
  assert.not.ok(steadiness.isSteady(id('a')));
  await world.run(() => false, 30_000);
  assert.ok(steadiness.isSteady(id('a')));
  await world.run(() => false, 6 * 60_000);
  await lose(1_000);
  assert.ok(steadiness.isSteady(id('a')), 'old losses are forgotten');
});

test('a gap in the histories counts for its epoch, and for members only', () => {
  const gaps = new HistoryGaps();
  const gap = (drive: string, at: number): HistoryGap => ({
    range: rangeId(1),
    epoch: epoch(at),
    drive: id(drive),
  });
  assert.is(gaps.note(gap('b', 1), record('a b', 2)), false);
  assert.is(gaps.note(gap('z', 2), record('a b', 2)), false);
  assert.is(gaps.note(gap('b', 2), record('a b', 2)), true);
  assert.is(gaps.note(gap('b', 2), record('a b', 2)), false);
  assert.is(gaps.has(record('a b', 2), id('b')), true);
  assert.is(gaps.has(record('a b', 2), id('a')), false);
  assert.is(gaps.has(record('a b-', 3), id('b')), false);
});

test.run();
