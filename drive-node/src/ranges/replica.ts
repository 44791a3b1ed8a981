// One range copy on this drive: its record, its place in the order of writes, what is pending.
//
// Invariants: committed <= acknowledged by the successor, committed <= safe in the own log,
// all <= last. A replica is only data; each transition has a file of its own (judge, forward,
// commit, resume in chain/; sync in migration/; install, split and drop beside this file).

import { type DriveId, type HistoryGap, isInside, type RangeRecord } from '@piton/protocol';
import type { Namespace } from '../engine/store.ts';
import { newCounters, type RangeCounters } from './counters.ts';
import type { MergedAt } from './hosting.ts';
import { type KeptMarks, NOTHING_KEPT } from './kept-marks.ts';
import { PendingWrites } from './pending.ts';
import { type Role, roleOf } from './role.ts';
import { SessionTable } from './sessions.ts';

/** Whether the link to the successor has agreed on a place to go on from. */
export const LinkState = {
  /** No successor is needed. */
  none: 'none',
  /** Not connected, or not agreed yet: nothing is forwarded. */
  broken: 'broken',
  /** chainState is under way. */
  resuming: 'resuming',
  /** Updates flow. */
  open: 'open',
} as const;
export type LinkState = (typeof LinkState)[keyof typeof LinkState];

/** Room that a put of this epoch needed. */
export interface Lack {
  readonly epoch: RangeRecord['epoch'];
  readonly bytes: number;
}

export class Replica {
  readonly namespace: Namespace;
  readonly self: DriveId;
  /** When this stay began: what the log has of the namespace from an earlier era is not its history. */
  readonly era: number;
  readonly pending: PendingWrites = new PendingWrites();
  readonly sessions: SessionTable = new SessionTable();
  readonly counters: RangeCounters = newCounters();
  record: RangeRecord;
  role: Role;
  /** Last sequence in the own log. */
  last = 0;
  /** Everything up to here is at every member behind this one. */
  acknowledged = 0;
  /** Everything up to here is applied: readers see it. */
  committed = 0;
  link: LinkState = LinkState.none;
  /** The histories of this member and its successor cannot be joined: who has to be copied anew. */
  gap: HistoryGap | undefined;
  /** For the newest put there was no room, or only that of the reserve. */
  lacks: Lack | undefined;
  /** Bytes of puts that may be under way to the members behind this one, as they said. */
  roomBehind: number = Number.POSITIVE_INFINITY;
  /** As a head: a put was refused because there was none, under this epoch. */
  refusedForRoomAt: RangeRecord['epoch'] | undefined;
  /** Counts resumes, so that the answer to an old one is recognised. */
  resumes = 0;
  /** False for a syncing member whose copy is not complete: it must not serve, whatever happens. */
  isComplete = true;
  /**
   * False after a restart until the successors have told what they have. They may have more: a head
   * that numbered a new write before it knew would give one number to two writes.
   */
  isReconciled = true;
  /**
   * True after a restart until a neighbour has told what it has: somebody behind may have shown writes that this
   * copy has lost. Unlike `isReconciled` it stays when there is nobody behind any more.
   */
  mayLack = false;
  /** Reads wait until everything up to here is committed: what a predecessor knows to be. */
  readableFrom = 0;
  /** False when a registration did not name the range: it lives elsewhere now. */
  isListed = true;
  /** Of a copy that is not complete: how far what it has from before may be believed. */
  keptMarks: KeptMarks = NOTHING_KEPT;
  /** Of the right half of a split: the last sequence before the cut, whatever came since. */
  cutSequence: number | undefined;
  /** Of a range that two were merged into: where these stood. */
  mergedAt: MergedAt | undefined;
  /** A split or a merge waits for the pending writes: new ones are parked. */
  isDraining = false;
  /** The committer looks at it when the log has moved on. */
  isAwaited = false;
  keys = 0;
  bytes = 0;

  constructor(record: RangeRecord, namespace: Namespace, self: DriveId, era: number) {
    this.record = record;
    this.namespace = namespace;
    this.self = self;
    this.era = era;
    this.role = roleOf(record, self);
  }

  get id(): RangeRecord['id'] {
    return this.record.id;
  }

  contains(key: Uint8Array): boolean {
    return isInside(key, this.record.start, this.record.end);
  }

  /** Takes another record; the caller has persisted it. */
  become(record: RangeRecord): void {
    const before = this.role;
    this.record = record;
    this.role = roleOf(record, this.self);
    this.isListed = true;
    if (this.role.successor !== before.successor) this.roomBehind = Number.POSITIVE_INFINITY;
    // Nobody is left who could know of more than what is here.
    if (this.role.predecessor === undefined && !Number.isFinite(this.readableFrom)) {
      this.readableFrom = this.last;
    }
    // A tail that is gone may have answered from all that is here, committed in our eyes or not. One
    // that this copy was syncing behind had nothing committed that is not committed here.
    const isHeir = this.role.isTail && !before.isTail && !before.isSyncing;
    if (isHeir) this.readableFrom = Math.max(this.readableFrom, this.last);
  }

  /** Whether writes are pending that readers of the store do not see. */
  get hasUnappliedWrites(): boolean {
    for (const write of this.pending) if (write.appended !== undefined) return true;
    return false;
  }
}
