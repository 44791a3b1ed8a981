// Gathers the cold reads of one turn and has them done together.
//
// Whoever misses a block leaves a callback; who misses a block that is being read shares that read. The
// callbacks run in the turn in which the block arrived, so what they find cannot be evicted before
// they look. Outstanding reads are bounded: above the limit they wait here in line.
//
// What one turn wants is shared out among several batches: with one, the event loop would wait for the
// reader and the reader for the event loop.

import type { Clock } from '@piton/protocol';
import type { Segment } from '../log/segment.ts';
import { BLOCK_BYTES, type BlockCache } from './block-cache.ts';
import type { BlockLoader, BlockRequest } from './block-loader.ts';

const BATCHES_MAX = 4;
/** Blocks that one batch asks for: smaller ones would cost more for messages than for reads. */
const BATCH_BLOCKS_MIN = 32;
const BATCH_BLOCKS_MAX = 128;

export type Callback = (isThere: boolean) => void;

/** One block that is wanted; once it has a place in the arena it is the request for it. */
class Want implements BlockRequest {
  readonly segment: Segment;
  readonly number: number;
  readonly first: Callback;
  /** Who came later. */
  others: Callback[] | undefined = undefined;
  block = -1;
  bytes = 0;

  constructor(segment: Segment, number: number, first: Callback) {
    this.segment = segment;
    this.number = number;
    this.first = first;
  }

  get offset(): number {
    return this.number * BLOCK_BYTES;
  }

  get target(): number {
    return this.block * BLOCK_BYTES;
  }

  join(callback: Callback): void {
    if (this.others === undefined) this.others = [callback];
    else this.others.push(callback);
  }

  settle(isThere: boolean): void {
    this.first(isThere);
    if (this.others === undefined) return;
    for (const callback of this.others) callback(isThere);
  }
}

export class ColdReader {
  readonly #clock: Clock;
  readonly #cache: BlockCache;
  readonly #loader: BlockLoader;
  readonly #batchBlocks: number;
  /** What is being loaded, batch by batch. */
  readonly #loading: (readonly Want[])[] = [];
  #line: Want[] = [];
  #isScheduled = false;
  readCount = 0;

  constructor(clock: Clock, cache: BlockCache, loader: BlockLoader) {
    this.#clock = clock;
    this.#cache = cache;
    this.#loader = loader;
    this.#batchBlocks = Math.min(BATCH_BLOCKS_MAX, 2 * cache.readsMax);
  }

  /** Reads waiting and under way. */
  get outstanding(): number {
    return this.#line.length + this.#loading.length * this.#batchBlocks;
  }

  /** Calls back when the block is in the cache, or could not be read. */
  want(segment: Segment, number: number, callback: Callback): void {
    this.#line.push(new Want(segment, number, callback));
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#loading.length >= BATCHES_MAX) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#startBatches();
    });
  }

  /** Shares what waits out among the batches that may still be started. */
  #startBatches(): void {
    const batches = BATCHES_MAX - this.#loading.length;
    const share = Math.max(BATCH_BLOCKS_MIN, Math.ceil(this.#line.length / batches));
    for (let batch = 0; batch < batches; batch++) {
      if (this.#line.length === 0) return;
      this.#startBatch(Math.min(share, this.#batchBlocks));
    }
  }

  #startBatch(blocks: number): void {
    const batch: Want[] = [];
    this.#loading.push(batch);
    for (const want of this.#line.splice(0, blocks)) if (this.#begin(want)) batch.push(want);
    if (batch.length === 0) {
      this.#loading.pop();
      return;
    }
    this.readCount += batch.length;
    void this.#loader.load(batch).then((counts) => this.#end(batch, counts));
    if (this.#line.length > 0) this.#schedule();
  }

  /** False: it waits for another's load of the same block, or for a place. */
  #begin(want: Want): boolean {
    const block = this.#cache.beginLoad(want.segment, want.number);
    if (block >= 0) {
      want.block = block;
      want.bytes = bytesOf(want);
      return true;
    }
    const other = this.#whoLoads(this.#cache.loadingInto(want.segment, want.number));
    if (other === undefined) this.#line.push(want);
    else other.join(want.first);
    return false;
  }

  #whoLoads(block: number): Want | undefined {
    if (block < 0) return undefined;
    for (const batch of this.#loading) {
      for (const want of batch) if (want.block === block) return want;
    }
    return undefined;
  }

  #end(batch: readonly Want[], counts: ArrayLike<number>): void {
    this.#loading.splice(this.#loading.indexOf(batch), 1);
    for (let at = 0; at < batch.length; at++) {
      this.#cache.endLoad((batch[at] as Want).block, counts[at] ?? -1);
    }
    for (let at = 0; at < batch.length; at++) {
      (batch[at] as Want).settle((counts[at] ?? -1) >= 0);
    }
    if (this.#line.length > 0) this.#schedule();
  }
}

/** Behind what is written may lie zeros that are written over while the block is read. */
function bytesOf({ segment, offset }: Want): number {
  return Math.max(0, Math.min(BLOCK_BYTES, segment.writtenBytes - offset));
}
