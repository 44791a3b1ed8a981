// What the allocator is compared with must itself be right: every drive within capacity, and as good as its name promises.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { firstFitDecreasing } from '../src/baselines/first-fit.ts';
import { hashingDrives } from '../src/baselines/hashing.ts';
import { paperMethod } from '../src/baselines/paper.ts';
import { Random } from '../src/packing/random.ts';

const test = suite('baselines');

const shares = (...values: number[]): Float64Array => Float64Array.from(values);

test('first fit decreasing: the longest first, each on the first drive with room in both resources', () => {
  const { drives, entries } = firstFitDecreasing(
    shares(0.25, 0.75, 0.5, 0.5),
    shares(0.25, 0.75, 0.5, 0.5),
  );
  assert.is(drives, 2);
  assert.is(entries, 2, 'the first two ranges share a drive, and so do the last two');
  // Each pair would fit by its bytes alone.
  assert.is(firstFitDecreasing(shares(0.25, 0.25), shares(0.75, 0.75)).drives, 2);
});

test('first fit decreasing: a drive without room for anything is not looked at again', () => {
  const random = new Random(1);
  const bytes = new Float64Array(2000).map(() => random.between(1, 8) / 64);
  const traffic = bytes.map((value) => 9 / 64 - value);
  const { drives } = firstFitDecreasing(bytes, traffic);
  const sum = (values: Float64Array): number => values.reduce((all, value) => all + value, 0);
  assert.ok(drives >= Math.max(sum(bytes), sum(traffic)));
  assert.ok(drives <= 1.2 * Math.max(sum(bytes), sum(traffic)), String(drives));
});

test('no baseline needs fewer drives than the sums allow, and an empty input needs none', () => {
  const random = new Random(2);
  const bytes = new Float64Array(500).map(() => random.between(1, 100) / 1000);
  const traffic = new Float64Array(500).map(() => random.between(1, 100) / 1000);
  const least = Math.ceil(bytes.reduce((all, value) => all + value, 0));
  assert.ok(paperMethod(bytes, traffic).drives >= least);
  assert.ok(firstFitDecreasing(bytes, traffic).drives >= least);
  assert.ok(hashingDrives(bytes, traffic, least) >= least);
  assert.equal(firstFitDecreasing(shares(), shares()), { drives: 0, entries: 0 });
});

test.run();
