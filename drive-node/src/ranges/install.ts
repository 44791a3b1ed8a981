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
import type { Store } from '../engine/store.ts';
import type { Replies } from '../requests/replies.ts';
import type { Routes } from '../requests/routes.ts';
import type { PeerLinks } from '../shell/host.ts';
import { decodeHosting, encodeHosting, type Hosting, NO_SESSIONS, stateName } from './hosting.ts';
import type { RangeLocks } from './range-locks.ts';
import { releaseWaiters } from './release.ts';
import { Replica } from './replica.ts';
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

  /** Puts a fresh copy in the place of one that starts over. The old data is forgotten. */
  replace(old: Replica, fresh: Replica): void {
    const { committer, routes, store } = this.#parts;
    committer.forget(old);
    routes.add(fresh);
    store.dropInterval(old.namespace, old.record.start, old.record.end).catch(() => {});
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
    const replica = new Replica(record, store.createNamespace(), this.#parts.self);
    replica.isComplete = !role.isSyncing;
    await this.#persist(replica, record);
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
    await this.#persist(replica, record);
    this.takeUp(replica, record);
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
    await this.#persist(replica, record, true);
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

  #persist(replica: Replica, record: RangeRecord, isGone: boolean = false): Promise<void> {
    const { store } = this.#parts;
    const name = stateName(record.id);
    const bytes = store.states.get(name);
    const before = bytes === undefined ? undefined : decodeHosting(bytes);
    const isSameStay = before?.namespace === replica.namespace;
    const hosting: Hosting = {
      record,
      namespace: replica.namespace,
      isComplete: replica.isComplete,
      baseSequence: replica.committed,
      sessions: isSameStay ? before.sessions : NO_SESSIONS,
      isGone,
      cutSequence: replica.cutSequence,
    };
    return store.putStates(new Map([[name, encodeHosting(hosting)]]));
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

export function hasSameBorders(one: RangeRecord, other: RangeRecord): boolean {
  if (compareKeys(one.start, other.start) !== 0) return false;
  if (one.end === undefined || other.end === undefined) return one.end === other.end;
  return compareKeys(one.end, other.end) === 0;
}

function refused(status: Status, message: string): RefusedError {
  return new RefusedError(status, { message });
}
