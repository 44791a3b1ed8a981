// Taking a new record for a range: joining a chain, changing places in it, leaving it.
//
// Idempotent by range and epoch; an older command is answered with what is true. The record is on the
// device before anything is done in its name. A member that leaves stops at once: its unfinished writes
// are answered "ask again with the same number", and whoever is head now knows their fate.

import {
  compareKeys,
  type DropRange,
  type InstallAnswer,
  type InstallRange,
  type RangeId,
  type RangeRecord,
  RefusedError,
  type Sequence,
  Status,
} from '@piton/protocol';
import type { Committer } from '../chain/commit.ts';
import type { HeadWriter } from '../chain/head.ts';
import type { Resumer } from '../chain/resume.ts';
import { type Store, StoreError } from '../engine/store.ts';
import type { Replies } from '../requests/replies.ts';
import type { Routes } from '../requests/routes.ts';
import type { PeerLinks } from '../shell/host.ts';
import { decodeHosting, stateName } from './hosting.ts';
import type { HostingKeeper } from './hosting-keeper.ts';
import { KeptMarks } from './kept-marks.ts';
import type { RangeLocks } from './range-locks.ts';
import { releaseWaiters } from './release.ts';
import { LinkState, Replica } from './replica.ts';
import { type Role, roleOf } from './role.ts';

export interface InstallParts {
  readonly store: Store;
  readonly routes: Routes;
  readonly peers: PeerLinks;
  readonly replies: Replies;
  readonly head: HeadWriter;
  readonly committer: Committer;
  readonly resumer: Resumer;
  readonly locks: RangeLocks;
  readonly keeper: HostingKeeper;
  /** A copy that is under way to this drive goes on under another record, or not at all. */
  readonly abandonCopy: (replica: Replica) => void;
  readonly self: Replica['self'];
}

export class Installer {
  readonly #parts: InstallParts;

  constructor(parts: InstallParts) {
    this.#parts = parts;
  }

  install(command: InstallRange): Promise<InstallAnswer> {
    const { record } = command;
    this.#parts.routes.learnAddresses(command.addresses);
    return this.#parts.locks.alone([record.id], () => this.installAlone(record, command.isNew));
  }

  drop(command: DropRange): Promise<void> {
    return this.#parts.locks.alone([command.range], () => this.#drop(command));
  }

  /** Puts a fresh copy in the place of one that starts over. When `isDropped` the old data is forgotten. */
  replace(old: Replica, fresh: Replica, isDropped: boolean): void {
    const { committer, routes, store } = this.#parts;
    const { namespace, record } = old;
    committer.forget(old);
    routes.add(fresh);
    // Whoever waits for it, or for a cold read of one of its keys, still knows it: it is nobody any more.
    this.#releaseWaiters(old);
    old.become({ ...record, chain: [] });
    if (isDropped) store.dropInterval(namespace, record.start, record.end).catch(() => {});
  }

  /** For a caller that holds the lock of the range. */
  async installAlone(record: RangeRecord, isNew: boolean): Promise<InstallAnswer> {
    const { routes } = this.#parts;
    routes.learnVersion(record.version);
    const replica = routes.get(record.id);
    const known = replica?.record ?? routes.goneRecord(record.id);
    const role = roleOf(record, this.#parts.self);
    if (known !== undefined && known.epoch >= record.epoch) return this.#answer(record.id);
    if (replica === undefined) {
      if (role.isMember) await this.#join(record, role, isNew);
      else routes.remove(record.id, record);
    } else if (role.isMember) {
      await this.#change(replica, record, role);
    } else if (role.isKept) {
      await this.#keep(replica, record, role);
    } else {
      await this.#leave(replica, record);
    }
    return this.#answer(record.id);
  }

  #answer(id: RangeId): InstallAnswer {
    const replica = this.#parts.routes.get(id);
    const record = replica?.record ?? this.#parts.routes.goneRecord(id);
    if (record === undefined) throw refused(Status.noSuchRange, `range ${id} is not known here`);
    return { range: id, epoch: record.epoch, sequence: (replica?.last ?? 0) as Sequence };
  }

  async #join(record: RangeRecord, role: Role, isNew: boolean): Promise<void> {
    if (!role.isSyncing && !isNew) {
      throw refused(
        Status.conflictingOperation,
        `range ${record.id} has data elsewhere: this drive must sync it before it can serve it`,
      );
    }
    const { store, routes } = this.#parts;
    await this.#forgetOldStay(record.id);
    const namespace = store.createNamespace();
    const replica = new Replica(record, namespace, this.#parts.self, store.startEra());
    replica.isComplete = !role.isSyncing;
    await this.#parts.keeper.put(replica, record);
    routes.add(replica);
    this.#takeUp(replica);
  }

  /** Data of an earlier stay under this id is not needed: the new stay starts empty. */
  async #forgetOldStay(id: RangeId): Promise<void> {
    const bytes = this.#parts.store.states.get(stateName(id));
    if (bytes === undefined) return;
    const { namespace, record } = decodeHosting(bytes);
    await this.#parts.store.dropInterval(namespace, record.start, record.end);
  }

  async #change(replica: Replica, record: RangeRecord, role: Role): Promise<void> {
    if (!role.isSyncing && !replica.isComplete) {
      throw refused(
        Status.conflictingOperation,
        `the copy of range ${record.id} is not complete on this drive`,
      );
    }
    if (!role.isSyncing && !hasSameBorders(replica.record, record)) {
      throw refused(
        Status.conflictingOperation,
        `range ${record.id} has other borders here: a split has to cut it first`,
      );
    }
    const isBehind = role.isSyncing && replica.isComplete && !isContinued(replica, record);
    const copy = role.isSyncing ? await this.#fit(replica, record) : replica;
    if (isBehind) await this.#lapse(copy, record);
    else await this.#parts.keeper.put(copy, record);
    this.takeUp(copy, record);
  }

  /**
   * Taken out of the chain, but not for good: the data stays, to be put right when this drive is made
   * syncing. The last one in sync keeps its place in the history as well, for it goes on from there.
   */
  async #keep(replica: Replica, record: RangeRecord, role: Role): Promise<void> {
    const copy = await this.#lose(replica, async () => {
      const fitting = await this.#fit(replica, record);
      if (fitting.isComplete && !role.isLast) await this.#lapse(fitting, record);
      else await this.#parts.keeper.put(fitting, record);
      return fitting;
    });
    if (!copy.isComplete) this.#forgetPending(copy);
    const { successor } = copy.role;
    copy.become(record);
    copy.resumes++;
    copy.link = LinkState.none;
    this.#parts.routes.add(copy);
    if (successor !== undefined) this.#parts.peers.unwant(successor);
    this.#releaseWaiters(copy);
  }

  /**
   * A drive whose device failed can still stop serving. It need not remember that: its next life serves
   * nothing before it has registered, and is told again.
   */
  async #lose(replica: Replica, persist: () => Promise<Replica>): Promise<Replica> {
    try {
      return await persist();
    } catch (error) {
      if (!(error instanceof StoreError && error.code === 'flush-failed')) throw error;
      replica.isComplete = false;
      return replica;
    }
  }

  /**
   * The chain went on without this copy: it is not complete any more. Whatever it has, committed or not,
   * has its number and epoch for itself: a head that had lost such a write gave its number away only when
   * it had agreed with this member, or under a later epoch.
   */
  async #lapse(replica: Replica, record: RangeRecord): Promise<void> {
    const keptMarks = KeptMarks.upTo(replica.last);
    await this.#parts.keeper.put(replica, record, { isComplete: false, keptMarks });
    replica.isComplete = false;
    replica.keptMarks = keptMarks;
    this.#forgetPending(replica);
  }

  /**
   * What is pending may or may not have happened. It becomes visible here, in the order of the log, as a
   * replay would show it: what is seen now is what is compared and put right later, also after a crash.
   */
  #forgetPending(replica: Replica): void {
    this.#parts.abandonCopy(replica);
    this.#releaseWaiters(replica);
    this.#parts.committer.forget(replica);
    while (replica.pending.first() !== undefined) replica.pending.shift();
  }

  /** The copy within the borders of a record that was cut meanwhile. Only less can be fitted. */
  async #fit(replica: Replica, record: RangeRecord): Promise<Replica> {
    const { store, self } = this.#parts;
    const { namespace, record: old } = replica;
    if (hasSameBorders(old, record)) return replica;
    if (isWithin(record, old)) {
      if (compareKeys(old.start, record.start) < 0) {
        await store.dropInterval(namespace, old.start, record.start);
      }
      if (record.end !== undefined) await store.dropInterval(namespace, record.end, old.end);
      return replica;
    }
    // A cut that was taken back: the other half has another history. Begin with nothing.
    const fresh = new Replica(old, store.createNamespace(), self, store.startEra());
    fresh.isComplete = false;
    this.#parts.abandonCopy(replica);
    this.replace(replica, fresh, true);
    return fresh;
  }

  /** Acts as a record says that was persisted, for a copy that is here and stays here. */
  takeUp(replica: Replica, record: RangeRecord): void {
    const before = replica.role;
    replica.become(record);
    this.#parts.routes.add(replica);
    if (before.successor !== undefined) this.#parts.peers.unwant(before.successor);
    if (before.isHead && !replica.role.isHead) this.#releaseWaiters(replica);
    this.#takeUp(replica);
  }

  async #leave(replica: Replica, record: RangeRecord): Promise<void> {
    const { committer, routes, peers } = this.#parts;
    await this.#lose(replica, async () => {
      await this.#parts.keeper.put(replica, record, { isGone: true });
      return replica;
    });
    const { successor } = replica.role;
    replica.become(record);
    replica.resumes++;
    routes.remove(record.id, record);
    committer.forget(replica);
    this.#releaseWaiters(replica);
    if (successor !== undefined) peers.unwant(successor);
  }

  #takeUp(replica: Replica): void {
    const { successor } = replica.role;
    if (successor !== undefined) this.#parts.peers.want(successor);
    this.#parts.resumer.start(replica);
  }

  /** The unfinished writes of a head that is one no more: their fate is decided elsewhere. */
  #releaseWaiters(replica: Replica): void {
    const { replies, head } = this.#parts;
    releaseWaiters(replica, replies);
    head.release(replica);
    replies.flush();
  }

  async #drop(command: DropRange): Promise<void> {
    const { routes, store } = this.#parts;
    const name = stateName(command.range);
    const bytes = store.states.get(name);
    if (bytes === undefined) return;
    const replica = routes.get(command.range);
    if (replica !== undefined && (!replica.isListed || replica.record.epoch < command.epoch)) {
      await this.#leave(replica, replica.record);
      routes.remove(command.range, undefined);
    } else if (replica !== undefined) {
      throw refused(
        Status.conflictingOperation,
        `range ${command.range} is served here; take it out of the chain first`,
      );
    }
    const { namespace, record } = decodeHosting(bytes);
    if (record.epoch > command.epoch) return;
    await store.dropInterval(namespace, record.start, record.end);
    await store.putStates(new Map([[name, undefined]]));
  }
}

/** A copy that was complete as a syncing member of the epoch before has missed nothing. */
function isContinued({ role, record: old }: Replica, record: RangeRecord): boolean {
  return role.isSyncing && record.epoch === old.epoch + 1;
}

function isWithin(inner: RangeRecord, outer: RangeRecord): boolean {
  if (compareKeys(inner.start, outer.start) < 0) return false;
  if (outer.end === undefined) return true;
  return inner.end !== undefined && compareKeys(inner.end, outer.end) <= 0;
}

export function hasSameBorders(one: RangeRecord, other: RangeRecord): boolean {
  if (compareKeys(one.start, other.start) !== 0) return false;
  if (one.end === undefined || other.end === undefined) return one.end === other.end;
  return compareKeys(one.end, other.end) === 0;
}

function refused(status: Status, message: string): RefusedError {
  return new RefusedError(status, { message });
}
