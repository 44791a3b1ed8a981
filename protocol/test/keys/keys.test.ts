import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareKeys, equalKeys, isInside, keyAfter, prefixEnd } from '../../src/keys/keys.ts';
import { SeededRandom } from '../random.ts';

const test = suite('keys');
const key = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

test('compareKeys orders as memcmp does, a key before its extensions', () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 5_000; round++) {
    const a = random.bytes(random.below(6)).map((byte) => byte & 3);
    const b = random.bytes(random.below(6)).map((byte) => byte & 3);
    assert.is(Math.sign(compareKeys(a, b)), Buffer.compare(a, b));
    assert.is(equalKeys(a, b), Buffer.compare(a, b) === 0);
  }
  assert.ok(compareKeys(key(0x7f), key(0x80)) < 0, 'bytes are unsigned');
  assert.ok(compareKeys(key(1), key(1, 0)) < 0);
});

test('isInside takes the start and leaves the end out; no end is no border', () => {
  assert.ok(isInside(key(5), key(5), key(6)));
  assert.not.ok(isInside(key(6), key(5), key(6)));
  assert.ok(isInside(key(5, 255, 255), key(5), key(6)));
  assert.not.ok(isInside(key(4, 255), key(5), undefined));
  assert.ok(isInside(key(255, 255), key(5), undefined));
});

test('keyAfter is the very next key', () => {
  assert.equal([...keyAfter(key(1, 255))], [1, 255, 0]);
  assert.ok(compareKeys(keyAfter(key(7)), key(7)) > 0);
  assert.equal([...keyAfter(key())], [0]);
});

test('prefixEnd is the first key behind all extensions of a prefix', () => {
  assert.equal([...(prefixEnd(key(1, 2)) as Uint8Array)], [1, 3]);
  assert.equal([...(prefixEnd(key(1, 255, 255)) as Uint8Array)], [2]);
  assert.is(prefixEnd(key(255, 255)), undefined);
  assert.is(prefixEnd(key()), undefined);
});

test('a key lies between a prefix and its prefixEnd exactly when it has the prefix', () => {
  const random = new SeededRandom(2);
  for (let round = 0; round < 5_000; round++) {
    const prefix = random.bytes(random.below(4)).map((byte) => 252 + (byte & 3));
    const other = random.bytes(random.below(6)).map((byte) => 252 + (byte & 3));
    const hasPrefix =
      other.length >= prefix.length && equalKeys(other.subarray(0, prefix.length), prefix);
    assert.is(isInside(other, prefix, prefixEnd(prefix)), hasPrefix);
  }
});

test('prefixEnd does not change the prefix', () => {
  for (const prefix of [key(1, 2), Buffer.from([1, 2])]) {
    prefixEnd(prefix);
    keyAfter(prefix);
    assert.equal([...prefix], [1, 2]);
  }
});

test.run();
