// Operations of a batch: how gets and writes lie in the payload of a `batch` frame.
//
// Header: [batch, 0, count, table bytes, index version, session high, session low, lowest
// outstanding write number]. Payload: a table of operations, then all values one after the other.
//
//   offset  size  field of one operation
//   0       1     operation code
//   1       1     flags
//   2       2     key bytes
//   4       4     value bytes
//   8       4     range id
//   12      4     epoch
//   16      4     operation id, chosen by the client, unique among its unanswered ones
//   20      4     time budget in ms, from the moment of sending
//   24      8     write number (float64)                     writes only, as all below
//   32      8     if-version (float64) or increment (int64)
//   40      1     value tag: the client's codec
//   41      k     key (behind 24 for reads)
//
// Fixed fields instead of msgpack: nothing is built for an operation, the drive reads it in place
// (docs/decisions/0001).

import { OPERATIONS_PER_FRAME_MAX } from '../words/limits.ts';
import { isWriteCode, Opcode, OperationCode } from '../words/opcodes.ts';
import { checkCount } from './checks.ts';
import { encodeFrame, type Frame } from './frame.ts';
import { MalformedFrameError } from './msgpack.ts';

export const OperationFlag = {
  /** The write is only done when the version is the given one; 0: when the key is absent. */
  ifVersion: 1,
  /** Answer when every member has flushed it. */
  flush: 2,
  /** Answer when every member has handed it to its system. Neither bit: the drive's default. */
  os: 4,
  /** Sent before under the same write number: a refusal must be remembered as well. */
  retry: 8,
} as const;

const READ_FIXED_BYTES = 24;
const WRITE_FIXED_BYTES = 41;

/** What the sender of an operation says. */
export interface OperationInput {
  readonly code: OperationCode;
  readonly flags: number;
  readonly rangeId: number;
  readonly epoch: number;
  readonly operationId: number;
  readonly budgetMs: number;
  readonly key: Uint8Array;
  /** Writes only: */
  readonly writeNumber: number;
  readonly ifVersion: number;
  readonly increment: bigint;
  readonly value: Uint8Array;
  readonly valueTag: number;
}

export interface BatchContext {
  readonly indexVersion: number;
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly lowestOutstanding: number;
}

const TABLE_BYTES_START = 4096;

/** Gathers the operations of one frame. Used again after `finish`. */
export class BatchWriter {
  #table: Buffer = Buffer.allocUnsafe(TABLE_BYTES_START);
  #tableBytes = 0;
  #values: Uint8Array[] = [];
  #valueBytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get payloadBytes(): number {
    return this.#tableBytes + this.#valueBytes;
  }

  /** The value is not copied here: the caller leaves it alone until the frame has been sent. */
  add(operation: OperationInput): void {
    const isWrite = isWriteCode(operation.code);
    const fixedBytes = isWrite ? WRITE_FIXED_BYTES : READ_FIXED_BYTES;
    const keyBytes = operation.key.length;
    this.#reserve(fixedBytes + keyBytes);
    const table = this.#table;
    const at = this.#tableBytes;
    table[at] = operation.code;
    table[at + 1] = operation.flags;
    table.writeUInt16LE(keyBytes, at + 2);
    table.writeUInt32LE(operation.value.length, at + 4);
    table.writeUInt32LE(operation.rangeId, at + 8);
    table.writeUInt32LE(operation.epoch, at + 12);
    table.writeUInt32LE(operation.operationId, at + 16);
    table.writeUInt32LE(operation.budgetMs, at + 20);
    if (isWrite) this.#addWriteFields(operation, at);
    table.set(operation.key, at + fixedBytes);
    this.#tableBytes = at + fixedBytes + keyBytes;
    if (operation.value.length > 0) this.#values.push(operation.value);
    this.#valueBytes += operation.value.length;
    this.#count++;
  }

  /** The chunks of the frame; the writer is empty afterwards. */
  finish(context: BatchContext): Uint8Array[] {
    const header = [
      Opcode.batch,
      0,
      this.#count,
      this.#tableBytes,
      context.indexVersion,
      context.sessionHigh,
      context.sessionLow,
      context.lowestOutstanding,
    ];
    const table = this.#table.subarray(0, this.#tableBytes);
    const chunks = encodeFrame(header, [table, ...this.#values]);
    // A large frame still points into the table: the next one needs a table of its own.
    if (chunks.length > 1) this.#table = Buffer.allocUnsafe(TABLE_BYTES_START);
    this.#tableBytes = 0;
    this.#values = [];
    this.#valueBytes = 0;
    this.#count = 0;
    return chunks;
  }

  #addWriteFields(operation: OperationInput, at: number): void {
    const table = this.#table;
    table.writeDoubleLE(operation.writeNumber, at + 24);
    if (operation.code === OperationCode.increment) {
      table.writeBigInt64LE(operation.increment, at + 32);
    } else {
      table.writeDoubleLE(operation.ifVersion, at + 32);
    }
    table[at + 40] = operation.valueTag;
  }

  #reserve(bytes: number): void {
    const needed = this.#tableBytes + bytes;
    if (needed <= this.#table.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#table.length * 2));
    this.#table.copy(grown, 0, 0, this.#tableBytes);
    this.#table = grown;
  }
}

/**
 * Walks the operations of a batch frame without making objects: `next` moves on, the fields are
 * those of the current operation (the fields of writes mean nothing for a read). Key and value are
 * views into the frame. Every size is checked against the frame before it is used; whether key and
 * value keep the limits of the product is for the drive to say, one operation at a time. Throws
 * MalformedFrameError.
 */
export class BatchReader {
  readonly count: number;
  readonly indexVersion: number;
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly lowestOutstanding: number;

  code = 0;
  flags = 0;
  rangeId = 0;
  epoch = 0;
  operationId = 0;
  budgetMs = 0;
  writeNumber = 0;
  ifVersion = 0;
  valueTag = 0;
  valueBytes = 0;
  key: Buffer;

  readonly #payload: Buffer;
  readonly #tableBytes: number;
  #remaining: number;
  #tableAt = 0;
  #valueAt: number;
  #argumentAt = 0;

  constructor(frame: Frame) {
    const [, , count, tableBytes, indexVersion, high, low, lowest] = frame.header;
    this.count = checkCount('batch: operations', count, OPERATIONS_PER_FRAME_MAX);
    this.#tableBytes = checkCount('batch: table bytes', tableBytes, frame.payload.length);
    this.indexVersion = checkCount('batch: index version', indexVersion, Number.MAX_SAFE_INTEGER);
    this.sessionHigh = checkCount('batch: session', high, 0xffff_ffff);
    this.sessionLow = checkCount('batch: session', low, 0xffff_ffff);
    this.lowestOutstanding = checkCount('batch: outstanding', lowest, Number.MAX_SAFE_INTEGER);
    this.#payload = frame.payload;
    this.#remaining = this.count;
    this.#valueAt = this.#tableBytes;
    this.key = frame.payload.subarray(0, 0);
  }

  /** Moves to the next operation; false behind the last. */
  next(): boolean {
    if (this.#remaining === 0) return this.#finish();
    this.#remaining--;
    const payload = this.#payload;
    const at = this.#tableAt;
    this.#need(at + READ_FIXED_BYTES);
    this.code = payload[at] as number;
    this.flags = payload[at + 1] as number;
    const keyBytes = payload.readUInt16LE(at + 2);
    this.#valueAt += this.valueBytes;
    this.valueBytes = payload.readUInt32LE(at + 4);
    this.rangeId = payload.readUInt32LE(at + 8);
    this.epoch = payload.readUInt32LE(at + 12);
    this.operationId = payload.readUInt32LE(at + 16);
    this.budgetMs = payload.readUInt32LE(at + 20);
    const isWrite = isWriteCode(this.code);
    const keyAt = at + (isWrite ? WRITE_FIXED_BYTES : READ_FIXED_BYTES);
    this.#need(keyAt + keyBytes);
    if (isWrite) this.#readWriteFields(at);
    this.key = payload.subarray(keyAt, keyAt + keyBytes);
    this.#tableAt = keyAt + keyBytes;
    if (this.#valueAt + this.valueBytes > payload.length) {
      throw new MalformedFrameError('batch: a value ends behind its frame');
    }
    return true;
  }

  /** A view of the current value. */
  value(): Buffer {
    return this.#payload.subarray(this.#valueAt, this.#valueAt + this.valueBytes);
  }

  /** What an increment adds. Throws RangeError for any other operation. */
  increment(): bigint {
    if (this.code !== OperationCode.increment) throw new RangeError('not an increment');
    return this.#payload.readBigInt64LE(this.#argumentAt);
  }

  #readWriteFields(at: number): void {
    const payload = this.#payload;
    const writeNumber = payload.readDoubleLE(at + 24);
    this.writeNumber = checkCount('batch: write number', writeNumber, Number.MAX_SAFE_INTEGER, 1);
    this.#argumentAt = at + 32;
    this.ifVersion = 0;
    if (this.code !== OperationCode.increment && (this.flags & OperationFlag.ifVersion) !== 0) {
      const ifVersion = payload.readDoubleLE(at + 32);
      this.ifVersion = checkCount('batch: if-version', ifVersion, Number.MAX_SAFE_INTEGER);
    }
    this.valueTag = payload[at + 40] as number;
  }

  #need(end: number): void {
    if (end > this.#tableBytes) throw new MalformedFrameError('batch: operations end behind table');
  }

  #finish(): boolean {
    const valueEnd = this.#valueAt + this.valueBytes;
    if (this.#tableAt !== this.#tableBytes || valueEnd !== this.#payload.length) {
      throw new MalformedFrameError('batch: bytes behind the last operation');
    }
    return false;
  }
}
