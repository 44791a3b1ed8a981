// The receiving side of a copy. Copied entries are older than live writes, always.
//
// A copied entry is taken only if nothing newer is known of its key: no visible record that came live in
// this copy, no pending write, no delete that came live during the copy (those are remembered until the
// copy ends: a deleted key must not come back, SOURCES.md 2.5).
//
// A copy begins with nothing, in a namespace of its own, or with what a drive has kept that was away
// (docs/decisions/0012). Then it goes on in the old namespace, in a new era: what is of an earlier era
// is never newer than a page, whatever its sequence says. What was on the device of the tail when the
// copy began raises the kept mark, so that a copy that is interrupted goes on from what it has.

import {
  type Clock,
  type Connection,
  type CopyFinished,
  type CopyPage,
  decodeEntries,
  type Entry,
  type Epoch,
  type Frame,
  keyAfter,
  messages,
  type Sequence,
  Status,
} from '@piton/protocol';
import { refuseFor } from '../chain/store-status.ts';
import {
  type LogPosition,
  type LogRecord,
  RecordKind,
  type Store,
  type StoredRecord,
  StoreError,
} from '../engine/store.ts';
import type { HostingKeeper } from '../ranges/hosting-keeper.ts';
import { NOTHING_KEPT } from '../ranges/kept-marks.ts';
import type { RangeLocks } from '../ranges/range-locks.ts';
import { Replica } from '../ranges/replica.ts';
import { SessionTable } from '../ranges/sessions.ts';
import type { Routes } from '../requests/routes.ts';
import type { CopiedRecords } from './copied-records.ts';
import { PageComparison } from './page-comparison.ts';

/** Deletes that are remembered during one copy. More: the copy starts over. */
const DELETED_MAX = 1_000_000;
/** Pause before an entry is offered again to a store that is busy. */
const BUSY_MS = 20;
const LOCAL_ENTRIES_MAX = 1_000;
const LOCAL_BYTES_MAX = 1024 * 1024;
const EMPTY = new Uint8Array(0);

interface Copy {
  readonly replica: Replica;
  readonly base: number;
  /** Builds on what was kept: pages are compared with it. */
  readonly isKept: boolean;
  /** Keys deleted live, by their bytes as latin1, with the sequence of the delete. */
  readonly deleted: Map<string, number>;
  entries: number;
  /** Values that were asked for and are not settled yet. */
  wanted: number;
  /** The base is on the tail's device, and this is on ours. */
  isMarked: boolean;
}

export interface SyncTargetParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly routes: Routes;
  readonly locks: RangeLocks;
  readonly keeper: HostingKeeper;
  readonly records: CopiedRecords;
  /** Puts a fresh replica in the place of one whose copy begins; with `isDropped` the old data goes. */
  readonly replace: (old: Replica, fresh: Replica, isDropped: boolean) => void;
}

/** Another copy has begun, or too much was deleted meanwhile. */
class InterruptedError extends Error {}

function interrupted(): Error {
  return new InterruptedError('the copy was interrupted and starts over');
}

export class SyncTarget {
  readonly #parts: SyncTargetParts;
  readonly #records: CopiedRecords;
  readonly #copies: Map<Replica, Copy> = new Map();

  constructor(parts: SyncTargetParts) {
    this.#parts = parts;
    this.#records = parts.records;
  }

  handlePage(connection: Connection, frame: Frame): void {
    const page = messages.copyPage.decode(frame.header[2]);
    this.#run(connection, frame, page.range, page.epoch, async (replica) => {
      const wanted = await this.#takePage(replica, page, frame.payload);
      const answer = wanted.length === 0 ? { done: true } : { done: true, wanted };
      connection.answer(frame.requestId, messages.copyPageAnswer, answer);
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

  /** Nothing more comes for this copy, and what is pending in it is about to be applied. */
  abandon(replica: Replica): void {
    this.#copies.delete(replica);
    this.#records.applyAll(replica);
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
      refuseFor(connection, frame.requestId, error);
    });
  }

  /** Returns the positions of the entries whose values are wanted. */
  async #takePage(replica: Replica, page: CopyPage, payload: Buffer): Promise<readonly number[]> {
    if (page.isFirst) {
      await this.#begin(replica, page);
      return [];
    }
    const copy = this.#copies.get(replica);
    if (copy === undefined) throw interrupted();
    const entries = decodeEntries(payload, page.count, page.tableBytes);
    try {
      if (page.fills !== undefined) return await this.#fill(copy, entries, page.fills);
      await this.#raiseMark(copy);
      copy.entries += entries.length;
      if (copy.isKept) return await this.#comparePage(copy, page, entries);
      await this.#takeEntries(copy, entries);
      return [];
    } catch (error) {
      if (error instanceof StoreError && error.code === 'checksum') await this.#distrust(copy);
      throw error;
    }
  }

  /** Synchronous up to the persisting: live updates may be right behind the first page. */
  async #begin(old: Replica, { baseSequence: base, keptMark }: CopyPage): Promise<void> {
    const { store, locks, replace } = this.#parts;
    // An install that is under way holds on to the replica that would be replaced.
    if (locks.isBusy(old.id)) throw interrupted();
    // A complete copy is never begun anew under its record: it may have been told to be complete.
    if (old.isComplete) throw interrupted();
    if (keptMark !== undefined && keptMark !== old.keptMarks.top) throw interrupted();
    const isKept = keptMark !== undefined;
    const namespace = isKept ? old.namespace : store.createNamespace();
    const replica = new Replica(old.record, namespace, old.self, store.startEra());
    if (isKept) replica.keptMarks = old.keptMarks;
    replica.cutSequence = old.cutSequence;
    replica.isComplete = false;
    replica.last = base;
    replica.committed = base;
    replica.acknowledged = base;
    this.abandon(old);
    replace(old, replica, !isKept);
    const copy: Copy = {
      replica,
      base,
      isKept,
      deleted: new Map(),
      entries: 0,
      wanted: 0,
      isMarked: false,
    };
    this.#copies.set(replica, copy);
    await this.#persist(copy);
  }

  /** What the device says of this copy, as it is when its turn comes. */
  #persist({ replica, base }: Copy, sessions: Uint8Array = EMPTY): Promise<void> {
    const { locks, keeper, routes } = this.#parts;
    return locks.alone([replica.id], async () => {
      if (routes.get(replica.id) !== replica) throw interrupted();
      await keeper.put(replica, replica.record, { baseSequence: base, sessions });
    });
  }

  /**
   * A second page says that the tail has everything up to the base on its device: no number up to there
   * will ever be given to another write under the same epoch.
   */
  async #raiseMark(copy: Copy): Promise<void> {
    if (copy.isMarked) return;
    copy.isMarked = true;
    const { replica, base } = copy;
    replica.keptMarks = replica.keptMarks.with(replica.era, base);
    await this.#persist(copy);
  }

  /** What was kept is damaged: the next copy begins with nothing. */
  async #distrust(copy: Copy): Promise<void> {
    copy.replica.keptMarks = NOTHING_KEPT;
    this.#copies.delete(copy.replica);
    await this.#persist(copy);
  }

  async #comparePage(copy: Copy, page: CopyPage, entries: Entry[]): Promise<number[]> {
    const { replica, base } = copy;
    const end = page.next ?? replica.record.end;
    const comparison = new PageComparison(entries, replica, base);
    let last: LogPosition | undefined;
    let start = page.from;
    for (;;) {
      const local = await this.#parts.store.scan(replica.namespace, {
        start,
        end,
        reverse: false,
        keysOnly: true,
        entriesMax: LOCAL_ENTRIES_MAX,
        bytesMax: LOCAL_BYTES_MAX,
      });
      for (const key of comparison.compare(local.entries)) {
        last = (await this.#delete(copy, key)) ?? last;
      }
      const final = local.entries.at(-1);
      if (local.isLast || final === undefined) break;
      start = keyAfter(final.key);
    }
    comparison.finish();
    const { wanted, taken } = comparison.verdict;
    copy.wanted += wanted.length;
    await this.#takeEntries(copy, taken);
    if (last !== undefined) await this.#records.written(last);
    return wanted;
  }

  async #fill(copy: Copy, entries: readonly Entry[], fills: number): Promise<number[]> {
    await this.#takeEntries(copy, entries);
    copy.wanted -= fills;
    return [];
  }

  async #takeEntries(copy: Copy, entries: readonly Entry[]): Promise<void> {
    let end: LogPosition | undefined;
    for (const entry of entries) end = (await this.#put(copy, entry)) ?? end;
    if (end !== undefined) await this.#records.written(end);
  }

  #put(copy: Copy, entry: Entry): Promise<LogPosition | undefined> {
    const { key, value, valueTag, version, epoch } = entry;
    const fields = { key, value, valueTag, sequence: version as Sequence, epoch: epoch as Epoch };
    const record = recordFor(copy, RecordKind.put, fields);
    return this.#write(copy, record, (found) => {
      if (found === undefined || found.era < copy.replica.era) return false;
      return found.sequence >= version;
    });
  }

  /** The key was deleted while this drive was away, or never was. */
  #delete(copy: Copy, key: Uint8Array): Promise<LogPosition | undefined> {
    const { record, era } = copy.replica;
    const fields = { key, value: EMPTY, valueTag: 0, sequence: copy.base as Sequence };
    const tombstone = recordFor(copy, RecordKind.tombstone, { ...fields, epoch: record.epoch });
    return this.#write(
      copy,
      tombstone,
      (found) => found === undefined || (found.era >= era && found.sequence > copy.base),
    );
  }

  /** Appends a record, unless what is visible of its key, or pending, is newer. */
  async #write(
    copy: Copy,
    record: LogRecord,
    isDone: (found: StoredRecord | undefined) => boolean,
  ): Promise<LogPosition | undefined> {
    const { store, clock } = this.#parts;
    const { replica } = copy;
    for (;;) {
      // Judged and appended in one turn: live writes may be committed during any wait.
      const found = store.get(replica.namespace, record.key);
      if (found instanceof Promise) await found;
      else if (isDone(found) || isOvertaken(copy, record)) return undefined;
      else {
        const end = this.#records.tryAppend(replica, record);
        if (end !== undefined) return end;
        await new Promise<void>((resolve) => clock.setTimer(BUSY_MS, resolve));
      }
      if (this.#copies.get(replica) !== copy) throw interrupted();
    }
  }

  async #finish(
    replica: Replica,
    message: CopyFinished,
    sessions: Buffer,
  ): Promise<{ isComplete: boolean; entries: number; sequence: Sequence }> {
    const copy = this.#copies.get(replica);
    if (copy === undefined) throw interrupted();
    const isComplete = copy.entries === message.entries && copy.wanted === 0;
    if (isComplete) await this.#complete(copy, sessions);
    else this.#copies.delete(replica);
    return { isComplete, entries: copy.entries, sequence: replica.last as Sequence };
  }

  #complete(copy: Copy, sessions: Buffer): Promise<void> {
    const { locks, keeper, clock } = this.#parts;
    const { replica, base } = copy;
    return locks.alone([replica.id], async () => {
      // An install may have taken this drive out of the chain before its turn came.
      if (this.#copies.get(replica) !== copy) throw interrupted();
      this.#copies.delete(replica);
      // The neighbour's table is ahead by what is on its way here, and may be lost with the neighbour. What is appended
      // here is on the device before the sessions are: they follow it in the log.
      const known = SessionTable.upTo(sessions, replica.last);
      replica.sessions.merge(known, clock.nowMs());
      const kept = { isComplete: true, keptMarks: NOTHING_KEPT };
      const changes = { ...kept, baseSequence: base, sessions: known };
      await keeper.put(replica, replica.record, changes);
      replica.isComplete = true;
      replica.keptMarks = NOTHING_KEPT;
    });
  }
}

type CopiedFields = Pick<LogRecord, 'key' | 'value' | 'valueTag' | 'sequence' | 'epoch'>;

function recordFor({ replica }: Copy, kind: RecordKind, fields: CopiedFields): LogRecord {
  return {
    kind,
    namespace: replica.namespace,
    rangeId: replica.id,
    session: undefined,
    ...fields,
  };
}

/**
 * Whether a live write of the key came that is not visible, or that took the key away. One that was refused
 * names the key too, and changes nothing.
 */
function isOvertaken({ replica, deleted }: Copy, { key, sequence }: LogRecord): boolean {
  if (replica.pending.findChange(key) !== undefined) return true;
  if (deleted.size === 0) return false;
  const deletedAt = deleted.get(Buffer.from(key).toString('latin1'));
  return deletedAt !== undefined && deletedAt > sequence;
}
