// What became of a write: asked by a client that lost its answer and its patience.
//
// The answer must be true for ever. What the session table remembers is told once it is committed.
// A number that was never seen may still be under way: it is refused in advance, by a record that
// goes down the chain like a write and meets a late copy wherever the range lives by then. Only then
// is "not applied" told.
//
// That needs to know that the number was not seen and forgotten: its session must have been open
// here since before the number was given. It also needs the one range that a late copy would reach,
// so exactly the epoch that holds now.

import {
  type Connection,
  type Frame,
  messages,
  type ResolveOutcome,
  type Sequence,
  Status,
} from '@piton/protocol';
import type { Appender } from '../chain/append.ts';
import { HEAD_LIMITS } from '../chain/head.ts';
import { type Refusal, refuseFor } from '../chain/store-status.ts';
import { type LogRecord, RecordKind } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Session } from '../ranges/sessions.ts';
import { listen, type Write } from '../ranges/write.ts';
import { type OpenRequest, OpenRequests } from './open-requests.ts';
import type { Routes } from './routes.ts';

const Outcome = { applied: 1, notApplied: 2, unknown: 3 } as const;

const RETRY_MS = 20;
/** Questions that wait for a commit. */
const WAITING_MAX = 1_024;

export interface OutcomeParts {
  readonly routes: Routes;
  readonly appender: Appender;
  readonly isServing: () => boolean;
  /** Whether the log takes nothing any more: what is pending will not be committed. */
  readonly hasFailed: () => boolean;
}

export class OutcomeHandler {
  readonly open: OpenRequests = new OpenRequests(WAITING_MAX);
  readonly #parts: OutcomeParts;

  constructor(parts: OutcomeParts) {
    this.#parts = parts;
  }

  handle(connection: Connection, frame: Frame): void {
    const request = messages.resolveOutcome.decode(frame.header[2]);
    const replica = this.#parts.routes.get(request.range);
    const refusal = this.#refusalOf(replica, request);
    if (replica === undefined || refusal !== undefined) {
      const { status, detail } = refusal ?? LATER;
      connection.refuse(frame.requestId, status, detail);
      return;
    }
    try {
      this.#resolve(replica, request, connection, frame.requestId);
    } catch (error) {
      refuseFor(connection, frame.requestId, error);
    }
  }

  #refusalOf(replica: Replica | undefined, request: ResolveOutcome): Refusal | undefined {
    const { routes, isServing } = this.#parts;
    if (!isServing()) return LATER;
    const known = replica?.record ?? routes.goneRecord(request.range);
    if (known !== undefined && request.epoch > known.epoch) {
      return { status: Status.aheadOfDrive, detail: LATER.detail };
    }
    const isRight =
      replica?.role.isHead === true &&
      replica.isComplete &&
      replica.isListed &&
      replica.record.epoch === request.epoch;
    if (!isRight) {
      const { start, end } = known ?? EVERYTHING;
      return { status: Status.staleIndex, detail: routes.staleDetail(request.range, start, end) };
    }
    if (!replica.isReconciled || replica.isDraining) return LATER;
    if (this.open.isFull) return { status: Status.overloaded, detail: LATER.detail };
    return undefined;
  }

  #resolve(replica: Replica, request: ResolveOutcome, connection: Connection, id: number): void {
    const { sessions, pending, committed } = replica;
    const session = sessions.find(request.sessionHigh, request.sessionLow);
    const recall = sessions.recall(session, request.writeNumber);
    let write: Write | undefined;
    if (typeof recall === 'object') {
      if (recall.sequence <= committed) {
        const { status, version } = recall;
        tell(connection, id, status === Status.ok ? Outcome.applied : Outcome.notApplied, version);
        return;
      }
      write = pending.at(recall.sequence);
    } else if (recall === 'new' && session !== undefined) {
      write = this.#refuseInAdvance(replica, session, request.writeNumber);
    }
    if (write === undefined || this.#parts.hasFailed()) tell(connection, id, Outcome.unknown, 0);
    else this.#tellWhenCommitted(write, this.open.begin(connection, id));
  }

  #tellWhenCommitted(write: Write, open: OpenRequest): void {
    listen(write, (isCommitted) => {
      this.open.end(open);
      if (!open.isWanted) return;
      const { status, version } = write.result;
      const outcome = status === Status.ok ? Outcome.applied : Outcome.notApplied;
      tell(open.connection, open.id, isCommitted ? outcome : Outcome.unknown, version);
    });
  }

  /** Undefined when the number may have been forgotten, or when there is no room for the mark. */
  #refuseInAdvance(replica: Replica, session: Session, writeNumber: number): Write | undefined {
    if (writeNumber < session.openedBy || !replica.sessions.hasRoom(session)) return undefined;
    if (replica.pending.count >= HEAD_LIMITS.pendingWritesMax) return undefined;
    const record: LogRecord = {
      kind: RecordKind.sessionOnly,
      namespace: replica.namespace,
      rangeId: replica.id,
      epoch: replica.record.epoch,
      sequence: (replica.last + 1) as Sequence,
      key: keyInside(replica),
      value: EMPTY,
      valueTag: 0,
      session: {
        sessionHigh: session.high,
        sessionLow: session.low,
        writeNumber,
        lowestOutstanding: session.lowestOutstanding,
        result: Status.cancelled,
      },
    };
    return this.#parts.appender.append(replica, record, true, undefined);
  }
}

const EMPTY = new Uint8Array(0);
const LATER: Refusal = {
  status: Status.rangeUnavailable,
  detail: { retryAfterMs: RETRY_MS },
};
const EVERYTHING = { start: EMPTY, end: undefined };
const LEAST_KEY = Uint8Array.of(0);

/** A replay assigns records to range copies by their keys: any key of the range does. */
function keyInside(replica: Replica): Uint8Array {
  const { start } = replica.record;
  return start.length > 0 ? start : LEAST_KEY;
}

function tell(connection: Connection, id: number, outcome: number, version: number): void {
  connection.answer(id, messages.outcomeAnswer, { outcome, version });
}
