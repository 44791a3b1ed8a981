import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatBytes, formatCount, formatMs, formatRate } from '../../src/output/figures.ts';
import { drawTable, plainLines } from '../../src/output/table.ts';
import { jsonKey, oneLine, showKey, showValue, toJson } from '../../src/output/values.ts';

const test = suite('values and tables');

test('text is shown as it is, everything else as JSON', () => {
  assert.is(showValue('a "quoted"\nline'), 'a "quoted"\nline');
  assert.is(showValue({ name: 'Ada', age: 36 }), '{"name":"Ada","age":36}');
  assert.is(showValue(null), 'null');
  assert.is(showValue(true), 'true');
});

test('what JSON has no word for is not lost', () => {
  assert.is(toJson(new Uint8Array([1, 2, 255])), '{"base64":"AQL/"}');
  assert.is(toJson({ n: 12n, big: 2n ** 63n }), '{"n":12,"big":"9223372036854775808"}');
  assert.is(toJson(new Map([['a', 1n]])), '[["a",1]]');
  assert.is(toJson(new Set([1, 2])), '[1,2]');
  assert.is(toJson({ at: new Date(0) }), '{"at":"1970-01-01T00:00:00.000Z"}');
});

test('a value with a cycle is shown as such instead of failing', () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  assert.match(toJson(cycle), /cycle/);
});

test('control characters never reach the terminal in a line', () => {
  assert.is(oneLine('a\tb\nc\u001b[2Jd'), 'a\\tb\\nc\\x1b[2Jd');
});

test('a key that is not text is shown as hex, and as base64 in JSON', () => {
  assert.is(showKey('city/Žďár'), 'city/Žďár');
  assert.is(showKey(new Uint8Array([0xff, 0x00])), '0xff00');
  assert.is(showKey(Buffer.from('plain')), 'plain');
  assert.equal(jsonKey(new Uint8Array([0xff])), { base64: '/w==' });
});

test('a list is aligned for people and separated by tabs for programs', () => {
  interface Row {
    readonly id: string;
    readonly bytes: number;
  }
  const columns = [
    { title: 'drive', show: (row: Row) => row.id },
    {
      title: 'used',
      isNumber: true,
      show: (row: Row) => formatBytes(row.bytes),
      plain: (row: Row) => String(row.bytes),
    },
  ];
  const rows = [
    { id: 'drive-1', bytes: 1_200 },
    { id: 'd\t2', bytes: 34 },
  ];
  assert.is(plainLines(columns, rows), 'drive-1\t1200\nd\\t2\t34\n');
  const table = drawTable(columns, rows).replaceAll('\u001b[1m', '').replaceAll('\u001b[22m', '');
  const lines = table
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
  assert.is(lines.length, 3);
  assert.match(lines[0] ?? '', /^drive +used$/);
  assert.match(lines[1] ?? '', /^drive-1 +1\.20 kB$/);
});

test('figures have three digits and a unit', () => {
  assert.equal([999, 1_000, 99_940, 999_600].map(formatBytes), [
    '999 B',
    '1.00 kB',
    '99.9 kB',
    '1.00 MB',
  ]);
  assert.is(formatCount(1_234_567), '1,234,567');
  assert.equal([0.5, 12, 3_400, 45_000, 2_000_000].map(formatRate), [
    '0.5 /s',
    '12 /s',
    '3.4 k/s',
    '45 k/s',
    '2.0 M/s',
  ]);
  assert.equal([12, 3_210, 125_000].map(formatMs), ['12 ms', '3.2 s', '2 min 5 s']);
});

test.run();
