// Results of a batch: how a drive answers operations, in any order, many in one frame.
//
// Header: [results, 0, count, table bytes, index version, wait ms, news]. `index version` is the
// newest that the drive knows; `news` is null or [since, version, records, addresses], when the
// drive knows records that the client's index version lacks. Payload: a table, then all values.
//
//   offset  size  field of one result
//   0       4     operation id
//   4       1     status
//   5       1     flags (bit 0: the key existed)
//   6       1     value tag
//   7       1     0
//   8       4     value bytes
//   12      8     version (float64), 0 when there is none
//
// The value of a status that is not ok is a msgpack map: its detail (see details.ts).

import { OPERATIONS_PER_FRAME_MAX, TIMEOUT_MS_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { checkCount } from './checks.ts';
import { encodeFrame, type Frame } from './frame.ts';
import { MalformedFrameError } from './msgpack.ts';
import { fieldsOf, Table } from './table.ts';

export const ResultFlag = { existed: 1 } as const;

const RESULT_BYTES = 20;
const EMPTY = new Uint8Array(0);
/** Values up to this size are copied when added; larger ones are sent as they are. */
const COPY_BYTES_MAX = 4096;
const START_BYTES = 8192;

export interface ResultsContext {
  readonly indexVersion: number;
  /** Estimate of how long an operation waits here, in ms. */
  readonly waitMs: number;
  readonly news: unknown;
}

/** Gathers the results for one connection. Used again after `finish`. */
export class ResultsWriter {
  readonly #table: Table = new Table(START_BYTES);
  /** Small values, copied here one after the other; large ones lie between the pieces. */
  #copied: Buffer = Buffer.allocUnsafe(START_BYTES);
  #copiedFrom = 0;
  #copiedTo = 0;
  #values: Uint8Array[] = [];
  #valueBytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get payloadBytes(): number {
    return this.#table.usedBytes + this.#valueBytes;
  }

  /**
   * `value` up to 4096 bytes is copied at once; a larger one must stay unchanged until it is sent:
   * pass `isStable` false for a view of memory that will be used again, and it is copied too.
   */
  add(
    operationId: number,
    status: number,
    flags: number,
    version: number,
    valueTag: number,
    value: Uint8Array = EMPTY,
    isStable: boolean = true,
  ): void {
    const at = this.#table.take(RESULT_BYTES);
    const { bytes, fields } = this.#table;
    fields.setUint32(at, operationId, true);
    bytes[at + 4] = status;
    bytes[at + 5] = flags;
    bytes[at + 6] = valueTag;
    bytes[at + 7] = 0;
    fields.setUint32(at + 8, value.length, true);
    fields.setFloat64(at + 12, version, true);
    this.#count++;
    if (value.length > 0) this.#addValue(value, isStable);
  }

  /** The chunks of the frame; the writer is empty afterwards. */
  finish(context: ResultsContext): Uint8Array[] {
    this.#closePiece();
    const header = [
      Opcode.results,
      0,
      this.#count,
      this.#table.usedBytes,
      context.indexVersion,
      context.waitMs,
      context.news,
    ];
    const chunks = encodeFrame(header, [this.#table.used(), ...this.#values]);
    this.#table.clear(chunks.length > 1);
    if (chunks.length > 1) this.#copied = Buffer.allocUnsafe(START_BYTES);
    this.#copiedFrom = 0;
    this.#copiedTo = 0;
    this.#values = [];
    this.#valueBytes = 0;
    this.#count = 0;
    return chunks;
  }

  #addValue(value: Uint8Array, isStable: boolean): void {
    this.#valueBytes += value.length;
    if (value.length > COPY_BYTES_MAX) {
      this.#closePiece();
      this.#values.push(isStable ? value : Buffer.from(value));
      return;
    }
    if (this.#copiedTo + value.length > this.#copied.length) this.#newPiece(value.length);
    this.#copied.set(value, this.#copiedTo);
    this.#copiedTo += value.length;
  }

  #closePiece(): void {
    if (this.#copiedTo === this.#copiedFrom) return;
    this.#values.push(this.#copied.subarray(this.#copiedFrom, this.#copiedTo));
    this.#copiedFrom = this.#copiedTo;
  }

  #newPiece(bytes: number): void {
    this.#closePiece();
    this.#copied = Buffer.allocUnsafe(Math.max(bytes, Math.min(this.#copied.length * 2, 262_144)));
    this.#copiedFrom = 0;
    this.#copiedTo = 0;
  }
}

/** Walks the results of a frame without making objects, as BatchReader; news: see news.ts. */
export class ResultsReader {
  readonly count: number;
  readonly indexVersion: number;
  readonly waitMs: number;
  readonly news: unknown;

  operationId = 0;
  status = 0;
  flags = 0;
  valueTag = 0;
  version = 0;
  valueBytes = 0;

  readonly #payload: Buffer;
  readonly #fields: DataView;
  #remaining: number;
  #tableAt = 0;
  #valueAt: number;

  constructor(frame: Frame) {
    const [, , count, tableBytes, indexVersion, waitMs, news] = frame.header;
    this.count = checkCount('results: count', count, OPERATIONS_PER_FRAME_MAX);
    if (tableBytes !== this.count * RESULT_BYTES || tableBytes > frame.payload.length) {
      throw new MalformedFrameError('results: table bytes and count disagree');
    }
    this.indexVersion = checkCount('results: index version', indexVersion, Number.MAX_SAFE_INTEGER);
    if (typeof waitMs !== 'number' || !(waitMs >= 0)) {
      throw new MalformedFrameError('results: wait is not a number from 0');
    }
    this.waitMs = Math.min(waitMs, TIMEOUT_MS_MAX);
    this.news = news;
    this.#payload = frame.payload;
    this.#fields = fieldsOf(frame.payload);
    this.#remaining = this.count;
    this.#valueAt = tableBytes;
  }

  next(): boolean {
    if (this.#remaining === 0) return this.#finish();
    this.#remaining--;
    const payload = this.#payload;
    const fields = this.#fields;
    const at = this.#tableAt;
    this.#valueAt += this.valueBytes;
    this.operationId = fields.getUint32(at, true);
    this.status = payload[at + 4] as number;
    this.flags = payload[at + 5] as number;
    this.valueTag = payload[at + 6] as number;
    this.valueBytes = fields.getUint32(at + 8, true);
    const version = fields.getFloat64(at + 12, true);
    this.version = checkCount('results: version', version, Number.MAX_SAFE_INTEGER);
    this.#tableAt = at + RESULT_BYTES;
    if (this.#valueAt + this.valueBytes > payload.length) {
      throw new MalformedFrameError('results: a value ends behind its frame');
    }
    return true;
  }

  #finish(): boolean {
    if (this.#valueAt + this.valueBytes !== this.#payload.length) {
      throw new MalformedFrameError('results: bytes behind the last value');
    }
    return false;
  }

  /** A view of the current value: copy what outlives the handling of this frame. */
  value(): Buffer {
    return this.#payload.subarray(this.#valueAt, this.#valueAt + this.valueBytes);
  }
}
