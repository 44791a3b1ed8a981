// What every witness remembers, with the clock in the test's hand.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Asked, GrantBook } from '../../src/leases/grant-book.ts';
import { CLOCK_DRIFT_MAX, countedMs, majorityOf } from '../../src/leases/grant-length.ts';
import { driveId, fence, incarnation } from '../../src/words/ids.ts';
import { DRIVES_MAX } from '../../src/words/limits.ts';

const test = suite('grant book');
const LEASE_MS = 1_000;
const COUNTED_MS = 1_125;
const drive = driveId('a');

function asked(number: number, life: number = 1, leaseMs: number = LEASE_MS): Asked {
  return { drive, incarnation: incarnation(life), fence: fence(number), leaseMs };
}

/** A book that began so long ago that nothing of an earlier life counts. */
function oldBook(): GrantBook {
  return new GrantBook(-1e6);
}

test('a grant counts longer than the lease, by more than two clocks can differ', () => {
  assert.is(countedMs(LEASE_MS), COUNTED_MS);
  assert.ok(countedMs(1) * (1 - CLOCK_DRIFT_MAX) >= 1 + CLOCK_DRIFT_MAX);
});

test('whatever three clocks do, a fence is complete only when the lease is over', () => {
  const rates = [1 - CLOCK_DRIFT_MAX, 1, 1 + CLOCK_DRIFT_MAX];
  let tightest = Infinity;
  for (const holder of rates) {
    for (const witness of rates) {
      for (const server of rates) {
        for (let askedAt = 0; askedAt < 1_400; askedAt += 7) {
          // All of it at once, in true time: nothing that takes time makes it less safe.
          const book = new GrantBook(-1e6);
          book.grant(asked(1), 0);
          const remainingMs = book.fence(drive, fence(2), LEASE_MS, askedAt * witness);
          const completeAt = askedAt + remainingMs / server;
          tightest = Math.min(tightest, completeAt - LEASE_MS / holder);
        }
      }
    }
  }
  assert.ok(tightest >= 0, `${-tightest} ms too early`);
  assert.ok(tightest < 0.05 * LEASE_MS, 'and not much later than it has to be');
});

test('two majorities of one set have a witness in common', () => {
  for (let count = 1; count <= 9; count++) assert.ok(2 * majorityOf(count) > count);
  assert.equal([1, 3, 5].map(majorityOf), [1, 2, 3]);
});

test('it grants under the number that it knows, or a higher one, never under a lower one', () => {
  const book = oldBook();
  book.learn(drive, fence(3));
  assert.equal(book.grant(asked(3), 0), { isGranted: true, fence: 3 });
  assert.equal(book.grant(asked(2), 0), { isGranted: false, fence: 3 });
  assert.equal(book.grant(asked(4), 0), { isGranted: true, fence: 4 });
  assert.equal(book.grant(asked(3), 0), { isGranted: false, fence: 4 });
  book.learn(drive, fence(2));
  assert.is(book.fenceOf(drive), 4, 'a late message never takes a number back');
});

test('a fence stays known, and tells how long the last older grant counts', () => {
  const book = oldBook();
  book.grant(asked(1), 0);
  book.grant(asked(1), 300);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 400), 300 + COUNTED_MS - 400);
  assert.not.ok(book.grant(asked(1), 401).isGranted);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 500), 300 + COUNTED_MS - 500, 'asked again');
  assert.is(book.fence(drive, fence(2), LEASE_MS, 5_000), 0);
});

test('grants under the new number are not waited for, older ones are, in whatever order', () => {
  const book = oldBook();
  book.grant(asked(1), 0);
  // The drive is back before this witness has heard of the fence.
  book.grant(asked(2), 200);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 400), COUNTED_MS - 400);
  assert.is(book.fence(drive, fence(3), LEASE_MS, 400), 200 + COUNTED_MS - 400);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 400), 200 + COUNTED_MS - 400, 'never too short');
});

test('a longer lease is remembered for as long as it was', () => {
  const book = oldBook();
  book.grant(asked(1, 1, 10 * LEASE_MS), 0);
  book.grant(asked(1), 100);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 100), 10 * COUNTED_MS - 100);
});

test('what an earlier life granted counts as granted when this one began', () => {
  const book = new GrantBook(1_000);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 1_000), COUNTED_MS);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 1_500), COUNTED_MS - 500);
  assert.is(book.fence(drive, fence(2), 3 * LEASE_MS, 1_500), 3 * COUNTED_MS - 500);
  assert.is(book.fence(drive, fence(2), LEASE_MS, 1_000 + COUNTED_MS), 0);
});

test('an older life of a drive gets nothing', () => {
  const book = oldBook();
  assert.ok(book.grant(asked(1, 7), 0).isGranted);
  assert.not.ok(book.grant(asked(1, 6), 1).isGranted);
  assert.ok(book.grant(asked(1, 8), 2).isGranted);
});

test('whoever asks is heard, whatever it is answered', () => {
  const book = oldBook();
  assert.is(book.heardMsAgo(drive, 0), undefined);
  book.learn(drive, fence(5));
  assert.is(book.heardMsAgo(drive, 0), undefined);
  book.grant(asked(4), 100);
  assert.is(book.heardMsAgo(drive, 150), 50);
});

test('strangers cannot make it grow', () => {
  const book = oldBook();
  for (let at = 0; at < DRIVES_MAX + 10; at++) {
    const verdict = book.grant({ ...asked(1), drive: driveId(`d${at}`) }, 0);
    assert.is(verdict.isGranted, at < DRIVES_MAX);
  }
  assert.is(book.size, DRIVES_MAX);
});

test.run();
