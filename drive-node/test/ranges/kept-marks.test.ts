// What a returning drive believes of what it has, and what a page of the tail asks of it.

import type { Entry } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ScanEntry } from '../../src/engine/store.ts';
import { PageComparison } from '../../src/migration/page-comparison.ts';
import { KeptMarks, NOTHING_KEPT } from '../../src/ranges/kept-marks.ts';

const test = suite('kept marks');

const EMPTY = new Uint8Array(0);

function thin(key: string, version: number, epoch = 1): Entry {
  return { key: Buffer.from(key), value: EMPTY, valueTag: 0, version, epoch, isThin: true };
}

function full(key: string, version: number, epoch = 1): Entry {
  return { ...thin(key, version, epoch), isThin: false };
}

function here(key: string, sequence: number, era: number, epoch = 1): ScanEntry {
  const entry = { key: Buffer.from(key), value: EMPTY, valueTag: 0, sequence, epoch, era };
  return entry as unknown as ScanEntry;
}

/** What a page asks for, in a copy of era 10 with base 100. */
function compare(
  page: readonly Entry[],
  local: readonly ScanEntry[],
  keptMarks: KeptMarks,
): { wanted: number[]; taken: string[]; surplus: string[] } {
  const comparison = new PageComparison(page, { era: 10, keptMarks }, 100);
  const surplus = comparison.compare(local).map((key) => Buffer.from(key).toString());
  comparison.finish();
  const { wanted, taken } = comparison.verdict;
  return { wanted, taken: taken.map(({ key }) => Buffer.from(key).toString()), surplus };
}

test('what is the same is kept, what differs or lacks is wanted, what is too much goes', () => {
  const page = [thin('a', 1), thin('b', 2), thin('c', 3), thin('d', 4), thin('f', 6)];
  const local = [here('a', 1, 5), here('b', 3, 5), here('c', 3, 5, 2), here('e', 5, 5)];
  assert.equal(compare(page, local, KeptMarks.upTo(50)), {
    wanted: [1, 2, 3, 4],
    taken: [],
    surplus: ['e'],
  });
});

test('what came live in this copy is newer than any page, whatever its number', () => {
  const page = [full('a', 60), thin('b', 2), full('c', 99)];
  const local = [here('a', 101, 10), here('b', 102, 10), here('c', 101, 9), here('d', 103, 10)];
  assert.equal(compare(page, local, KeptMarks.upTo(50)), {
    wanted: [],
    taken: ['c'],
    surplus: [],
  });
});

test('what came in a copy that broke off is believed up to the base of that copy only', () => {
  const marks = KeptMarks.upTo(20).with(6, 30).with(8, 40);
  assert.is(marks.top, 40);
  // Behind the base of its copy a record may be one whose number was given again.
  const page = [thin('a', 30), thin('b', 31), thin('c', 31), thin('d', 21)];
  const local = [here('a', 30, 6), here('b', 31, 7), here('c', 31, 8), here('d', 21, 5)];
  assert.equal(compare(page, local, marks).wanted, [1, 3]);
});

test('nothing is believed without a mark, and the list of marks stays short', () => {
  assert.equal(compare([thin('a', 1)], [here('a', 1, 5)], NOTHING_KEPT).wanted, [0]);
  let marks = KeptMarks.upTo(1_000);
  for (let era = 1; era <= 200; era++) marks = marks.with(era, era);
  assert.ok(marks.list.length <= 32);
  assert.is(marks.believes(0, 2), false, 'two that are judged as one have the lower mark');
  assert.is(marks.believes(200, 200), true);
  assert.is(marks.believes(200, 201), false);
});

test.run();
