// The commit: a write becomes visible, and its writer is answered, when it is safe here and at every
// member behind us.
//
// Safe here means below one watermark of one ordered log: durable for a write that asked for a
// flush, written for one that did not. An earlier write that is not safe yet holds back the later
// ones: the order of a range is never broken (SOURCES.md 2.3, "fsync credited to the wrong serial").

import { Status } from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import { RecordKind } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Follower, Write } from '../ranges/write.ts';
import type { Replies } from '../requests/replies.ts';
import type { LeaseHolder } from '../shell/host.ts';
import type { Acknowledger } from './acknowledge.ts';

export interface CommitEvents {
  /** Nothing is pending any more in a range that drains. */
  drained(replica: Replica): void;
  /** A delete became visible in a copy that is not complete. */
  deletedDuringCopy(replica: Replica, key: Uint8Array, sequence: number): void;
}

export interface CommitParts {
  readonly store: Store;
  readonly replies: Replies;
  readonly acknowledger: Acknowledger;
  readonly lease: LeaseHolder;
}

const RETRY_MS = 20;

export class Committer {
  readonly #store: Store;
  readonly #replies: Replies;
  readonly #acknowledger: Acknowledger;
  readonly #lease: LeaseHolder;
  /**
   * Range copies with pending writes, and some that had. Who is in here says so itself (`isAwaited`): a set would be
   * asked with every write, and build new tables all the time.
   */
  #waiting: Replica[] = [];
  readonly #events: CommitEvents;

  constructor(parts: CommitParts, events: CommitEvents) {
    this.#store = parts.store;
    this.#replies = parts.replies;
    this.#acknowledger = parts.acknowledger;
    this.#lease = parts.lease;
    this.#events = events;
  }

  /** A replica has new pending writes. */
  expect(replica: Replica): void {
    if (replica.isAwaited) return;
    replica.isAwaited = true;
    this.#waiting.push(replica);
  }

  /**
   * The copy is given up. Its pending records are applied all the same: nobody reads them any more,
   * and a record that is never applied would hold back the store's replay position for ever.
   */
  forget(replica: Replica): void {
    replica.isAwaited = false;
    this.#waiting = this.#waiting.filter((waiting) => waiting !== replica);
    for (const { record, appended, place } of replica.pending) {
      if (record !== undefined && appended !== undefined) this.#store.apply(record, appended);
      else this.#store.settle(place);
    }
  }

  /** The log moved on. */
  advanceAll(): void {
    for (const replica of this.#waiting) if (replica.isAwaited) this.advance(replica);
    const waiting = this.#waiting;
    let kept = 0;
    for (const replica of waiting) {
      if (replica.role.isMember && replica.pending.count > 0) waiting[kept++] = replica;
      else replica.isAwaited = false;
    }
    waiting.length = kept;
  }

  /** Commits what has become safe everywhere. */
  advance(replica: Replica): void {
    const { pending, role } = replica;
    // Who was taken out of its chain decides nothing any more.
    if (!role.isMember) return;
    const limit = role.successor === undefined ? replica.last : replica.acknowledged;
    const before = replica.committed;
    let write = pending.first();
    while (write !== undefined && write.sequence <= limit && this.#isSafe(write)) {
      pending.shift();
      replica.committed = write.sequence;
      this.#apply(replica, write);
      write = pending.first();
    }
    if (replica.committed > before) this.#acknowledger.schedule(replica);
    if (write === undefined && replica.isDraining) this.#events.drained(replica);
  }

  #isSafe(write: Write): boolean {
    if (write.appended === undefined) return true;
    const mark = write.flush ? this.#store.durablePosition : this.#store.writtenPosition;
    return write.appended.end <= mark;
  }

  #apply(replica: Replica, write: Write): void {
    const { record, appended } = write;
    if (record !== undefined && appended !== undefined) {
      this.#store.apply(record, appended);
      if (!replica.isComplete && record.kind === RecordKind.tombstone) {
        this.#events.deletedDuringCopy(replica, record.key, record.sequence);
      }
      replica.counters.writes++;
      replica.counters.writtenBytes += record.key.length + record.value.length;
    } else {
      // It was replayed, and is visible since; now the saved state counts it too.
      this.#store.settle(write.place);
    }
    if (write.waiter !== undefined) this.#replies.result(write.waiter, write.result);
    write.waiter = undefined;
    if (write.followers !== undefined) {
      for (const follower of write.followers) this.#tell(follower);
      write.followers = undefined;
    }
    if (write.listeners === undefined) return;
    for (const tell of write.listeners) tell(true);
    write.listeners = undefined;
  }

  /** The acknowledgement may be late: others may have written the key since, without this drive. */
  #tell({ waiter, result, isObservation }: Follower): void {
    if (!isObservation || this.#lease.isValid()) this.#replies.result(waiter, result);
    else this.#replies.refuse(waiter, Status.rangeUnavailable, { retryAfterMs: RETRY_MS });
  }
}
