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
  #table: Buffer = Buffer.allocUnsafe(START_BYTES);
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

  /** The value must stay unchanged until the frame has been sent. */
  add(chainEpoch: number, update: UpdateInput, flush: boolean): void {
    const keyBytes = update.key.length;
    this.#reserve(UPDATE_BYTES + keyBytes);
    const table = this.#table;
    const at = this.#tableBytes;
    table.writeUInt32LE(update.rangeId, at);
    table.writeUInt32LE(chainEpoch, at + 4);
    table.writeUInt32LE(update.epoch, at + 8);
    table.writeDoubleLE(update.sequence, at + 12);
    table[at + 20] = update.kind;
    table[at + 21] = update.valueTag;
    table[at + 22] = (flush ? UpdateFlag.flush : 0) | (update.session ? UpdateFlag.session : 0);
    table.writeUInt16LE(keyBytes, at + 24);
    table.writeUInt32LE(update.value.length, at + 26);
    this.#addSession(update.session, at);
    table.set(update.key, at + UPDATE_BYTES);
    this.#tableBytes = at + UPDATE_BYTES + keyBytes;
    if (update.value.length > 0) this.#values.push(update.value);
    this.#valueBytes += update.value.length;
    this.#count++;
  }

  finish(): Uint8Array[] {
    const header = [Opcode.updates, 0, this.#count, this.#tableBytes];
    const chunks = encodeFrame(header, [
      this.#table.subarray(0, this.#tableBytes),
      ...this.#values,
    ]);
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
    sizes.writeUInt32LE(this.#tableBytes, 4);
    const chunks = [sizes, this.#table.subarray(0, this.#tableBytes), ...this.#values];
    this.#reset(true);
    return chunks;
  }

  #reset(needsTable: boolean): void {
    if (needsTable) this.#table = Buffer.allocUnsafe(START_BYTES);
    this.#tableBytes = 0;
    this.#values = [];
    this.#valueBytes = 0;
    this.#count = 0;
  }

  #addSession(session: UpdateSession | undefined, at: number): void {
    const table = this.#table;
    table[at + 23] = session?.result ?? 0;
    table.writeUInt32LE(session?.sessionHigh ?? 0, at + 30);
    table.writeUInt32LE(session?.sessionLow ?? 0, at + 34);
    table.writeDoubleLE(session?.writeNumber ?? 0, at + 38);
    table.writeDoubleLE(session?.lowestOutstanding ?? 0, at + 46);
  }

  #reserve(bytes: number): void {
    const needed = this.#tableBytes + bytes;
    if (needed <= this.#table.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#table.length * 2));
    this.#table.copy(grown, 0, 0, this.#tableBytes);
    this.#table = grown;
  }
}

export interface ReceivedUpdate extends UpdateInput {
  readonly chainEpoch: number;
  readonly flush: boolean;
  readonly key: Buffer;
  readonly value: Buffer;
}

function readSession(payload: Buffer, at: number): UpdateSession {
  const highest = Number.MAX_SAFE_INTEGER;
  return {
    sessionHigh: payload.readUInt32LE(at + 30),
    sessionLow: payload.readUInt32LE(at + 34),
    writeNumber: checkCount('updates: write number', payload.readDoubleLE(at + 38), highest, 1),
    lowestOutstanding: checkCount('updates: outstanding', payload.readDoubleLE(at + 46), highest),
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
  const updates: ReceivedUpdate[] = [];
  let at = 0;
  let valueAt = tableBytes;
  for (let position = 0; position < count; position++) {
    const update = readUpdate(payload, at, tableBytes, valueAt);
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
  at: number,
  tableEnd: number,
  valueAt: number,
): ReceivedUpdate {
  if (at + UPDATE_BYTES > tableEnd) throw new MalformedFrameError('updates: table is cut');
  const keyEnd = at + UPDATE_BYTES + payload.readUInt16LE(at + 24);
  const valueEnd = valueAt + payload.readUInt32LE(at + 26);
  if (keyEnd > tableEnd || valueEnd > payload.length) {
    throw new MalformedFrameError('updates: key or value ends behind its frame');
  }
  if (isKeyTooLarge(keyEnd - at - UPDATE_BYTES) || isValueTooLarge(valueEnd - valueAt)) {
    throw new MalformedFrameError('updates: key or value is over its limit');
  }
  const flags = payload[at + 22] as number;
  const sequence = payload.readDoubleLE(at + 12);
  return {
    rangeId: checkCount('updates: range id', payload.readUInt32LE(at), U32_MAX, 1),
    chainEpoch: checkCount('updates: chain epoch', payload.readUInt32LE(at + 4), U32_MAX, 1),
    epoch: checkCount('updates: epoch', payload.readUInt32LE(at + 8), U32_MAX, 1),
    sequence: checkCount('updates: sequence', sequence, Number.MAX_SAFE_INTEGER, 1),
    kind: checkCount('updates: kind', payload[at + 20], KIND_MAX, 1),
    valueTag: payload[at + 21] as number,
    flush: (flags & UpdateFlag.flush) !== 0,
    key: payload.subarray(at + UPDATE_BYTES, keyEnd),
    value: payload.subarray(valueAt, valueEnd),
    session: (flags & UpdateFlag.session) !== 0 ? readSession(payload, at) : undefined,
  };
}

/** Reads what `finishPayload` wrote; an empty payload holds no updates. Throws as readUpdates. */
export function readUpdatesPayload(payload: Buffer): ReceivedUpdate[] {
  if (payload.length === 0) return [];
  if (payload.length < 8) throw new MalformedFrameError('updates: payload is cut');
  const header = [Opcode.updates, 0, payload.readUInt32LE(0), payload.readUInt32LE(4)];
  return readUpdates({ opcode: Opcode.updates, requestId: 0, header, payload: payload.subarray(8) });
}
