// The hash index against a plain map, and what it costs in memory.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { baseBitsFor, HashIndex } from '../../src/engine/index/hash-index.ts';
import { seeded } from './suite/harness.ts';

const test = suite('hash index');

function fill(index: HashIndex, count: number, seed: number): Map<number, [number, number]> {
  const random = seeded(seed);
  const byPlace = new Map<number, [number, number]>();
  for (let place = 1; place <= count; place++) {
    const high = Math.floor(random() * 2 ** 32) >>> 0;
    const low = Math.floor(random() * 2 ** 32) >>> 0;
    index.find(high, low);
    assert.ok(index.insert(place));
    byPlace.set(place, [high, low]);
  }
  return byPlace;
}

function has(index: HashIndex, high: number, low: number, place: number): boolean {
  index.find(high, low);
  return index.candidateWith(place) >= 0;
}

test('finds what was put in, through all splits, and nothing that was removed', () => {
  const index = new HashIndex(baseBitsFor(1_000_000));
  const entries = fill(index, 60_000, 5);
  assert.is(index.count, 60_000);
  for (const [place, [high, low]] of entries) {
    assert.ok(has(index, high, low, place));
    if (place % 3 !== 0) continue;
    index.find(high, low);
    index.remove(index.candidateWith(place));
  }
  for (const [place, [high, low]] of entries) {
    assert.is(has(index, high, low, place), place % 3 !== 0);
  }
  assert.is(index.count, 40_000);
});

test('candidates of one hash come newest first', () => {
  const index = new HashIndex(baseBitsFor(1000));
  fill(index, 3000, 9);
  for (const place of [7001, 7002, 7003]) {
    index.find(0xabcdef01, 0x12345678);
    index.insert(place);
  }
  assert.is(index.find(0xabcdef01, 0x12345678), 3);
  assert.equal(
    [0, 1, 2].map((number) => index.candidate(number)),
    [7003, 7002, 7001],
  );
  index.replace(1, 9000);
  assert.equal(
    [0, 1, 2].map((number) => index.candidate(number)),
    [7003, 9000, 7001],
  );
});

test('one hash written without end does not split for ever, it is refused at a limit', () => {
  const index = new HashIndex(baseBitsFor(1000));
  let accepted = 0;
  for (let place = 1; place <= 20_000; place++) {
    index.find(1, 1);
    if (!index.insert(place)) break;
    accepted++;
  }
  assert.is(accepted, 0x3fff);
  assert.ok(index.directoryLength < 4096);
});

test('pages that were saved give the same index again', () => {
  const index = new HashIndex(baseBitsFor(1_000_000));
  const entries = fill(index, 30_000, 21);
  const copy = new HashIndex(baseBitsFor(1_000_000));
  for (let slot = 0; slot < index.directoryLength; slot++) {
    const page = index.pageAt(slot);
    if (page !== undefined) assert.ok(copy.restorePage({ ...page, bytes: page.bytes.slice() }));
  }
  copy.finishRestore();
  assert.is(copy.count, index.count);
  for (const [place, [high, low]] of entries) assert.ok(has(copy, high, low, place));
});

for (const count of [10_000, 100_000, 1_000_000]) {
  test(`stays within eight bytes an entry with ${count} entries`, () => {
    const index = new HashIndex(baseBitsFor(count));
    const random = seeded(count);
    let worst = 0;
    for (let place = 1; place <= count; place++) {
      index.find(Math.floor(random() * 2 ** 32) >>> 0, Math.floor(random() * 2 ** 32) >>> 0);
      index.insert(place);
      if (place > count / 4 && place % 997 === 0) worst = Math.max(worst, index.bytes / place);
    }
    assert.ok(worst <= 8, `${worst} bytes an entry`);
  });
}

test.run();
