// One write on its way: from the log of this drive to the acknowledgement of the whole chain.
//
// Results travel in the record as one byte, so that every member can rebuild the answer:
// bit 0 says that the key existed; bit 1 that the answer is the value itself (an increment). A
// `sessionOnly` record carries its status in that byte, and what was found as its value.

import { type Connection, ResultFlag, Status } from '@piton/protocol';
import {
  type Appended,
  type LogRecord,
  type Place,
  RecordKind,
  type SessionEntry,
} from '../engine/store.ts';
import type { WriteResult } from './sessions.ts';

/** Somebody who waits for a write: an operation of a connection. */
export interface Waiter {
  readonly connection: Connection;
  readonly operationId: number;
  readonly bytes: number;
}

/** An answer that may only leave when a write is committed. */
export interface Follower {
  readonly waiter: Waiter;
  readonly result: WriteResult;
  /** It says what a key was, and no write of its own stands behind it: it needs the lease. */
  readonly isObservation: boolean;
}

export interface Write {
  readonly sequence: number;
  /** Undefined after a restart: then it is read again from `place` when a successor wants it. */
  readonly record: LogRecord | undefined;
  readonly place: Place;
  readonly appended: Appended | undefined;
  readonly flush: boolean;
  readonly result: WriteResult;
  /** The operation that began it, and retries that were attached. */
  waiter: Waiter | undefined;
  /** Retries that were attached, and answers that were judged by this write. */
  followers: Follower[] | undefined;
  /** Told once: whether it was committed, or whether that will not be known here. */
  listeners: ((isCommitted: boolean) => void)[] | undefined;
  /** The pending write before this one in the same list of `PendingWrites`. */
  older: Write | undefined;
  readonly bucket: number;
}

/** The answer leaves with the commit of the write. */
export function follow(write: Write, follower: Follower): void {
  if (write.followers === undefined) write.followers = [follower];
  else write.followers.push(follower);
}

export function listen(write: Write, listener: (isCommitted: boolean) => void): void {
  if (write.listeners === undefined) write.listeners = [listener];
  else write.listeners.push(listener);
}

export const RecordResult = { existed: 1, answersValue: 2 } as const;

const EMPTY = new Uint8Array(0);

/** Made in one place, so that all have one shape. */
export function sessionEntry(
  sessionHigh: number,
  sessionLow: number,
  writeNumber: number,
  lowestOutstanding: number,
  result: number = 0,
): SessionEntry {
  return { sessionHigh, sessionLow, writeNumber, lowestOutstanding, result };
}

/** The answer that belongs to a record, on whichever member it lies. */
export function resultOf(record: LogRecord): WriteResult {
  const byte = record.session?.result ?? 0;
  if (record.kind === RecordKind.sessionOnly) return rememberedResult(record, byte);
  const answersValue = (byte & RecordResult.answersValue) !== 0;
  return {
    sequence: record.sequence,
    status: Status.ok,
    flags: byte & RecordResult.existed ? ResultFlag.existed : 0,
    version: record.sequence,
    value: answersValue ? Uint8Array.from(record.value) : undefined,
    valueTag: record.valueTag,
  };
}

function rememberedResult(record: LogRecord, status: number): WriteResult {
  const version = record.value.length >= 8 ? Buffer.from(record.value).readDoubleLE(0) : 0;
  return {
    sequence: record.sequence,
    status: status as Status,
    flags: version > 0 ? ResultFlag.existed : 0,
    version,
    value: undefined,
    valueTag: 0,
  };
}

/** The value of a `sessionOnly` record: the version that was found, 0 for an absent key. */
export function encodeFoundVersion(version: number): Uint8Array {
  if (version === 0) return EMPTY;
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(version, 0);
  return bytes;
}

/** Bucket of a key in the table of pending writes: cheap, and bounded for long keys. */
export function bucketOf(key: Uint8Array): number {
  let hash = 0x811c9dc5 ^ key.length;
  const edge = key.length > 32 ? 16 : key.length;
  for (let position = 0; position < edge; position++) {
    hash = Math.imul(hash ^ (key[position] as number), 0x01000193);
  }
  for (let position = Math.max(edge, key.length - 16); position < key.length; position++) {
    hash = Math.imul(hash ^ (key[position] as number), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) & 0x3fff_ffff;
}
