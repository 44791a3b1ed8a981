// The head's judgement of a write: seen before, allowed, and what it becomes.
//
// Judged once, here only: the record that leaves the head has no condition any more, and no member
// may veto it. The newest state of a key is its newest pending write, else what the store shows.
// When that lies on the device the write waits for the cold read, and with it every later write of
// the same key, so that the order per key is kept.

import { OperationCode, OperationFlag, ResultFlag, type Sequence, Status } from '@piton/protocol';
import {
  type FoundRecord,
  type LogRecord,
  RecordKind,
  type SessionEntry,
  type Store,
} from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { WriteResult } from '../ranges/sessions.ts';
import { encodeFoundVersion, RecordResult, sessionEntry, type Write } from '../ranges/write.ts';
import type { WriteRequest } from '../requests/write-request.ts';

/** Value tag of a counter: int64, little endian. */
export const COUNTER_TAG = 2;

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -0x8000_0000_0000_0000n;
const EMPTY = new Uint8Array(0);

/** What is known of a key when a write is judged. */
export interface KeyState {
  readonly exists: boolean;
  readonly version: number;
  readonly valueTag: number;
  readonly value: Uint8Array;
}

const ABSENT: KeyState = { exists: false, version: 0, valueTag: 0, value: EMPTY };

/** A judgement: append this record and give this answer, or only give the answer. */
export interface Verdict {
  readonly record: LogRecord | undefined;
  readonly result: WriteResult;
}

/** Whether the state of the key matters for the write. */
export function needsState(request: WriteRequest): boolean {
  return request.code !== OperationCode.put || (request.flags & OperationFlag.ifVersion) !== 0;
}

/** The newest state of a key at the head; a promise when it is cold. */
export function newestState(
  store: Store,
  replica: Replica,
  key: Uint8Array,
): KeyState | Promise<KeyState> {
  const pending = newestPending(replica, key);
  if (pending !== undefined) return pending;
  const found = store.get(replica.namespace, key);
  return found instanceof Promise ? found.then(stateOf) : stateOf(found);
}

function newestPending(replica: Replica, key: Uint8Array): KeyState | undefined {
  let write: Write | undefined = replica.pending.findNewest(key);
  while (write?.record?.kind === RecordKind.sessionOnly) write = olderOf(write, key);
  const record = write?.record;
  if (record === undefined) return undefined;
  if (record.kind === RecordKind.tombstone) return ABSENT;
  const { sequence, valueTag, value } = record;
  return { exists: true, version: sequence, valueTag, value };
}

function olderOf(write: Write, key: Uint8Array): Write | undefined {
  let older = write.older;
  while (older !== undefined && !sameKey(older, key)) older = older.older;
  return older;
}

function sameKey(write: Write, key: Uint8Array): boolean {
  return write.record !== undefined && Buffer.compare(write.record.key, key) === 0;
}

function stateOf(found: FoundRecord | undefined): KeyState {
  if (found === undefined) return ABSENT;
  return {
    exists: true,
    version: found.sequence,
    valueTag: found.valueTag,
    value: found.value,
  };
}

/** A put that is allowed whatever the key is: no verdict has to be made for it. */
export function recordOfPut(replica: Replica, request: WriteRequest): LogRecord {
  return makeRecord(replica, request, RecordKind.put, request.value, 0);
}

/** What the writer of such a record is told. */
export function resultOfPut(record: LogRecord): WriteResult {
  return applied(record, 0, undefined, 0);
}

/** Judges a write that depends on the state of its key. */
export function judge(replica: Replica, request: WriteRequest, state: KeyState): Verdict {
  switch (request.code) {
    case OperationCode.put:
      return judgePut(replica, request, state);
    case OperationCode.delete:
      return judgeDelete(replica, request, state);
    default:
      return judgeIncrement(replica, request, state);
  }
}

function isVersionWrong(request: WriteRequest, state: KeyState): boolean {
  return (request.flags & OperationFlag.ifVersion) !== 0 && state.version !== request.ifVersion;
}

function judgePut(replica: Replica, request: WriteRequest, state: KeyState): Verdict {
  if (isVersionWrong(request, state)) return refused(replica, request, state, 200);
  const existed = state.exists ? RecordResult.existed : 0;
  const record = makeRecord(replica, request, RecordKind.put, request.value, existed);
  return { record, result: applied(record, existed ? ResultFlag.existed : 0, undefined, 0) };
}

function judgeDelete(replica: Replica, request: WriteRequest, state: KeyState): Verdict {
  if (isVersionWrong(request, state)) return refused(replica, request, state, 200);
  if (!state.exists) return refused(replica, request, state, Status.ok);
  const record = makeRecord(replica, request, RecordKind.tombstone, EMPTY, RecordResult.existed);
  return { record, result: applied(record, ResultFlag.existed, undefined, 0) };
}

function judgeIncrement(replica: Replica, request: WriteRequest, state: KeyState): Verdict {
  if (state.exists && (state.valueTag !== COUNTER_TAG || state.value.length !== 8)) {
    return refused(replica, request, state, Status.notANumber);
  }
  const sum = counterOf(state) + request.increment;
  if (sum > INT64_MAX || sum < INT64_MIN) {
    return refused(replica, request, state, Status.numberOverflow);
  }
  const value = Buffer.allocUnsafe(8);
  value.writeBigInt64LE(sum, 0);
  const bits = RecordResult.answersValue | (state.exists ? RecordResult.existed : 0);
  const record = {
    ...makeRecord(replica, request, RecordKind.put, value, bits),
    valueTag: COUNTER_TAG,
  };
  return {
    record,
    result: applied(record, state.exists ? ResultFlag.existed : 0, value, COUNTER_TAG),
  };
}

function counterOf(state: KeyState): bigint {
  if (!state.exists) return 0n;
  return new DataView(state.value.buffer, state.value.byteOffset, 8).getBigInt64(0, true);
}

function applied(
  record: LogRecord,
  flags: number,
  value: Uint8Array | undefined,
  valueTag: number,
): WriteResult {
  const { sequence } = record;
  return { sequence, status: Status.ok, flags, version: sequence, value, valueTag };
}

/**
 * A write that changes nothing. On a retry it is remembered all the same: the first copy may still
 * be under way, and must not succeed after its writer was told that it did not.
 */
function refused(
  replica: Replica,
  request: WriteRequest,
  state: KeyState,
  status: Status,
): Verdict {
  const flags = state.exists ? ResultFlag.existed : 0;
  const result: WriteResult = {
    sequence: replica.last,
    status,
    flags,
    version: state.version,
    value: undefined,
    valueTag: 0,
  };
  if ((request.flags & OperationFlag.retry) === 0) return { record: undefined, result };
  const found = encodeFoundVersion(state.version);
  const record = makeRecord(replica, request, RecordKind.sessionOnly, found, status);
  return { record, result: { ...result, sequence: record.sequence } };
}

function makeRecord(
  replica: Replica,
  request: WriteRequest,
  kind: RecordKind,
  value: Uint8Array,
  resultByte: number,
): LogRecord {
  return {
    kind,
    namespace: replica.namespace,
    rangeId: replica.id,
    epoch: replica.record.epoch,
    sequence: (replica.last + 1) as Sequence,
    key: request.key,
    value,
    valueTag: request.valueTag,
    session: resultByte === 0 ? request.session : withResult(request.session, resultByte),
  };
}

function withResult(session: SessionEntry, result: number): SessionEntry {
  const { sessionHigh, sessionLow, writeNumber, lowestOutstanding } = session;
  return sessionEntry(sessionHigh, sessionLow, writeNumber, lowestOutstanding, result);
}
