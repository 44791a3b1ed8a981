import { Packr } from 'msgpackr';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkPacked,
  MalformedFrameError,
  packValue,
  unpackValue,
} from '../../src/frames/msgpack.ts';
import { SeededRandom } from '../random.ts';

const test = suite('msgpack');

function refused(bytes: Uint8Array, what?: string): void {
  try {
    unpackValue(bytes);
  } catch (error) {
    assert.instance(error, MalformedFrameError);
    if (what !== undefined) assert.match((error as Error).message, what);
    return;
  }
  assert.unreachable(`was not refused: ${Buffer.from(bytes).toString('hex')}`);
}

const plain: unknown[] = [
  ...[null, true, false, 0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1],
  ...[-1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), 1.5, 'x', 'ä'.repeat(20)],
  ...['y'.repeat(300), 'z'.repeat(70_000), [], {}, [1, [2, [3]]], { a: { b: ['c'] } }],
  ...[Buffer.from([1, 2]), Buffer.alloc(300, 1), Buffer.alloc(70_000, 2), Array(20).fill(1)],
  ...[Array(70_000).fill(2), Object.fromEntries(Array.from({ length: 300 }, (_, n) => [n, n]))],
];

test('plain data comes back as it went', () => {
  for (const value of plain) assert.equal(unpackValue(packValue(value)), value);
});

test('undefined in a list travels as nil; bytes come back as a view of their source', () => {
  assert.equal(unpackValue(packValue([undefined, 1])), [null, 1]);
  const packed = Buffer.from(packValue([new Uint8Array([1, 2, 3])]));
  const [view] = unpackValue(packed) as [Uint8Array];
  assert.instance(view, Uint8Array);
  assert.is(view.buffer, packed.buffer);
});

test('what would build anything but data is refused', () => {
  const rich = new Packr({ moreTypes: true });
  const values = [new Date(), /x/, new Set([1]), new Error('x'), new Float64Array(2), 2n ** 70n];
  for (const value of values) refused(rich.pack([value]), 'not plain data');
  const records = new Packr({ useRecords: true });
  refused(records.pack([{ a: 1 }, { a: 2 }]), 'not plain data');
  for (let token = 0; token < 256; token++) {
    const isExtension = token === 0xc1 || (token >= 0xc7 && token <= 0xc9);
    if (!isExtension && !(token >= 0xd4 && token <= 0xd8)) continue;
    refused(Buffer.from([token, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]));
  }
});

test('a container that promises more than its bytes is refused before it is made', () => {
  for (const token of [0xdd, 0xdf]) {
    refused(Buffer.from([token, 0x01, 0x80, 0, 0]), 'beyond its bytes');
    refused(Buffer.from([token, 0xff, 0xff, 0xff, 0xff, 1, 1]), 'beyond its bytes');
  }
  refused(Buffer.from([0xc6, 0xff, 0xff, 0xff, 0xff]), 'beyond its bytes');
  refused(Buffer.from([0xdb, 0, 0, 0, 2, 0x61]), 'beyond its bytes');
  refused(Buffer.from([0x92, 1]), 'beyond its bytes');
});

test('a value that ends early, and bytes behind it, are refused', () => {
  for (const value of plain.slice(0, 30)) {
    const packed = packValue(value);
    if (packed.length > 1) refused(packed.subarray(0, packed.length - 1));
    refused(Buffer.concat([packed, Buffer.from([0])]), 'behind');
  }
  refused(Buffer.alloc(0));
});

test('sixteen levels are read, more are refused', () => {
  const nested = (levels: number): Buffer => Buffer.from([...Array(levels).fill(0x91), 1]);
  assert.ok(Array.isArray(unpackValue(nested(16))));
  refused(nested(17), 'too deep');
  refused(nested(500_000), 'too deep');
});

test('a key named __proto__ changes no prototype', () => {
  const packed = Buffer.from(
    new Packr({ useRecords: false }).pack(JSON.parse('{"__proto__":{"polluted":1}}')),
  );
  const value = unpackValue(packed) as Record<string, unknown>;
  assert.is(value['polluted'], undefined);
  assert.is(Object.getPrototypeOf(value), Object.prototype);
});

test('random bytes: either refused or plain data', () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.bytes(1 + random.below(40));
    try {
      checkPacked(bytes);
    } catch (error) {
      assert.instance(error, MalformedFrameError);
      continue;
    }
    try {
      unpackValue(bytes);
    } catch (error) {
      assert.instance(error, MalformedFrameError);
    }
  }
});

test.run();
