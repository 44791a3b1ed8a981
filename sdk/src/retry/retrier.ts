// What happens to an operation that did not get its answer: try again, wait, or give up.
//
// The status says how to react (protocol, statuses.ts); the one deadline of the call bounds it all.
// A write that was sent keeps its number for ever, so that trying again never applies it twice.

import {
  type Clock,
  type Detail,
  decodeDetail,
  OperationFlag,
  type Random,
  Reaction,
  type ResultsReader,
  reactionTo,
  Status,
  statusName,
} from '@piton/protocol';
import { backOffChannel, staleChannel } from '../diagnostics/channels.ts';
import type { Counters } from '../diagnostics/counters.ts';
import { failureOf, refusalOf } from '../errors/failures.ts';
import {
  type Carrier,
  KIND_NAMES,
  type Operation,
  State,
  type Trouble,
} from '../operations/operation.ts';
import type { OperationTable } from '../operations/operation-table.ts';
import type { Room } from '../operations/room.ts';
import type { Settler } from '../operations/settler.ts';
import type { Readers } from '../routing/readers.ts';
import type { Routing } from '../routing/routing.ts';
import type { DriveLink } from '../transport/drive-link.ts';
import { type BackOffCause, backOffMs, isBackOffCause } from './back-off.ts';
import { isForAnother, REFUSES_RANGE } from './elsewhere.ts';
import { expiryOf } from './expiry.ts';
import type { Sweeper } from './sweeper.ts';

/** Routes that one call follows before it says that the drives do not agree. */
const REROUTES_MAX = 64;
/** Stale answers without anything newer, after which the metadata server is asked. */
const FRUITLESS_MAX = 2;

export interface RetrierParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly table: OperationTable;
  readonly room: Room;
  readonly settler: Settler;
  readonly routing: Routing;
  readonly readers: Readers;
  readonly sweeper: Sweeper;
  /** Routes the operation anew in this turn. */
  readonly requeue: (operation: Operation) => void;
  /** Asks the metadata server for the range of the operation first. */
  readonly lookUp: (operation: Operation) => void;
}

export class Retrier {
  readonly #parts: RetrierParts;

  constructor(parts: RetrierParts) {
    this.#parts = parts;
  }

  /** A drive has answered with something that is not the result. */
  handleRefusal(operation: Operation, link: DriveLink, reader: ResultsReader): void {
    const { status } = reader;
    const detail = detailOf(reader);
    const reaction = reactionTo(status);
    const name = statusName(status);
    if (!operation.isWrite && this.#readElsewhere(operation, link, status, detail)) return;
    if (reaction === Reaction.reject || reaction === Reaction.done) {
      this.#reject(operation, link, status, detail);
      return;
    }
    const trouble = operation.noteTrouble({
      drive: link.drive,
      epoch: operation.epoch,
      sent: true,
      status: name,
      cause: name,
    });
    trouble.retryAfterMs = detail.retryAfterMs;
    this.#backToQueue(operation);
    if (reaction === Reaction.refreshIndex) this.#handleStale(operation, link, detail);
    else {
      if (reaction === Reaction.askAgain) this.#doubt(operation);
      this.rest(operation, isBackOffCause(name) ? name : 'rangeUnavailable', detail.retryAfterMs);
    }
  }

  /** The drive has not answered a read for too long: another member may, if there is one. */
  leave(operation: Operation, link: Carrier): void {
    const route = this.#parts.routing.routeOf(operation);
    const isElsewhere = route?.readers.some((other) => other !== link && other.isConnected);
    if (route !== undefined && isElsewhere === true) this.moveOn(operation, 'silent');
  }

  /** Takes an operation back that was sent, and routes it anew. */
  moveOn(operation: Operation, cause: string): void {
    const { link, epoch } = operation;
    operation.noteTrouble({ drive: link?.drive, epoch, sent: true, status: undefined, cause });
    if (operation.isWrite) this.#doubt(operation);
    link?.cancel(operation);
    // An answer that comes all the same is nobody's: the next one has another id.
    this.#parts.table.rename(operation);
    this.#backToQueue(operation);
    this.#retry(operation);
  }

  /**
   * A member cannot answer a read now: another one is asked at once, until all have refused. False:
   * there is nobody else to ask.
   */
  #readElsewhere(operation: Operation, link: DriveLink, status: number, detail: Detail): boolean {
    if (!isForAnother(status)) return false;
    const { routing, readers, clock } = this.#parts;
    const route = routing.routeOf(operation);
    if (route === undefined || route.readers.length < 2) return false;
    const nowMs = clock.nowMs();
    if (REFUSES_RANGE.has(status)) readers.leaveOut(route, link, nowMs, detail.retryAfterMs);
    else readers.avoid(link, nowMs, detail.retryAfterMs);
    const rounds = (operation.trouble?.rounds ?? 0) + 1;
    if (operation.trouble !== undefined) operation.trouble.rounds = rounds;
    if (rounds % route.readers.length === 0) return false;
    const name = statusName(status);
    const { epoch } = operation;
    const attempt = { drive: link.drive, epoch, sent: true, status: name, cause: name };
    const trouble = operation.noteTrouble(attempt);
    trouble.rounds = rounds;
    trouble.retryAfterMs = detail.retryAfterMs;
    this.#backToQueue(operation);
    this.#retry(operation);
    return true;
  }

  /** The connection ended before the answers of these came. */
  handleLost(link: DriveLink, reason: Error | undefined): void {
    this.#parts.table.forEach((operation) => {
      if (operation.link !== link || operation.state !== State.sent) return;
      const trouble = operation.noteTrouble({
        drive: link.drive,
        epoch: operation.epoch,
        sent: true,
        status: undefined,
        cause: 'connectionLost',
      });
      trouble.lastError = reason;
      if (operation.isWrite) this.#doubt(operation);
      this.#backToQueue(operation);
      if (trouble.losses++ === 0) this.#retry(operation);
      else this.rest(operation, 'connectionLost');
    });
  }

  /** Waits before the next try. At its deadline it fails with the cause as its code. */
  rest(operation: Operation, cause: BackOffCause, atLeastMs?: number): void {
    const { clock, random, sweeper } = this.#parts;
    const trouble = operation.trouble;
    const delayMs = backOffMs(random, cause, trouble?.rests ?? 0, atLeastMs);
    if (trouble !== undefined) trouble.rests++;
    operation.state = State.resting;
    operation.wakeAtMs = Math.floor(clock.nowMs()) + delayMs;
    sweeper.note(operation.wakeAtMs);
    if (backOffChannel.isHeard) {
      const drive = operation.link?.drive;
      backOffChannel.publish({ operation: KIND_NAMES[operation.kind], cause, drive, delayMs });
    }
  }

  /** It is time to try again. */
  wake(operation: Operation): void {
    if ((operation.trouble?.fruitless ?? 0) >= FRUITLESS_MAX) {
      if (operation.trouble !== undefined) operation.trouble.fruitless = 0;
      this.#parts.lookUp(operation);
    } else this.#retry(operation);
  }

  /** The deadline has come. */
  expire(operation: Operation): void {
    const { link, state } = operation;
    const { settler } = this.#parts;
    settler.nameRequest(operation);
    const { code, what, cause } = expiryOf(operation, this.#parts.routing);
    settler.fail(operation, failureOf(operation, code, what, { cause }));
    if (state === State.sent) link?.cancel(operation);
  }

  #reject(operation: Operation, link: DriveLink, status: number, detail: Detail): void {
    const { settler, clock } = this.#parts;
    settler.nameRequest(operation);
    const { session } = operation;
    settler.fail(operation, refusalOf(operation, status, detail));
    if (status === Status.sessionExpired && session !== undefined) {
      link.abandonSession(session, clock.nowMs());
    }
  }

  #handleStale(operation: Operation, link: DriveLink, detail: Detail): void {
    const { routing, counters } = this.#parts;
    const isCorrected = routing.takeStale(detail);
    if (isCorrected) counters.staleIndexHits++;
    else counters.staleReplies++;
    const { rangeId, epoch, trouble } = operation;
    if (staleChannel.isHeard) {
      staleChannel.publish({ drive: link.drive, rangeId, epoch, isCorrected });
    }
    if (trouble === undefined) return;
    if (++trouble.reroutes > REROUTES_MAX) {
      this.#parts.settler.nameRequest(operation);
      const what = `still routed wrongly after ${REROUTES_MAX} corrections`;
      this.#parts.settler.fail(operation, failureOf(operation, 'KV_STALE_INDEX', what));
    } else if (isCorrected || !routing.isCurrent(operation)) {
      trouble.fruitless = 0;
      this.#retry(operation);
    } else if (!this.#leaveFruitless(operation, link, trouble)) {
      trouble.fruitless++;
      this.rest(operation, 'staleIndex');
    }
  }

  /** A member says that it is none, and knows nothing newer than we do: the others may. */
  #leaveFruitless(operation: Operation, link: DriveLink, trouble: Trouble): boolean {
    if (operation.isWrite) return false;
    const { routing, readers, clock } = this.#parts;
    const route = routing.routeOf(operation);
    if (route === undefined || ++trouble.rounds % route.readers.length === 0) return false;
    readers.leaveOut(route, link, clock.nowMs());
    this.#retry(operation);
    return true;
  }

  /** Sent, and not known whether it was done: from now on under the flag that says so. */
  #doubt(operation: Operation): void {
    operation.flags |= OperationFlag.retry;
    if (operation.trouble !== undefined) operation.trouble.isInDoubt = true;
  }

  #backToQueue(operation: Operation): void {
    operation.state = State.queued;
    operation.link = undefined;
    this.#parts.room.enter(operation);
  }

  #retry(operation: Operation): void {
    this.#parts.counters.retries++;
    operation.state = State.queued;
    operation.link = undefined;
    this.#parts.requeue(operation);
  }
}

/** The cure in a refusal. What cannot be read closes the connection, as any malformed frame. */
function detailOf(reader: ResultsReader): Detail {
  return decodeDetail(reader.value());
}
