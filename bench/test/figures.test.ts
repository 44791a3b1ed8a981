import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { median, ratio, showBytes, showCount, showRatio } from '../src/report/figures.ts';
import { skipped } from '../src/report/section.ts';
import { showSection } from '../src/report/tables.ts';

const test = suite('figures');

test('the median is the middle one, or between the two middle ones', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
  assert.is(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
});

test('a ratio is missing where a figure is missing', () => {
  assert.is(ratio(6, 3), 2);
  assert.is(ratio(undefined, 3), undefined);
  assert.is(ratio(3, undefined), undefined);
});

test('figures are written short, with three digits or so', () => {
  assert.equal([0.5, 12.34, 999, 12_345, 1_234_567].map(showCount), [
    '0.50',
    '12.3',
    '999',
    '12.3 k',
    '1.23 M',
  ]);
  assert.equal([128, 1024, 65_536, 1_048_576].map(showBytes), [
    '128 B',
    '1.00 KiB',
    '64.0 KiB',
    '1.00 MiB',
  ]);
  assert.is(showRatio(2.004), '2.00 x');
  assert.is(showCount(undefined), '');
});

test('a table shows every row, a dash for what is missing, and the notes', () => {
  const text = showSection({
    name: 'x',
    title: 'A title',
    columns: [
      { key: 'what', title: 'what' },
      { key: 'rate', title: 'rate', show: showCount },
    ],
    rows: [
      { what: 'get', rate: 20_000 },
      { what: 'put', rate: undefined },
    ],
    notes: ['a note'],
  });
  for (const part of ['A title', 'get', '20.0 k', 'put', '-', 'a note']) assert.match(text, part);
});

test('a section that cannot be measured says why', () => {
  assert.match(showSection(skipped('redis', 'Against Redis', 'not installed')), 'not installed');
});

test.run();
