import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packValue, unpackValue } from '../../src/frames/msgpack.ts';
import {
  addressFromWire,
  addressToWire,
  headOf,
  InvalidRecordError,
  keyspaceFromWire,
  keyspaceToWire,
  MemberState,
  recordBytes,
  recordFromWire,
  recordsThatFit,
  recordToWire,
  tailOf,
} from '../../src/ranges/range-record.ts';
import { InvalidIdError } from '../../src/words/ids.ts';

const test = suite('range record');
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const wire = (): unknown[] => [7, 1, bytes(1), bytes(2), 3, 12, ['a', 1, 'b', 1, 'c', 2]];

function refused(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    const isTyped = error instanceof InvalidRecordError || error instanceof InvalidIdError;
    assert.ok(isTyped, `${error}`);
    return;
  }
  assert.unreachable('was not refused');
}

test('a record comes back as it went', () => {
  const record = recordFromWire(wire());
  assert.equal(recordFromWire(unpackValue(packValue(recordToWire(record)))), record);
  assert.is(headOf(record), 'a');
  assert.is(tailOf(record), 'b');
  const open = recordFromWire(wire().with(3, null));
  assert.is(open.end, undefined);
  assert.equal(recordFromWire(recordToWire(open)), open);
});

test('a chain without a serving member has neither head nor tail', () => {
  const record = recordFromWire(wire().with(6, ['a', MemberState.last]));
  assert.is(headOf(record), undefined);
  assert.is(tailOf(record), undefined);
  assert.is(headOf(recordFromWire(wire().with(6, []))), undefined);
});

test('keys are copies: a record does not keep the chunk alive that it came in', () => {
  const source = bytes(1, 9, 9);
  const record = recordFromWire(wire().with(2, source).with(3, bytes(3)));
  source[0] = 0xff;
  assert.equal([...record.start], [1, 9, 9]);
  assert.is(record.start.buffer.byteLength, 3);
});

const spoiled: [string, number, unknown[]][] = [
  ['id', 0, [0, -1, 1.5, '7', null, 2 ** 32, 7n]],
  ['keyspace', 1, [0, undefined, {}]],
  ['start', 2, ['a', null, [1], new Uint8Array(4105), {}]],
  ['end', 3, [bytes(1), bytes(0), bytes(), undefined, 'b', new Uint8Array(4105).fill(9)]],
  ['epoch', 4, [0, 2 ** 32, Number.NaN]],
  ['version', 5, [-1, 2 ** 53, '12']],
];
for (const [name, position, values] of spoiled) {
  test(`a record with a wrong ${name} is refused`, () => {
    for (const value of values) refused(() => recordFromWire(wire().with(position, value)));
  });
}

test('a record with a wrong chain is refused', () => {
  const chains = [
    ...[null, 'a', {}, ['a'], ['a', 0], ['a', 6], ['a', 1.5], ['a', '1'], ['a', [1]], ['', 1]],
    ...[[1, 'a'], ['a', 1, 'a', 1], ['a', 2, 'b', 1], Array(22).fill('a')],
    Array.from({ length: 22 }, (_, at) => (at % 2 === 0 ? `d${at}` : 1)),
  ];
  for (const chain of chains) refused(() => recordFromWire(wire().with(6, chain)));
});

test('what is not an array of seven is refused', () => {
  for (const value of [null, undefined, 7, 'x', {}, [], wire().slice(1), [...wire(), 1]]) {
    refused(() => recordFromWire(value));
  }
});

test('an address comes back as it went, a wrong one is refused', () => {
  const address = addressFromWire(['a', '127.0.0.1:7410', 3]);
  assert.equal(addressFromWire(addressToWire(address)), address);
  const wrong = [
    ...[null, [], ['a', 'x', 0], ['a', 5, 1], ['a b', 'x:1', 1], ['a', 'x'.repeat(301), 1]],
  ];
  for (const value of wrong) refused(() => addressFromWire(value));
});

test('a keyspace comes back as it went, a wrong one is refused', () => {
  const keyspace = keyspaceFromWire([1, 'default', 'hash', 3]);
  assert.equal(keyspaceFromWire(keyspaceToWire(keyspace)), keyspace);
  const wrong = [
    ...[
      [0, 'default', 'hash', 3],
      [1, '', 'hash', 3],
      [1, 'a/b', 'hash', 3],
      [1, 'a', 'x', 3],
    ],
    ...[[1, 'a', 'hash', 0], [1, 'a', 'hash', 6], [1, 'a', 'hash', '3'], [1, 'a', 'hash', 1.5], []],
  ];
  for (const value of wrong) refused(() => keyspaceFromWire(value));
});

test('recordBytes is never below what the record takes on the wire', () => {
  const drive = 'd'.repeat(63);
  const chain = [0, 1, 2, 3, 4].flatMap((number) => [`${drive}${number}`, 1]);
  const largest = recordFromWire([
    ...[0xffff_ffff, 0xffff_ffff, new Uint8Array(4104), new Uint8Array(4104).fill(1)],
    ...[0xffff_ffff, Number.MAX_SAFE_INTEGER, chain],
  ]);
  for (const record of [largest, recordFromWire(wire()), recordFromWire(wire().with(6, []))]) {
    assert.ok(packValue(recordToWire(record)).length <= recordBytes(record));
  }
});

test('recordsThatFit keeps to count and bytes, and gives at least one', () => {
  const record = recordFromWire(wire());
  const three = [record, record, record];
  assert.is(recordsThatFit(three, 10, 1_000_000).length, 3);
  assert.is(recordsThatFit(three, 2, 1_000_000).length, 2);
  assert.is(recordsThatFit(three, 10, 2 * recordBytes(record)).length, 2);
  assert.is(recordsThatFit(three, 10, 1).length, 1);
  assert.is(recordsThatFit([], 10, 1).length, 0);
});

test.run();
