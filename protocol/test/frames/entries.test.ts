import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeEntries, type Entry, encodeEntries } from '../../src/frames/entries.ts';
import { MalformedFrameError } from '../../src/frames/msgpack.ts';

const test = suite('entries');

const entry = (given: Partial<Entry>): Entry => ({
  key: Buffer.from('key'),
  value: Buffer.from('value'),
  valueTag: 1,
  version: 9,
  epoch: 2,
  ...given,
});

function encoded(entries: readonly Entry[]): [Buffer, number, number] {
  const { payload, count, tableBytes } = encodeEntries(entries);
  return [Buffer.concat(payload), count, tableBytes];
}

function refused(payload: Buffer, count: number, tableBytes: number): void {
  try {
    decodeEntries(payload, count, tableBytes);
  } catch (error) {
    assert.instance(error, MalformedFrameError, `${error}`);
    return;
  }
  assert.unreachable(`was not refused: ${count} ${tableBytes}`);
}

test('entries come back as they went', () => {
  const sent = [
    entry({}),
    entry({ value: Buffer.alloc(0), version: Number.MAX_SAFE_INTEGER, valueTag: 255 }),
    entry({ key: Buffer.alloc(4104, 1), value: Buffer.alloc(1024 * 1024, 2), epoch: 0xffff_ffff }),
    entry({ value: Buffer.alloc(0), isThin: true }),
  ];
  const received = decodeEntries(...encoded(sent));
  assert.is(received.length, 4);
  received.forEach((one, at) => {
    const { key, value, ...rest } = sent[at] as Entry;
    assert.ok(Buffer.from(key).equals(one.key));
    assert.ok(Buffer.from(value).equals(one.value));
    const { valueTag, version, epoch, isThin } = one;
    assert.equal({ valueTag, version, epoch, isThin }, { isThin: false, ...rest });
  });
  assert.equal(decodeEntries(...encoded([])), []);
});

test('a thin entry carries no value, and one that claims to is refused', () => {
  const [payload, count, tableBytes] = encoded([entry({ isThin: true })]);
  assert.is(payload.length, tableBytes);
  assert.is(decodeEntries(payload, count, tableBytes)[0]?.value.length, 0);
  const full = encoded([entry({})]);
  full[0][3] = 1;
  refused(...full);
});

test('encoding copies: the memory of an entry may be used again', () => {
  const value = Buffer.from('value');
  const [payload, count, tableBytes] = encoded([entry({ value })]);
  value.fill(0);
  assert.is(decodeEntries(payload, count, tableBytes)[0]?.value.toString(), 'value');
});

test('counts and sizes that do not fit the payload are refused', () => {
  const [payload, count, tableBytes] = encoded([entry({}), entry({})]);
  for (const wrong of [-1, 1.5, Number.NaN, 2 ** 40, Number.POSITIVE_INFINITY]) {
    refused(payload, wrong, tableBytes);
    refused(payload, count, wrong);
  }
  refused(payload, count + 1, tableBytes);
  refused(payload, count - 1, tableBytes);
  refused(payload, count, tableBytes - 1);
  refused(payload, count, tableBytes + 1);
  refused(payload.subarray(0, payload.length - 1), count, tableBytes);
  refused(Buffer.concat([payload, Buffer.alloc(1)]), count, tableBytes);
});

test('a version that cannot be, a key or value over its limit are refused', () => {
  for (const version of [-1, 1.5, Number.NaN]) refused(...encoded([entry({ version })]));
  refused(...encoded([entry({ key: Buffer.alloc(4105) })]));
  refused(...encoded([entry({ value: Buffer.alloc(1024 * 1024 + 1) })]));
});

test.run();
