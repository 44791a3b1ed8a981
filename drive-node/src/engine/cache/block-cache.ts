// Blocks of the log that are in memory, with CLOCK eviction.
//
// All blocks lie in one arena outside the heap, shared with the reader thread, which reads straight
// into it. A block holds the first `validBytes` of its piece of a segment: the block at the end of
// the log grows as groups are written. What the log wrote itself is *trusted*; what came from the
// device is checked record by record when it is served.

import type { Segment } from '../log/segment.ts';

export const BLOCK_BYTES = 4096;
const BLOCKS_MIN = 64;

const BlockState = { free: 0, ready: 1, loading: 2 } as const;

export class BlockCache {
  readonly arena: Uint8Array;
  readonly #count: number;
  readonly #validBytes: Uint16Array;
  readonly #states: Uint8Array;
  readonly #isUsed: Uint8Array;
  readonly #isTrusted: Uint8Array;
  /** Segment and block number that an arena block holds. */
  readonly #segments: (Segment | undefined)[];
  readonly #numbers: Uint32Array;
  /** For each segment: arena block + 1 of each of its blocks. */
  readonly #tables = new Map<Segment, Int32Array>();
  readonly #blocksPerSegment: number;
  #hand = 0;

  constructor(cacheBytes: number, segmentBytes: number) {
    this.#count = Math.max(BLOCKS_MIN, Math.floor(cacheBytes / BLOCK_BYTES));
    this.arena = new Uint8Array(new SharedArrayBuffer(this.#count * BLOCK_BYTES));
    this.#validBytes = new Uint16Array(this.#count);
    this.#states = new Uint8Array(this.#count);
    this.#isUsed = new Uint8Array(this.#count);
    this.#isTrusted = new Uint8Array(this.#count);
    this.#segments = new Array<Segment | undefined>(this.#count);
    this.#numbers = new Uint32Array(this.#count);
    this.#blocksPerSegment = Math.ceil(segmentBytes / BLOCK_BYTES);
  }

  get bytes(): number {
    return this.arena.length + this.#tables.size * this.#blocksPerSegment * 4;
  }

  /**
   * Arena block that holds the bytes of `number` up to `validBytes` of it, or -1. Marks it used.
   */
  find(segment: Segment, number: number, validBytes: number): number {
    const block = (this.#tables.get(segment)?.[number] ?? 0) - 1;
    if (block < 0 || this.#states[block] !== BlockState.ready) return -1;
    if ((this.#validBytes[block] as number) < validBytes) return -1;
    this.#isUsed[block] = 1;
    return block;
  }

  isTrusted(block: number): boolean {
    return this.#isTrusted[block] === 1;
  }

  /** Takes what was just written to the end of a segment. */
  addWritten(segment: Segment, start: number, data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const offset = start + done;
      const number = Math.floor(offset / BLOCK_BYTES);
      const inner = offset % BLOCK_BYTES;
      const piece = data.subarray(done, done + BLOCK_BYTES - inner);
      this.#addPiece(segment, number, inner, piece);
      done += piece.length;
    }
  }

  /** Reserves an arena block for a load; -1 when every block is being loaded. */
  beginLoad(segment: Segment, number: number): number {
    const table = this.#tableOf(segment);
    const held = (table[number] as number) - 1;
    if (held >= 0 && this.#states[held] === BlockState.loading) return -1;
    const block = held >= 0 ? held : this.#evict();
    if (block < 0) return -1;
    this.#hold(block, segment, number);
    this.#states[block] = BlockState.loading;
    this.#validBytes[block] = 0;
    this.#isTrusted[block] = 0;
    return block;
  }

  /** A load is done: `bytes` are there. Negative: it failed, or its segment is gone. */
  endLoad(block: number, bytes: number): void {
    const segment = this.#segments[block];
    const isThere = segment !== undefined && this.#tables.has(segment) && bytes > 0;
    if (!isThere) {
      this.#release(block);
      return;
    }
    this.#states[block] = BlockState.ready;
    this.#validBytes[block] = bytes;
    this.#isUsed[block] = 1;
  }

  /** Forgets all blocks of a segment; loads under way end in nothing. */
  forget(segment: Segment): void {
    const table = this.#tables.get(segment);
    if (table === undefined) return;
    this.#tables.delete(segment);
    for (const held of table) {
      if (held !== 0 && this.#states[held - 1] === BlockState.ready) this.#release(held - 1);
    }
  }

  #tableOf(segment: Segment): Int32Array {
    let table = this.#tables.get(segment);
    if (table === undefined) {
      table = new Int32Array(this.#blocksPerSegment);
      this.#tables.set(segment, table);
    }
    return table;
  }

  #addPiece(segment: Segment, number: number, inner: number, piece: Uint8Array): void {
    const table = this.#tableOf(segment);
    let block = (table[number] as number) - 1;
    if (block >= 0 && this.#states[block] === BlockState.loading) return;
    if (block < 0) {
      if (inner !== 0) return;
      block = this.#evict();
      if (block < 0) return;
      this.#hold(block, segment, number);
      this.#validBytes[block] = 0;
      this.#isTrusted[block] = 1;
      this.#states[block] = BlockState.ready;
    }
    if ((this.#validBytes[block] as number) < inner) return;
    this.arena.set(piece, block * BLOCK_BYTES + inner);
    this.#validBytes[block] = Math.max(this.#validBytes[block] as number, inner + piece.length);
    this.#isUsed[block] = 1;
  }

  #hold(block: number, segment: Segment, number: number): void {
    this.#segments[block] = segment;
    this.#numbers[block] = number;
    this.#tableOf(segment)[number] = block + 1;
  }

  /** A free block, taken from who has not used it for a round. */
  #evict(): number {
    for (let step = 0; step < 2 * this.#count; step++) {
      const block = this.#hand;
      this.#hand = block + 1 === this.#count ? 0 : block + 1;
      if (this.#states[block] === BlockState.loading) continue;
      if (this.#isUsed[block] === 1) {
        this.#isUsed[block] = 0;
        continue;
      }
      this.#release(block);
      return block;
    }
    return -1;
  }

  #release(block: number): void {
    const segment = this.#segments[block];
    if (segment !== undefined) {
      const table = this.#tables.get(segment);
      const number = this.#numbers[block] as number;
      if (table !== undefined && table[number] === block + 1) table[number] = 0;
    }
    this.#segments[block] = undefined;
    this.#states[block] = BlockState.free;
    this.#validBytes[block] = 0;
    this.#isUsed[block] = 0;
  }
}
