// Finds the bytes of a record, wherever they are: in a group on its way to the device, in the block
// cache, among the large records that were read lately, or only on the device.
//
// `load` never waits. It leaves the record in `view`, or says what is missing; `fetch` gets that
// and the caller tries again from the start, because the world may have changed meanwhile. So there
// is one way to read, and the asynchronous one is a loop around it.

import type { Disk } from '../disk/disk.ts';
import type { LogWriter } from '../log/log-writer.ts';
import {
  checksumOf,
  claimedBytes,
  HEADER_BYTES,
  headBytes,
  isPlausible,
  kindAt,
  LARGE_VALUE_BYTES,
  type RecordView,
} from '../log/record.ts';
import type { Segment } from '../log/segment.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import { RecordKind } from '../store.ts';
import { BLOCK_BITS, BLOCK_BYTES, type BlockCache } from './block-cache.ts';
import type { ColdReader } from './cold-reader.ts';
import type { CachedRecord, ValueCache } from './value-cache.ts';

export const LoadResult = {
  /** `view` is the record. */
  found: 0,
  /** It is not in memory: `fetch`, then try again. */
  cold: 1,
  /** Its checksum is wrong, or its header is nonsense. */
  damaged: 2,
  /** Its segment does not exist any more. */
  gone: 3,
} as const;
export type LoadResult = (typeof LoadResult)[keyof typeof LoadResult];

export class RecordSource {
  readonly #disk: Disk;
  readonly #segments: SegmentTable;
  readonly #cache: BlockCache;
  readonly #reader: ColdReader;
  #writer: LogWriter | undefined;
  readonly #values: ValueCache;
  #missingSegment: Segment | undefined;
  #missingBlock = 0;
  #missingBlockLast = 0;
  /** Above zero: a large record of this length at #missingOffset is wanted. */
  #missingBytes = 0;
  #missingOffset = 0;
  readonly #header = new Uint8Array(HEADER_BYTES);
  /** Whether all that the last `#gather` copied was written in this life, not read from the device. */
  #isGatherTrusted = false;

  constructor(
    disk: Disk,
    segments: SegmentTable,
    cache: BlockCache,
    values: ValueCache,
    reader: ColdReader,
  ) {
    this.#disk = disk;
    this.#segments = segments;
    this.#cache = cache;
    this.#values = values;
    this.#reader = reader;
  }

  attach(writer: LogWriter): void {
    this.#writer = writer;
  }

  /** Sets `view` to the record at a place, if that is possible without waiting. */
  load(place: number, view: RecordView): LoadResult {
    const segment = this.#segments.inSlot(this.#segments.slotOf(place));
    if (segment === undefined) return LoadResult.gone;
    return this.loadAt(segment, this.#segments.offsetOf(place), view);
  }

  /**
   * As `load`, for those who ask whose record it is: of a long one the value may not be in `view`, and
   * its checksum may not have been compared. Whoever goes by the head of a long put compares the whole
   * key with one he knows. So a large value is overwritten, and forgotten, without being read.
   */
  loadHead(place: number, view: RecordView): LoadResult {
    const segment = this.#segments.inSlot(this.#segments.slotOf(place));
    if (segment === undefined) return LoadResult.gone;
    const offset = this.#segments.offsetOf(place);
    return this.#isHeadAt(segment, offset, view)
      ? LoadResult.found
      : this.loadAt(segment, offset, view);
  }

  loadAt(segment: Segment, offset: number, view: RecordView): LoadResult {
    if (offset >= segment.writtenBytes) {
      const group = this.#writer?.groupOf(segment, offset);
      if (group === undefined) return LoadResult.damaged;
      group.show(offset, view);
      return LoadResult.found;
    }
    const number = offset >>> BLOCK_BITS;
    const inner = offset & (BLOCK_BYTES - 1);
    if (inner + HEADER_BYTES > BLOCK_BYTES) return this.#loadSplit(segment, offset, view);
    const block = this.#cache.find(segment, number, inner + HEADER_BYTES);
    if (block < 0) return this.#loadWithoutBlock(segment, offset, number, view);
    const at = block * BLOCK_BYTES + inner;
    const length = claimedBytes(this.#cache.arena, at);
    if (inner + length > BLOCK_BYTES) return this.#loadLong(segment, offset, at, view);
    if (this.#cache.validBytes(block) < inner + length) return this.#miss(segment, number);
    view.set(this.#cache.arena, at);
    if (this.#cache.isTrusted(block)) return LoadResult.found;
    return isWhole(this.#cache.arena, at, segment.checksumStart(offset));
  }

  /**
   * Gets what the last `load` that answered `cold` missed, then calls back, whether it came or not.
   */
  fetch(callback: (isThere: boolean) => void): void {
    const segment = this.#missingSegment as Segment;
    if (this.#missingBytes === 0) {
      this.#fetchBlocks(segment, callback);
      return;
    }
    this.#readLarge(segment, this.#missingOffset, this.#missingBytes).then(
      () => callback(true),
      () => callback(false),
    );
  }

  forget(segment: Segment): void {
    this.#cache.forget(segment);
    const first = this.#segments.positionOf(segment, 0);
    this.#values.dropBetween(first, first + this.#segments.segmentBytes);
  }

  /** The record at a place is superseded. */
  drop(place: number): void {
    if (this.#values.isEmpty) return;
    const segment = this.#segments.inSlot(this.#segments.slotOf(place));
    if (segment === undefined) return;
    this.#values.drop(this.#segments.positionOf(segment, this.#segments.offsetOf(place)));
  }

  /** Compaction copied a record from one position to another. */
  moved(from: number, to: number): void {
    this.#values.move(from, to);
  }

  #fetchBlocks(segment: Segment, callback: (isThere: boolean) => void): void {
    const first = this.#missingBlock;
    if (first === this.#missingBlockLast) {
      this.#reader.want(segment, first, callback);
      return;
    }
    let waiting = this.#missingBlockLast - first + 1;
    let isThere = true;
    const one = (came: boolean): void => {
      if (!came) isThere = false;
      if (--waiting === 0) callback(isThere);
    };
    const last = this.#missingBlockLast;
    for (let number = first; number <= last; number++) this.#reader.want(segment, number, one);
  }

  #miss(segment: Segment, block: number, last: number = block): LoadResult {
    this.#missingSegment = segment;
    this.#missingBlock = block;
    this.#missingBlockLast = last;
    this.#missingBytes = 0;
    return LoadResult.cold;
  }

  /** Whether header and key lie in one block, and may be used; then `view` is set. */
  #isHeadAt(segment: Segment, offset: number, view: RecordView): boolean {
    const inner = offset & (BLOCK_BYTES - 1);
    if (offset >= segment.writtenBytes || inner + HEADER_BYTES > BLOCK_BYTES) return false;
    const block = this.#cache.find(segment, offset >>> BLOCK_BITS, inner + HEADER_BYTES);
    if (block < 0) return false;
    const at = block * BLOCK_BYTES + inner;
    if (!this.#cache.isTrusted(block) && !isLongPut(this.#cache.arena, at)) return false;
    if (this.#cache.validBytes(block) < inner + headBytes(this.#cache.arena, at)) return false;
    view.set(this.#cache.arena, at);
    return true;
  }

  /** The header itself crosses into the next block. */
  #loadSplit(segment: Segment, offset: number, view: RecordView): LoadResult {
    if (!this.#gather(segment, offset, this.#header)) return LoadResult.cold;
    return this.#loadLong(segment, offset, -1, view);
  }

  /** The record crosses blocks: gathered into a buffer of its own, or read past the cache. */
  #loadLong(segment: Segment, offset: number, at: number, view: RecordView): LoadResult {
    if (at >= 0) this.#header.set(this.#cache.arena.subarray(at, at + HEADER_BYTES));
    const length = claimedBytes(this.#header, 0);
    if (!isPlausible(this.#header, 0) || offset + length > segment.writtenBytes) {
      return LoadResult.damaged;
    }
    if (length - headBytes(this.#header, 0) >= LARGE_VALUE_BYTES) {
      return this.#loadLarge(segment, offset, length, view);
    }
    // Every byte is overwritten by what is gathered.
    const copy = Buffer.allocUnsafe(length);
    if (!this.#gather(segment, offset, copy)) return LoadResult.cold;
    view.set(copy, 0, true);
    if (this.#isGatherTrusted) return LoadResult.found;
    return isWhole(copy, 0, segment.checksumStart(offset));
  }

  #loadLarge(segment: Segment, offset: number, length: number, view: RecordView): LoadResult {
    const cached = this.#values.get(this.#segments.positionOf(segment, offset));
    if (cached !== undefined) return show(cached, view);
    this.#missingSegment = segment;
    this.#missingOffset = offset;
    this.#missingBytes = length;
    return LoadResult.cold;
  }

  /** A large value may be in memory although the block of its head is not. */
  #loadWithoutBlock(
    segment: Segment,
    offset: number,
    number: number,
    view: RecordView,
  ): LoadResult {
    if (!this.#values.isEmpty) {
      const cached = this.#values.get(this.#segments.positionOf(segment, offset));
      if (cached !== undefined) return show(cached, view);
    }
    return this.#miss(segment, number);
  }

  /** Copies from consecutive blocks. False when one is missing. */
  #gather(segment: Segment, offset: number, target: Uint8Array): boolean {
    let done = 0;
    this.#isGatherTrusted = true;
    while (done < target.length) {
      const number = Math.floor((offset + done) / BLOCK_BYTES);
      const inner = (offset + done) % BLOCK_BYTES;
      const length = Math.min(BLOCK_BYTES - inner, target.length - done);
      const block = this.#cache.find(segment, number, inner + length);
      if (block < 0) {
        this.#miss(segment, number, Math.floor((offset + target.length - 1) / BLOCK_BYTES));
        return false;
      }
      if (!this.#cache.isTrusted(block)) this.#isGatherTrusted = false;
      const at = block * BLOCK_BYTES + inner;
      target.set(this.#cache.arena.subarray(at, at + length), done);
      done += length;
    }
    return true;
  }

  /** Through the file that is open for writing, where there is one. */
  async #readFrom(segment: Segment, target: Uint8Array, offset: number): Promise<number> {
    if (segment.file !== undefined) return segment.file.read(target, offset);
    const file = await this.#disk.open(segment.path, 'read');
    try {
      return await file.read(target, offset);
    } finally {
      await file.close();
    }
  }

  async #readLarge(segment: Segment, offset: number, length: number): Promise<void> {
    // Every byte is overwritten by the read.
    const bytes = Buffer.allocUnsafeSlow(length);
    if ((await this.#readFrom(segment, bytes, offset)) < length) {
      throw new Error('the file ends early');
    }
    if (this.#segments.byNumber(segment.number) !== segment) return;
    const isGood = isWhole(bytes, 0, segment.checksumStart(offset)) === LoadResult.found;
    const headLength = isGood ? headBytes(bytes, 0) : 0;
    const record = {
      head: bytes.subarray(0, headLength),
      value: isGood ? bytes.subarray(headLength, length) : undefined,
    };
    this.#values.add(this.#segments.positionOf(segment, offset), record);
  }
}

function show({ head, value }: CachedRecord, view: RecordView): LoadResult {
  if (value === undefined) return LoadResult.damaged;
  view.setSplit(head, value);
  return LoadResult.found;
}

function isLongPut(bytes: Uint8Array, at: number): boolean {
  if (!isPlausible(bytes, at) || kindAt(bytes, at) !== RecordKind.put) return false;
  return claimedBytes(bytes, at) - headBytes(bytes, at) >= LARGE_VALUE_BYTES;
}

function isWhole(bytes: Uint8Array, at: number, checksumStart: number): LoadResult {
  if (!isPlausible(bytes, at)) return LoadResult.damaged;
  const length = claimedBytes(bytes, at);
  const expected =
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0;
  if (checksumOf(bytes, at, length, checksumStart) !== expected) return LoadResult.damaged;
  return LoadResult.found;
}
