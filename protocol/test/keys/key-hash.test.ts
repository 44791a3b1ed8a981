// The hash is part of the protocol: a changed golden value means that every stored hash keyspace
// would be unreadable.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeKeyHash } from '../../src/keys/key-hash.ts';

const test = suite('key hash');

function hashOf(key: Uint8Array): Buffer {
  const target = Buffer.alloc(8);
  writeKeyHash(key, target, 0);
  return target;
}

test('golden values never change', () => {
  const golden: [Uint8Array, string][] = [
    [Buffer.alloc(0), '00c97667ba615486'],
    [Buffer.from('a'), '491f9028b3d321aa'],
    [Buffer.from('user:42'), 'b0b12e206e4b2818'],
    [Buffer.from('user:43'), '90672c56a52a8bbb'],
    [Buffer.from([0xff, 0xfe, 0xfd, 0xfc]), '3940df5dfe0a5c98'],
    [Buffer.alloc(4096, 0x61), '7635f6823647bafc'],
  ];
  for (const [key, hash] of golden) assert.is(hashOf(key).toString('hex'), hash);
});

test('writes eight bytes at the offset and no others', () => {
  const target = Buffer.alloc(12, 0xee);
  writeKeyHash(Buffer.from('a'), target, 2);
  assert.equal(target.subarray(2, 10), hashOf(Buffer.from('a')));
  assert.equal([...target.subarray(0, 2), ...target.subarray(10)], [0xee, 0xee, 0xee, 0xee]);
});

/** Chi-squared over 256 boxes: 255 on average, above 375 once in a million honest tables. */
function chiSquared(counts: Uint32Array, total: number): number {
  const expected = total / counts.length;
  let sum = 0;
  for (const count of counts) sum += (count - expected) ** 2 / expected;
  return sum;
}

const families: Record<string, (number: number) => Uint8Array> = {
  'names with a counter': (number) => Buffer.from(`user:${number}`),
  'padded numbers': (number) => Buffer.from(String(number).padStart(16, '0')),
  'numbers of 4 bytes': (number) => Buffer.from(Uint32Array.of(number).buffer),
  'zeros of many lengths': (number) => Buffer.alloc(number % 4096, number >> 12),
};
for (const [name, make] of Object.entries(families)) {
  test(`${name} spread evenly in every byte of the hash`, () => {
    const total = 50_000;
    const counts = Array.from({ length: 8 }, () => new Uint32Array(256));
    for (let number = 0; number < total; number++) {
      const hash = hashOf(make(number));
      for (let at = 0; at < 8; at++) (counts[at] as Uint32Array)[hash[at] as number]!++;
    }
    for (const table of counts) assert.ok(chiSquared(table, total) < 400, name);
  });
}

test('one changed bit of a key changes half of the bits of its hash', () => {
  const key = Buffer.from('some key of a user');
  const before = hashOf(key);
  let changed = 0;
  for (let bit = 0; bit < key.length * 8; bit++) {
    const other = Buffer.from(key);
    other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
    const after = hashOf(other);
    for (let at = 0; at < 8; at++) {
      let difference = (before[at] as number) ^ (after[at] as number);
      for (; difference > 0; difference &= difference - 1) changed++;
    }
  }
  const share = changed / (key.length * 8 * 64);
  assert.ok(share > 0.47 && share < 0.53, `${share}`);
});

test('200,000 names have no two equal hashes', () => {
  const seen = new Set<bigint>();
  for (let number = 0; number < 200_000; number++) {
    seen.add(hashOf(Buffer.from(`k${number}`)).readBigUInt64BE());
  }
  assert.is(seen.size, 200_000);
});

test.run();
