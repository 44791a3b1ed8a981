// The sending side of a copy: the official tail brings a syncing member behind it up to date.
//
// Live writes flow to the member from the first moment (the base); beside them every key that is
// visible is copied once, page by page, a bounded number under way. What the copy brings never
// replaces what a live write brought: the receiver compares sequences. When the last page is taken,
// the sessions follow, and the receiver says whether it has everything (SOURCES.md 2.5, EXTEND).

import {
  type Clock,
  type Connection,
  encodeEntries,
  keyAfter,
  messages,
  type Sequence,
  type SyncFinished,
} from '@piton/protocol';
import type { Resumer } from '../chain/resume.ts';
import type { ScanPage, Store } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { PeerLinks } from '../shell/host.ts';

const PAGE_ENTRIES_MAX = 500;
const PAGE_BYTES_MAX = 256 * 1024;
const PAGE_TIMEOUT_MS = 30_000;
const REPORT_RETRY_MS = 500;

export interface SyncSourceParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly peers: PeerLinks;
  readonly resumer: Resumer;
  readonly reportSyncFinished: (message: SyncFinished) => Promise<void>;
  readonly flush: () => void;
}

/** The copy was overtaken by a new epoch or connection, which starts it again where needed. */
class OvertakenError extends Error {}

export class SyncSource {
  readonly #parts: SyncSourceParts;

  constructor(parts: SyncSourceParts) {
    this.#parts = parts;
  }

  /** Begins a copy under a resume token. Never throws: a failed copy is begun again by resume. */
  start(replica: Replica, token: number): void {
    this.#copy(replica, token).catch((error: unknown) => {
      if (error instanceof OvertakenError || !this.#isCurrent(replica, token)) return;
      this.#parts.clock.setTimer(REPORT_RETRY_MS, () => {
        if (this.#isCurrent(replica, token)) this.#parts.resumer.start(replica);
      });
    });
  }

  /** A copy was found complete by a resume: tells it again, in case nobody has heard of it. */
  reportAgain(replica: Replica, token: number, sequence: number): void {
    void this.#report(replica, token, sequence as Sequence);
  }

  async #copy(replica: Replica, token: number): Promise<void> {
    const connection = this.#connection(replica);
    const base = replica.committed;
    const opened = this.#sendPage(connection, replica, base, emptyPage(replica), true);
    await this.#parts.resumer.openLink(replica, token, base + 1);
    this.#check(replica, token);
    this.#parts.flush();
    await opened;
    const entries = await this.#copyPages(connection, replica, token, base);
    await this.#finish(connection, replica, token, base, entries);
  }

  /** The next page is read while the last one is under way. Returns how many entries were sent. */
  async #copyPages(
    connection: Connection,
    replica: Replica,
    token: number,
    base: number,
  ): Promise<number> {
    let entries = 0;
    let from = replica.record.start;
    let underWay: Promise<unknown> = Promise.resolve();
    for (;;) {
      const page = await this.#read(replica, from);
      this.#check(replica, token);
      const last = page.entries[page.entries.length - 1];
      const next = page.isLast || last === undefined ? undefined : keyAfter(last.key);
      const sent = this.#sendPage(connection, replica, base, { page, from, next }, false);
      sent.catch(() => {});
      await underWay;
      underWay = sent;
      this.#check(replica, token);
      entries += page.entries.length;
      if (next === undefined) break;
      from = next;
    }
    await underWay;
    return entries;
  }

  #read(replica: Replica, from: Uint8Array): Promise<ScanPage> {
    return this.#parts.store.scan(replica.namespace, {
      start: from,
      end: replica.record.end,
      reverse: false,
      keysOnly: false,
      entriesMax: PAGE_ENTRIES_MAX,
      bytesMax: PAGE_BYTES_MAX,
    });
  }

  async #sendPage(
    connection: Connection,
    replica: Replica,
    base: number,
    part: CopyPart,
    isFirst: boolean,
  ): Promise<void> {
    const { count, tableBytes, payload } = encodeEntries(
      part.page.entries.map((entry) => ({ ...entry, version: entry.sequence })),
    );
    await connection.request(
      messages.copyPage,
      {
        range: replica.id,
        epoch: replica.record.epoch,
        count,
        tableBytes,
        isFirst,
        baseSequence: base as Sequence,
        from: part.from,
        next: part.next,
      },
      messages.done,
      { timeoutMs: PAGE_TIMEOUT_MS, payload },
    );
  }

  async #finish(
    connection: Connection,
    replica: Replica,
    token: number,
    base: number,
    entries: number,
  ): Promise<void> {
    const sessions = replica.sessions.encode();
    const { body } = await connection.request(
      messages.copyFinished,
      {
        range: replica.id,
        epoch: replica.record.epoch,
        entries,
        sessions: EMPTY,
        baseSequence: base as Sequence,
      },
      messages.copyFinishedAnswer,
      { timeoutMs: PAGE_TIMEOUT_MS, payload: [sessions] },
    );
    this.#check(replica, token);
    if (!body.isComplete) throw new Error(`the copy is incomplete: ${body.entries} of ${entries}`);
    await this.#report(replica, token, body.sequence);
  }

  /** Tells the metadata server, and again while it cannot be reached. */
  async #report(replica: Replica, token: number, sequence: Sequence): Promise<void> {
    const target = replica.role.syncTarget;
    while (target !== undefined && this.#isCurrent(replica, token)) {
      const { id: range, epoch } = replica.record;
      try {
        await this.#parts.reportSyncFinished({ range, epoch, target, sequence });
        return;
      } catch {
        await new Promise<void>((resolve) => this.#parts.clock.setTimer(REPORT_RETRY_MS, resolve));
      }
    }
  }

  #connection(replica: Replica): Connection {
    const target = replica.role.syncTarget;
    const connection = target && this.#parts.peers.connectionTo(target);
    if (!connection) throw new OvertakenError('the target is not connected');
    return connection;
  }

  #isCurrent(replica: Replica, token: number): boolean {
    return this.#parts.resumer.isCurrent(replica, token);
  }

  #check(replica: Replica, token: number): void {
    if (!this.#isCurrent(replica, token)) throw new OvertakenError('the chain has changed');
  }
}

interface CopyPart {
  readonly page: ScanPage;
  readonly from: Uint8Array;
  readonly next: Uint8Array | undefined;
}

const EMPTY = new Uint8Array(0);

/** Opens a copy: the receiver starts empty, at the base. */
function emptyPage(replica: Replica): CopyPart {
  const from = replica.record.start;
  return { page: { entries: [], isLast: false }, from, next: from };
}
