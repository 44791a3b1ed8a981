import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  parseAddresses,
  parseBytes,
  parseCount,
  parseMs,
  parseStep,
} from '../../src/input/numbers.ts';
import { CommandError } from '../../src/shell/exit.ts';

const test = suite('numbers on the command line');

function refuses(run: () => unknown, message: RegExp): void {
  assert.throws(
    run,
    (error: unknown) =>
      error instanceof CommandError && error.exit === 2 && message.test(error.message),
  );
}

test('sizes take decimal and binary units, and plain bytes', () => {
  assert.is(parseBytes('--cache', '64MB'), 64_000_000);
  assert.is(parseBytes('--cache', '32GiB'), 32 * 1024 ** 3);
  assert.is(parseBytes('--cache', '1.5kb'), 1_500);
  assert.is(parseBytes('--cache', '1000'), 1_000);
});

test('a size of nothing, of bits, without number or with an unknown unit is refused', () => {
  for (const text of ['0', '64Mb', 'MB', '-1MB', '3 parsecs', '1e9', '']) {
    refuses(() => parseBytes('--cache', text), /--cache: expected a size like 64MB/);
  }
});

test('times need a unit', () => {
  assert.is(parseMs('--timeout', '500ms'), 500);
  assert.is(parseMs('--timeout', '1.5s'), 1_500);
  assert.is(parseMs('--timeout', '2m'), 120_000);
  refuses(() => parseMs('--timeout', '10'), /--timeout: expected a time like 500ms, .* got "10"/);
  refuses(() => parseMs('--timeout', '10h'), /--timeout/);
});

test('counts stay within their borders', () => {
  assert.is(parseCount('--replicas', '5', 1, 5), 5);
  refuses(() => parseCount('--replicas', '6', 1, 5), /whole number from 1 to 5, got "6"/);
  refuses(() => parseCount('--limit', '1.5', 1), /whole number from 1, got "1.5"/);
  refuses(() => parseCount('--limit', '', 1), /got ""/);
  refuses(() => parseCount('--limit', '99999999999999999999', 1), /whole number/);
});

test('steps of a counter have 64 bits with sign', () => {
  assert.is(parseStep('N', '-3'), -3n);
  assert.is(parseStep('N', '+3'), 3n);
  assert.is(parseStep('N', '9223372036854775807'), 2n ** 63n - 1n);
  assert.is(parseStep('N', '-9223372036854775808'), -(2n ** 63n));
  refuses(() => parseStep('N', '9223372036854775808'), /fits 64 bits/);
  refuses(() => parseStep('N', '1.5'), /a whole number like 1 or -5/);
});

test('addresses are HOST:PORT, several with commas', () => {
  assert.equal(parseAddresses('--meta', 'pi:7400, [::1]:7401'), ['pi:7400', '[::1]:7401']);
  for (const text of ['pi', 'pi:0', 'pi:99999', 'a:1,,b:2', '']) {
    refuses(() => parseAddresses('--meta', text), /--meta: expected HOST:PORT/);
  }
});

test.run();
