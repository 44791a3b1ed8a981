// Reads a segment from the device record by record: for recovery and for compaction.
//
// A record that does not hold is one of two things. A *torn write*: it was never flushed, nobody was
// told that it is durable, and everything behind it is cut off. Or *damage*: it had been durable.
// Proof of damage is any good record further on that was written when the durable position was
// already behind the hole; in a segment that has a successor everything had been flushed.

import { PLACED_KEY_BYTES_MAX } from '@piton/protocol';
import type { DiskFile } from '../disk/disk.ts';
import {
  checksumOf,
  claimedBytes,
  HEADER_BYTES,
  headBytes,
  isPlausible,
  RecordView,
  readWord,
} from './record.ts';
import { SEGMENT_HEADER_BYTES, type Segment } from './segment.ts';

const CHUNK_BYTES_DEFAULT = 1024 * 1024;
/** For the head of a record as long as this the window is moved: the value need not be read. */
const LONG_RECORD_BYTES_MIN = 64 * 1024;
/** The record does not lie whole in the window. */
const BEYOND_WINDOW = -1;

export interface ScannedHole {
  readonly offset: number;
  readonly bytes: number;
  /** Namespace and key, when the header of the first damaged record is still readable. */
  readonly namespace: number | undefined;
  readonly key: Uint8Array | undefined;
}

export interface ScanVisitor {
  /** `view` is valid during the call. A promise is awaited before the scan goes on. */
  record(view: RecordView, offset: number): Promise<void> | undefined;
  /**
   * Whether a record need not be looked at: asked when only header and key are in the view, and nothing
   * of it has been checked.
   */
  isSkipped?(view: RecordView, offset: number): boolean;
  /** Durable bytes that do not hold. */
  hole(hole: ScannedHole): void;
  /** Called before every chunk, to slow the scan down or to end it: false ends it. */
  chunk?(bytes: number): boolean | Promise<boolean>;
}

export interface ScanRequest {
  readonly file: DiskFile;
  readonly segment: Segment;
  /** Bytes of the file that count. */
  readonly fileBytes: number;
  readonly from: number;
  readonly unitBytes: number;
  /** The end of the log may be torn here; elsewhere every hole is damage. */
  readonly mayBeTorn: boolean;
  /** Below this nothing is torn: it is known to have been flushed. */
  readonly durableBytes?: number;
  /** How much is read, and looked at without a pause. Default 1 MiB. */
  readonly chunkBytes?: number;
}

/** A window over the file; at least one whole record is in it when it is at a record. */
class Window {
  bytes: Uint8Array;
  start = 0;
  end = 0;
  readonly #file: DiskFile;
  readonly #fileBytes: number;
  readonly #chunkBytes: number;

  constructor(file: DiskFile, fileBytes: number, chunkBytes: number) {
    this.#file = file;
    this.#fileBytes = fileBytes;
    this.#chunkBytes = chunkBytes;
    this.bytes = new Uint8Array(Math.min(chunkBytes, fileBytes));
  }

  /** True when the window holds `bytes` from `offset` on. */
  holds(offset: number, bytes: number): boolean {
    return offset >= this.start && offset + bytes <= this.end;
  }

  async moveTo(offset: number, bytes: number): Promise<void> {
    const wanted = Math.max(bytes, this.#chunkBytes);
    if (this.bytes.length < wanted) this.bytes = new Uint8Array(wanted);
    const length = Math.max(0, Math.min(this.bytes.length, this.#fileBytes - offset));
    const got = await this.#file.read(this.bytes.subarray(0, length), offset);
    this.start = offset;
    this.end = offset + got;
  }
}

/** Whether the file holds nothing but zeros from here on: room that was never written to. */
export async function isZeroFrom(
  file: DiskFile,
  offset: number,
  fileBytes: number,
): Promise<boolean> {
  const chunk = new Uint8Array(Math.max(0, Math.min(CHUNK_BYTES_DEFAULT, fileBytes - offset)));
  for (let at = offset; at < fileBytes; at += chunk.length) {
    const wanted = chunk.subarray(0, Math.min(chunk.length, fileBytes - at));
    const got = await file.read(wanted, at);
    if (!isZero(wanted.subarray(0, got))) return false;
    if (got < wanted.length) return true;
  }
  return true;
}

/** All bytes are alike and the first one is zero: as fast as memory can be compared. */
function isZero(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}

/** Visits all records from `from` on; gives the offset behind the last one that counts. */
export async function scanSegment(request: ScanRequest, visitor: ScanVisitor): Promise<number> {
  const { file, fileBytes, unitBytes } = request;
  const chunkBytes = request.chunkBytes ?? CHUNK_BYTES_DEFAULT;
  const durableBytes = Math.min(request.durableBytes ?? 0, fileBytes);
  const window = new Window(file, fileBytes, chunkBytes);
  const view = new RecordView();
  let offset = Math.max(request.from, SEGMENT_HEADER_BYTES);
  while (offset + HEADER_BYTES <= fileBytes) {
    if (!window.holds(offset, HEADER_BYTES)) {
      if (visitor.chunk !== undefined && !(await visitor.chunk(chunkBytes))) return offset;
      await window.moveTo(offset, HEADER_BYTES);
    }
    // Nearly every record lies whole in the window: nothing is awaited for it.
    if (visitor.isSkipped !== undefined) {
      if (isLongBeyond(window, offset)) await window.moveTo(offset, headBytesAt(window, offset));
      const skipped = skippedBytes(request, visitor, window, view, offset);
      offset += Math.ceil(skipped / unitBytes) * unitBytes;
      if (skipped > 0) continue;
    }
    let length = recordInWindow(request, window, offset);
    if (length === BEYOND_WINDOW) length = await wholeRecord(request, window, offset);
    if (length > 0) {
      view.set(window.bytes, offset - window.start);
      const visited = visitor.record(view, offset);
      if (visited !== undefined) await visited;
      offset += Math.ceil(length / unitBytes) * unitBytes;
      continue;
    }
    // What was durable once is damage and not a torn end, also when nothing good follows.
    const isDurable = offset < durableBytes;
    const mayBeTorn = request.mayBeTorn && !isDurable;
    if (mayBeTorn && (await isZeroFrom(file, offset, fileBytes))) return offset;
    const found = await findNext({ ...request, mayBeTorn }, window, offset);
    const next = isDurable ? Math.min(found ?? durableBytes, durableBytes) : found;
    if (next === undefined) return offset;
    visitor.hole(await describeHole(request, window, offset, next));
    offset = next;
  }
  return offset;
}

function headBytesAt(window: Window, offset: number): number {
  return headBytes(window.bytes, offset - window.start);
}

/** Whether a long record begins at `offset` whose head is not whole in the window. */
function isLongBeyond(window: Window, offset: number): boolean {
  if (!window.holds(offset, HEADER_BYTES)) return false;
  const at = offset - window.start;
  if (claimedBytes(window.bytes, at) < LONG_RECORD_BYTES_MIN) return false;
  return isPlausible(window.bytes, at) && !window.holds(offset, headBytesAt(window, offset));
}

/** Bytes of a record at `offset` that the visitor does not want to see, or 0. */
function skippedBytes(
  request: ScanRequest,
  visitor: ScanVisitor,
  window: Window,
  view: RecordView,
  offset: number,
): number {
  const { bytes } = window;
  if (!window.holds(offset, HEADER_BYTES)) return 0;
  const at = offset - window.start;
  if (!isPlausible(bytes, at) || !window.holds(offset, headBytes(bytes, at))) return 0;
  const length = claimedBytes(bytes, at);
  if (offset + length > request.fileBytes) return 0;
  view.set(bytes, at);
  return visitor.isSkipped?.(view, offset) === true ? length : 0;
}

/** Bytes of the good record at `offset`; 0 when there is none; or BEYOND_WINDOW. */
function recordInWindow(request: ScanRequest, window: Window, offset: number): number {
  const { bytes } = window;
  if (!window.holds(offset, HEADER_BYTES)) return BEYOND_WINDOW;
  const at = offset - window.start;
  if (!isPlausible(bytes, at)) return 0;
  const length = claimedBytes(bytes, at);
  if (offset + length > request.fileBytes) return 0;
  if (!window.holds(offset, length)) return BEYOND_WINDOW;
  const start = request.segment.checksumStart(offset);
  return checksumOf(bytes, at, length, start) === readWord(bytes, at) ? length : 0;
}

/** Bytes of the good record at `offset`, or 0. The window may move, not away from it. */
async function wholeRecord(request: ScanRequest, window: Window, offset: number): Promise<number> {
  if (!window.holds(offset, HEADER_BYTES)) await window.moveTo(offset, HEADER_BYTES);
  let length = recordInWindow(request, window, offset);
  if (length !== BEYOND_WINDOW || !window.holds(offset, HEADER_BYTES)) return Math.max(0, length);
  await window.moveTo(offset, claimedBytes(window.bytes, offset - window.start));
  length = recordInWindow(request, window, offset);
  return Math.max(0, length);
}

/**
 * Where the log goes on behind a hole. Undefined when the hole is where it ends: nothing follows,
 * or what follows does not prove that the hole had been durable.
 */
async function findNext(
  request: ScanRequest,
  window: Window,
  hole: number,
): Promise<number | undefined> {
  const { unitBytes, fileBytes, mayBeTorn } = request;
  let first: number | undefined;
  let offset = hole + unitBytes;
  while (offset + HEADER_BYTES <= fileBytes) {
    let length = recordInWindow(request, window, offset);
    if (length === BEYOND_WINDOW) length = await wholeRecord(request, window, offset);
    if (length === 0) {
      offset += unitBytes;
      continue;
    }
    first ??= offset;
    if (!mayBeTorn) return first;
    const distance = readWord(window.bytes, offset - window.start + 36);
    if (offset - distance * unitBytes > hole) return first;
    offset += Math.ceil(length / unitBytes) * unitBytes;
  }
  return undefined;
}

async function describeHole(
  request: ScanRequest,
  window: Window,
  hole: number,
  next: number,
): Promise<ScannedHole> {
  const bytes = next - hole;
  const unknown = { offset: hole, bytes, namespace: undefined, key: undefined };
  await window.moveTo(hole, HEADER_BYTES + PLACED_KEY_BYTES_MAX);
  if (!window.holds(hole, HEADER_BYTES) || !isPlausible(window.bytes, 0)) return unknown;
  const view = new RecordView();
  view.set(window.bytes, 0);
  const padded = Math.ceil(view.length / request.unitBytes) * request.unitBytes;
  const isReadable = padded === bytes && view.keyStart + view.keyBytes <= window.end - hole;
  if (!isReadable) return unknown;
  return { offset: hole, bytes, namespace: view.namespace, key: view.key.slice() };
}
