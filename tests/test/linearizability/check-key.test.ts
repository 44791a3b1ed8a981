// Histories that are known to be right, and histories that are known to be wrong.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkKey } from '../../src/linearizability/check-key.ts';
import type { Operation } from '../../src/linearizability/history.ts';
import {
  failedPut,
  has,
  history,
  increment,
  lostIncrement,
  lostPut,
  lostRemove,
  put,
  read,
  refusedPut,
  remove,
  resolvedPut,
} from './sample.ts';

const test = suite('linearizability of a key');

const GOOD: readonly (readonly [string, readonly Operation[]])[] = [
  ['nothing', history()],
  ['a read of nothing', history(read(1, 2))],
  ['a write and then a read', history(put(1, 2, 'a', 1), read(3, 4, 'a', 1))],
  ['a read beside a write finds the old', history(put(1, 4, 'a', 1), read(2, 3))],
  ['a read beside a write finds the new', history(put(1, 4, 'a', 1), read(2, 3, 'a', 1))],
  [
    'two reads beside a write: the old, then the new',
    history(put(1, 8, 'a', 1), read(2, 3), read(4, 5, 'a', 1)),
  ],
  [
    'two writes beside each other, in the other order than they were called',
    history(put(1, 5, 'a', 2), put(2, 4, 'b', 1), read(6, 7, 'a', 2)),
  ],
  ['a lost write that never happened', history(lostPut(1, 'a'), read(2, 3), read(4, 5))],
  [
    'a lost write that happened late',
    history(lostPut(1, 'a'), put(2, 3, 'b', 1), read(4, 5, 'b', 1), read(6, 7, 'a', 2)),
  ],
  [
    'a lost write that was overwritten and seen by nobody',
    history(lostPut(1, 'a'), put(2, 3, 'b', 2), read(4, 5, 'b', 2)),
  ],
  [
    'a condition on the version of a lost write, known from a read',
    history(lostPut(1, 'a'), read(2, 3, 'a', 5), put(4, 5, 'b', 6, 5), read(6, 7, 'b', 6)),
  ],
  [
    'a lost write that was seen by its value alone',
    history(lostPut(1, 'a'), lostPut(2, 'b'), read(3, 4, 'b'), read(5, 6, 'a')),
  ],
  [
    'a condition that shows that a lost write has happened',
    history(lostPut(1, 'a'), put(2, 3, 'b', 6, 5), read(4, 5, 'b', 6)),
  ],
  [
    'a refused condition beside the write that broke it',
    history(put(1, 2, 'a', 1), put(3, 6, 'b', 2), refusedPut(4, 5, 'c', 1, 2)),
  ],
  ['an insert that is refused', history(put(1, 2, 'a', 1), refusedPut(3, 4, 'b', null, 1))],
  [
    'a delete, and a new entry with a higher version',
    history(put(1, 2, 'a', 1), remove(3, 4, true), read(5, 6), put(7, 8, 'b', 3, null)),
  ],
  [
    'two deletes beside each other: one finds the entry',
    history(put(1, 2, 'a', 1), remove(3, 6, false), remove(4, 5, true)),
  ],
  ['a lost delete explains an absent key', history(put(1, 2, 'a', 1), lostRemove(3), read(4, 5))],
  [
    'increments beside each other',
    history(increment(1, 5, 1, 11), increment(2, 4, 10, 10), read(6, 7, '11')),
  ],
  [
    'a lost increment that happened later',
    history(increment(1, 2, 1, 1), lostIncrement(3, 100), read(4, 5, '1'), read(6, 7, '101')),
  ],
  [
    'a write that was found to be applied',
    history(resolvedPut(1, 6, 'a', 1), read(2, 3), read(4, 5, 'a', 1), put(7, 8, 'b', 2, 1)),
  ],
  ['a write that failed changes nothing', history(failedPut(1, 2, 'a'), read(3, 4))],
  [
    'has beside a delete',
    history(put(1, 2, 'a', 1), remove(3, 8, true), has(4, 5, true), has(6, 7, false)),
  ],
];

const BAD: readonly (readonly [string, readonly Operation[]])[] = [
  ['an acknowledged write is lost', history(put(1, 2, 'a', 1), read(3, 4))],
  ['a stale read', history(put(1, 2, 'a', 1), put(3, 4, 'b', 2), read(5, 6, 'a', 1))],
  [
    'the new, then the old, beside a write',
    history(put(1, 2, 'a', 1), put(3, 9, 'b', 2), read(4, 5, 'b', 2), read(6, 7, 'a', 1)),
  ],
  ['a read from the future', history(read(1, 2, 'a', 1), put(3, 4, 'a', 1))],
  ['a value from nowhere', history(put(1, 2, 'a', 1), read(3, 4, 'x', 2))],
  ['a version that goes back', history(put(1, 2, 'a', 5), put(3, 4, 'b', 4))],
  [
    'a version that comes again after a delete',
    history(put(1, 2, 'a', 1), remove(3, 4, true), put(5, 6, 'b', 1)),
  ],
  [
    'a condition that held on a version that was gone',
    history(put(1, 2, 'a', 1), put(3, 4, 'b', 2), put(5, 6, 'c', 3, 1)),
  ],
  ['an insert over an entry', history(put(1, 2, 'a', 1), put(3, 4, 'b', 2, null))],
  ['a condition refused although it held', history(put(1, 2, 'a', 1), refusedPut(3, 4, 'b', 1, 1))],
  ['an insert refused by an absent key', history(refusedPut(1, 2, 'b', null, 3))],
  ['a delete of nothing that existed', history(remove(1, 2, true))],
  [
    'two deletes that both found the one entry',
    history(put(1, 2, 'a', 1), remove(3, 6, true), remove(4, 5, true)),
  ],
  ['an increment that is lost', history(increment(1, 2, 1, 1), increment(3, 4, 10, 10))],
  ['an increment that is doubled', history(increment(1, 2, 5, 5), read(3, 4, '10'))],
  [
    'a lost increment that happened twice',
    history(lostIncrement(1, 5), read(2, 3, '5'), read(4, 5, '10')),
  ],
  [
    'a lost write that came, went, and came back',
    history(
      lostPut(1, 'a'),
      read(2, 3, 'a', 1),
      put(4, 5, 'b', 2),
      read(6, 7, 'b', 2),
      read(8, 9, 'a'),
    ),
  ],
  [
    'a write that failed is read',
    history(failedPut(1, 2, 'a'), put(3, 4, 'b', 1), read(5, 6, 'a', 2)),
  ],
  [
    'a write that was found to be applied is missing',
    history(resolvedPut(1, 2, 'a', 1), read(3, 4)),
  ],
  [
    'a deleted key comes back',
    history(put(1, 2, 'a', 1), remove(3, 4, true), read(5, 6), read(7, 8, 'a', 1)),
  ],
  ['has tells of an entry that nobody made', history(has(1, 2, true))],
  [
    'two readers see two writes in opposite orders',
    history(
      put(1, 9, 'a', 1),
      put(2, 10, 'b', 2),
      read(3, 4, 'a'),
      read(5, 6, 'b'),
      read(7, 8, 'a'),
    ),
  ],
];

for (const [name, operations] of GOOD) {
  test(`right: ${name}`, () => {
    assert.is(checkKey(operations).kind, 'linearizable');
  });
}

for (const [name, operations] of BAD) {
  test(`wrong: ${name}`, () => {
    assert.is(checkKey(operations).kind, 'violation');
  });
}

test('a search that is too long says so instead of guessing', () => {
  const doubtful = Array.from({ length: 40 }, (_, at) => lostIncrement(at + 1, at + 1));
  const wrong = history(...doubtful, read(100, 101, '1000'));
  const verdict = checkKey(wrong, { stepsMax: 1_000 });
  assert.is(verdict.kind, 'gave-up');
  assert.is(verdict.steps, 1_001);
});

test('a violation tells what can be explained and what could not come next', () => {
  const operations = history(put(1, 2, 'a', 1), put(3, 4, 'b', 2), read(5, 6, 'a', 1));
  const verdict = checkKey(operations);
  if (verdict.kind === 'linearizable') throw new Error('expected a violation');
  assert.equal(
    verdict.explained.map(({ id }) => id),
    [0, 1],
  );
  assert.equal(
    verdict.stuck.map(({ id }) => id),
    [2],
  );
});

test.run();
