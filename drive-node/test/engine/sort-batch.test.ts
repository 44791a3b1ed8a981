// The order of a batch must be that of plain comparisons, whatever the keys have in common.

import { compareKeys } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { KeyBatch } from '../../src/engine/keys/key-index.ts';
import { sortedOrder } from '../../src/engine/keys/sort-batch.ts';
import { seeded } from './suite/harness.ts';

const test = suite('sort batch');

interface Given {
  readonly namespace: number;
  readonly key: Uint8Array;
}

function batchOf(given: readonly Given[]): KeyBatch {
  const starts = new Uint32Array(given.length + 1);
  given.forEach(({ key }, at) => {
    starts[at + 1] = (starts[at] as number) + key.length;
  });
  return {
    count: given.length,
    keys: Uint8Array.from(Buffer.concat(given.map(({ key }) => key))),
    starts,
    namespaces: Uint32Array.from(given, ({ namespace }) => namespace),
    recordBytes: new Uint32Array(given.length),
    positions: new Float64Array(given.length),
  };
}

function expected(given: readonly Given[]): number[] {
  const compare = (a: Given, b: Given): number =>
    a.namespace - b.namespace || compareKeys(a.key, b.key);
  const order = given.map((_, at) => at);
  order.sort((a, b) => compare(given[a] as Given, given[b] as Given) || a - b);
  return order.filter((entry, place) => {
    const next = order[place + 1];
    return next === undefined || compare(given[entry] as Given, given[next] as Given) !== 0;
  });
}

function check(given: readonly Given[]): void {
  assert.equal([...sortedOrder(batchOf(given))], expected(given));
}

const texts = (namespace: number, keys: readonly string[]): Given[] =>
  keys.map((key) => ({ namespace, key: Buffer.from(key) }));

test('nothing, one key, and one key many times', () => {
  check([]);
  check(texts(1, ['a']));
  check(texts(1, ['same', 'same', 'same']));
  check(texts(1, ['b', 'a', 'b', 'a', 'b']));
});

test('keys that begin alike, that are the beginning of others, or end in zeros', () => {
  check(texts(1, ['user:10', 'user:1', 'user:', 'user:100', 'user:2', 'user:1']));
  check(texts(1, ['prefix-long-aaaaaaaaab', 'prefix-long-aaaaaaaaaa', 'prefix-long-aaaaaaaaaab']));
  const zeros = [[1], [1, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0], [0], [0, 0], [255, 255]];
  check(zeros.map((key) => ({ namespace: 3, key: Uint8Array.from(key) })));
});

test('namespaces from the lowest, each with its own common beginning', () => {
  const high = 0xffff_fff0;
  check([
    ...texts(7, ['b', 'a']),
    ...texts(2, ['zz', 'zy']),
    ...texts(high, ['a']),
    ...texts(7, ['b']),
  ]);
});

test('random keys of all sizes, few and many', () => {
  const dice = seeded(11);
  for (const count of [2, 3, 17, 1000, 33_000]) {
    for (const alphabet of [2, 256]) {
      const given = Array.from({ length: count }, () => ({
        namespace: 1 + Math.floor(dice() * 3),
        key: Uint8Array.from({ length: 1 + Math.floor(dice() * 12) }, () =>
          Math.floor(dice() * alphabet),
        ),
      }));
      check(given);
    }
  }
});

test.run();
