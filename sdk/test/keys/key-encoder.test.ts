import { writeKeyHash } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KeyEncoder } from '../../src/keys/key-encoder.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

test('key encoder: text becomes its UTF-8, whatever its length and alphabet', () => {
  const encoder = new KeyEncoder('range');
  for (const key of ['a', 'user:42', 'Zürich', '東京', '😀', 'x'.repeat(64), 'y'.repeat(4096)]) {
    assert.is(text(encoder.encode(key)), key);
  }
  assert.is(text(encoder.encode('é'.repeat(2048))), 'é'.repeat(2048));
});

test('key encoder: bytes stay as they are, and a copy outlives the next key', () => {
  const encoder = new KeyEncoder('range');
  const copy = encoder.copy(new Uint8Array([0, 255, 128]));
  encoder.encode('other');
  assert.equal([...copy], [0, 255, 128]);
});

test('key encoder: a hash keyspace puts eight bytes of hash in front', () => {
  const encoder = new KeyEncoder('hash');
  const hash = new Uint8Array(8);
  writeKeyHash(new Uint8Array(Buffer.from('user:42')), hash, 0);
  const placed = encoder.encode('user:42');
  assert.equal([...placed.subarray(0, 8)], [...hash]);
  assert.is(text(encoder.bare(placed)), 'user:42');
  assert.is(encoder.encode(new Uint8Array(4096)).length, 4104);
});

for (const [key, code] of [
  ['', 'KV_INVALID_ARGUMENT'],
  [new Uint8Array(0), 'KV_INVALID_ARGUMENT'],
  ['\ud800', 'KV_INVALID_ARGUMENT'],
  [42, 'KV_INVALID_ARGUMENT'],
  ['x'.repeat(4097), 'KV_KEY_TOO_LARGE'],
  ['é'.repeat(2049), 'KV_KEY_TOO_LARGE'],
  [new Uint8Array(4097), 'KV_KEY_TOO_LARGE'],
] as const) {
  test(`key encoder: refuses ${typeof key} of length ${String(Object(key).length)} with ${code}`, () => {
    const encoder = new KeyEncoder('range');
    assert.throws(
      () => encoder.encode(key as string),
      (error: { code: string; outcome: string }) =>
        error.code === code && error.outcome === 'not-applied',
    );
  });
}

test.run();
