// What a chain member takes from its neighbours: updates from the predecessor, acknowledgements and
// refusals from the successor.
//
// Exactly the own epoch, exactly the own neighbour, exactly the next sequence. A duplicate is
// acknowledged again, a gap is refused once, and the predecessor then asks where to go on.

import {
  type ChainState,
  type Connection,
  type Frame,
  limits,
  messages,
  type RangeId,
  type ReceivedUpdate,
  readUpdates,
  type Sequence,
  Status,
  UpdatesWriter,
} from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { Routes } from '../requests/routes.ts';
import type { Acknowledger } from './acknowledge.ts';
import type { Appender } from './append.ts';
import type { Committer } from './commit.ts';
import { findPast } from './history.ts';
import { isKind, recordOf } from './received-record.ts';
import type { Resumer } from './resume.ts';
import { refusalFor, refuseFor } from './store-status.ts';

const RETRY_MS = 20;
const CATCH_UP_BYTES_MAX = limits.PAYLOAD_BYTES_MAX / 2;

export interface ReceiveParts {
  readonly store: Store;
  readonly routes: Routes;
  readonly appender: Appender;
  readonly acknowledger: Acknowledger;
  readonly committer: Committer;
  readonly resumer: Resumer;
}

export class Receiver {
  readonly #parts: ReceiveParts;

  constructor(parts: ReceiveParts) {
    this.#parts = parts;
  }

  handleUpdates(connection: Connection, frame: Frame): void {
    const refused = new Set<number>();
    for (const update of readUpdates(frame)) {
      if (refused.has(update.rangeId)) continue;
      if (!this.#take(connection, update)) {
        refused.add(update.rangeId);
        this.#refuse(connection, update);
      }
    }
  }

  handleAcknowledge(connection: Connection, frame: Frame): void {
    for (const told of messages.acknowledge.decode(frame.header[2]).ranges) {
      const { range, epoch, sequence, room = Number.POSITIVE_INFINITY } = told;
      const replica = this.#parts.routes.get(range);
      if (replica === undefined || replica.record.epoch !== epoch) continue;
      if (replica.role.successor !== connection.peer.node) continue;
      if (replica.roomBehind !== room) this.#parts.acknowledger.schedule(replica);
      replica.roomBehind = room;
      if (sequence > replica.last || sequence <= replica.acknowledged) continue;
      replica.acknowledged = sequence;
      this.#parts.committer.advance(replica);
    }
  }

  handleRefused(connection: Connection, frame: Frame): void {
    const { range, epoch } = messages.updatesRefused.decode(frame.header[2]);
    const replica = this.#parts.routes.get(range);
    if (replica === undefined || replica.role.successor !== connection.peer.node) return;
    // A successor at a newer epoch: our own record is on its way, and resumes by itself.
    if (replica.record.epoch < epoch) return;
    this.#parts.resumer.startAgain(replica);
  }

  /** The predecessor asks how far we are. */
  handleChainState(connection: Connection, frame: Frame): void {
    const request = messages.chainState.decode(frame.header[2]);
    const replica = this.#parts.routes.get(request.range);
    if (replica === undefined || request.epoch > replica.record.epoch) {
      connection.refuse(frame.requestId, Status.aheadOfDrive, { retryAfterMs: RETRY_MS });
      return;
    }
    const isPredecessor = replica.role.predecessor === connection.peer.node;
    if (request.epoch < replica.record.epoch || !isPredecessor) {
      const { start, end } = replica.record;
      const detail = this.#parts.routes.staleDetail(request.range, start, end);
      connection.refuse(frame.requestId, Status.staleIndex, detail);
      return;
    }
    if (!replica.isReconciled) {
      connection.refuse(frame.requestId, Status.rangeUnavailable, { retryAfterMs: RETRY_MS });
      return;
    }
    this.#boundReads(replica, request);
    this.#answerState(connection, frame.requestId, replica, request).catch((error: unknown) =>
      refuseFor(connection, frame.requestId, error),
    );
  }

  /**
   * Before the restart, or at a tail that is gone, reads may have seen anything that the predecessor
   * has. When that is here again our own successor can be told.
   */
  #boundReads(replica: Replica, { sequence, isPartial }: ChainState): void {
    if (replica.readableFrom !== Number.POSITIVE_INFINITY || isPartial === true) return;
    replica.readableFrom = sequence;
    if (replica.last >= sequence) this.#hasAll(replica);
  }

  /** Everything that the predecessor has is here again. */
  #hasAll(replica: Replica): void {
    replica.mayLack = false;
    this.#tellSuccessor(replica);
  }

  #tellSuccessor(replica: Replica): void {
    if (replica.role.successor !== undefined) this.#parts.resumer.start(replica);
  }

  async #answerState(
    connection: Connection,
    requestId: number,
    replica: Replica,
    request: ChainState,
  ): Promise<void> {
    if (replica.role.isSyncing && !replica.isComplete) {
      // No history to build on, but perhaps data.
      const { top } = replica.keptMarks;
      const keptMark = top === 0 ? undefined : (top as Sequence);
      const nothing = { sequence: 0 as Sequence, acknowledged: 0 as Sequence, keptMark };
      connection.answer(requestId, messages.chainStateAnswer, nothing);
      return;
    }
    // With what this turn sends: nothing may follow for a long time, and the head has to know of the room here.
    this.#parts.acknowledger.schedule(replica);
    const payload = await this.#missingAt(replica, request.sequence);
    connection.answer(
      requestId,
      messages.chainStateAnswer,
      {
        sequence: replica.last as Sequence,
        acknowledged: replica.committed as Sequence,
        isComplete: replica.role.isSyncing ? true : undefined,
      },
      payload,
    );
    this.#parts.acknowledger.schedule(replica);
  }

  /** What a predecessor that ends at `sequence` lacks; empty in the ordinary case. */
  async #missingAt(replica: Replica, sequence: number): Promise<Uint8Array[]> {
    const writer = new UpdatesWriter();
    for (let next = sequence + 1; next <= replica.last; next++) {
      const past = await findPast(this.#parts.store, replica, next);
      if (past === undefined) return [];
      writer.add(replica.record.epoch, past.record, past.flush);
      if (writer.payloadBytes > CATCH_UP_BYTES_MAX) break;
      if (writer.count >= limits.OPERATIONS_PER_FRAME_MAX) break;
    }
    return writer.count === 0 ? [] : writer.finishPayload();
  }

  #take(connection: Connection, update: ReceivedUpdate): boolean {
    const replica = this.#parts.routes.get(update.rangeId);
    if (replica === undefined || replica.record.epoch !== update.chainEpoch) return false;
    if (replica.role.predecessor !== connection.peer.node) return false;
    if (update.sequence <= replica.last) {
      this.#parts.acknowledger.schedule(replica);
      return true;
    }
    if (update.sequence !== replica.last + 1 || !isKind(update.kind)) return false;
    try {
      this.#parts.appender.append(replica, recordOf(update, replica), update.flush, undefined);
      if (update.sequence === replica.readableFrom) this.#hasAll(replica);
      return true;
    } catch (error) {
      // Never a veto: the write stays pending at the predecessor and is sent again.
      refusalFor(error);
      return false;
    }
  }

  #refuse(connection: Connection, update: ReceivedUpdate): void {
    const replica = this.#parts.routes.get(update.rangeId);
    connection.notify(messages.updatesRefused, {
      range: update.rangeId as RangeId,
      epoch: replica?.record.epoch ?? (update.chainEpoch as Replica['record']['epoch']),
      sequence: (replica?.last ?? 0) as Sequence,
    });
  }
}
