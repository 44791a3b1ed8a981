// Blocks of the log that are in memory, with CLOCK eviction.
//
// All blocks lie in one arena outside the heap, shared with the reader thread, which reads straight
// into it. A block holds the first `validBytes` of its piece of a segment: the block at the end of
// the log grows as groups are written. What the log wrote itself is *trusted*; what came from the
// device is checked record by record when it is served.

import type { Segment } from '../log/segment.ts';
import { BlockTable } from './block-table.ts';

export const BLOCK_BITS = 12;
export const BLOCK_BYTES: number = 1 << BLOCK_BITS;
const BLOCKS_MIN = 64;

/** Notes of a block: how many bytes of it are there, and these flags. No flag: free. */
const READY = 1 << 16;
const LOADING = 1 << 17;
const USED = 1 << 18;
const TRUSTED = 1 << 19;
const VALID_BYTES = 0xffff;

export class BlockCache {
  readonly arena: Uint8Array;
  readonly #count: number;
  readonly #table: BlockTable;
  /** Slot of the segment that a block is of; a load that outlives its segment has -1. */
  readonly #slots: Int32Array;
  readonly #blocksPerSegment: number;
  #hand = 0;

  constructor(cacheBytes: number, segmentBytes: number) {
    this.#count = Math.max(BLOCKS_MIN, Math.floor(cacheBytes / BLOCK_BYTES));
    this.arena = new Uint8Array(new SharedArrayBuffer(this.#count * BLOCK_BYTES));
    this.#table = new BlockTable(this.#count);
    this.#slots = new Int32Array(this.#count).fill(-1);
    this.#blocksPerSegment = Math.ceil(segmentBytes / BLOCK_BYTES);
  }

  /** How many reads may be under way without pushing out what the others wait for. */
  get readsMax(): number {
    return Math.max(2, Math.floor(this.#count / 16));
  }

  get bytes(): number {
    return this.arena.length + this.#table.bytes + this.#slots.byteLength;
  }

  /** Arena block that holds the bytes of `number` up to `validBytes` of it, or -1. */
  find(segment: Segment, number: number, validBytes: number): number {
    const block = this.#table.find(segment.slot * this.#blocksPerSegment + number);
    if (block < 0) return -1;
    const notes = this.#table.notes(block);
    if ((notes & READY) === 0 || (notes & VALID_BYTES) < validBytes) return -1;
    if ((notes & USED) === 0) this.#table.setNotes(block, notes | USED);
    return block;
  }

  /** How many bytes of the block are there. */
  validBytes(block: number): number {
    return this.#table.notes(block) & VALID_BYTES;
  }

  isTrusted(block: number): boolean {
    return (this.#table.notes(block) & TRUSTED) !== 0;
  }

  /** Takes what was just written to the end of a segment. */
  addWritten(segment: Segment, start: number, data: Uint8Array): void {
    let done = 0;
    while (done < data.length) {
      const offset = start + done;
      const inner = offset % BLOCK_BYTES;
      const piece = data.subarray(done, done + BLOCK_BYTES - inner);
      this.#addPiece(segment, Math.floor(offset / BLOCK_BYTES), inner, piece);
      done += piece.length;
    }
  }

  /** Reserves an arena block for a load; -1 when every block is being loaded. */
  beginLoad(segment: Segment, number: number): number {
    const held = this.#table.find(segment.slot * this.#blocksPerSegment + number);
    if (held >= 0 && this.#has(held, LOADING)) return -1;
    const block = held >= 0 ? held : this.#take(segment, number);
    if (block >= 0) this.#table.setNotes(block, LOADING);
    return block;
  }

  /** A load is done: `bytes` are there. Negative: it failed. */
  endLoad(block: number, bytes: number): void {
    if (bytes <= 0 || (this.#slots[block] as number) < 0) {
      this.#release(block);
      return;
    }
    this.#table.setNotes(block, READY | USED | bytes);
  }

  /** Forgets all blocks of a segment; loads under way end in nothing. */
  forget(segment: Segment): void {
    for (let block = 0; block < this.#count; block++) {
      if (this.#slots[block] !== segment.slot) continue;
      if (this.#has(block, READY)) this.#release(block);
      else this.#detach(block);
    }
  }

  #has(block: number, flag: number): boolean {
    return (this.#table.notes(block) & flag) !== 0;
  }

  #addPiece(segment: Segment, number: number, inner: number, piece: Uint8Array): void {
    let block = this.#table.find(segment.slot * this.#blocksPerSegment + number);
    if (block >= 0 && this.#has(block, LOADING)) return;
    if (block < 0) {
      if (inner !== 0) return;
      block = this.#take(segment, number);
      if (block < 0) return;
      this.#table.setNotes(block, READY | TRUSTED);
    }
    const notes = this.#table.notes(block);
    const validBytes = notes & VALID_BYTES;
    if (validBytes < inner) return;
    this.arena.set(piece, block * BLOCK_BYTES + inner);
    const end = Math.max(validBytes, inner + piece.length);
    this.#table.setNotes(block, (notes & ~VALID_BYTES) | USED | end);
  }

  /** Evicts who was not used for a round and gives the block to another piece of the log. */
  #take(segment: Segment, number: number): number {
    const block = this.#evict();
    if (block < 0) return -1;
    this.#slots[block] = segment.slot;
    this.#table.add(block, segment.slot * this.#blocksPerSegment + number);
    return block;
  }

  #evict(): number {
    for (let step = 0; step < 2 * this.#count; step++) {
      const block = this.#hand;
      this.#hand = block + 1 === this.#count ? 0 : block + 1;
      const notes = this.#table.notes(block);
      if ((notes & LOADING) !== 0) continue;
      if ((notes & USED) !== 0) {
        this.#table.setNotes(block, notes & ~USED);
        continue;
      }
      this.#release(block);
      return block;
    }
    return -1;
  }

  #release(block: number): void {
    this.#detach(block);
    this.#table.setNotes(block, 0);
  }

  #detach(block: number): void {
    if ((this.#slots[block] as number) < 0) return;
    this.#table.remove(block);
    this.#slots[block] = -1;
  }
}
