// Who may change a range: an operation, or the one who takes failed members out; never both.

import type { RangeId } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RangeHolds } from '../../src/operations/range-holds.ts';

const test = suite('range holds');
const ONE = 1 as RangeId;
const { signal } = new AbortController();

test('a free range can be borrowed once, and is held meanwhile', () => {
  const holds = new RangeHolds();
  assert.is(holds.tryBorrow(ONE), true);
  assert.is(holds.isHeld(ONE), true);
  assert.is(holds.isInOperation(ONE), false);
  assert.is(holds.tryBorrow(ONE), false);
  holds.giveBack(ONE);
  assert.is(holds.isHeld(ONE), false);
});

test('a range in an operation can be borrowed only while it is lent', () => {
  const holds = new RangeHolds();
  holds.take([ONE], 7);
  assert.is(holds.tryBorrow(ONE), false);
  holds.lend(ONE);
  assert.is(holds.tryBorrow(ONE), true);
  assert.is(holds.holderOf(ONE), 7);
  holds.giveBack(ONE);
  assert.is(holds.holderOf(ONE), 7);
});

test('who takes it back waits for the borrower, and nobody borrows it meanwhile', async () => {
  const holds = new RangeHolds();
  holds.take([ONE], 7);
  holds.lend(ONE);
  holds.tryBorrow(ONE);
  let isBack = false;
  const back = holds.reclaim(ONE, signal).then(() => {
    isBack = true;
  });
  await Promise.resolve();
  assert.is(isBack, false);
  holds.giveBack(ONE);
  assert.is(holds.tryBorrow(ONE), false);
  await back;
  assert.is(isBack, true);
  assert.is(holds.tryBorrow(ONE), false);
});

test('a stop ends the waiting', async () => {
  const holds = new RangeHolds();
  const stopping = new AbortController();
  holds.take([ONE], 7);
  holds.lend(ONE);
  holds.tryBorrow(ONE);
  const back = holds.reclaim(ONE, stopping.signal);
  stopping.abort();
  await back;
});

test('an operation that ends while its range is borrowed leaves it to the borrower', () => {
  const holds = new RangeHolds();
  const available: number[] = [];
  holds.onAvailable((range) => available.push(range));
  holds.take([ONE], 7);
  holds.lend(ONE);
  holds.tryBorrow(ONE);
  holds.release(7);
  assert.is(holds.isHeld(ONE), true);
  assert.is(holds.holderOf(ONE), undefined);
  holds.giveBack(ONE);
  assert.is(holds.isHeld(ONE), false);
  // When it was lent, and when it was free.
  assert.equal(available, [ONE, ONE]);
});

test.run();
