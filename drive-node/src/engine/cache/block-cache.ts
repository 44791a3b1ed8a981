// Blocks of the log that are in memory.
//
// All blocks lie in one arena outside the heap, shared with the reader thread, which reads straight
// into it. A block of the log may lie in any of eight places, its *set*; what there is to know about
// a set is 64 bytes side by side, so that a look-up costs one access to memory, and the cost does
// not grow with the log. Within a set a hand goes round, and who was not used since
// it came by last goes first (CLOCK). A round that always began at the same place would take out what came last.
//
// A block holds the first `validBytes` of its piece of a segment: the block at the end of the log
// grows as groups are written. What the log wrote itself is *trusted*; what came from the device is
// checked record by record when it is served.

import type { Segment } from '../log/segment.ts';

export const BLOCK_BITS = 12;
export const BLOCK_BYTES: number = 1 << BLOCK_BITS;
const SETS_MIN = 8;
const WAYS = 8;
/** A set: the number of the log block in each way, then the notes of each way. */
const SET_WORDS = 2 * WAYS;

/** Notes of a block: how many bytes of it are there, and these flags. No flag: free. */
const READY = 1 << 16;
const LOADING = 1 << 17;
const USED = 1 << 18;
const TRUSTED = 1 << 19;
/** The segment went away while the block was being loaded. */
const ORPHAN = 1 << 20;
const VALID_BYTES = 0xffff;

export class BlockCache {
  readonly arena: Uint8Array;
  readonly #sets: number;
  readonly #words: Uint32Array;
  /** Of each set the way that is looked at next when one has to go. */
  readonly #hands: Uint8Array;
  readonly #blocksPerSegment: number;

  constructor(cacheBytes: number, segmentBytes: number) {
    this.#sets = Math.max(SETS_MIN, Math.floor(cacheBytes / BLOCK_BYTES / WAYS));
    this.arena = new Uint8Array(new SharedArrayBuffer(this.#sets * WAYS * BLOCK_BYTES));
    this.#words = new Uint32Array(this.#sets * SET_WORDS);
    this.#hands = new Uint8Array(this.#sets);
    this.#blocksPerSegment = Math.ceil(segmentBytes / BLOCK_BYTES);
  }

  /** How many blocks there is room for. */
  get blocks(): number {
    return this.#sets * WAYS;
  }

  /** One number for each block of the log that can be in memory. */
  #keyOf(segment: Segment, number: number): number {
    return segment.slot * this.#blocksPerSegment + number;
  }

  /** How many reads may be under way without pushing out what the others wait for. */
  get readsMax(): number {
    return Math.max(2, this.#sets >>> 1);
  }

  get bytes(): number {
    return this.arena.length + this.#words.byteLength + this.#hands.byteLength;
  }

  /** Arena block that holds the bytes of `number` up to `validBytes` of it, or -1. */
  find(segment: Segment, number: number, validBytes: number): number {
    const block = this.#locate(this.#keyOf(segment, number));
    if (block < 0) return -1;
    const notes = this.#notes(block);
    if ((notes & READY) === 0 || (notes & VALID_BYTES) < validBytes) return -1;
    if ((notes & USED) === 0) this.#setNotes(block, notes | USED);
    return block;
  }

  /** How many bytes of the block are there. */
  validBytes(block: number): number {
    return this.#notes(block) & VALID_BYTES;
  }

  isTrusted(block: number): boolean {
    return (this.#notes(block) & TRUSTED) !== 0;
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

  /** Reserves an arena block for a load; -1 when the whole set is being loaded. */
  beginLoad(segment: Segment, number: number): number {
    const key = this.#keyOf(segment, number);
    const held = this.#locate(key);
    if (held >= 0 && (this.#notes(held) & LOADING) !== 0) return -1;
    const block = held >= 0 ? held : this.#take(key);
    if (block >= 0) this.#setNotes(block, LOADING);
    return block;
  }

  /** The arena block into which this block of the log is being loaded, or -1. */
  loadingInto(segment: Segment, number: number): number {
    const block = this.#locate(this.#keyOf(segment, number));
    return block >= 0 && (this.#notes(block) & LOADING) !== 0 ? block : -1;
  }

  /** A load is done: `bytes` are there. Negative: it failed. */
  endLoad(block: number, bytes: number): void {
    const isUseful = bytes > 0 && (this.#notes(block) & ORPHAN) === 0;
    this.#setNotes(block, isUseful ? READY | USED | bytes : 0);
  }

  /** Forgets all blocks of a segment; loads under way end in nothing. */
  forget(segment: Segment): void {
    const first = segment.slot * this.#blocksPerSegment;
    const end = first + this.#blocksPerSegment;
    for (let block = 0; block < this.#sets * WAYS; block++) {
      const key = this.#words[keyWord(block)] as number;
      const notes = this.#notes(block);
      if (notes === 0 || key < first || key >= end) continue;
      this.#setNotes(block, (notes & LOADING) !== 0 ? LOADING | ORPHAN : 0);
    }
  }

  #notes(block: number): number {
    return this.#words[keyWord(block) + WAYS] as number;
  }

  #setNotes(block: number, notes: number): void {
    this.#words[keyWord(block) + WAYS] = notes;
  }

  /** First block of the set where a log block may lie. Neighbours are spread evenly. */
  #setOf(key: number): number {
    const hash = Math.imul(key, 0x9e3779b1) >>> 0;
    return Math.floor((hash / 4_294_967_296) * this.#sets) * WAYS;
  }

  #locate(key: number): number {
    const first = this.#setOf(key);
    const words = this.#words;
    const word = keyWord(first);
    for (let way = 0; way < WAYS; way++) {
      if (words[word + way] !== key) continue;
      const notes = words[word + way + WAYS] as number;
      if (notes !== 0 && (notes & ORPHAN) === 0) return first + way;
    }
    return -1;
  }

  #addPiece(segment: Segment, number: number, inner: number, piece: Uint8Array): void {
    const key = this.#keyOf(segment, number);
    let block = this.#locate(key);
    if (block >= 0 && (this.#notes(block) & LOADING) !== 0) return;
    if (block < 0) {
      if (inner !== 0) return;
      block = this.#take(key);
      if (block < 0) return;
      this.#setNotes(block, READY | TRUSTED);
    }
    const notes = this.#notes(block);
    const validBytes = notes & VALID_BYTES;
    if (validBytes < inner) return;
    this.arena.set(piece, block * BLOCK_BYTES + inner);
    const end = Math.max(validBytes, inner + piece.length);
    this.#setNotes(block, (notes & ~VALID_BYTES) | USED | end);
  }

  /** Gives the place of the first who was not used lately to another log block; -1 if none can go. */
  #take(key: number): number {
    const first = this.#setOf(key);
    const set = first / WAYS;
    const hand = this.#hands[set] as number;
    for (let step = 0; step < 2 * WAYS; step++) {
      const way = (hand + step) % WAYS;
      const block = first + way;
      const notes = this.#notes(block);
      if ((notes & LOADING) !== 0) continue;
      if ((notes & USED) !== 0) {
        this.#setNotes(block, notes & ~USED);
        continue;
      }
      this.#words[keyWord(block)] = key;
      this.#hands[set] = (way + 1) % WAYS;
      return block;
    }
    return -1;
  }
}

function keyWord(block: number): number {
  return ((block >>> 3) << 4) + (block & 7);
}
