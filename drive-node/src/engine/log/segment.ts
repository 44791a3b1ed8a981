// One file of the log: a header of 64 bytes, then records.
//
//   offset  bytes  field
//        0      8  "PITONLOG"
//        8      4  format version
//       12      4  number of the segment
//       16      4  log2 of the bytes of position space that a segment spans
//       20      4  log2 of the unit
//       24      8  random number of the store
//       56      4  zero
//       60      4  CRC-32 of the bytes above
//
// Segment n spans the positions n * 2^segmentBits and up. What a file leaves unused at its end is a
// hole in the positions, so a position names its segment for ever, and no position is used twice.

import { crc32 } from 'node:zlib';
import type { DiskFile } from '../disk/disk.ts';
import { readWord } from './record.ts';

export const SEGMENT_HEADER_BYTES = 64;
export const FORMAT_VERSION = 1;
const MAGIC = 'PITONLOG';

/** The numbers that all segments of a store share. */
export interface LogGeometry {
  /** A segment spans 2^segmentBits positions. */
  readonly segmentBits: number;
  /** Records begin at multiples of 2^unitBits. */
  readonly unitBits: number;
  readonly seedHigh: number;
  readonly seedLow: number;
}

export class Segment {
  readonly number: number;
  /** Which of the places' high bits mean this segment. */
  readonly slot: number;
  /** Checksums of its records start with this number plus the offset. */
  readonly seed: number;
  readonly path: string;
  /** Bytes that are with the operating system, header included. */
  writtenBytes: number = SEGMENT_HEADER_BYTES;
  /** Bytes of the file as far as the writer made it longer: behind the records lie zeros. */
  allocatedBytes = 0;
  /** Bytes appended, written or not. */
  appendedBytes: number = SEGMENT_HEADER_BYTES;
  /** Bytes of records that an index entry points to. */
  liveBytes = 0;
  /** Bytes of tombstones that were written here; they must stay for a while. */
  tombstoneBytes = 0;
  /** Bytes of tombstones that compaction copied here, and the highest of their horizons. */
  copiedTombstoneBytes = 0;
  horizon = 0;
  /** Records of the store's own, which a snapshot replaces. */
  storeRecords = 0;
  file: DiskFile | undefined;
  /** Nothing points here any more: removed after the next checkpoint. */
  isEmptied = false;
  /** Something here cannot be read: not compacted, so that it stays an error and never a loss. */
  isDamaged = false;

  constructor(number: number, slot: number, path: string, geometry: LogGeometry) {
    this.number = number;
    this.slot = slot;
    this.path = path;
    const seed = Buffer.alloc(12);
    seed.writeUInt32LE(geometry.seedHigh, 0);
    seed.writeUInt32LE(geometry.seedLow, 4);
    seed.writeUInt32LE(number, 8);
    this.seed = crc32(seed);
  }

  /** What the checksum of the record at `offset` starts with. */
  checksumStart(offset: number): number {
    return (this.seed + offset) >>> 0;
  }
}

export function encodeSegmentHeader(number: number, geometry: LogGeometry): Uint8Array {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(FORMAT_VERSION, 8);
  header.writeUInt32LE(number, 12);
  header.writeUInt32LE(geometry.segmentBits, 16);
  header.writeUInt32LE(geometry.unitBits, 20);
  header.writeUInt32LE(geometry.seedHigh, 24);
  header.writeUInt32LE(geometry.seedLow, 28);
  header.writeUInt32LE(crc32(header.subarray(0, 60)), 60);
  return header;
}

/** True when `header` is that of segment `number` of this store. */
export function isSegmentHeader(
  header: Uint8Array,
  number: number,
  geometry: LogGeometry,
): boolean {
  if (header.length < SEGMENT_HEADER_BYTES) return false;
  const expected = encodeSegmentHeader(number, geometry);
  return (
    Buffer.compare(header.subarray(0, SEGMENT_HEADER_BYTES), expected) === 0 &&
    readWord(header, 12) === number
  );
}

export function segmentName(number: number): string {
  return `${String(number).padStart(10, '0')}.log`;
}

/** The number in a file name, or undefined for a foreign file. */
export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{10})\.log$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}
