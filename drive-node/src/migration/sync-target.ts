// The receiving side of a copy. Copied entries are older than live writes, always.
//
// A copied entry is taken only if nothing newer is known of its key: no visible record with a higher
// sequence, no pending write, no delete that came live during the copy (those are remembered until
// the copy ends: a deleted key must not come back, SOURCES.md 2.5). Copied records are applied in the
// order of the log, before any live write that lies behind them.

import {
  type Clock,
  type Connection,
  type CopyFinished,
  type CopyPage,
  decodeEntries,
  type Entry,
  type Epoch,
  type Frame,
  messages,
  type Sequence,
  Status,
} from '@piton/protocol';
import { refusalFor } from '../chain/store-status.ts';
import {
  type Appended,
  type FoundRecord,
  type LogPosition,
  type LogRecord,
  RecordKind,
  type Store,
  StoreError,
} from '../engine/store.ts';
import { encodeHosting, NO_SESSIONS, stateName } from '../ranges/hosting.ts';
import { Replica } from '../ranges/replica.ts';
import { type Deferred, deferred } from '../ranges/waiters.ts';
import type { Routes } from '../requests/routes.ts';

/** Deletes that are remembered during one copy. More: the copy starts over. */
const DELETED_MAX = 1_000_000;
/** Pause before an entry is offered again to a store that is busy. */
const BUSY_MS = 20;

interface Copy {
  readonly replica: Replica;
  /** Keys deleted live, by their bytes as latin1, with the sequence of the delete. */
  readonly deleted: Map<string, number>;
  entries: number;
}

interface CopiedRecord {
  readonly record: LogRecord;
  readonly appended: Appended;
  readonly copy: Copy;
}

export interface SyncTargetParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly routes: Routes;
  /** Puts a replica with a fresh namespace in the place of one whose copy starts over. */
  readonly replace: (old: Replica, fresh: Replica) => void;
}

/** Another copy has begun, or too much was deleted meanwhile. */
class InterruptedError extends Error {}

function interrupted(): Error {
  return new InterruptedError('the copy was interrupted and starts over');
}

export class SyncTarget {
  readonly #parts: SyncTargetParts;
  readonly #copies: Map<Replica, Copy> = new Map();
  #unapplied: CopiedRecord[] = [];
  #waiting: { end: LogPosition; done: Deferred<void> }[] = [];

  constructor(parts: SyncTargetParts) {
    this.#parts = parts;
  }

  handlePage(connection: Connection, frame: Frame): void {
    const page = messages.copyPage.decode(frame.header[2]);
    this.#run(connection, frame, page.range, page.epoch, async (replica) => {
      await this.#takePage(replica, page, frame.payload);
      connection.answer(frame.requestId, messages.done, { done: true });
    });
  }

  handleFinished(connection: Connection, frame: Frame): void {
    const message = messages.copyFinished.decode(frame.header[2]);
    this.#run(connection, frame, message.range, message.epoch, async (replica) => {
      const answer = await this.#finish(replica, message, frame.payload);
      connection.answer(frame.requestId, messages.copyFinishedAnswer, answer);
    });
  }

  /** A live delete became visible on a copy that is not complete. */
  noteDeleted(replica: Replica, key: Uint8Array, sequence: number): void {
    const copy = this.#copies.get(replica);
    if (copy === undefined) return;
    if (copy.deleted.size >= DELETED_MAX) this.#copies.delete(replica);
    else copy.deleted.set(Buffer.from(key).toString('latin1'), sequence);
  }

  /** The log moved on: before any live write is committed. */
  advance(failure: Error | undefined): void {
    const mark = this.#parts.store.writtenPosition;
    let at = 0;
    for (; at < this.#unapplied.length; at++) {
      const copied = this.#unapplied[at] as CopiedRecord;
      if (copied.appended.end > mark) break;
      this.#apply(copied);
    }
    if (at > 0) this.#unapplied = this.#unapplied.slice(at);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ end }) => end > mark && failure === undefined);
    for (const { end, done } of waiting) {
      if (end <= mark) done.resolve();
      else if (failure !== undefined) done.reject(failure);
    }
  }

  #run(
    connection: Connection,
    frame: Frame,
    range: CopyPage['range'],
    epoch: Epoch,
    act: (replica: Replica) => Promise<void>,
  ): void {
    const replica = this.#parts.routes.get(range);
    const isRight =
      replica?.role.isSyncing &&
      replica.record.epoch === epoch &&
      replica.role.predecessor === connection.peer.node;
    if (!replica || !isRight) {
      connection.refuse(frame.requestId, Status.staleIndex, { message: 'copy: not expected here' });
      return;
    }
    act(replica).catch((error: unknown) => {
      if (error instanceof InterruptedError) {
        connection.refuse(frame.requestId, Status.staleIndex, { message: error.message });
        return;
      }
      const { status, detail } = refusalFor(error);
      connection.refuse(frame.requestId, status, detail);
    });
  }

  async #takePage(replica: Replica, page: CopyPage, payload: Buffer): Promise<void> {
    if (page.isFirst) {
      await this.#begin(replica, page.baseSequence);
      return;
    }
    const copy = this.#copies.get(replica);
    if (copy === undefined) throw interrupted();
    let end: LogPosition | undefined;
    const entries = decodeEntries(payload, page.count, page.tableBytes);
    for (const entry of entries) end = (await this.#takeEntry(copy, entry)) ?? end;
    copy.entries += entries.length;
    if (end !== undefined) await this.#written(end);
  }

  /** Synchronous up to the persisting: live updates may be right behind the first page. */
  async #begin(old: Replica, base: number): Promise<void> {
    const isUsed = old.last > 0 || this.#copies.has(old) || old.isComplete;
    const replica = isUsed ? this.#startOver(old) : old;
    replica.last = base;
    replica.committed = base;
    replica.acknowledged = base;
    replica.isComplete = false;
    this.#copies.set(replica, { replica, deleted: new Map(), entries: 0 });
    await this.#persist(replica, base, NO_SESSIONS);
  }

  #startOver(old: Replica): Replica {
    const fresh = new Replica(old.record, this.#parts.store.createNamespace(), old.self);
    this.#copies.delete(old);
    this.#parts.replace(old, fresh);
    return fresh;
  }

  #persist(replica: Replica, base: number, sessions: Uint8Array): Promise<void> {
    const { record, namespace, isComplete, cutSequence } = replica;
    const hosting = {
      record,
      namespace,
      isComplete,
      baseSequence: base,
      isGone: false,
      sessions,
      cutSequence,
    };
    return this.#parts.store.putStates(new Map([[stateName(record.id), encodeHosting(hosting)]]));
  }

  async #takeEntry(copy: Copy, entry: Entry): Promise<LogPosition | undefined> {
    const { replica } = copy;
    const record: LogRecord = {
      kind: RecordKind.put,
      namespace: replica.namespace,
      rangeId: replica.id,
      epoch: entry.epoch as Epoch,
      sequence: entry.version as Sequence,
      key: entry.key,
      value: entry.value,
      valueTag: entry.valueTag,
      session: undefined,
    };
    for (;;) {
      // Judged and appended in one turn: live writes may be committed during any wait.
      const found = this.#parts.store.get(replica.namespace, entry.key);
      if (found instanceof Promise) await found;
      else if (this.#isKnownNewer(copy, entry, found)) return undefined;
      else {
        const appended = this.#tryAppend(record);
        if (appended !== undefined) {
          this.#unapplied.push({ record, appended, copy });
          return appended.end;
        }
        await new Promise<void>((resolve) => this.#parts.clock.setTimer(BUSY_MS, resolve));
      }
      if (this.#copies.get(replica) !== copy) throw interrupted();
    }
  }

  /** Undefined when the store is busy. */
  #tryAppend(record: LogRecord): Appended | undefined {
    try {
      return this.#parts.store.append(record, true);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'busy') return undefined;
      throw error;
    }
  }

  #isKnownNewer(copy: Copy, entry: Entry, found: FoundRecord | undefined): boolean {
    if (found !== undefined && found.sequence >= entry.version) return true;
    if (copy.replica.pending.findNewest(entry.key) !== undefined) return true;
    if (copy.deleted.size === 0) return false;
    const deletedAt = copy.deleted.get(Buffer.from(entry.key).toString('latin1'));
    return deletedAt !== undefined && deletedAt > entry.version;
  }

  /** Also for a copy that was given up: an unapplied record holds back the replay position. */
  #apply({ record, appended }: CopiedRecord): void {
    this.#parts.store.apply(record, appended);
  }

  #written(end: LogPosition): Promise<void> {
    if (end <= this.#parts.store.writtenPosition) return Promise.resolve();
    const done = deferred<void>();
    this.#waiting.push({ end, done });
    return done.promise;
  }

  async #finish(
    replica: Replica,
    message: CopyFinished,
    sessions: Buffer,
  ): Promise<{ isComplete: boolean; entries: number; sequence: Sequence }> {
    const copy = this.#copies.get(replica);
    if (copy === undefined) throw interrupted();
    const isComplete = copy.entries === message.entries;
    if (isComplete) {
      replica.sessions.merge(sessions, this.#parts.clock.nowMs());
      replica.isComplete = true;
      await this.#persist(replica, message.baseSequence, sessions);
    }
    this.#copies.delete(replica);
    return { isComplete, entries: copy.entries, sequence: replica.last as Sequence };
  }
}
