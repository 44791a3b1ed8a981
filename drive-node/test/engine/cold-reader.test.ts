// Cold reads: what a turn wants is shared out among batches, bounded, and everybody is called once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BLOCK_BYTES, BlockCache } from '../../src/engine/cache/block-cache.ts';
import type { BlockLoader, BlockRequest } from '../../src/engine/cache/block-loader.ts';
import { ColdReader } from '../../src/engine/cache/cold-reader.ts';
import { Segment } from '../../src/engine/log/segment.ts';
import { clock } from './suite/harness.ts';

const test = suite('cold reader');

const SEGMENT_BYTES = 1 << 22;
const GEOMETRY = { segmentBits: 22, unitBits: 3, seedHigh: 1, seedLow: 2 };

/** Answers when it is told to. */
class HeldLoader implements BlockLoader {
  readonly batches: { requests: readonly BlockRequest[]; answer: (bytes: number) => void }[] = [];

  load(requests: readonly BlockRequest[]): Promise<ArrayLike<number>> {
    return new Promise((resolve) => {
      const answer = (bytes: number): void => resolve(requests.map(() => bytes));
      this.batches.push({ requests, answer });
    });
  }

  forget(): void {}

  async close(): Promise<void> {}
}

interface Bench {
  readonly reader: ColdReader;
  readonly loader: HeldLoader;
  /** How often each block's callback was called, and with what the last time. */
  readonly called: number[];
  readonly came: boolean[];
  want(number: number): void;
}

function benchOf(cacheBytes: number): Bench {
  const cache = new BlockCache(cacheBytes, SEGMENT_BYTES);
  const loader = new HeldLoader();
  const reader = new ColdReader(clock, cache, loader);
  const segment = new Segment(1, 0, 'segment', GEOMETRY);
  segment.writtenBytes = SEGMENT_BYTES;
  const called: number[] = [];
  const came: boolean[] = [];
  const want = (number: number): void =>
    reader.want(segment, number, (isThere) => {
      called[number] = (called[number] ?? 0) + 1;
      came[number] = isThere;
    });
  return { reader, loader, called, came, want };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

test('the device gets the next batch before the first one is back', async () => {
  const { loader, want } = benchOf(1 << 24);
  for (let number = 0; number < 256; number++) want(number);
  await turn();
  assert.equal(
    loader.batches.map(({ requests }) => requests.length),
    [64, 64, 64, 64],
  );
});

test('a few reads go together', async () => {
  const { loader, want } = benchOf(1 << 24);
  for (let number = 0; number < 20; number++) want(number);
  await turn();
  assert.equal(
    loader.batches.map(({ requests }) => requests.length),
    [20],
  );
});

for (const cacheBytes of [1, 1 << 24]) {
  test(`a long line is bounded, and everybody is called once, cache of ${cacheBytes}`, async () => {
    const { reader, loader, called, came, want } = benchOf(cacheBytes);
    const blocks = 1000;
    for (let number = 0; number < blocks; number++) want(number);
    let batches = 0;
    while (reader.outstanding > 0) {
      await turn();
      const underWay = loader.batches.splice(0);
      assert.ok(underWay.length > 0, 'nothing is under way and somebody waits');
      assert.ok(underWay.length <= 4, `${underWay.length} batches`);
      for (const { requests, answer } of underWay) {
        assert.ok(requests.length <= 128, `${requests.length} blocks`);
        // Every tenth batch fails.
        answer(++batches % 10 === 0 ? -1 : BLOCK_BYTES);
      }
      await turn();
    }
    assert.is(called.length, blocks);
    assert.ok(called.every((count) => count === 1));
    assert.is(came.length, blocks);
    assert.ok(batches < 10 || came.includes(false));
  });
}

test('who wants a block that is being read shares that read', async () => {
  const { loader, called, want } = benchOf(1 << 24);
  want(7);
  await turn();
  want(7);
  want(7);
  await turn();
  assert.is(loader.batches.length, 1);
  loader.batches[0]?.answer(BLOCK_BYTES);
  await turn();
  assert.is(called[7], 3);
});

test.run();
