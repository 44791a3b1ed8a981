// From a log to range copies again: what the ranges save with a checkpoint, and how they are rebuilt.
//
// Records are assigned to copies by namespace and key, not by the range id they carry: a range may
// have been split since. What is replayed counts as not acknowledged; the neighbours tell how far
// they are (chain/resume.ts), and a tail commits all it has.

import { packValue, type RangeId, unpackValue } from '@piton/protocol';
import type { LogRecord, Owner, Place, Recovery, Store } from '../engine/store.ts';
import { type Hosting, hostingsIn } from './hosting.ts';
import { RECENT_SAVED_MAX } from './pending.ts';
import { Replica } from './replica.ts';
import { bucketOf, resultOf } from './write.ts';

interface SavedRange {
  readonly sequence: number;
  readonly committed: number;
  readonly sessions: Uint8Array;
  readonly era: number;
  readonly recent: readonly Place[];
}

type SavedFields = [
  id: number,
  last: number,
  committed: number,
  sessions: Uint8Array,
  era: number,
  recent: Uint8Array,
];

/** Places that are saved for all copies together. */
const RECENT_SAVED_TOTAL = 65_536;

/** What a replayed record leaves behind until the copies are known. */
interface Replayed {
  readonly record: LogRecord;
  readonly place: Place;
  readonly era: number;
}

export class RangeRecovery implements Owner {
  readonly #save: () => Iterable<Replica>;
  #saved: Map<RangeId, SavedRange> = new Map();
  /** Replayed records by namespace, in log order, without their values. */
  #replayed: Map<number, Replayed[]> = new Map();

  /** `replicas` gives what is to be saved at a checkpoint. */
  constructor(replicas: () => Iterable<Replica>) {
    this.#save = replicas;
  }

  recover(recovery: Recovery): void {
    if (recovery.ownerState === undefined || recovery.ownerState.length === 0) return;
    const saved = unpackValue(recovery.ownerState) as SavedFields[];
    for (const [id, sequence, committed, sessions, era = 0, recent = EMPTY] of saved) {
      const places = decodePlaces(recent);
      this.#saved.set(id as RangeId, { sequence, committed, sessions, era, recent: places });
    }
  }

  /** Until it is committed again a record must be replayed: the saved state does not count it. */
  replay(record: LogRecord, place: Place, era: number): boolean {
    // A copied entry has no session and an old number: it is data, not history.
    if (record.session === undefined) return false;
    const isSmall = record.value.length <= 8;
    const kept: LogRecord = {
      ...record,
      key: Uint8Array.from(record.key),
      value: isSmall ? Uint8Array.from(record.value) : EMPTY,
    };
    const list = this.#replayed.get(record.namespace);
    if (list === undefined) this.#replayed.set(record.namespace, [{ record: kept, place, era }]);
    else list.push({ record: kept, place, era });
    return true;
  }

  save(): Uint8Array {
    const saved: SavedFields[] = [];
    let left = RECENT_SAVED_TOTAL;
    for (const { id, last, committed, sessions, era, pending } of this.#save()) {
      const recent = pending.recentPlaces(committed, Math.min(left, RECENT_SAVED_MAX));
      left -= recent.length;
      saved.push([id, last, committed, sessions.encode(), era, encodePlaces(recent)]);
    }
    return packValue(saved);
  }

  /** The copies that the device holds, with their sessions and their unacknowledged writes. */
  rebuild(
    store: Pick<Store, 'states' | 'settle'>,
    self: Replica['self'],
    nowMs: number,
  ): { replicas: Replica[]; gone: Hosting[] } {
    const replicas: Replica[] = [];
    const gone: Hosting[] = [];
    for (const hosting of hostingsIn(store.states).values()) {
      if (hosting.isGone) gone.push(hosting);
      else replicas.push(this.#rebuildOne(hosting, self, nowMs));
    }
    this.#settleCommitted(store, replicas);
    this.#replayed = new Map();
    this.#saved = new Map();
    return { replicas, gone };
  }

  /** What is pending again is settled by its commit; everything else is settled now. */
  #settleCommitted(store: Pick<Store, 'settle'>, replicas: readonly Replica[]): void {
    const pending = new Set<Place>();
    for (const replica of replicas) for (const { place } of replica.pending) pending.add(place);
    for (const list of this.#replayed.values()) {
      for (const { place } of list) if (!pending.has(place)) store.settle(place);
    }
  }

  #rebuildOne(hosting: Hosting, self: Replica['self'], nowMs: number): Replica {
    const replica = new Replica(hosting.record, hosting.namespace, self, hosting.era);
    replica.isComplete = hosting.isComplete;
    replica.keptMarks = hosting.keptMarks;
    replica.cutSequence = hosting.cutSequence;
    replica.mergedAt = hosting.mergedAt;
    replica.isReconciled = replica.role.successor === undefined;
    replica.mayLack = replica.role.successor !== undefined;
    const saved = this.#savedOf(hosting);
    // The history up to here was known to be whole when it was saved, split off, or copied.
    replica.last = Math.max(hosting.baseSequence, saved?.committed ?? 0);
    replica.committed = replica.last;
    replica.acknowledged = replica.last;
    // A power cut may have taken writes that were only with the system: the predecessor knows.
    if (replica.role.predecessor !== undefined) replica.readableFrom = Number.POSITIVE_INFINITY;
    if (saved !== undefined) replica.sessions.merge(saved.sessions, nowMs);
    if (saved?.committed === replica.committed) {
      replica.pending.restoreRecent(saved.recent, replica.committed);
    }
    // Older than what was saved: a session that is only here was idle, and forgotten, since.
    replica.sessions.merge(hosting.sessions, nowMs, saved !== undefined);
    for (const { record, place, era } of this.#replayed.get(hosting.namespace) ?? []) {
      const isHistory = era >= hosting.era && replica.contains(record.key);
      if (isHistory) takeReplayed(replica, record, place, nowMs);
    }
    return replica;
  }

  /** What was saved of an earlier stay is no history of this one. */
  #savedOf({ record, era }: Hosting): SavedRange | undefined {
    const saved = this.#saved.get(record.id);
    return saved?.era === era ? saved : undefined;
  }
}

const EMPTY = new Uint8Array(0);

function encodePlaces(places: readonly Place[]): Uint8Array {
  return new Uint8Array(Float64Array.from(places).buffer);
}

function decodePlaces(bytes: Uint8Array): Place[] {
  return [...new Float64Array(Uint8Array.from(bytes).buffer)] as Place[];
}

function takeReplayed(replica: Replica, record: LogRecord, place: Place, nowMs: number): void {
  const { session } = record;
  const result = resultOf(record);
  if (session !== undefined) {
    replica.sessions.note(
      session.sessionHigh,
      session.sessionLow,
      session.writeNumber,
      session.lowestOutstanding,
      result,
      nowMs,
    );
  }
  if (record.sequence <= replica.last) return;
  if (record.sequence > replica.last + 1) forgetBeforeGap(replica, record.sequence - 1);
  replica.last = record.sequence;
  replica.pending.add({
    sequence: record.sequence,
    record: undefined,
    place,
    appended: undefined,
    flush: true,
    result,
    waiter: undefined,
    followers: undefined,
    listeners: undefined,
    older: undefined,
    bucket: bucketOf(record.key),
  });
}

/** Only committed records ever leave the log: what lies before a gap is committed. */
function forgetBeforeGap(replica: Replica, sequence: number): void {
  while (replica.pending.first() !== undefined) replica.pending.shift();
  replica.committed = sequence;
  replica.acknowledged = sequence;
}
