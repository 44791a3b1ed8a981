// One write operation of a batch, taken out of its frame because it may have to wait.

import type { BatchReader, Connection } from '@piton/protocol';
import { OperationCode } from '@piton/protocol';
import type { SessionEntry } from '../engine/store.ts';
import { sessionEntry, type Waiter } from '../ranges/write.ts';

export interface WriteRequest extends Waiter {
  readonly code: number;
  readonly flags: number;
  readonly rangeId: number;
  readonly epoch: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly valueTag: number;
  readonly ifVersion: number;
  readonly increment: bigint;
  /** As it travels in the record when the result is 0, which it is for most writes. */
  readonly session: SessionEntry;
  /** On the monotonic clock; behind it the write is not begun any more. */
  readonly deadlineMs: number;
}

/** Key and value stay views of the frame. */
export function takeWrite(batch: BatchReader, connection: Connection, nowMs: number): WriteRequest {
  return {
    connection,
    operationId: batch.operationId,
    bytes: batch.key.length + batch.valueBytes,
    code: batch.code,
    flags: batch.flags,
    rangeId: batch.rangeId,
    epoch: batch.epoch,
    key: batch.key,
    value: batch.value(),
    valueTag: batch.valueTag,
    ifVersion: batch.ifVersion,
    increment: batch.code === OperationCode.increment ? batch.increment() : 0n,
    session: sessionEntry(
      batch.sessionHigh,
      batch.sessionLow,
      batch.writeNumber,
      batch.lowestOutstanding,
    ),
    deadlineMs: nowMs + batch.budgetMs,
  };
}
