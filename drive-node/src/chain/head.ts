// The head of a chain taking writes: each is answered from memory, attached to a copy of itself that
// is under way, judged and appended, or refused.
//
// Writes wait in two places, both bounded: behind a cold read of their key, and behind a split that
// drains the range. Whoever waited starts over from the beginning: route, session, deadline.

import { type Clock, type Epoch, OperationFlag, Status } from '@piton/protocol';
import { type LogRecord, RecordKind, type Store } from '../engine/store.ts';
import { RECENT_MAX } from '../ranges/pending.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Recall, Session, WriteResult } from '../ranges/sessions.ts';
import { type Follower, follow, type Waiter, type Write } from '../ranges/write.ts';
import type { Replies } from '../requests/replies.ts';
import type { WriteRequest } from '../requests/write-request.ts';
import type { LeaseHolder } from '../shell/host.ts';
import type { Appender } from './append.ts';
import {
  judge,
  type KeyState,
  needsState,
  newestState,
  recordOfPut,
  resultOfPut,
} from './judge.ts';
import { refusalFor } from './store-status.ts';

export interface HeadLimits {
  /** Writes of one range that are not committed yet. */
  readonly pendingWritesMax: number;
  readonly pendingBytesMax: number;
  /** Writes that wait behind cold reads and drains, on the whole drive. */
  readonly waitingMax: number;
}

export const HEAD_LIMITS: HeadLimits = {
  // A neighbour can be given again all that was committed at once.
  pendingWritesMax: RECENT_MAX,
  pendingBytesMax: 64 * 1024 * 1024,
  waitingMax: 16_384,
};

const OVERLOADED_RETRY_MS = 20;
/** Until another drive is the head, or this one has been started again. */
const FAILED_RETRY_MS = 500;

export class HeadWriter {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #replies: Replies;
  readonly #appender: Appender;
  readonly #lease: LeaseHolder;
  readonly #limits: HeadLimits;
  readonly #defaultFlush: boolean;
  /** Routes a write again that has waited. */
  readonly #again: (request: WriteRequest) => void;
  /** Called when work was done outside of a frame's handling. */
  readonly #flush: () => void;
  /** Keys whose newest state is being read, with the writes that wait for it. */
  readonly #cold: Map<string, WriteRequest[]> = new Map();
  readonly #parked: Map<Replica, WriteRequest[]> = new Map();
  #waiting = 0;
  #hasFailed = false;

  constructor(options: {
    store: Store;
    clock: Clock;
    replies: Replies;
    appender: Appender;
    lease: LeaseHolder;
    defaultFlush: boolean;
    again: (request: WriteRequest) => void;
    flush: () => void;
    limits?: HeadLimits;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#replies = options.replies;
    this.#appender = options.appender;
    this.#lease = options.lease;
    this.#defaultFlush = options.defaultFlush;
    this.#again = options.again;
    this.#flush = options.flush;
    this.#limits = options.limits ?? HEAD_LIMITS;
  }

  /** Takes a write for which this drive is the head. It is answered now or later, exactly once. */
  take(replica: Replica, request: WriteRequest): void {
    if (this.#clock.nowMs() > request.deadlineMs) {
      this.#replies.refuse(request, Status.expired);
      return;
    }
    if (!replica.isReconciled) {
      this.#replies.refuse(request, Status.rangeUnavailable, { retryAfterMs: OVERLOADED_RETRY_MS });
      return;
    }
    if (replica.isDraining) {
      this.#park(replica, request);
      return;
    }
    const session = sessionOf(replica, request);
    if (this.#answerRepeated(replica, session, request)) return;
    if (!this.#hasRoom(replica, session, request)) return;
    if (this.#cold.size > 0 && this.#joinCold(replica, request)) return;
    this.#judge(replica, request);
  }

  /** Takes writes back that have not begun; with a status, they are told. */
  cancel(isWanted: (request: Waiter) => boolean, status: Status | undefined): void {
    for (const list of [...this.#cold.values(), ...this.#parked.values()]) {
      for (let at = list.length - 1; at >= 0; at--) {
        const request = list[at] as WriteRequest;
        if (!isWanted(request)) continue;
        list.splice(at, 1);
        this.#waiting--;
        if (status !== undefined) this.#replies.refuse(request, status);
      }
    }
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** The log takes nothing any more: what is pending here will not be committed in this life. */
  fail(): void {
    this.#hasFailed = true;
  }

  /** A drain is over: the writes that waited for it start over. */
  release(replica: Replica): void {
    const parked = this.#parked.get(replica);
    if (parked === undefined) return;
    this.#parked.delete(replica);
    this.#waiting -= parked.length;
    for (const request of parked) this.#again(request);
    this.#flush();
  }

  #park(replica: Replica, request: WriteRequest): void {
    if (!this.#mayWait(request)) return;
    const parked = this.#parked.get(replica);
    if (parked === undefined) this.#parked.set(replica, [request]);
    else parked.push(request);
  }

  #mayWait(request: WriteRequest): boolean {
    if (this.#waiting >= this.#limits.waitingMax) {
      this.#replies.refuse(request, Status.overloaded, { retryAfterMs: OVERLOADED_RETRY_MS });
      return false;
    }
    this.#waiting++;
    return true;
  }

  /** Answers a write that was seen before. */
  #answerRepeated(replica: Replica, session: Session | undefined, request: WriteRequest): boolean {
    if (request.session.writeNumber < 1) {
      const message = 'write number: expected an integer from 1';
      this.#replies.refuse(request, Status.invalidArgument, { message });
      return true;
    }
    const recall: Recall = replica.sessions.recall(session, request.session.writeNumber);
    if (recall === 'new') return false;
    if (recall === 'forgotten') {
      this.#replies.refuse(request, Status.sessionExpired);
      return true;
    }
    if (recall.sequence > replica.committed) {
      const write = replica.pending.at(recall.sequence);
      if (write !== undefined) {
        this.#follow(write, { waiter: request, result: write.result, isObservation: false });
        return true;
      }
    }
    this.#replies.result(request, recall);
    return true;
  }

  #hasRoom(replica: Replica, session: Session | undefined, request: WriteRequest): boolean {
    const { pending } = replica;
    if (
      pending.count >= this.#limits.pendingWritesMax ||
      pending.bytes + request.bytes > this.#limits.pendingBytesMax
    ) {
      this.#replies.refuse(request, Status.overloaded, { retryAfterMs: OVERLOADED_RETRY_MS });
      return false;
    }
    if (session !== undefined) {
      replica.sessions.forget(session, request.session.lowestOutstanding);
    }
    if (!replica.sessions.hasRoom(session)) {
      this.#replies.refuse(request, Status.tooManySessions, { retryAfterMs: 1_000 });
      return false;
    }
    return true;
  }

  /** Whether the other members can take it as well (room.ts). */
  #hasRoomBehind(replica: Replica, request: WriteRequest): boolean {
    const { roomBehind, pending } = replica;
    if (roomBehind === 0) {
      replica.refusedForRoomAt = replica.record.epoch;
      const message = 'no room for a put: another drive of the chain is full';
      this.#replies.refuse(request, Status.noSpace, { message });
      return false;
    }
    if (pending.count === 0 || pending.bytes + request.bytes <= roomBehind) return true;
    this.#replies.refuse(request, Status.overloaded, { retryAfterMs: OVERLOADED_RETRY_MS });
    return false;
  }

  #judge(replica: Replica, request: WriteRequest): void {
    if (!needsState(request)) {
      const record = recordOfPut(replica, request);
      this.#append(replica, request, record, resultOfPut(record));
      return;
    }
    try {
      const state = newestState(this.#store, replica, request.key);
      if (state instanceof Promise) this.#waitForState(replica, request, state);
      else this.#finish(replica, request, state);
    } catch (error) {
      this.#refuseFor(request, error);
    }
  }

  #finish(replica: Replica, request: WriteRequest, state: KeyState): void {
    const verdict = judge(replica, request, state);
    if (verdict.record === undefined) {
      this.#answerUnchanged(replica, request, verdict.result);
      return;
    }
    this.#append(replica, request, verdict.record, verdict.result);
  }

  #append(replica: Replica, request: WriteRequest, record: LogRecord, result: WriteResult): void {
    const isPut = record.kind === RecordKind.put;
    if (isPut && !this.#hasRoomBehind(replica, request)) return;
    const asked = request.flags & (OperationFlag.flush | OperationFlag.os);
    const flush = asked === 0 ? this.#defaultFlush : (asked & OperationFlag.flush) !== 0;
    try {
      this.#appender.append(replica, record, flush, request, result);
    } catch (error) {
      this.#refuseFor(request, error);
    }
  }

  /**
   * Nothing changes: the answer tells what the key is, like that of a read, and needs the lease like
   * one. What was judged by a write that is not committed yet must not be told before it is: if that
   * write is lost with this drive, its state never existed.
   */
  #answerUnchanged(replica: Replica, request: WriteRequest, result: WriteResult): void {
    const judgedBy = replica.pending.findDeciding(request.key);
    if (judgedBy !== undefined) {
      this.#follow(judgedBy, { waiter: request, result, isObservation: true });
    } else if (this.#lease.isValid()) this.#replies.result(request, result);
    else
      this.#replies.refuse(request, Status.rangeUnavailable, { retryAfterMs: OVERLOADED_RETRY_MS });
  }

  #follow(write: Write, follower: Follower): void {
    if (!this.#hasFailed) follow(write, follower);
    else {
      const detail = { retryAfterMs: FAILED_RETRY_MS };
      this.#replies.refuse(follower.waiter, Status.outcomeUnknown, detail);
    }
  }

  #refuseFor(request: WriteRequest, error: unknown): void {
    const { status, detail } = refusalFor(error);
    this.#replies.refuse(request, status, detail);
  }

  /** A write of a key whose state is being read waits behind the first one. */
  #joinCold(replica: Replica, request: WriteRequest): boolean {
    const waiting = this.#cold.get(coldName(replica, request));
    if (waiting === undefined) return false;
    if (this.#mayWait(request)) waiting.push(request);
    return true;
  }

  #waitForState(replica: Replica, request: WriteRequest, state: Promise<KeyState>): void {
    if (!this.#mayWait(request)) {
      state.catch(() => {});
      return;
    }
    const name = coldName(replica, request);
    const { epoch } = replica.record;
    this.#cold.set(name, [request]);
    state.then(
      (found) => this.#resumeCold(name, replica, epoch, found),
      (error: unknown) => this.#failCold(name, error),
    );
  }

  /**
   * The state is here: the first write uses it, the others start over and find that one's result.
   * Nothing else can have written the key meanwhile, under this epoch: it would be waiting here as well.
   * But its number may have been refused for good (requests/outcome.ts).
   */
  #resumeCold(name: string, replica: Replica, epoch: Epoch, state: KeyState): void {
    const [first, ...others] = this.#takeCold(name);
    if (first !== undefined) {
      // Under an epoch in between somebody else may have been the head.
      const isSame = replica.record.epoch === epoch && this.#isOurs(replica, first);
      if (!isSame) this.#again(first);
      else if (this.#clock.nowMs() > first.deadlineMs) this.#replies.refuse(first, Status.expired);
      else this.#finishCold(replica, first, state);
    }
    for (const request of others) this.#again(request);
    this.#flush();
  }

  #finishCold(replica: Replica, request: WriteRequest, state: KeyState): void {
    const session = sessionOf(replica, request);
    if (this.#answerRepeated(replica, session, request)) return;
    if (this.#hasRoom(replica, session, request)) this.#finish(replica, request, state);
  }

  #failCold(name: string, error: unknown): void {
    for (const request of this.#takeCold(name)) this.#refuseFor(request, error);
    this.#flush();
  }

  #takeCold(name: string): WriteRequest[] {
    const waiting = this.#cold.get(name) ?? [];
    this.#cold.delete(name);
    this.#waiting -= waiting.length;
    return waiting;
  }

  #isOurs(replica: Replica, request: WriteRequest): boolean {
    return replica.role.isHead && !replica.isDraining && replica.contains(request.key);
  }
}

function sessionOf(replica: Replica, { session }: WriteRequest): Session | undefined {
  return replica.sessions.find(session.sessionHigh, session.sessionLow);
}

function coldName(replica: Replica, request: WriteRequest): string {
  return `${replica.namespace}/${Buffer.from(request.key).toString('latin1')}`;
}
