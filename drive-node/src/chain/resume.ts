// Predecessor and successor agree where to go on: at a new epoch, and on every new connection.
//
// The predecessor asks how far the successor is (chainState). What the successor lacks is sent again
// in order, from the pending list or the log; only then do new updates flow (SOURCES.md 2.3, "S-
// first resends"). The other way round, a predecessor that lost its unflushed end in a power cut
// takes what the successor has: a number is never given to two different writes. After a restart this
// goes from the tail to the head: who has not agreed with its own successor answers nobody yet. A gap
// that nobody can fill is reported to the metadata server, and the link stays broken: never silently go on.

import {
  type ChainStateAnswer,
  type Clock,
  type DriveId,
  messages,
  RefusedError,
  readUpdatesPayload,
  type Sequence,
  Status,
} from '@piton/protocol';
import type { LogRecord, Store } from '../engine/store.ts';
import { LinkState, type Replica } from '../ranges/replica.ts';
import type { PeerLinks } from '../shell/host.ts';
import type { Appender } from './append.ts';
import type { Committer } from './commit.ts';
import type { Forwarder } from './forward.ts';
import { findPast } from './history.ts';
import { recordOf } from './received-record.ts';

const STATE_TIMEOUT_MS = 5_000;
const RETRY_MS_MIN = 20;
const RETRY_MS_MAX = 1_000;
/** A backlog is sent in parts, and the next part when the connection has less than this before it. */
const PART_BYTES = 256 * 1024;
const BUFFERED_BYTES_MAX = 1024 * 1024;
/** What an update takes on the wire beside its key and value. */
const RECORD_BYTES = 54;

export interface ResumeParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly peers: PeerLinks;
  readonly forwarder: Forwarder;
  readonly appender: Appender;
  readonly committer: Committer;
  /** Starts the copy to a syncing successor that has nothing yet. */
  readonly startCopy: (replica: Replica, token: number, keptMark: Sequence | undefined) => void;
  /** A copy that was complete before this link came up: its end may not have been told. */
  readonly reportSynced: (replica: Replica, token: number, sequence: number) => void;
  readonly isHosted: (replica: Replica) => boolean;
  readonly report: (message: string, replica: Replica) => void;
  readonly flush: () => void;
}

type StateAnswer = ChainStateAnswer & { readonly frame: Buffer };

/** The histories cannot be joined: the one that lacks something has to be copied anew. */
class HistoryGapError extends Error {
  readonly lacking: DriveId;
  constructor(lacking: DriveId, message: string) {
    super(message);
    this.lacking = lacking;
  }
}

export class Resumer {
  readonly #parts: ResumeParts;

  constructor(parts: ResumeParts) {
    this.#parts = parts;
  }

  /** Brings the link to the successor up, whatever state it is in. */
  start(replica: Replica): void {
    const token = ++replica.resumes;
    const successor = replica.role.successor;
    if (successor === undefined) {
      replica.link = LinkState.none;
      replica.isReconciled = true;
      this.#parts.committer.expect(replica);
      this.#parts.committer.advance(replica);
      return;
    }
    replica.link = LinkState.broken;
    if (this.#parts.peers.connectionTo(successor) === undefined) return;
    replica.link = LinkState.resuming;
    this.#run(replica, token, RETRY_MS_MIN);
  }

  /** The successor refused an update: ask it where to go on, but not in a tight loop. */
  startAgain(replica: Replica): void {
    if (replica.link !== LinkState.open) return;
    const token = ++replica.resumes;
    replica.link = LinkState.broken;
    this.#parts.clock.setTimer(RETRY_MS_MIN, () => {
      if (this.isCurrent(replica, token)) this.start(replica);
    });
  }

  /** The connection to the successor is gone. */
  stop(replica: Replica): void {
    replica.resumes++;
    replica.link = LinkState.broken;
  }

  /** Whether a step that began under `token` may go on. */
  isCurrent(replica: Replica, token: number): boolean {
    return replica.resumes === token && this.#parts.isHosted(replica);
  }

  #run(replica: Replica, token: number, retryMs: number): void {
    this.#agree(replica, token).then(
      () => this.#parts.flush(),
      (error: unknown) => {
        if (!this.isCurrent(replica, token)) return;
        replica.link = LinkState.broken;
        if (error instanceof HistoryGapError) this.#noteGap(replica, error);
        this.#parts.clock.setTimer(retryMs, () => {
          if (!this.isCurrent(replica, token)) return;
          const successor = replica.role.successor;
          if (successor === undefined || !this.#parts.peers.connectionTo(successor)) return;
          replica.link = LinkState.resuming;
          this.#run(replica, token, Math.min(retryMs * 2, RETRY_MS_MAX));
        });
      },
    );
  }

  /** Told with every heartbeat, until somebody takes the lacking member out or the link comes up. */
  #noteGap(replica: Replica, { lacking, message }: HistoryGapError): void {
    const { id: range, record, gap } = replica;
    if (gap?.epoch === record.epoch && gap.drive === lacking) return;
    replica.gap = { range, epoch: record.epoch, drive: lacking };
    this.#parts.report(message, replica);
  }

  async #agree(replica: Replica, token: number): Promise<void> {
    for (;;) {
      const answer = await this.#ask(replica);
      if (!this.isCurrent(replica, token)) return;
      if (answer.sequence <= replica.last) {
        await this.#bringForward(replica, token, answer);
        return;
      }
      this.#takeFromSuccessor(replica, answer.frame);
    }
  }

  async #ask(replica: Replica): Promise<StateAnswer> {
    const successor = replica.role.successor;
    const connection = successor && this.#parts.peers.connectionTo(successor);
    if (!connection) throw new RefusedError(Status.rangeUnavailable, {});
    const { body, payload } = await connection.request(
      messages.chainState,
      {
        range: replica.id,
        epoch: replica.record.epoch,
        sequence: replica.last as Sequence,
        acknowledged: replica.committed as Sequence,
        isPartial: replica.last < replica.readableFrom ? true : undefined,
      },
      messages.chainStateAnswer,
      { timeoutMs: STATE_TIMEOUT_MS },
    );
    return { ...body, frame: payload };
  }

  async #bringForward(replica: Replica, token: number, answer: StateAnswer): Promise<void> {
    if (replica.role.syncTarget !== undefined && answer.isComplete !== true) {
      this.#parts.startCopy(replica, token, answer.keptMark);
      return;
    }
    replica.acknowledged = Math.max(replica.acknowledged, answer.acknowledged);
    await this.openLink(replica, token, answer.sequence + 1);
    if (!this.isCurrent(replica, token)) return;
    this.#parts.committer.expect(replica);
    this.#parts.committer.advance(replica);
    if (replica.role.syncTarget !== undefined) {
      this.#parts.reportSynced(replica, token, answer.sequence);
    }
  }

  /**
   * Sends everything from a sequence on again, and lets new updates flow. The link opens in the very
   * turn in which nothing is left to send: a write that came in between would never be sent.
   */
  async openLink(replica: Replica, token: number, from: number): Promise<void> {
    let next = from;
    while (next <= replica.last) {
      next = await this.#resend(replica, token, next);
      if (!this.isCurrent(replica, token)) return;
    }
    replica.link = LinkState.open;
    replica.gap = undefined;
    replica.isReconciled = true;
    replica.mayLack = false;
  }

  /**
   * Returns the first sequence that it did not send. A backlog may be larger than what the connection holds
   * before it is taken for one whose peer does not read, and others have backlogs too.
   */
  async #resend(replica: Replica, token: number, from: number): Promise<number> {
    let sequence = from;
    for (let bytes = 0; sequence <= replica.last; sequence++) {
      if (bytes >= PART_BYTES) {
        await this.#pace(replica);
        if (!this.isCurrent(replica, token)) return sequence;
        bytes = 0;
      }
      const write = replica.pending.at(sequence);
      if (write?.record !== undefined) {
        this.#parts.forwarder.send(replica, write.record, write.flush);
        bytes += bytesOf(write.record);
        continue;
      }
      const past = await findPast(this.#parts.store, replica, sequence);
      if (!this.isCurrent(replica, token)) return sequence;
      if (past === undefined) {
        throw new HistoryGapError(
          replica.role.successor ?? replica.self,
          `successor ${replica.role.successor} lacks sequence ${sequence} of ${replica.last}, ` +
            'which is not at hand any more: it has to be copied anew',
        );
      }
      this.#parts.forwarder.send(replica, past.record, past.flush);
      bytes += bytesOf(past.record);
    }
    return sequence;
  }

  /** Settles when the connection to the successor has room again. */
  async #pace({ role }: Replica): Promise<void> {
    const { peers, forwarder } = this.#parts;
    forwarder.flush();
    for (;;) {
      const connection = role.successor && peers.connectionTo(role.successor);
      if (!connection || connection.bufferedBytes < BUFFERED_BYTES_MAX) return;
      await connection.whenDrained(BUFFERED_BYTES_MAX);
    }
  }

  /** The successor is ahead: its records become ours, under their own numbers. */
  #takeFromSuccessor(replica: Replica, payload: Buffer): void {
    const updates = readUpdatesPayload(payload);
    const before = replica.last;
    for (const update of updates) {
      if (update.sequence !== replica.last + 1) continue;
      this.#parts.appender.append(replica, recordOf(update, replica), update.flush, undefined);
    }
    if (replica.last === before) {
      throw new HistoryGapError(
        replica.self,
        `successor ${replica.role.successor} is ahead of sequence ${replica.last} and could not ` +
          'give what lies between',
      );
    }
  }
}

function bytesOf({ key, value }: LogRecord): number {
  return key.length + value.length + RECORD_BYTES;
}
