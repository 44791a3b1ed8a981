// Records that are on their way to the device together: one write.
//
// A group lies in one segment. Small records are copied into one buffer, which is used again for a
// later group once it is written; that is never in the turn in which a reader got a view into it. A
// large value stays where it is: the write takes it from there.
//
//   file    [ records ........ head][ value ......][pad][ records ...
//   buffer  [ records ........ head]  gap  [pad][ records ...        (records begin at multiples of 8)
//              run 0                          run 1

import type { Pieces } from '../disk/disk.ts';
import {
  type AnyRecord,
  checksumIn,
  encodeHead,
  LARGE_VALUE_BYTES,
  type RecordExtra,
  type RecordSpace,
  type RecordView,
  splitChecksum,
} from './record.ts';
import type { Segment } from './segment.ts';
import { shortChecksum } from './short-checksum.ts';

const GROUP_RECORDS_MAX = 1024;
const GROUP_BYTES_MAX = 4 * 1024 * 1024;
const GROUP_BYTES_FIRST = 256 * 1024;
const GROUP_BYTES_KEPT = 4 * 1024 * 1024;
const SPARES_MAX = 3;
const ALIGNMENT = 8;
/** Longer records are summed up sooner by zlib. */
const SHORT_BYTES_MAX = 256;

/** Bytes of the buffer that lie in the file one behind the other. */
interface Run {
  /** Offset in the segment. */
  readonly offset: number;
  readonly from: number;
  to: number;
}

/** A value that was not copied; its head is the end of the run before it. */
export interface OutsideValue {
  /** Offset of the record in the segment. */
  readonly offset: number;
  readonly headFrom: number;
  readonly headBytes: number;
  readonly value: Uint8Array;
  /** Compaction moved it: nobody asked for it lately. */
  readonly isMoved: boolean;
}

export class LogGroup implements RecordSpace {
  segment: Segment;
  /** Offset in the segment of the first byte. */
  start: number;
  /** Bytes in the file. */
  length = 0;
  records = 0;
  wantsFlush = false;
  bytes: Uint8Array;
  words: Uint32Array;
  /** The value behind run n is number n. */
  readonly #values: OutsideValue[] = [];
  readonly #runs: Run[];
  #buffer: ArrayBuffer;

  constructor(segment: Segment, start: number, buffer: ArrayBuffer) {
    this.segment = segment;
    this.start = start;
    this.#buffer = buffer;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.#runs = [{ offset: start, from: 0, to: 0 }];
  }

  get buffer(): ArrayBuffer {
    return this.#buffer;
  }

  get end(): number {
    return this.start + this.length;
  }

  /** Adds a record of `length` bytes, `padded` with its zeros. A large value must not change any more. */
  add(record: AnyRecord, length: number, padded: number, extra: RecordExtra): void {
    this.records++;
    if (record.value.length >= LARGE_VALUE_BYTES) {
      this.#addSplit(record, length, padded, extra);
      return;
    }
    const at = this.#reserve(padded);
    const valueAt = encodeHead(this, at, length, record, extra);
    this.bytes.set(record.value, valueAt);
    for (let end = at + length; end < at + padded; end++) this.bytes[end] = 0;
    const start = this.segment.checksumStart(this.end);
    this.words[at >>> 2] =
      length <= SHORT_BYTES_MAX
        ? shortChecksum(this.bytes, this.words, at + 4, at + length, start)
        : checksumIn(this.#buffer, at, length, start);
    this.#lastRun().to += padded;
    this.length += padded;
  }

  #addSplit(record: AnyRecord, length: number, padded: number, extra: RecordExtra): void {
    const isMoved = extra.origin !== undefined;
    // What compaction reads lies in a buffer that changes.
    const value = isMoved ? Buffer.from(record.value) : record.value;
    const headBytes = length - value.length;
    const offset = this.end;
    const headFrom = this.#reserve(headBytes);
    encodeHead(this, headFrom, length, record, extra);
    const start = this.segment.checksumStart(offset);
    this.words[headFrom >>> 2] = splitChecksum(this.bytes, headFrom, headBytes, value, start);
    this.#values.push({ offset, headFrom, headBytes, value, isMoved });
    this.#lastRun().to += headBytes;
    this.length += padded;
    this.#beginRun(padded - length);
  }

  /** Behind a value that lies outside come its zeros, then records that are aligned again. */
  #beginRun(zeroBytes: number): void {
    const to = Math.ceil((this.#lastRun().to + zeroBytes) / ALIGNMENT) * ALIGNMENT;
    const from = to - zeroBytes;
    this.bytes.fill(0, from, to);
    this.#runs.push({ offset: this.end - zeroBytes, from, to });
  }

  /** Makes sure that `bytes` more fit; gives where in the buffer they begin. */
  #reserve(bytes: number): number {
    const at = this.#lastRun().to;
    const needed = at + bytes + 2 * ALIGNMENT;
    if (needed > this.bytes.length) this.#grow(needed);
    return at;
  }

  /** What is durable at once is committed in one turn, and a turn must be short. */
  get isFull(): boolean {
    return this.records >= GROUP_RECORDS_MAX || this.length >= GROUP_BYTES_MAX;
  }

  contains(segment: Segment, offset: number): boolean {
    return segment === this.segment && offset >= this.start && offset < this.end;
  }

  /** Leaves the record that begins there in `view`. */
  show(offset: number, view: RecordView): void {
    const outside = this.#values.find((value) => value.offset === offset);
    if (outside !== undefined) {
      view.setSplit(this.headOf(outside), outside.value);
      return;
    }
    const run = this.#runs.findLast((candidate) => candidate.offset <= offset) as Run;
    view.set(this.bytes, run.from + offset - run.offset, false);
  }

  /** Header and key of a record with its value outside: a copy. */
  headOf({ headFrom, headBytes }: OutsideValue): Uint8Array {
    return this.bytes.slice(headFrom, headFrom + headBytes);
  }

  /** How many runs there are: the group is run 0, value 0, run 1, value 1 ... one behind the other. */
  get runCount(): number {
    return this.#runs.length;
  }

  /** Offset in the segment of a run. */
  runOffset(number: number): number {
    return (this.#runs[number] as Run).offset;
  }

  runBytes(number: number): Uint8Array {
    const { from, to } = this.#runs[number] as Run;
    return this.bytes.subarray(from, to);
  }

  /** The value behind a run; none behind the last. */
  valueBehind(number: number): OutsideValue | undefined {
    return this.#values[number];
  }

  /** All bytes of the group, in the order of the file. */
  data(): Pieces {
    if (this.#values.length === 0) return this.runBytes(0);
    const pieces: Uint8Array[] = [];
    for (let number = 0; number < this.runCount; number++) {
      const bytes = this.runBytes(number);
      const outside = this.valueBehind(number);
      if (bytes.length > 0) pieces.push(bytes);
      if (outside !== undefined) pieces.push(outside.value);
    }
    return pieces;
  }

  #lastRun(): Run {
    return this.#runs[this.#runs.length - 1] as Run;
  }

  #grow(needed: number): void {
    let size = this.bytes.length;
    while (size < needed) size *= 2;
    const larger = Buffer.allocUnsafeSlow(size).buffer as ArrayBuffer;
    const bytes = new Uint8Array(larger);
    bytes.set(this.bytes.subarray(0, this.#lastRun().to));
    this.#buffer = larger;
    this.bytes = bytes;
    this.words = new Uint32Array(larger);
  }
}

/** Buffers of groups that are done. */
export class GroupPool {
  readonly #spares: ArrayBuffer[] = [];

  take(segment: Segment, start: number): LogGroup {
    const buffer = this.#spares.pop() ?? new ArrayBuffer(GROUP_BYTES_FIRST);
    return new LogGroup(segment, start, buffer);
  }

  giveBack(group: LogGroup): void {
    const { buffer } = group;
    if (buffer.byteLength <= GROUP_BYTES_KEPT && this.#spares.length < SPARES_MAX) {
      this.#spares.push(buffer);
    }
  }
}
