import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseBytes, parseBytesPerSecond, parseMs } from '../../src/shell/command/units.ts';

const units = suite('units');

units('decimal and binary sizes are told apart', () => {
  assert.is(parseBytes('64MB'), 64_000_000);
  assert.is(parseBytes('32GiB'), 32 * 1024 ** 3);
  assert.is(parseBytes('1.5TB'), 1_500_000_000_000);
  assert.is(parseBytes('4096'), 4096);
  assert.is(parseBytes('12kB'), 12_000);
  assert.is(parseBytes('12 mb'), 12_000_000);
  assert.is(parseBytes('7B'), 7);
});

units('rates need their per-second', () => {
  assert.is(parseBytesPerSecond('40MB/s'), 40_000_000);
  assert.throws(() => parseBytesPerSecond('40MB'), /expected a rate like 40MB\/s.*"40MB"/);
});

units('what is not a size is refused and named', () => {
  for (const text of [
    '',
    'big',
    '-1',
    '1e3',
    '64XB',
    '64Mb',
    '0',
    '0MB',
    '1..5MB',
    '999999999TB',
  ]) {
    assert.throws(() => parseBytes(text), /expected a size like 64MB/, text);
  }
});

units('durations take ms, s and m', () => {
  assert.is(parseMs('500ms'), 500);
  assert.is(parseMs('30s'), 30_000);
  assert.is(parseMs('2m'), 120_000);
  assert.throws(() => parseMs('30'), /expected a time like 500ms.*"30"/);
});

units.run();
