// One record of the log, byte by byte. Little-endian; begins at a multiple of the unit (8 or more).
//
//   offset  bytes  field
//        0      4  checksum: CRC-32 of all that follows, started with a number of this very place
//        4      3  bytes of the whole record without padding
//        7      1  kind (low half), flags (high half): 1 has a session, 2 is a copy
//        8      2  bytes of the key
//       10      1  value tag
//       11      1  result of the session's write
//       12      4  namespace
//       16      4  range id
//       20      4  epoch
//       24      8  sequence
//       32      4  drops: how many intervals had been dropped when it was written
//       36      4  units between the durable position and this record when it was written
//       40     24  session, if any: high, low (4 each), write number, lowest outstanding (8 each)
//               8  of a copy: position it was copied from; of a copied tombstone: its horizon
//                  then the key, the value, zeros up to the unit
//
// The checksum starts with a number made of the store, the segment and the offset: bytes that lie
// elsewhere than where they were written are never taken for a record. The distance to the durable
// position tells recovery which holes can be torn writes and which can only be damage.

import { crc32 } from 'node:zlib';
import { PLACED_KEY_BYTES_MAX } from '@piton/protocol';
import type { LogRecord, SessionEntry } from '../store.ts';

export const HEADER_BYTES = 40;
/**
 * Values from this size on are not copied when they are appended, are kept whole in memory, and of
 * their records the head is enough for some.
 */
export const LARGE_VALUE_BYTES: number = 16 * 1024;
/** A shorter key is copied sooner than the call that copies has begun. */
const COPIED_BY_HAND_MAX = 40;
const SESSION_BYTES = 24;
const ORIGIN_BYTES = 8;
const HAS_SESSION = 1;
const IS_COPY = 2;
const U32 = 4_294_967_296;

/** Kinds of the store's own records, beside `RecordKind`. */
export const StoreRecordKind = {
  /** Changes of the owner's states. */
  states: 4,
  /** Everything small that the log must know by itself. */
  snapshot: 5,
  /** An interval was dropped. */
  drop: 6,
} as const;
const KIND_MAX = 6;

/** What the three bytes of the length can say. */
export const RECORD_BYTES_MAX: number = 0xff_ffff;
/** A snapshot of many states may be larger than any value. Whoever writes one looks at this bound: nothing else does. */
export const VALUE_BYTES_MAX: number =
  RECORD_BYTES_MAX - (HEADER_BYTES + SESSION_BYTES + ORIGIN_BYTES + PLACED_KEY_BYTES_MAX);

/** What a record carries beside what its owner gave. */
export interface RecordExtra {
  /** Defined for a copy made by compaction. */
  origin: number | undefined;
  drops: number;
  durableUnits: number;
}

/** Any record as the log takes it; the store's own kinds included. */
export type AnyRecord = Omit<LogRecord, 'kind'> & { readonly kind: number };

const EMPTY = new Uint8Array(0);

/** One of the store's own records. */
export function ownRecord(kind: number, value: Uint8Array): AnyRecord {
  const zeros = { namespace: 0, rangeId: 0, epoch: 0, sequence: 0 };
  const record = { kind, ...zeros, key: EMPTY, value, valueTag: 0, session: undefined };
  return record as unknown as AnyRecord;
}

export function recordBytes(record: AnyRecord, isCopy: boolean): number {
  const session = record.session === undefined ? 0 : SESSION_BYTES;
  const fixed = HEADER_BYTES + session + (isCopy ? ORIGIN_BYTES : 0);
  return fixed + record.key.length + record.value.length;
}

/** Where a run of bytes lies, seen as bytes and as words. Records begin at multiples of four. */
export interface RecordSpace {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
}

/**
 * Writes header and key of a record of `length` bytes at `at`, all but the checksum; gives where the
 * value belongs.
 */
export function encodeHead(
  space: RecordSpace,
  at: number,
  length: number,
  record: AnyRecord,
  extra: RecordExtra,
): number {
  const { bytes, words } = space;
  const word = at >>> 2;
  const session = record.session;
  const flags =
    (session === undefined ? 0 : HAS_SESSION) | (extra.origin === undefined ? 0 : IS_COPY);
  words[word + 1] = (length | (record.kind << 24) | (flags << 28)) >>> 0;
  const result = session === undefined ? 0 : session.result;
  words[word + 2] = record.key.length | (record.valueTag << 16) | (result << 24);
  words[word + 3] = record.namespace;
  words[word + 4] = record.rangeId;
  words[word + 5] = record.epoch;
  writeSafe(words, word + 6, record.sequence);
  words[word + 8] = extra.drops;
  words[word + 9] = extra.durableUnits;
  let next = word + 10;
  if (session !== undefined) next = writeSession(words, next, session);
  if (extra.origin !== undefined) {
    writeSafe(words, next, extra.origin);
    next += 2;
  }
  const keyAt = next << 2;
  const { key } = record;
  const keyBytes = key.length;
  if (keyBytes > COPIED_BY_HAND_MAX) bytes.set(key, keyAt);
  else for (let at = 0; at < keyBytes; at++) bytes[keyAt + at] = key[at] as number;
  return keyAt + keyBytes;
}

function writeSession(words: Uint32Array, word: number, session: SessionEntry): number {
  words[word] = session.sessionHigh;
  words[word + 1] = session.sessionLow;
  writeSafe(words, word + 2, session.writeNumber);
  writeSafe(words, word + 4, session.lowestOutstanding);
  return word + 6;
}

function writeSafe(words: Uint32Array, word: number, value: number): void {
  words[word] = value >>> 0;
  words[word + 1] = Math.floor(value / U32);
}

/** The checksum of `bytes[at .. at + length)`, without its first four bytes. */
export function checksumOf(bytes: Uint8Array, at: number, length: number, start: number): number {
  return crc32(bytes.subarray(at + 4, at + length), start);
}

/** The same in a buffer: a view of a buffer is made in a third of the time that `subarray` takes. */
export function checksumIn(buffer: ArrayBuffer, at: number, length: number, start: number): number {
  return crc32(new Uint8Array(buffer, at + 4, length - 4), start);
}

/** The same for a record whose value lies elsewhere than its head. */
export function splitChecksum(
  bytes: Uint8Array,
  at: number,
  headLength: number,
  value: Uint8Array,
  start: number,
): number {
  return crc32(value, crc32(bytes.subarray(at + 4, at + headLength), start));
}

export function readWord(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

export function readSafe(bytes: Uint8Array, at: number): number {
  return readWord(bytes, at) + readWord(bytes, at + 4) * U32;
}

/** Bytes of the record whose header begins at `at`, as the header claims. */
export function claimedBytes(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8) | ((bytes[at + 6] as number) << 16)
  );
}

/** True when the header at `at` could be one; `available` bytes follow from there. */
export function isPlausible(bytes: Uint8Array, at: number): boolean {
  const length = claimedBytes(bytes, at);
  const kind = (bytes[at + 7] as number) & 15;
  const flags = (bytes[at + 7] as number) >>> 4;
  if (kind < 1 || kind > KIND_MAX || flags > (HAS_SESSION | IS_COPY)) return false;
  const fixed = fixedBytes(flags) + keyBytesAt(bytes, at);
  return length >= fixed && length <= RECORD_BYTES_MAX;
}

export function kindAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 7] as number) & 15;
}

/** Bytes of header and key of the record that begins at `at`. */
export function headBytes(bytes: Uint8Array, at: number): number {
  return fixedBytes((bytes[at + 7] as number) >>> 4) + keyBytesAt(bytes, at);
}

function fixedBytes(flags: number): number {
  const session = (flags & HAS_SESSION) !== 0 ? SESSION_BYTES : 0;
  return HEADER_BYTES + session + ((flags & IS_COPY) !== 0 ? ORIGIN_BYTES : 0);
}

function keyBytesAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 8] as number) | ((bytes[at + 9] as number) << 8);
}

/** Looks into a record in place, without copying. The caller vouches that it is whole and sane. */
export class RecordView {
  bytes: Uint8Array = EMPTY;
  at = 0;
  /** Nobody writes to these bytes any more: they may be kept. */
  isStable = false;
  /** The value, when it does not lie behind its key. */
  #value: Uint8Array | undefined;

  set(bytes: Uint8Array, at: number, isStable: boolean = false): void {
    this.bytes = bytes;
    this.at = at;
    this.isStable = isStable;
    this.#value = undefined;
  }

  /** Header and key in one place, the value in another; both stable. */
  setSplit(head: Uint8Array, value: Uint8Array): void {
    this.set(head, 0, true);
    this.#value = value;
  }

  get length(): number {
    return claimedBytes(this.bytes, this.at);
  }
  get kind(): number {
    return (this.bytes[this.at + 7] as number) & 15;
  }
  get isCopy(): boolean {
    return (((this.bytes[this.at + 7] as number) >>> 4) & IS_COPY) !== 0;
  }
  get valueTag(): number {
    return this.bytes[this.at + 10] as number;
  }
  get namespace(): number {
    return readWord(this.bytes, this.at + 12);
  }
  get rangeId(): number {
    return readWord(this.bytes, this.at + 16);
  }
  get epoch(): number {
    return readWord(this.bytes, this.at + 20);
  }
  get sequence(): number {
    return readSafe(this.bytes, this.at + 24);
  }
  get drops(): number {
    return readWord(this.bytes, this.at + 32);
  }
  get durableUnits(): number {
    return readWord(this.bytes, this.at + 36);
  }
  get keyStart(): number {
    return this.at + fixedBytes((this.bytes[this.at + 7] as number) >>> 4);
  }
  get keyBytes(): number {
    return keyBytesAt(this.bytes, this.at);
  }
  /** Position that a copy was made from, or the horizon of a copied tombstone. */
  get origin(): number {
    return readSafe(this.bytes, this.keyStart - ORIGIN_BYTES);
  }

  /** The key where it lies. */
  get key(): Uint8Array {
    const start = this.keyStart;
    return this.bytes.subarray(start, start + this.keyBytes);
  }
  /** The value where it lies. */
  get value(): Uint8Array {
    if (this.#value !== undefined) return this.#value;
    return this.bytes.subarray(this.keyStart + this.keyBytes, this.at + this.length);
  }

  isKey(namespace: number, key: Uint8Array): boolean {
    const length = key.length;
    if (this.keyBytes !== length || this.namespace !== namespace) return false;
    const { bytes } = this;
    const start = this.keyStart;
    for (let position = 0; position < length; position++) {
      if (bytes[start + position] !== key[position]) return false;
    }
    return true;
  }

  isSameKeyAs(other: RecordView): boolean {
    return this.isKey(other.namespace, other.key);
  }

  get session(): SessionEntry | undefined {
    const { bytes, at } = this;
    if ((((bytes[at + 7] as number) >>> 4) & HAS_SESSION) === 0) return undefined;
    return {
      sessionHigh: readWord(bytes, at + 40),
      sessionLow: readWord(bytes, at + 44),
      writeNumber: readSafe(bytes, at + 48),
      lowestOutstanding: readSafe(bytes, at + 56),
      result: bytes[at + 11] as number,
    };
  }

  /** The record with its key and value where they lie. */
  toRecord(): LogRecord {
    const { kind, namespace, rangeId, epoch, sequence, key, value, valueTag, session } = this;
    return {
      kind,
      namespace,
      rangeId,
      epoch,
      sequence,
      key,
      value,
      valueTag,
      session,
    } as unknown as LogRecord;
  }
}
