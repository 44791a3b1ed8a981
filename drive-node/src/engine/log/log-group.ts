// Records that are on their way to the device together: one buffer, one write.
//
// A group lies in one segment. Its buffer is used again for a later group once it is written;
// that is never in the turn in which a reader got a view into it.

import type { RecordSpace } from './record.ts';
import type { Segment } from './segment.ts';

const GROUP_BYTES_FIRST = 256 * 1024;
const GROUP_BYTES_KEPT = 4 * 1024 * 1024;
const SPARES_MAX = 3;

export class LogGroup implements RecordSpace {
  segment: Segment;
  /** Offset in the segment of the first byte of the buffer. */
  start: number;
  length = 0;
  wantsFlush = false;
  bytes: Uint8Array;
  words: Uint32Array;

  constructor(segment: Segment, start: number, buffer: ArrayBuffer) {
    this.segment = segment;
    this.start = start;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
  }

  get end(): number {
    return this.start + this.length;
  }

  /** Makes sure that `bytes` more fit. */
  reserve(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.bytes.length) return;
    let size = this.bytes.length;
    while (size < needed) size *= 2;
    const larger = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
    this.words = new Uint32Array(larger.buffer);
  }

  contains(segment: Segment, offset: number): boolean {
    return segment === this.segment && offset >= this.start && offset < this.end;
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
    const buffer = group.bytes.buffer as ArrayBuffer;
    if (buffer.byteLength <= GROUP_BYTES_KEPT && this.#spares.length < SPARES_MAX) {
      this.#spares.push(buffer);
    }
  }
}
