// Gathers the cold reads of one turn and has them done together.
//
// Whoever misses a block leaves a callback; several who miss the same block share one read. The
// callbacks run in the turn in which the block arrived, so what they find cannot be evicted before
// they look. Outstanding reads are bounded: above the limit they wait here in line.

import type { Clock } from '@piton/protocol';
import type { Segment } from '../log/segment.ts';
import { BLOCK_BYTES, type BlockCache } from './block-cache.ts';
import type { BlockLoader, BlockRequest } from './block-loader.ts';

/** Blocks that one batch asks for, and batches under way. */
const BATCH_BLOCKS_MAX = 256;
const BATCHES_MAX = 2;

interface Want {
  readonly segment: Segment;
  readonly number: number;
  readonly callbacks: ((isThere: boolean) => void)[];
  block: number;
}

export class ColdReader {
  readonly #clock: Clock;
  readonly #cache: BlockCache;
  readonly #loader: BlockLoader;
  readonly #batchBlocks: number;
  readonly #wants = new Map<Segment, Map<number, Want>>();
  #line: Want[] = [];
  #batches = 0;
  #isScheduled = false;
  readCount = 0;

  constructor(clock: Clock, cache: BlockCache, loader: BlockLoader) {
    this.#clock = clock;
    this.#cache = cache;
    this.#loader = loader;
    this.#batchBlocks = Math.min(BATCH_BLOCKS_MAX, 4 * cache.readsMax);
  }

  /** Reads waiting and under way. */
  get outstanding(): number {
    return this.#line.length + this.#batches * this.#batchBlocks;
  }

  /** Calls back when the block is in the cache, or could not be read. */
  want(segment: Segment, number: number, callback: (isThere: boolean) => void): void {
    let bySegment = this.#wants.get(segment);
    if (bySegment === undefined) {
      bySegment = new Map();
      this.#wants.set(segment, bySegment);
    }
    const known = bySegment.get(number);
    if (known !== undefined) {
      known.callbacks.push(callback);
      return;
    }
    const want: Want = { segment, number, callbacks: [callback], block: -1 };
    bySegment.set(number, want);
    this.#line.push(want);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#batches >= BATCHES_MAX) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#startBatch();
    });
  }

  #startBatch(): void {
    if (this.#line.length === 0 || this.#batches >= BATCHES_MAX) return;
    const batch = this.#line.splice(0, this.#batchBlocks);
    const loading: Want[] = [];
    for (const want of batch) {
      want.block = this.#cache.beginLoad(want.segment, want.number);
      if (want.block < 0) this.#line.push(want);
      else loading.push(want);
    }
    if (loading.length === 0) return;
    this.#batches++;
    this.readCount += loading.length;
    void this.#loader.load(loading.map(requestOf)).then((counts) => this.#end(loading, counts));
    if (this.#line.length > 0) this.#schedule();
  }

  #end(batch: readonly Want[], counts: ArrayLike<number>): void {
    this.#batches--;
    batch.forEach((want, position) => {
      this.#forget(want);
      this.#cache.endLoad(want.block, counts[position] ?? -1);
    });
    batch.forEach((want, position) => {
      const isThere = (counts[position] ?? -1) >= 0;
      for (const callback of want.callbacks) callback(isThere);
    });
    if (this.#line.length > 0) this.#schedule();
  }

  #forget(want: Want): void {
    const bySegment = this.#wants.get(want.segment);
    bySegment?.delete(want.number);
    if (bySegment?.size === 0) this.#wants.delete(want.segment);
  }
}

/** Behind what is written may lie zeros that are written over while the block is read. */
function requestOf(want: Want): BlockRequest {
  const offset = want.number * BLOCK_BYTES;
  return {
    segment: want.segment,
    offset,
    bytes: Math.max(0, Math.min(BLOCK_BYTES, want.segment.writtenBytes - offset)),
    target: want.block * BLOCK_BYTES,
  };
}
