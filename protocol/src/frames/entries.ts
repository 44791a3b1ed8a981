// Entries: how keys, values and versions of a scan or a copy lie in a payload.
//
//   offset  size  field of one entry
//   0       2     key bytes
//   2       1     value tag
//   3       1     flags: 1 thin, the value is not here
//   4       4     value bytes
//   8       8     version: the sequence of its last write (float64)
//   16      4     epoch under which it was written
//   20      k     key
//
// The table of `count` entries comes first, then all values one after the other. Count and table
// bytes travel in the message that owns the payload.

import { SCAN_ENTRIES_MAX } from '../words/limits.ts';
import { checkCount, isKeyTooLarge, isValueTooLarge } from './checks.ts';
import { MalformedFrameError } from './msgpack.ts';

const ENTRY_BYTES = 20;
const IS_THIN = 1;
const EMPTY = new Uint8Array(0);

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly valueTag: number;
  readonly version: number;
  readonly epoch: number;
  /** Only key, version and epoch: `value` is empty and says nothing. In copies only. */
  readonly isThin?: boolean;
}

export interface EncodedEntries {
  readonly count: number;
  readonly tableBytes: number;
  readonly payload: Uint8Array[];
}

/** Copies keys and values: the entries may be views of memory that is used again. */
export function encodeEntries(entries: readonly Entry[]): EncodedEntries {
  let tableBytes = 0;
  let valueBytes = 0;
  for (const entry of entries) {
    tableBytes += ENTRY_BYTES + entry.key.length;
    valueBytes += sentValue(entry).length;
  }
  const payload = Buffer.allocUnsafe(tableBytes + valueBytes);
  let at = 0;
  let valueAt = tableBytes;
  for (const entry of entries) {
    payload.writeUInt16LE(entry.key.length, at);
    payload[at + 2] = entry.valueTag;
    const value = sentValue(entry);
    payload[at + 3] = entry.isThin ? IS_THIN : 0;
    payload.writeUInt32LE(value.length, at + 4);
    payload.writeDoubleLE(entry.version, at + 8);
    payload.writeUInt32LE(entry.epoch, at + 16);
    payload.set(entry.key, at + ENTRY_BYTES);
    payload.set(value, valueAt);
    at += ENTRY_BYTES + entry.key.length;
    valueAt += value.length;
  }
  return { count: entries.length, tableBytes, payload: [payload] };
}

function sentValue({ isThin, value }: Entry): Uint8Array {
  return isThin === true ? EMPTY : value;
}

/** Keys and values are views into `payload`. Throws MalformedFrameError. */
export function decodeEntries(payload: Buffer, count: number, tableBytes: number): Entry[] {
  checkCount('entries: count', count, SCAN_ENTRIES_MAX);
  checkCount('entries: table bytes', tableBytes, payload.length);
  const entries: Entry[] = [];
  let at = 0;
  let valueAt = tableBytes;
  for (let position = 0; position < count; position++) {
    if (at + ENTRY_BYTES > tableBytes) throw new MalformedFrameError('entries: table is cut');
    const entry = decodeEntry(payload, at, tableBytes, valueAt);
    entries.push(entry);
    at += ENTRY_BYTES + entry.key.length;
    valueAt += entry.value.length;
  }
  if (at !== tableBytes || valueAt !== payload.length) {
    throw new MalformedFrameError('entries: bytes behind the last entry');
  }
  return entries;
}

function decodeEntry(payload: Buffer, at: number, tableEnd: number, valueAt: number): Entry {
  const keyEnd = at + ENTRY_BYTES + payload.readUInt16LE(at);
  const valueEnd = valueAt + payload.readUInt32LE(at + 4);
  if (keyEnd > tableEnd || valueEnd > payload.length) {
    throw new MalformedFrameError('entries: key or value ends behind its frame');
  }
  if (isKeyTooLarge(keyEnd - at - ENTRY_BYTES) || isValueTooLarge(valueEnd - valueAt)) {
    throw new MalformedFrameError('entries: key or value is over its limit');
  }
  const isThin = ((payload[at + 3] as number) & IS_THIN) !== 0;
  if (isThin && valueEnd > valueAt) {
    throw new MalformedFrameError('entries: a thin entry has a value');
  }
  return {
    isThin,
    key: payload.subarray(at + ENTRY_BYTES, keyEnd),
    value: payload.subarray(valueAt, valueEnd),
    valueTag: payload[at + 2] as number,
    version: checkCount('entries: version', payload.readDoubleLE(at + 8), Number.MAX_SAFE_INTEGER),
    epoch: payload.readUInt32LE(at + 16),
  };
}
