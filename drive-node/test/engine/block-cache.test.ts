// The block cache: what it holds is what was put in, whatever is evicted, loaded or forgotten.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK_BYTES, BlockCache } from '../../src/engine/cache/block-cache.ts';
import { Segment } from '../../src/engine/log/segment.ts';
import { seeded } from './suite/harness.ts';

const test = suite('block cache');

const GEOMETRY = { segmentBits: 20, unitBits: 3, seedHigh: 1, seedLow: 2 };
const BLOCKS_PER_SEGMENT = (1 << 20) / BLOCK_BYTES;

function segmentIn(slot: number): Segment {
  return new Segment(slot + 1, slot, `segment-${slot}`, GEOMETRY);
}

/** The content of block `number` of a segment, told from its first bytes. */
function contentOf(segment: Segment, number: number): Uint8Array {
  return new Uint8Array(BLOCK_BYTES).fill((segment.slot * 31 + number) & 0xff);
}

test('a block that is found has the content of that block', () => {
  const cache = new BlockCache(1 << 20, 1 << 20);
  const segments = [0, 1, 2, 3].map(segmentIn);
  const random = seeded(8);
  let found = 0;
  for (let step = 0; step < 20_000; step++) {
    const segment = segments[Math.floor(random() * 4)] as Segment;
    const number = Math.floor(random() * BLOCKS_PER_SEGMENT);
    const block = cache.find(segment, number, BLOCK_BYTES);
    if (block >= 0) {
      found++;
      const at = block * BLOCK_BYTES;
      assert.is(cache.arena[at + 17], contentOf(segment, number)[17]);
    } else {
      cache.addWritten(segment, number * BLOCK_BYTES, contentOf(segment, number));
    }
    if (step % 1000 === 999) cache.forget(segment);
  }
  assert.ok(found > 2000, `${found} were found`);
});

test('while a log is written, what came last stays', () => {
  const cache = new BlockCache(512 * BLOCK_BYTES, 16 << 20);
  const segment = segmentIn(0);
  const written = 2048;
  for (let number = 0; number < written; number++) {
    cache.addWritten(segment, number * BLOCK_BYTES, contentOf(segment, number));
  }
  for (let number = written - 256; number < written; number++) {
    assert.ok(cache.find(segment, number, BLOCK_BYTES) >= 0, `block ${number} is there`);
  }
});

test('the block at the end of the log grows, and only what is there is found', () => {
  const cache = new BlockCache(1, 1 << 20);
  const segment = segmentIn(0);
  cache.addWritten(segment, 0, new Uint8Array(100).fill(1));
  assert.ok(cache.find(segment, 0, 100) >= 0);
  assert.is(cache.find(segment, 0, 101), -1);
  cache.addWritten(segment, 100, new Uint8Array(50).fill(2));
  const block = cache.find(segment, 0, 150);
  assert.is(cache.arena[block * BLOCK_BYTES + 149], 2);
  assert.ok(cache.isTrusted(block));
});

test('what follows a gap is not taken for the block', () => {
  const cache = new BlockCache(1, 1 << 20);
  cache.addWritten(segmentIn(0), 64, new Uint8Array(100));
  assert.is(cache.find(segmentIn(0), 0, 100), -1);
});

test('a load whose segment goes away ends in nothing, also for who takes its slot', () => {
  const cache = new BlockCache(1, 1 << 20);
  const old = segmentIn(0);
  const block = cache.beginLoad(old, 3);
  assert.is(cache.beginLoad(old, 3), -1, 'one load at a time');
  cache.forget(old);
  const next = segmentIn(0);
  const other = cache.beginLoad(next, 3);
  assert.is.not(other, block);
  cache.endLoad(block, BLOCK_BYTES);
  assert.is(cache.find(next, 3, 1), -1);
  cache.endLoad(other, 10);
  assert.is(cache.find(next, 3, 10), other);
  assert.is(cache.isTrusted(other), false);
});

test.run();
