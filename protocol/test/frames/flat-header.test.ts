// The short way for headers must give exactly the bytes of the long way, and read nothing but them.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { flatBytesMax, isFlat, readFlat, writeFlat } from '../../src/frames/flat-header.ts';
import { packValue, unpackValue } from '../../src/frames/msgpack.ts';
import { SeededRandom } from '../random.ts';

const test = suite('flat headers');

const BORDERS = [
  ...[0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000, 0xffff_ffff, 0x1_0000_0000],
  ...[2 ** 40 + 3, Number.MAX_SAFE_INTEGER],
];

function written(header: readonly unknown[]): Buffer {
  const bytes = Buffer.alloc(flatBytesMax(header.length) + 4, 0xee);
  const end = writeFlat(header, bytes, 4);
  return bytes.subarray(4, end);
}

test('every number up to the largest safe one is written as msgpack does, and read again', () => {
  for (const border of BORDERS) {
    for (const number of [border - 1, border, border + 1]) {
      if (number < 0 || !Number.isSafeInteger(number)) continue;
      const header = [20, 0, number, null, number];
      assert.ok(isFlat(header));
      assert.equal(written(header), packValue(header), `${number}`);
      const packed = packValue(header);
      assert.equal(readFlat(packed, 0, packed.length), header, `${number}`);
    }
  }
});

test('headers of random numbers of any length', () => {
  const random = new SeededRandom(9);
  for (let round = 0; round < 2_000; round++) {
    const header = Array.from({ length: random.below(16) }, () =>
      random.below(8) === 0 ? null : Math.floor(2 ** (random.below(5300) / 100)),
    );
    assert.ok(isFlat(header));
    const packed = packValue(header);
    assert.equal(written(header), packed);
    const inside = Buffer.concat([Buffer.from([1, 2]), packed, Buffer.from([3])]);
    assert.equal(readFlat(inside, 2, inside.length - 1), header);
  }
});

test('what is not flat is left to the general way', () => {
  const others: unknown[][] = [[-1], [1.5], ['a'], [[1]], [{}], [true], [Number.NaN], [undefined]];
  for (const header of [...others, new Array(16).fill(1)]) {
    assert.not.ok(isFlat(header), JSON.stringify(header));
    const packed = packValue(header);
    const read = readFlat(packed, 0, packed.length);
    if (read !== undefined) assert.equal(read, unpackValue(packed));
  }
});

test('a header that is cut, or has bytes behind it, is not read', () => {
  const packed = packValue([20, 300, 70_000, 2 ** 40, null]);
  for (let end = 1; end < packed.length; end++) {
    assert.is(readFlat(packed, 0, end), undefined, `cut at ${end}`);
  }
  const longer = Buffer.concat([packed, Buffer.from([0])]);
  assert.is(readFlat(longer, 0, longer.length), undefined);
  for (const first of [0x00, 0x80, 0xa0, 0xc0, 0xdc, 0xff]) {
    assert.is(readFlat(Buffer.from([first, 1, 1]), 0, 3), undefined);
  }
});

test.run();
