// The sending side of a copy: the official tail brings a syncing member behind it up to date.
//
// Live writes flow to the member from the first moment (the base); beside them every key that is
// visible is copied once, page by page, a bounded number under way. What the copy brings never
// replaces what a live write brought: the receiver compares sequences. When the last page is taken,
// the sessions follow, and the receiver says whether it has everything (SOURCES.md 2.5, EXTEND).
//
// A member that has data from before (docs/decisions/0012) tells its kept mark. Then entries up to the mark
// go thin, without their values, and those that the receiver wants follow. Everything up to the base is
// flushed here before the second page leaves: the receiver may rely on it in its next copy.

import {
  type Clock,
  type Connection,
  type Entry,
  encodeEntries,
  keyAfter,
  messages,
  type Sequence,
  type SyncFinished,
} from '@piton/protocol';
import type { Resumer } from '../chain/resume.ts';
import type { ScanEntry, ScanPage, Store, StoredRecord } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import type { PeerLinks } from '../shell/host.ts';
import type { CopyThrottle } from './copy-throttle.ts';

const PAGE_ENTRIES_MAX = 500;
const PAGE_BYTES_MAX = 256 * 1024;
/** Of pages that are thin in the main: what is read here, not what is sent. */
const THIN_PAGE_ENTRIES_MAX = 1_000;
const THIN_PAGE_BYTES_MAX = 1024 * 1024;
/** What a byte that is only read takes of the budget of a byte that is sent. */
const READ_SHARE = 0.25;
/** What an entry takes on the wire beside its key and value. */
const ENTRY_BYTES = 20;
const PAGE_TIMEOUT_MS = 30_000;
const REPORT_RETRY_MS = 500;

export interface SyncSourceParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly peers: PeerLinks;
  readonly resumer: Resumer;
  readonly throttle: CopyThrottle;
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

  /**
   * Begins a copy under a resume token; with the mark of a receiver that has data from before. Never
   * throws: a failed copy is begun again by resume.
   */
  start(replica: Replica, token: number, keptMark: Sequence | undefined): void {
    const connection = this.#connectionTo(replica);
    if (connection === undefined) return;
    const base = replica.committed as Sequence;
    const job: CopyJob = { replica, token, connection, base, keptMark };
    this.#copy(job).catch((error: unknown) => {
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

  async #copy(job: CopyJob): Promise<void> {
    const { replica, token, base, keptMark } = job;
    const from = replica.record.start;
    const first = { entries: [], from, next: from, isFirst: true, keptMark };
    const opened = this.#send(job, first);
    // Refused while the backlog is sent, or after the copy was overtaken: looked at later, or never.
    opened.catch(() => {});
    await this.#parts.resumer.openLink(replica, token, base + 1);
    this.#check(job);
    this.#parts.flush();
    await opened;
    // Empty: it is on the device when everything before it is.
    await this.#parts.store.putStates(new Map());
    const entries = await this.#copyPages(job);
    await this.#finish(job, entries);
  }

  /** The next page is read while the last one is under way. Returns how many entries were sent. */
  async #copyPages(job: CopyJob): Promise<number> {
    let entries = 0;
    let from = job.replica.record.start;
    let underWay: Promise<unknown> = Promise.resolve();
    for (;;) {
      const page = await this.#read(job, from);
      this.#check(job);
      const last = page.entries.at(-1);
      const next = page.isLast || last === undefined ? undefined : keyAfter(last.key);
      const sent = this.#sendPage(job, page.entries, from, next);
      sent.catch(() => {});
      await underWay;
      underWay = sent;
      this.#check(job);
      entries += page.entries.length;
      if (next === undefined) break;
      from = next;
    }
    await underWay;
    return entries;
  }

  #read({ replica, keptMark }: CopyJob, from: Uint8Array): Promise<ScanPage> {
    const isThin = keptMark !== undefined;
    return this.#parts.store.scan(replica.namespace, {
      start: from,
      end: replica.record.end,
      reverse: false,
      keysOnly: false,
      entriesMax: isThin ? THIN_PAGE_ENTRIES_MAX : PAGE_ENTRIES_MAX,
      bytesMax: isThin ? THIN_PAGE_BYTES_MAX : PAGE_BYTES_MAX,
    });
  }

  /** A page, and the values that the receiver lacks. */
  async #sendPage(
    job: CopyJob,
    found: readonly ScanEntry[],
    from: Uint8Array,
    next: Uint8Array | undefined,
  ): Promise<void> {
    const mark = job.keptMark ?? 0;
    const entries = found.map((entry) => ({
      ...entry,
      version: entry.sequence,
      isThin: entry.sequence <= mark,
    }));
    await this.#waitForTurn(job, entries);
    const wanted = await this.#send(job, { entries, from, next });
    const keys = wanted.flatMap((position) => entries[position]?.key ?? []);
    if (keys.length > 0) await this.#sendWanted(job, keys, { from, next });
  }

  /** Values as they are now: what was deleted meanwhile has reached the receiver as a live write. */
  async #sendWanted(
    job: CopyJob,
    keys: readonly Uint8Array[],
    interval: Pick<CopyPart, 'from' | 'next'>,
  ): Promise<void> {
    let entries: Entry[] = [];
    let bytes = 0;
    let fills = 0;
    for (const [position, key] of keys.entries()) {
      const entry = await this.#readOne(job, key);
      this.#check(job);
      fills++;
      if (entry !== undefined) {
        entries.push(entry);
        bytes += key.length + entry.value.length;
      }
      if (bytes < PAGE_BYTES_MAX && position < keys.length - 1) continue;
      await this.#waitForTurn(job, entries);
      await this.#send(job, { ...interval, entries, fills });
      entries = [];
      bytes = 0;
      fills = 0;
    }
  }

  async #waitForTurn(job: CopyJob, entries: readonly Entry[]): Promise<void> {
    await this.#parts.throttle.take(costOf(entries));
    this.#check(job);
  }

  async #readOne({ replica }: CopyJob, key: Uint8Array): Promise<Entry | undefined> {
    const found = this.#parts.store.get(replica.namespace, key);
    return found instanceof Promise
      ? found.then((late) => entryOf(key, late))
      : entryOf(key, found);
  }

  /** Returns the positions of the entries whose values are wanted. */
  async #send({ replica, connection, base }: CopyJob, part: CopyPart): Promise<readonly number[]> {
    const { entries, from, next, keptMark, fills } = part;
    const { count, tableBytes, payload } = encodeEntries(entries);
    const { body } = await connection.request(
      messages.copyPage,
      {
        range: replica.id,
        epoch: replica.record.epoch,
        count,
        tableBytes,
        isFirst: part.isFirst === true,
        baseSequence: base,
        from,
        next,
        keptMark,
        fills,
      },
      messages.copyPageAnswer,
      { timeoutMs: PAGE_TIMEOUT_MS, payload },
    );
    return body.wanted ?? [];
  }

  async #finish(job: CopyJob, entries: number): Promise<void> {
    const { connection, replica, token, base } = job;
    const sessions = replica.sessions.encode();
    const { body } = await connection.request(
      messages.copyFinished,
      {
        range: replica.id,
        epoch: replica.record.epoch,
        entries,
        sessions: EMPTY,
        baseSequence: base,
      },
      messages.copyFinishedAnswer,
      { timeoutMs: PAGE_TIMEOUT_MS, payload: [sessions] },
    );
    this.#check(job);
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

  #connectionTo(replica: Replica): Connection | undefined {
    const target = replica.role.syncTarget;
    return target && this.#parts.peers.connectionTo(target);
  }

  #isCurrent(replica: Replica, token: number): boolean {
    return this.#parts.resumer.isCurrent(replica, token);
  }

  #check({ replica, token }: CopyJob): void {
    if (!this.#isCurrent(replica, token)) throw new OvertakenError('the chain has changed');
  }
}

/** One copy, from its base to its end. */
interface CopyJob {
  readonly replica: Replica;
  readonly token: number;
  readonly connection: Connection;
  readonly base: Sequence;
  readonly keptMark: Sequence | undefined;
}

interface CopyPart {
  readonly entries: readonly Entry[];
  readonly from: Uint8Array;
  readonly next: Uint8Array | undefined;
  readonly isFirst?: boolean;
  readonly keptMark?: Sequence | undefined;
  readonly fills?: number;
}

const EMPTY = new Uint8Array(0);

/** A copy: what was found is only valid in this turn. */
function entryOf(key: Uint8Array, found: StoredRecord | undefined): Entry | undefined {
  if (found === undefined) return undefined;
  const { sequence, epoch, valueTag, value } = found;
  return { key, version: sequence, epoch, valueTag, value: value.slice() };
}

/** Bytes of the budget: a thin entry costs what was read for it, too. */
function costOf(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const { key, value, isThin } of entries) {
    bytes += ENTRY_BYTES + key.length + value.length * (isThin === true ? READ_SHARE : 1);
  }
  return bytes;
}
