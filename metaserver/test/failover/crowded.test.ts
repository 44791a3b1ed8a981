// Whose complaints of want of room count, about whom, and for how long.

import {
  type DriveId,
  type Epoch,
  type Heartbeat,
  MemberState,
  type RangeId,
  type RangeRecord,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Crowded } from '../../src/failover/crowded.ts';

const test = suite('crowded members');
const [a, b, c] = ['a', 'b', 'c'] as [DriveId, DriveId, DriveId];
const RANGE = 7 as RangeId;

const recordAt = (epoch: number): RangeRecord =>
  ({
    id: RANGE,
    epoch: epoch as Epoch,
    chain: [a, b, c].map((drive) => ({ drive, state: MemberState.serving })),
  }) as unknown as RangeRecord;

const said = (drive: DriveId, list: 'withoutRoom' | 'withoutRoomBehind', epoch = 1): Heartbeat =>
  ({ drive, [list]: [{ range: RANGE, epoch: epoch as Epoch }] }) as unknown as Heartbeat;

const nothing = (drive: DriveId): Heartbeat => ({ drive }) as unknown as Heartbeat;

test('a drive is believed about itself, for the epoch that it names, until it says nothing more', () => {
  const crowded = new Crowded(() => false);
  assert.equal(crowded.heard(said(b, 'withoutRoom')).added, [RANGE]);
  assert.equal(crowded.heard(said(b, 'withoutRoom')), { ranges: [RANGE], added: [] });
  assert.ok(crowded.has(recordAt(1), b));
  assert.not(crowded.has(recordAt(1), c));
  assert.not(crowded.has(recordAt(2), b));
  assert.equal(crowded.heard(nothing(b)).ranges, []);
  assert.not(crowded.has(recordAt(1), b));
});

test('a head means those behind it that say that they are full, never itself', () => {
  const full = new Set<DriveId>([a, c]);
  const crowded = new Crowded((drive) => full.has(drive));
  crowded.heard(said(a, 'withoutRoomBehind'));
  assert.not(crowded.has(recordAt(1), a));
  assert.not(crowded.has(recordAt(1), b));
  assert.ok(crowded.has(recordAt(1), c));
  full.delete(c);
  assert.not(crowded.has(recordAt(1), c));
  full.add(c);
  crowded.forget(a);
  assert.not(crowded.has(recordAt(1), c), 'what a fenced drive said counts no more');
});

test.run();
