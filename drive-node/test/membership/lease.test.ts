// The arithmetic of a lease: who granted what, sent when, under which number, in which set.

import { type Clock, driveId, fence, META_WITNESS, type WitnessSet } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Lease } from '../../src/shell/membership/lease.ts';

const test = suite('lease');
const LEASE_MS = 1_000;
const [self, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(driveId) as [
  never,
  never,
  never,
  never,
  never,
];

class Hand {
  nowMs = 0;
  readonly clock: Clock = {
    nowMs: () => this.nowMs,
    wallMs: () => 0,
    setTimer: () => ({ cancel: () => {} }),
    defer: () => {},
  };
}

function setOf(generation: number, drives: readonly never[], hasMetadataServer = true): WitnessSet {
  return { generation, hasMetadataServer, drives };
}

/** A drive with the metadata server and two others as witnesses, just registered. */
function begun(): { hand: Hand; lease: Lease; grant: (by: never, sentAtMs: number) => void } {
  const hand = new Hand();
  const lease = new Lease(hand.clock);
  lease.begin(self, fence(1), setOf(1, [b, c]));
  const grant = (by: never, sentAtMs: number): void =>
    lease.granted(by, fence(1), sentAtMs, LEASE_MS);
  return { hand, lease, grant };
}

const meta = META_WITNESS as never;

/** Asks as a turn of its own: within one turn the answer stays. */
async function isValidAt(hand: Hand, lease: Lease, atMs: number): Promise<boolean> {
  await undefined;
  hand.nowMs = atMs;
  return lease.isValid();
}

test('there is none before a registration, and none before a majority has granted', async () => {
  const hand = new Hand();
  const fresh = new Lease(hand.clock);
  fresh.granted(b, fence(1), 0, LEASE_MS);
  assert.not.ok(fresh.isValid());
  const { hand: later, lease, grant } = begun();
  assert.not.ok(await isValidAt(later, lease, 1));
  grant(b, 0);
  assert.not.ok(await isValidAt(later, lease, 1));
  grant(c, 0);
  assert.ok(await isValidAt(later, lease, 1));
});

test('it ends with the latest moment for which a majority has granted', async () => {
  const { hand, lease, grant } = begun();
  grant(b, 0);
  grant(c, 300);
  assert.ok(await isValidAt(hand, lease, 999));
  assert.not.ok(await isValidAt(hand, lease, 1_000));
  grant(meta, 600);
  assert.ok(await isValidAt(hand, lease, 1_299));
  assert.not.ok(await isValidAt(hand, lease, 1_300));
});

test('a grant counts from before its request was sent, however late its answer comes', async () => {
  const { hand, lease, grant } = begun();
  hand.nowMs = 900;
  grant(b, 0);
  grant(c, 0);
  assert.ok(await isValidAt(hand, lease, 999));
  assert.not.ok(await isValidAt(hand, lease, 1_000));
  hand.nowMs = 5_000;
  grant(b, 3_000);
  grant(c, 3_000);
  assert.not.ok(
    await isValidAt(hand, lease, 5_000),
    'granted, but over before the answer was here',
  );
});

test('answers that come twice or in another order change nothing', async () => {
  const { hand, lease, grant } = begun();
  for (const sentAtMs of [400, 0, 400, 200]) {
    grant(b, sentAtMs);
    grant(c, sentAtMs);
  }
  assert.ok(await isValidAt(hand, lease, 1_399));
  assert.not.ok(await isValidAt(hand, lease, 1_400));
});

test('one witness does not become a majority by answering often', async () => {
  const { hand, lease, grant } = begun();
  for (let sentAtMs = 0; sentAtMs < 500; sentAtMs += 100) grant(b, sentAtMs);
  grant(d, 0);
  assert.not.ok(await isValidAt(hand, lease, 10), 'and who is no witness does not count');
});

test('a paused process notices in the turn in which it goes on', async () => {
  const { hand, lease, grant } = begun();
  grant(b, 0);
  grant(c, 0);
  assert.ok(await isValidAt(hand, lease, 500));
  assert.not.ok(await isValidAt(hand, lease, 60_000));
});

test('within a turn the clock is read once, but what is learnt counts at once', async () => {
  const { hand, lease, grant } = begun();
  grant(b, 0);
  grant(c, 0);
  assert.ok(lease.isValid());
  hand.nowMs = 2_000;
  assert.ok(lease.isValid(), 'all that this turn answers had come before it');
  lease.revoke();
  assert.not.ok(lease.isValid());
});

test('a drive that is its own witness needs one voice less', async () => {
  const hand = new Hand();
  const alone = new Lease(hand.clock);
  alone.begin(self, fence(1), setOf(1, [self], false));
  assert.ok(await isValidAt(hand, alone, 1e9));
  assert.is(alone.msLeft, Infinity);
  const two = new Lease(hand.clock);
  two.begin(self, fence(1), setOf(1, [self, b]));
  assert.not.ok(two.isValid());
  two.granted(meta, fence(1), 1e9, LEASE_MS);
  assert.ok(await isValidAt(hand, two, 1e9 + 999));
  assert.not.ok(await isValidAt(hand, two, 1e9 + 1_000));
});

test('the same number goes on with its lease, another one begins anew', async () => {
  const { hand, lease, grant } = begun();
  grant(b, 0);
  grant(c, 0);
  lease.begin(self, fence(1), setOf(1, [b, c]));
  assert.ok(await isValidAt(hand, lease, 10), 'the metadata server was restarted: nothing is lost');
  lease.begin(self, fence(2), setOf(1, [b, c]));
  assert.not.ok(await isValidAt(hand, lease, 10));
  // Late answers to what was asked under the old number.
  grant(b, 10);
  grant(c, 10);
  assert.not.ok(await isValidAt(hand, lease, 11));
  lease.granted(b, fence(2), 10, LEASE_MS);
  lease.granted(c, fence(2), 10, LEASE_MS);
  assert.ok(await isValidAt(hand, lease, 12));
});

test('a drive that is told its own fence has no lease from then on', async () => {
  const hand = new Hand();
  const lease = new Lease(hand.clock);
  lease.begin(self, fence(2), setOf(1, [self], false));
  lease.fenced(fence(2));
  assert.ok(lease.isValid(), 'a late message about what it has registered after');
  lease.fenced(fence(3));
  assert.not.ok(lease.isValid());
  assert.is(lease.fence, undefined);
  lease.begin(self, fence(3), setOf(1, [self], false));
  assert.ok(lease.isValid());
});

test('a new set counts when its own majority has granted, and the old one never again', async () => {
  const { hand, lease, grant } = begun();
  grant(meta, 0);
  grant(b, 0);
  lease.change(setOf(2, [d, e]));
  assert.equal([...lease.witnesses].sort(), [b, c, d, e, meta].sort());
  assert.is(lease.generation, 1);
  grant(d, 100);
  assert.is(lease.generation, 2, 'with the metadata server, which has granted already');
  assert.ok(await isValidAt(hand, lease, 999));
  grant(b, 900);
  grant(c, 900);
  assert.not.ok(await isValidAt(hand, lease, 1_000), 'the old witnesses are enough no more');
  assert.equal([...lease.witnesses].sort(), [d, e, meta].sort());
});

test('old grants of a new set do not count as its majority', async () => {
  const { hand, lease, grant } = begun();
  grant(meta, 0);
  grant(b, 0);
  hand.nowMs = 1_500;
  lease.change(setOf(2, [b, d]));
  assert.is(lease.generation, 1);
  grant(d, 1_500);
  assert.is(lease.generation, 1);
  grant(b, 1_500);
  assert.is(lease.generation, 2);
});

test('while a new set is not taken up, the old one counts', async () => {
  const { hand, lease, grant } = begun();
  lease.change(setOf(2, [d, e]));
  grant(b, 0);
  grant(c, 0);
  assert.ok(await isValidAt(hand, lease, 999));
  assert.is(lease.generation, 1);
});

test('sets are taken up in the order of their generations', () => {
  const { lease, grant } = begun();
  lease.change(setOf(3, [self], false));
  assert.is(lease.generation, 3, 'its own voice is a majority');
  lease.change(setOf(2, [b, c]));
  lease.begin(self, fence(1), setOf(1, [b, c]));
  grant(b, 0);
  grant(c, 0);
  assert.is(lease.generation, 3);
});

test.run();
