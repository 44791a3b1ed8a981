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
import { checkKeyField, fieldsOf, Table } from './table.ts';

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
const NO_KEY = new Uint8Array(0);

/** Gathers the operations of one frame. Used again after `finish`. */
export class BatchWriter {
  readonly #table: Table = new Table(TABLE_BYTES_START);
  #values: Uint8Array[] = [];
  #valueBytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get payloadBytes(): number {
    return this.#table.usedBytes + this.#valueBytes;
  }

  /** The value is not copied here: the caller leaves it alone until the frame has been sent. */
  add(operation: OperationInput): void {
    const isWrite = isWriteCode(operation.code);
    const fixedBytes = isWrite ? WRITE_FIXED_BYTES : READ_FIXED_BYTES;
    const keyBytes = checkKeyField(operation.key.length);
    const at = this.#table.take(fixedBytes + keyBytes);
    const { bytes, fields } = this.#table;
    bytes[at] = operation.code;
    bytes[at + 1] = operation.flags;
    fields.setUint16(at + 2, keyBytes, true);
    fields.setUint32(at + 4, operation.value.length, true);
    fields.setUint32(at + 8, operation.rangeId, true);
    fields.setUint32(at + 12, operation.epoch, true);
    fields.setUint32(at + 16, operation.operationId, true);
    fields.setUint32(at + 20, operation.budgetMs, true);
    if (isWrite) this.#addWriteFields(operation, at);
    bytes.set(operation.key, at + fixedBytes);
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
      this.#table.usedBytes,
      context.indexVersion,
      context.sessionHigh,
      context.sessionLow,
      context.lowestOutstanding,
    ];
    const chunks = encodeFrame(header, [this.#table.used(), ...this.#values]);
    this.#table.clear(chunks.length > 1);
    this.#values = [];
    this.#valueBytes = 0;
    this.#count = 0;
    return chunks;
  }

  #addWriteFields(operation: OperationInput, at: number): void {
    const { bytes, fields } = this.#table;
    fields.setFloat64(at + 24, operation.writeNumber, true);
    if (operation.code === OperationCode.increment) {
      fields.setBigInt64(at + 32, operation.increment, true);
    } else {
      fields.setFloat64(at + 32, operation.ifVersion, true);
    }
    bytes[at + 40] = operation.valueTag;
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
  key: Uint8Array;

  readonly #payload: Buffer;
  /** The same bytes: a DataView reads numbers in half the time of a Buffer. */
  readonly #fields: DataView;
  /** Where the payload lies: views are made of it, which takes a third of the time of `subarray` of a Buffer. */
  readonly #memory: ArrayBufferLike;
  readonly #memoryAt: number;
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
    this.#fields = fieldsOf(frame.payload);
    this.#memory = frame.payload.buffer;
    this.#memoryAt = frame.payload.byteOffset;
    this.#remaining = this.count;
    this.#valueAt = this.#tableBytes;
    this.key = NO_KEY;
  }

  /** Moves to the next operation; false behind the last. */
  next(): boolean {
    if (this.#remaining === 0) return this.#finish();
    this.#remaining--;
    const payload = this.#payload;
    const fields = this.#fields;
    const at = this.#tableAt;
    this.#need(at + READ_FIXED_BYTES);
    this.code = payload[at] as number;
    this.flags = payload[at + 1] as number;
    const keyBytes = fields.getUint16(at + 2, true);
    this.#valueAt += this.valueBytes;
    this.valueBytes = fields.getUint32(at + 4, true);
    this.rangeId = fields.getUint32(at + 8, true);
    this.epoch = fields.getUint32(at + 12, true);
    this.operationId = fields.getUint32(at + 16, true);
    this.budgetMs = fields.getUint32(at + 20, true);
    const isWrite = isWriteCode(this.code);
    const keyAt = at + (isWrite ? WRITE_FIXED_BYTES : READ_FIXED_BYTES);
    this.#need(keyAt + keyBytes);
    if (isWrite) this.#readWriteFields(at);
    this.key = new Uint8Array(this.#memory, this.#memoryAt + keyAt, keyBytes);
    this.#tableAt = keyAt + keyBytes;
    if (this.#valueAt + this.valueBytes > payload.length) {
      throw new MalformedFrameError('batch: a value ends behind its frame');
    }
    return true;
  }

  /** A view of the current value. */
  value(): Uint8Array {
    return new Uint8Array(this.#memory, this.#memoryAt + this.#valueAt, this.valueBytes);
  }

  /** What an increment adds. Throws RangeError for any other operation. */
  increment(): bigint {
    if (this.code !== OperationCode.increment) throw new RangeError('not an increment');
    return this.#fields.getBigInt64(this.#argumentAt, true);
  }

  #readWriteFields(at: number): void {
    const fields = this.#fields;
    const writeNumber = fields.getFloat64(at + 24, true);
    this.writeNumber = checkCount('batch: write number', writeNumber, Number.MAX_SAFE_INTEGER, 1);
    this.#argumentAt = at + 32;
    this.ifVersion = 0;
    if (this.code !== OperationCode.increment && (this.flags & OperationFlag.ifVersion) !== 0) {
      const ifVersion = fields.getFloat64(at + 32, true);
      this.ifVersion = checkCount('batch: if-version', ifVersion, Number.MAX_SAFE_INTEGER);
    }
    this.valueTag = this.#payload[at + 40] as number;
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
