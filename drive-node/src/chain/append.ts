// Taking a record into a range copy's history: the same step on every member.
//
// Log, pending list, session table and successor, in this order and in one turn, so that none of
// them ever knows a write that the one before does not.

import type { Clock } from '@piton/protocol';
import {
  type Appended,
  type LogRecord,
  RecordKind,
  type Store,
  StoreError,
} from '../engine/store.ts';
import type { Lack, Replica } from '../ranges/replica.ts';
import type { WriteResult } from '../ranges/sessions.ts';
import { bucketOf, resultOf, type Waiter, type Write } from '../ranges/write.ts';
import type { Committer } from './commit.ts';
import type { Forwarder } from './forward.ts';

/** More than any record takes in the log beside key and value. */
const RECORD_BYTES = 256;

const roomFor = ({ key, value }: LogRecord): number => key.length + value.length + RECORD_BYTES;

/** Told with the heartbeats: the chain may go on without this drive. */
const lackOf = ({ record }: Replica, bytes: number): Lack => ({ epoch: record.epoch, bytes });

export class Appender {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #forwarder: Forwarder;
  readonly #committer: Committer;

  constructor(store: Store, clock: Clock, forwarder: Forwarder, committer: Committer) {
    this.#store = store;
    this.#clock = clock;
    this.#forwarder = forwarder;
    this.#committer = committer;
  }

  /**
   * `record.sequence` must be `replica.last + 1`. Without a waiter it is what another member has taken: no room is no
   * reason to refuse it as long as the reserve lasts. Throws StoreError, and then nothing was done.
   */
  append(
    replica: Replica,
    record: LogRecord,
    flush: boolean,
    waiter: Waiter | undefined,
    result: WriteResult = resultOf(record),
  ): Write {
    const appended = this.#appendTo(replica, record, flush, waiter === undefined);
    const bucket = bucketOf(record.key);
    const write: Write = {
      sequence: record.sequence,
      record,
      place: appended.place,
      appended,
      flush,
      result,
      waiter,
      followers: undefined,
      listeners: undefined,
      older: replica.pending.newestInBucket(bucket),
      bucket,
    };
    replica.last = record.sequence;
    replica.pending.add(write);
    this.#noteSession(replica, record, result);
    this.#forwarder.forward(replica, record, flush);
    this.#committer.expect(replica);
    return write;
  }

  #appendTo(replica: Replica, record: LogRecord, flush: boolean, isTaken: boolean): Appended {
    const bytes = roomFor(record);
    const isPut = record.kind === RecordKind.put;
    const isCrowded = isPut && bytes > this.#store.putBytesFree;
    try {
      const appended = this.#store.append(record, flush, isTaken);
      if (isPut) replica.lacks = isCrowded ? lackOf(replica, bytes) : undefined;
      return appended;
    } catch (error) {
      const isFull = error instanceof StoreError && error.code === 'no-space';
      if (isFull) replica.lacks = lackOf(replica, bytes);
      throw error;
    }
  }

  #noteSession(replica: Replica, record: LogRecord, result: WriteResult): void {
    const session = record.session;
    if (session === undefined) return;
    replica.sessions.note(
      session.sessionHigh,
      session.sessionLow,
      session.writeNumber,
      session.lowestOutstanding,
      result,
      this.#clock.nowMs(),
    );
  }
}
