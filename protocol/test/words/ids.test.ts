import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  clusterId,
  driveId,
  epoch,
  InvalidIdError,
  incarnation,
  indexVersion,
  keyspaceId,
  rangeId,
  sequence,
} from '../../src/words/ids.ts';

const test = suite('ids');

const refused = (make: () => unknown): InvalidIdError => {
  try {
    make();
  } catch (error) {
    assert.instance(error, InvalidIdError);
    return error as InvalidIdError;
  }
  throw new Error('was not refused');
};

const never: unknown[] = [
  ...[-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '1', 1n, null, undefined, true],
  ...[[], {}, [1], new Date(1), Symbol('1'), () => 1],
];

test('counters of 32 bits take 1 to 2^32-1 and nothing else', () => {
  for (const make of [keyspaceId, rangeId, epoch, incarnation]) {
    assert.is(make(1), 1);
    assert.is(make(0xffff_ffff), 0xffff_ffff);
    for (const value of [...never, 0, 0x1_0000_0000]) refused(() => make(value));
  }
});

test('index version and sequence take 0 to the largest safe integer', () => {
  for (const make of [indexVersion, sequence]) {
    assert.is(make(0), 0);
    assert.is(make(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    for (const value of never) refused(() => make(value));
  }
});

test('a drive id is 1 to 64 characters of A-Za-z0-9._-', () => {
  for (const good of ['a', 'pi-07.garage_2', 'x'.repeat(64)]) assert.is(driveId(good), good);
  for (const bad of [
    1,
    null,
    undefined,
    [],
    {},
    '',
    'x'.repeat(65),
    'a b',
    'ä',
    'a\n',
    '../a/b',
    'a\0',
  ]) {
    refused(() => driveId(bad));
  }
});

test('a cluster id is a lower-case UUID', () => {
  const good = '0f8fad5b-d9cb-469f-a165-70867728950e';
  assert.is(clusterId(good), good);
  for (const bad of [1, null, undefined, {}, '', good.toUpperCase(), `${good}\n`, good.slice(1)]) {
    refused(() => clusterId(bad));
  }
});

test('the message says what was expected and stays short whatever came', () => {
  const message = refused(() => driveId('x'.repeat(1_000_000))).message;
  assert.match(message, 'drive id: expected 1 to 64 characters');
  assert.ok(message.length < 300);
  assert.match(refused(() => epoch(0)).message, 'epoch: expected an integer from 1 to 4294967295');
});

test.run();
