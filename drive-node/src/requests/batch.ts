// Batches: the request path of gets and writes.
//
// One frame is walked in place. A get that finds its record in memory makes no object of its own; a
// write becomes one request. Everything a frame causes leaves together when it has been walked.

import {
  BatchReader,
  type Connection,
  type Frame,
  isKeyTooLarge,
  isValueTooLarge,
  isWriteCode,
  limits,
  MalformedFrameError,
  OperationCode,
  Status,
} from '@piton/protocol';
import type { HeadWriter } from '../chain/head.ts';
import type { VersionAsker } from '../chain/version-asker.ts';
import type { Store } from '../engine/store.ts';
import type { FrameClock } from '../ranges/frame-clock.ts';
import { Readability, readabilityOf } from '../ranges/readable.ts';
import type { Replica } from '../ranges/replica.ts';
import type { LeaseHolder } from '../shell/host.ts';
import { type ReadRequest, Reads } from './reads.ts';
import type { Replies } from './replies.ts';
import type { Routes } from './routes.ts';
import { takeWrite, type WriteRequest } from './write-request.ts';

const RETRY_MS = 20;

export interface BatchParts {
  readonly clock: FrameClock;
  readonly store: Store;
  readonly routes: Routes;
  readonly replies: Replies;
  readonly head: HeadWriter;
  readonly asker: VersionAsker;
  readonly lease: LeaseHolder;
  /** Whether this drive may answer at all: it has registered in this life. */
  readonly isServing: () => boolean;
  readonly flush: () => void;
}

export class BatchHandler {
  readonly #parts: BatchParts;
  readonly reads: Reads;

  constructor(parts: BatchParts) {
    this.#parts = parts;
    this.reads = new Reads({ ...parts, again: (request) => this.#route(request) });
  }

  handle(connection: Connection, frame: Frame): void {
    const { clock } = this.#parts;
    clock.hold();
    try {
      this.#walk(connection, new BatchReader(frame), clock.nowMs());
    } finally {
      clock.release();
    }
  }

  #walk(connection: Connection, batch: BatchReader, nowMs: number): void {
    while (batch.next()) {
      const bytes = batch.key.length + batch.valueBytes;
      if (!this.#parts.replies.tryBegin(connection, bytes)) {
        this.#parts.replies.refuseUncounted(connection, batch.operationId, Status.overloaded, {
          retryAfterMs: RETRY_MS,
          message: `more than ${limits.IN_FLIGHT_OPERATIONS_MAX} operations are unanswered`,
        });
      } else if (isWriteCode(batch.code)) {
        this.write(takeWrite(batch, connection, nowMs));
      } else {
        this.#read(batch, connection);
      }
    }
  }

  /** Routes a write; also for one that has waited and starts over. */
  write(request: WriteRequest): void {
    const { replies } = this.#parts;
    if (isKeyTooLarge(request.key.length) || request.key.length === 0) {
      replies.refuse(request, Status.keyTooLarge, { message: keyMessage(request.key.length) });
      return;
    }
    if (isValueTooLarge(request.value.length)) {
      const message = `value of ${request.value.length} bytes, expected at most ${limits.VALUE_BYTES_MAX}`;
      replies.refuse(request, Status.valueTooLarge, { message });
      return;
    }
    const replica = this.#find(request.rangeId, request.key);
    if (!this.#isRouted(replica, request, request.rangeId, request.epoch, request.key)) return;
    if (!replica.role.isHead) {
      this.#refuseStale(request, request.rangeId, request.key);
      return;
    }
    if (replica.record.epoch > request.epoch) replies.tellNews(request.connection, replica.record);
    this.#parts.head.take(replica, request);
  }

  #read(batch: BatchReader, connection: Connection): void {
    const { key, rangeId, epoch, operationId, code } = batch;
    if (code !== OperationCode.get && code !== OperationCode.has) {
      throw new MalformedFrameError(`batch: no operation has code ${code}`);
    }
    const bytes = key.length + batch.valueBytes;
    this.#route({ connection, operationId, bytes, code, rangeId, epoch, key });
  }

  /** Routes a read; also one that has waited and starts over. */
  #route(request: ReadRequest): void {
    const { rangeId, epoch, key, connection } = request;
    const replica = this.#find(rangeId, key);
    if (!this.#isRouted(replica, request, rangeId, epoch, key)) return;
    const readability = readabilityOf(replica);
    if (readability === Readability.elsewhere) {
      this.#refuseStale(request, rangeId, key);
    } else if (readability === Readability.later) {
      this.#parts.replies.refuse(request, Status.rangeUnavailable, { retryAfterMs: RETRY_MS });
    } else {
      if (replica.record.epoch > epoch) this.#parts.replies.tellNews(connection, replica.record);
      this.reads.take(replica, request);
    }
  }

  /** The copy that holds the key: the named one, or the half that was split from it. */
  #find(rangeId: number, key: Uint8Array): Replica | undefined {
    const named = this.#parts.routes.get(rangeId);
    if (named?.contains(key)) return named;
    return this.#parts.routes.findSibling(rangeId, key);
  }

  /** Refuses what cannot be served here now. */
  #isRouted(
    replica: Replica | undefined,
    waiter: ReadRequest | WriteRequest,
    rangeId: number,
    epoch: number,
    key: Uint8Array,
  ): replica is Replica {
    const { replies } = this.#parts;
    if (!this.#parts.isServing()) {
      replies.refuse(waiter, Status.rangeUnavailable, { retryAfterMs: RETRY_MS });
      return false;
    }
    const named = replica?.id === rangeId ? replica : this.#parts.routes.get(rangeId);
    const known = named?.record.epoch;
    if (known !== undefined && epoch > known) {
      replies.refuse(waiter, Status.aheadOfDrive, { retryAfterMs: RETRY_MS, epoch: known });
      return false;
    }
    if (replica === undefined || !replica.isListed) {
      this.#refuseUnknown(waiter, rangeId, epoch, key);
      return false;
    }
    if (!replica.isComplete) {
      this.#refuseStale(waiter, rangeId, key);
      return false;
    }
    return true;
  }

  /** Nothing here holds the key. A client with news that this drive lacks has to wait for it. */
  #refuseUnknown(
    waiter: ReadRequest | WriteRequest,
    rangeId: number,
    epoch: number,
    key: Uint8Array,
  ): void {
    const { replies, routes } = this.#parts;
    const gone = routes.goneRecord(rangeId);
    if (gone !== undefined && gone.epoch < epoch) {
      replies.refuse(waiter, Status.aheadOfDrive, { retryAfterMs: RETRY_MS, epoch: gone.epoch });
      return;
    }
    this.#refuseStale(waiter, rangeId, key);
  }

  #refuseStale(waiter: ReadRequest | WriteRequest, rangeId: number, key: Uint8Array): void {
    const { replies, routes } = this.#parts;
    replies.refuseEncoded(waiter, Status.staleIndex, routes.staleCure(rangeId, key));
  }
}

function keyMessage(bytes: number): string {
  return `key of ${bytes} bytes, expected 1 to ${limits.KEY_BYTES_MAX}`;
}
