import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkCodec, decodeValue, encodeValue, tagOf } from '../../src/values/codec.ts';

const reverse = {
  encode: (value: unknown): Uint8Array => Buffer.from(String(value)).reverse(),
  decode: (bytes: Uint8Array): unknown => Buffer.from(bytes).reverse().toString(),
};

function roundTrip(value: unknown): unknown {
  return decodeValue('structured', 1, Buffer.from(encodeValue('structured', value)));
}

for (const value of [
  null,
  true,
  0,
  -1,
  2 ** 40 + 1,
  1.5,
  12345678901234567890n,
  '',
  'short',
  'x'.repeat(31),
  'x'.repeat(32),
  'x'.repeat(300),
  'ü'.repeat(70_000),
  [],
  {},
  { a: [1, { b: null }], c: 'd' },
  new Map<unknown, unknown>([
    [1, 'one'],
    ['two', new Map()],
  ]),
  new Set([1, 'a']),
  new Date(1_234_567),
  new Uint8Array([1, 2, 3]),
  new Float64Array([1.5, -2]),
]) {
  test(`codec structured: keeps ${Object.prototype.toString.call(value)} as it is`, () => {
    assert.equal(roundTrip(value), value);
  });
}

test('codec structured: keeps NaN, cycles, and many shapes of objects', () => {
  assert.ok(Number.isNaN(roundTrip(Number.NaN)));
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const back = roundTrip(cycle) as { self: unknown };
  assert.is(back.self, back);
  const shapes = Array.from({ length: 200 }, (_, number) => ({ [`field${number}`]: number }));
  assert.equal(roundTrip(shapes), shapes);
});

test('codec structured: refuses undefined, functions and symbols', () => {
  for (const value of [undefined, () => 1, Symbol('s')]) {
    assert.throws(
      () => encodeValue('structured', value),
      (error: { code: string }) => error.code === 'KV_INVALID_ARGUMENT',
    );
  }
});

test('codec binary: takes bytes only, and gives bytes of its own back', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assert.is(encodeValue('binary', bytes), bytes);
  const view = Buffer.from([1, 2, 3]);
  const back = decodeValue('binary', 0, view) as Uint8Array;
  view[0] = 9;
  assert.equal([...back], [1, 2, 3]);
  assert.throws(() => encodeValue('binary', 'text'), /Uint8Array/);
});

test('codec: a codec of your own writes and reads, and its failures are told', () => {
  const codec = checkCodec(reverse);
  const bytes = encodeValue(codec, 'abc');
  assert.is(Buffer.from(bytes).toString(), 'cba');
  assert.is(decodeValue(codec, tagOf(codec), Buffer.from(bytes)), 'abc');
  const broken = checkCodec({
    encode: () => 'text',
    decode: () => {
      throw new Error('no');
    },
  });
  assert.throws(() => encodeValue(broken, 1), /Uint8Array/);
  assert.throws(
    () => decodeValue(broken, 3, Buffer.from('x')),
    (error: { code: string }) => error.code === 'KV_DECODE',
  );
});

test('codec: what another codec wrote is never misread', () => {
  const structured = Buffer.from(encodeValue('structured', { a: 1 }));
  assert.equal(decodeValue(reverse, 1, structured), { a: 1 });
  assert.equal([...(decodeValue('binary', 1, structured) as Uint8Array)], [...structured]);
  assert.equal([...(decodeValue('structured', 0, structured) as Uint8Array)], [...structured]);
  const isDecode = (error: { code: string }): boolean => error.code === 'KV_DECODE';
  assert.throws(() => decodeValue('structured', 3, structured), isDecode);
  assert.throws(() => decodeValue('structured', 77, structured), isDecode);
  assert.throws(() => decodeValue('structured', 1, Buffer.from([0xc1])), isDecode);
  assert.throws(() => decodeValue('structured', 1, Buffer.alloc(0)), isDecode);
  assert.throws(() => decodeValue('structured', 2, Buffer.alloc(7)), isDecode);
});

test('codec: a counter is a bigint for every codec', () => {
  const view = Buffer.alloc(8);
  view.writeBigInt64LE(-5n);
  for (const codec of ['structured', 'binary', reverse] as const) {
    assert.is(decodeValue(codec, 2, view), -5n);
  }
});

test('codec: a value of 1 MiB fits, one byte more does not', () => {
  assert.is(encodeValue('binary', new Uint8Array(1_048_576)).length, 1_048_576);
  assert.throws(
    () => encodeValue('binary', new Uint8Array(1_048_577)),
    (error: { code: string; outcome: string }) =>
      error.code === 'KV_VALUE_TOO_LARGE' && error.outcome === 'not-applied',
  );
});

test('codec: what is none is refused', () => {
  for (const codec of ['json', 1, null, {}, { encode: () => 1 }]) {
    assert.throws(() => checkCodec(codec), /codec/);
  }
});

test.run();
