// Updates: how a chain member passes log records to its successor, many in one frame.
//
// Header: [updates, 0, count, table bytes]. Payload: a table, then all values. One frame may carry
// updates of several ranges; within a range they are in sequence order without a gap.
//
//   offset  size  field of one update
//   0       4     range id
//   4       4     epoch of the chain now: the successor takes only its own
//   8       4     epoch under which the head numbered the write
//   12      8     sequence (float64)
//   20      1     kind of record (put 1, tombstone 2, session only 3)
//   21      1     value tag
//   22      1     flags (1: flush before acknowledging, 2: a session entry follows)
//   23      1     result byte of the session entry
//   24      2     key bytes
//   26      4     value bytes
//   30      4+4   session high, low
//   38      8     write number (float64)
//   46      8     lowest outstanding (float64)
//   54      k     key

import { OPERATIONS_PER_FRAME_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { checkCount, isKeyTooLarge, isValueTooLarge } from './checks.ts';
import { encodeFrame, type Frame } from './frame.ts';
import { MalformedFrameError } from './msgpack.ts';
import { checkKeyField, fieldsOf, Table } from './table.ts';

export const UpdateFlag = { flush: 1, session: 2 } as const;

const UPDATE_BYTES = 54;
const START_BYTES = 8192;
const U32_MAX = 0xffff_ffff;
/** Put, tombstone, session only. */
const KIND_MAX = 3;

export interface UpdateSession {
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly writeNumber: number;
  readonly lowestOutstanding: number;
  readonly result: number;
}

export interface UpdateInput {
  readonly kind: number;
  readonly rangeId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly valueTag: number;
  readonly session: UpdateSession | undefined;
}

/** Gathers updates for one successor. Used again after `finish`. */
export class UpdatesWriter {
  readonly #table: Table = new Table(START_BYTES);
  #values: Uint8Array[] = [];
  #valueBytes = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get payloadBytes(): number {
    return this.#table.usedBytes + this.#valueBytes;
  }

  /** The value must stay unchanged until the frame has been sent. */
  add(chainEpoch: number, update: UpdateInput, flush: boolean): void {
    const keyBytes = checkKeyField(update.key.length);
    const at = this.#table.take(UPDATE_BYTES + keyBytes);
    const { bytes, fields } = this.#table;
    fields.setUint32(at, update.rangeId, true);
    fields.setUint32(at + 4, chainEpoch, true);
    fields.setUint32(at + 8, update.epoch, true);
    fields.setFloat64(at + 12, update.sequence, true);
    bytes[at + 20] = update.kind;
    bytes[at + 21] = update.valueTag;
    bytes[at + 22] = (flush ? UpdateFlag.flush : 0) | (update.session ? UpdateFlag.session : 0);
    fields.setUint16(at + 24, keyBytes, true);
    fields.setUint32(at + 26, update.value.length, true);
    this.#addSession(update.session, at);
    bytes.set(update.key, at + UPDATE_BYTES);
    if (update.value.length > 0) this.#values.push(update.value);
    this.#valueBytes += update.value.length;
    this.#count++;
  }

  finish(): Uint8Array[] {
    const header = [Opcode.updates, 0, this.#count, this.#table.usedBytes];
    const chunks = encodeFrame(header, [this.#table.used(), ...this.#values]);
    this.#reset(chunks.length > 1);
    return chunks;
  }

  /**
   * The same updates as the payload of another message: count and table bytes (two u32), table,
   * values. Read back with `readUpdatesPayload`.
   */
  finishPayload(): Uint8Array[] {
    const sizes = Buffer.allocUnsafe(8);
    sizes.writeUInt32LE(this.#count, 0);
    sizes.writeUInt32LE(this.#table.usedBytes, 4);
    const chunks = [sizes, this.#table.used(), ...this.#values];
    this.#reset(true);
    return chunks;
  }

  #reset(needsTable: boolean): void {
    this.#table.clear(needsTable);
    this.#values = [];
    this.#valueBytes = 0;
    this.#count = 0;
  }

  #addSession(session: UpdateSession | undefined, at: number): void {
    const { bytes, fields } = this.#table;
    bytes[at + 23] = session?.result ?? 0;
    fields.setUint32(at + 30, session?.sessionHigh ?? 0, true);
    fields.setUint32(at + 34, session?.sessionLow ?? 0, true);
    fields.setFloat64(at + 38, session?.writeNumber ?? 0, true);
    fields.setFloat64(at + 46, session?.lowestOutstanding ?? 0, true);
  }
}

export interface ReceivedUpdate extends UpdateInput {
  readonly chainEpoch: number;
  readonly flush: boolean;
  readonly key: Buffer;
  readonly value: Buffer;
}

function readSession(payload: Buffer, fields: DataView, at: number): UpdateSession {
  const highest = Number.MAX_SAFE_INTEGER;
  return {
    sessionHigh: fields.getUint32(at + 30, true),
    sessionLow: fields.getUint32(at + 34, true),
    writeNumber: checkCount('updates: write number', fields.getFloat64(at + 38, true), highest, 1),
    lowestOutstanding: checkCount(
      'updates: outstanding',
      fields.getFloat64(at + 46, true),
      highest,
    ),
    result: payload[at + 23] as number,
  };
}

/**
 * All updates of a frame, in order; keys and values are views into it.
 * Throws MalformedFrameError when a size or number cannot be.
 */
export function readUpdates(frame: Frame): ReceivedUpdate[] {
  const { payload, header } = frame;
  const count = checkCount('updates: count', header[2], OPERATIONS_PER_FRAME_MAX);
  const tableBytes = checkCount('updates: table bytes', header[3], payload.length);
  const fields = fieldsOf(payload);
  const updates: ReceivedUpdate[] = [];
  let at = 0;
  let valueAt = tableBytes;
  for (let position = 0; position < count; position++) {
    const update = readUpdate(payload, fields, at, tableBytes, valueAt);
    at += UPDATE_BYTES + update.key.length;
    valueAt += update.value.length;
    updates.push(update);
  }
  if (at !== tableBytes || valueAt !== payload.length) {
    throw new MalformedFrameError('updates: bytes behind the last update');
  }
  return updates;
}

function readUpdate(
  payload: Buffer,
  fields: DataView,
  at: number,
  tableEnd: number,
  valueAt: number,
): ReceivedUpdate {
  if (at + UPDATE_BYTES > tableEnd) throw new MalformedFrameError('updates: table is cut');
  const keyEnd = at + UPDATE_BYTES + fields.getUint16(at + 24, true);
  const valueEnd = valueAt + fields.getUint32(at + 26, true);
  if (keyEnd > tableEnd || valueEnd > payload.length) {
    throw new MalformedFrameError('updates: key or value ends behind its frame');
  }
  if (isKeyTooLarge(keyEnd - at - UPDATE_BYTES) || isValueTooLarge(valueEnd - valueAt)) {
    throw new MalformedFrameError('updates: key or value is over its limit');
  }
  const flags = payload[at + 22] as number;
  const sequence = fields.getFloat64(at + 12, true);
  return {
    rangeId: checkCount('updates: range id', fields.getUint32(at, true), U32_MAX, 1),
    chainEpoch: checkCount('updates: chain epoch', fields.getUint32(at + 4, true), U32_MAX, 1),
    epoch: checkCount('updates: epoch', fields.getUint32(at + 8, true), U32_MAX, 1),
    sequence: checkCount('updates: sequence', sequence, Number.MAX_SAFE_INTEGER, 1),
    kind: checkCount('updates: kind', payload[at + 20], KIND_MAX, 1),
    valueTag: payload[at + 21] as number,
    flush: (flags & UpdateFlag.flush) !== 0,
    key: payload.subarray(at + UPDATE_BYTES, keyEnd),
    value: payload.subarray(valueAt, valueEnd),
    session: (flags & UpdateFlag.session) !== 0 ? readSession(payload, fields, at) : undefined,
  };
}

/** Reads what `finishPayload` wrote; an empty payload holds no updates. Throws as readUpdates. */
export function readUpdatesPayload(payload: Buffer): ReceivedUpdate[] {
  if (payload.length === 0) return [];
  if (payload.length < 8) throw new MalformedFrameError('updates: payload is cut');
  const header = [Opcode.updates, 0, payload.readUInt32LE(0), payload.readUInt32LE(4)];
  return readUpdates({
    opcode: Opcode.updates,
    requestId: 0,
    header,
    payload: payload.subarray(8),
  });
}
