// Gets at any serving member (docs/decisions/0011).
//
// The tail answers from what is committed there. So does any other member for a key without a pending
// write: nobody can have seen anything newer of it. For a key with one, the tail is asked how far it
// has committed, and the newest write up to there is the answer, be it committed here already or still
// pending. The lease is asked last, after the read and before the answer.
//
// A read that has waited and finds that its chain has changed starts over from its routing.

import { type Connection, OperationCode, Status } from '@piton/protocol';
import { refusalFor } from '../chain/store-status.ts';
import type { VersionAsker } from '../chain/version-asker.ts';
import { type FoundRecord, RecordKind, type Store } from '../engine/store.ts';
import { Readability, readabilityOf } from '../ranges/readable.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Waiter, Write } from '../ranges/write.ts';
import type { LeaseHolder } from '../shell/host.ts';
import type { Replies } from './replies.ts';
import type { Routes } from './routes.ts';

const RETRY_MS = 20;
/** Reads that wait for an answer of a tail, on the whole drive. */
const ASKING_MAX = 65_536;

/** A get or has, as it came. */
export interface ReadRequest extends Waiter {
  readonly connection: Connection;
  readonly code: number;
  readonly rangeId: number;
  readonly epoch: number;
  /** A view of the frame. */
  readonly key: Uint8Array;
}

export interface ReadParts {
  readonly store: Store;
  readonly routes: Routes;
  readonly replies: Replies;
  readonly lease: LeaseHolder;
  readonly asker: VersionAsker;
  /** Routes a read again whose chain has changed while it waited. */
  readonly again: (request: ReadRequest) => void;
  readonly flush: () => void;
}

export class Reads {
  readonly #parts: ReadParts;
  /** Reads that wait for the device or for a tail. Bounded by the credits of the connections. */
  readonly #waiting: Set<ReadRequest> = new Set();
  #asking = 0;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  /** Answers a read at a copy that may be read now (ranges/readable.ts), sooner or later. */
  take(replica: Replica, request: ReadRequest): void {
    const isDirty = !replica.role.isTail && replica.pending.findChange(request.key) !== undefined;
    if (isDirty) this.#askTail(replica, request);
    else this.#readCommitted(replica, request);
  }

  /** Takes reads back that wait; with a status, they are told at once. */
  cancel(isWanted: (read: Waiter) => boolean, status: Status | undefined): void {
    for (const read of this.#waiting) {
      if (!isWanted(read)) continue;
      this.#waiting.delete(read);
      if (status !== undefined) this.#parts.replies.refuse(read, status);
    }
  }

  #askTail(replica: Replica, request: ReadRequest): void {
    if (this.#asking >= ASKING_MAX) {
      this.#parts.replies.refuse(request, Status.overloaded, { retryAfterMs: RETRY_MS });
      return;
    }
    const { epoch } = replica.record;
    this.#asking++;
    this.#waiting.add(request);
    this.#parts.asker.ask(replica, (committed) => {
      this.#asking--;
      if (!this.#waiting.delete(request)) return;
      if (replica.record.epoch !== epoch || !this.#isHosted(replica)) this.#parts.again(request);
      else this.#answerUpTo(replica, request, committed);
    });
  }

  /** The tail has committed everything up to a sequence; or it did not answer. */
  #answerUpTo(replica: Replica, request: ReadRequest, committed: number | undefined): void {
    const isKnown =
      committed !== undefined &&
      committed <= replica.last &&
      readabilityOf(replica) === Readability.now;
    if (!isKnown) {
      this.#parts.replies.refuse(request, Status.rangeUnavailable, { retryAfterMs: RETRY_MS });
      return;
    }
    const write = replica.pending.findChange(request.key, committed);
    if (write === undefined) this.#readCommitted(replica, request);
    else this.#answer(replica, request, foundIn(write));
  }

  #readCommitted(replica: Replica, request: ReadRequest): void {
    try {
      const found = this.#parts.store.get(replica.namespace, request.key);
      if (found instanceof Promise) this.#answerLater(replica, request, found);
      else this.#answer(replica, request, found);
    } catch (error) {
      this.#refuseFor(request, error);
    }
  }

  #answerLater(
    replica: Replica,
    request: ReadRequest,
    read: Promise<FoundRecord | undefined>,
  ): void {
    this.#waiting.add(request);
    read
      .then(
        (found) => {
          if (this.#waiting.delete(request)) this.#answerIfStillHere(replica, request, found);
        },
        (error: unknown) => {
          if (this.#waiting.delete(request)) this.#refuseFor(request, error);
        },
      )
      .then(this.#parts.flush);
  }

  /**
   * Time has passed since the route was checked. What was found is what was committed at some moment
   * since the read came, unless the copy was given up meanwhile: then it may be gone from the store.
   */
  #answerIfStillHere(replica: Replica, request: ReadRequest, found: FoundRecord | undefined): void {
    const isHere = this.#isHosted(replica) && readabilityOf(replica) === Readability.now;
    if (isHere) this.#answer(replica, request, found);
    else this.#parts.again(request);
  }

  #isHosted(replica: Replica): boolean {
    return this.#parts.routes.get(replica.id) === replica;
  }

  #answer(replica: Replica, request: ReadRequest, found: FoundRecord | undefined): void {
    const { lease, replies } = this.#parts;
    if (!lease.isValid()) {
      replies.refuse(request, Status.rangeUnavailable, { retryAfterMs: RETRY_MS });
      return;
    }
    const { counters } = replica;
    counters.reads++;
    if (found === undefined) {
      replies.notFound(request);
      return;
    }
    counters.readBytes += found.value.length;
    const value = request.code === OperationCode.has ? EMPTY : found.value;
    replies.found(request, found.sequence, found.valueTag, value, found.isStable === true);
  }

  #refuseFor(request: ReadRequest, error: unknown): void {
    const { status, detail } = refusalFor(error);
    this.#parts.replies.refuse(request, status, detail);
  }
}

const EMPTY = new Uint8Array(0);

/** What a pending write makes of its key: absent, or an entry. */
function foundIn({ record }: Write): FoundRecord | undefined {
  return record?.kind === RecordKind.put ? record : undefined;
}
