// A merge: two neighbouring ranges with the same chain become one. No data moves.
//
// The head lets the writes of both drain, and makes them one; what it answers, the sequences at which they stood, goes
// to every other member. There nothing is pending either, for what the head has committed everybody has; so a member
// stands at exactly these sequences, or it must not merge. The merged range has the id of the left one, an epoch
// above both, the sessions of both, and goes on from the higher sequence: an entry keeps its version, and no number is
// used twice for a key.
//
// Only halves that lie in one namespace of this drive's log are merged: what was cut here and never moved since.
// Others would have to be written anew, and the log cannot tell their records apart then.
//
// Invariants: both ranges or the merged one is on the device, never something between (one durable step); the other
// members of the chain follow the new epoch only when they have merged themselves; nothing is committed under it before.

import {
  compareKeys,
  limits,
  type MergeAnswer,
  type MergeRange,
  type RangeRecord,
  RefusedError,
  type Sequence,
  Status,
} from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import { encodeHosting, stateName } from '../ranges/hosting.ts';
import { hasSameBorders, type Installer } from '../ranges/install.ts';
import { NOTHING_KEPT } from '../ranges/kept-marks.ts';
import type { RangeLocks } from '../ranges/range-locks.ts';
import type { Replica } from '../ranges/replica.ts';
import { roleOf } from '../ranges/role.ts';
import { RESULTS_MAX, SessionTable } from '../ranges/sessions.ts';
import type { Routes } from '../requests/routes.ts';
import type { PeerLinks } from '../shell/host.ts';
import type { Committer } from './commit.ts';
import type { Drains } from './drains.ts';

export interface MergeParts {
  readonly store: Store;
  readonly routes: Routes;
  readonly peers: PeerLinks;
  readonly committer: Committer;
  readonly drains: Drains;
  readonly locks: RangeLocks;
  readonly installer: Installer;
  readonly nowMs: () => number;
}

interface Pair {
  readonly left: Replica;
  readonly right: Replica;
}

export class Merger {
  readonly #parts: MergeParts;

  constructor(parts: MergeParts) {
    this.#parts = parts;
  }

  /** Rejects with RefusedError when it cannot be done now, or ever; nothing has changed then. */
  async merge(command: MergeRange): Promise<MergeAnswer> {
    checkCommand(command);
    const done = await this.#answerMerged(command);
    if (done !== undefined) return done;
    const pair = this.#pairOf(command);
    checkMergeable(pair);
    if (command.isCheck) return answerOf(pair.left.last, pair.right.last);
    return command.leftSequence === undefined
      ? this.#mergeAtHead(command, pair)
      : this.#mergeDirect(command);
  }

  /** What a drive answers that has merged: where the two stood. It takes a newer record. */
  async #answerMerged({ merged, isCheck }: MergeRange): Promise<MergeAnswer | undefined> {
    const replica = this.#parts.routes.get(merged.id);
    if (replica?.mergedAt === undefined || !hasSameBorders(replica.record, merged)) {
      return undefined;
    }
    if (replica.record.epoch < merged.epoch && !isCheck) {
      await this.#parts.locks.alone([merged.id], () =>
        this.#parts.installer.installAlone(merged, false),
      );
    }
    const { left, right } = replica.mergedAt;
    return answerOf(left, right);
  }

  #pairOf({ left, right, merged, leftSequence }: MergeRange): Pair {
    const { routes } = this.#parts;
    const pair = { left: routes.get(left.id), right: routes.get(right.id) };
    if (pair.left === undefined || pair.right === undefined) {
      throw refused(Status.noSuchRange, 'this drive does not hold both');
    }
    // Where it is known at which sequences they stood, these say all; records may have been told since.
    const isDirect = leftSequence !== undefined;
    checkIsStill(pair.left, left, isDirect ? merged : undefined);
    checkIsStill(pair.right, right, isDirect ? merged : undefined);
    return pair as Pair;
  }

  async #mergeAtHead(command: MergeRange, pair: Pair): Promise<MergeAnswer> {
    const { left, right } = pair;
    if (!left.role.isHead || !right.role.isHead) {
      throw refused(Status.staleIndex, 'this drive is not the head of both');
    }
    if (left.isDraining || right.isDraining) {
      throw refused(Status.conflictingOperation, 'another change is waiting for their writes');
    }
    const { drains } = this.#parts;
    try {
      await Promise.all([drains.begin(left), drains.begin(right)]);
      return await this.#join(command, (found) => {
        const isSame = found.left === left && found.right === right;
        if (!isSame) throw refused(Status.conflictingOperation, 'a copy has begun anew');
        checkQuiet(found);
      });
    } finally {
      drains.end(left);
      drains.end(right);
    }
  }

  #mergeDirect(command: MergeRange): Promise<MergeAnswer> {
    const { leftSequence, rightSequence, merged } = command;
    return this.#join(command, ({ left, right }) => {
      if (left.last !== leftSequence || right.last !== rightSequence) {
        const here = `${left.last} and ${right.last} here`;
        throw refused(
          Status.conflictingOperation,
          `expected sequences ${leftSequence} and ${rightSequence}, ${here}`,
        );
      }
      if (!roleOf(merged, left.self).isMember) {
        throw refused(Status.invalidArgument, 'expected this drive in the chain');
      }
      if (left.isDraining || right.isDraining || hasUnapplied({ left, right })) {
        throw refused(Status.conflictingOperation, 'writes are still being applied');
      }
      // What was replayed after a restart is visible, and committed: the head stood there too.
      for (const replica of [left, right]) this.#settleReplayed(replica);
    });
  }

  /** The durable step, and what follows from it in memory. `check` looks once more, under the locks. */
  #join(command: MergeRange, check: (pair: Pair) => void): Promise<MergeAnswer> {
    const { left: leftRecord, right: rightRecord, merged } = command;
    const { locks, store, nowMs } = this.#parts;
    return locks.alone([leftRecord.id, rightRecord.id], async () => {
      const pair = this.#pairOf(command);
      checkMergeable(pair);
      check(pair);
      const { left, right } = pair;
      const mergedAt = { left: left.last, right: right.last };
      const sessions = new SessionTable();
      sessions.merge(left.sessions.encode(), nowMs());
      sessions.join(right.sessions, nowMs());
      const hosting = {
        record: merged,
        namespace: left.namespace,
        era: left.era,
        isComplete: true,
        keptMarks: NOTHING_KEPT,
        baseSequence: Math.max(left.last, right.last),
        sessions: sessions.encode(),
        isGone: false,
        cutSequence: undefined,
        mergedAt,
      };
      await store.putStates(
        new Map([
          [stateName(left.id), encodeHosting(hosting)],
          [stateName(right.id), undefined],
        ]),
      );
      this.#become(pair, merged);
      return answerOf(mergedAt.left, mergedAt.right);
    });
  }

  #become({ left, right }: Pair, merged: RangeRecord): void {
    const { routes, peers, committer, installer, nowMs } = this.#parts;
    const last = Math.max(left.last, right.last);
    left.mergedAt = { left: left.last, right: right.last };
    left.cutSequence = undefined;
    left.last = last;
    left.committed = last;
    left.acknowledged = last;
    // Everything up to here is applied, on both sides.
    left.readableFrom = 0;
    left.isReconciled = true;
    left.mayLack ||= right.mayLack;
    left.sessions.join(right.sessions, nowMs());
    left.keys += right.keys;
    left.bytes += right.bytes;
    const { successor } = right.role;
    right.resumes++;
    committer.forget(right);
    routes.remove(right.id, right.record);
    // Writes that wait for a cold read of a key still know this copy: it is nobody any more.
    right.become({ ...right.record, chain: [] });
    if (successor !== undefined) peers.unwant(successor);
    installer.takeUp(left, merged);
  }

  #settleReplayed(replica: Replica): void {
    for (const { place } of replica.pending) this.#parts.store.settle(place);
    while (replica.pending.first() !== undefined) replica.pending.shift();
    replica.committed = replica.last;
    replica.acknowledged = replica.last;
  }
}

function answerOf(left: number, right: number): MergeAnswer {
  return { leftSequence: left as Sequence, rightSequence: right as Sequence };
}

function checkCommand({ left, right, merged, leftSequence, rightSequence }: MergeRange): void {
  const areNeighbours = left.end !== undefined && compareKeys(left.end, right.start) === 0;
  const whole = { ...left, end: right.end };
  const isAbove = merged.epoch > left.epoch && merged.epoch > right.epoch;
  const isMeant = merged.id === left.id && hasSameBorders(whole, merged);
  const hasBoth = (leftSequence === undefined) === (rightSequence === undefined);
  if (!areNeighbours || !isAbove || !isMeant || !hasBoth) {
    throw refused(Status.invalidArgument, 'expected two neighbours and the range that they become');
  }
}

/** Another epoch, or other borders: somebody has changed it since. */
function checkIsStill(replica: Replica, record: RangeRecord, below: RangeRecord | undefined): void {
  const { epoch } = replica.record;
  const isAtEpoch = below === undefined ? epoch === record.epoch : epoch < below.epoch;
  if (isAtEpoch && hasSameBorders(replica.record, record)) return;
  throw refused(
    Status.conflictingOperation,
    `range ${record.id} is at epoch ${epoch} here, or has other borders`,
  );
}

/** What waiting does not change. */
function checkMergeable({ left, right }: Pair): void {
  if (left.namespace !== right.namespace || left.era !== right.era) {
    throw refused(
      Status.invalidArgument,
      `ranges ${left.id} and ${right.id} lie apart in the log of this drive: one of them was copied here`,
    );
  }
  if (!left.isComplete || !right.isComplete || !left.isListed || !right.isListed) {
    throw refused(Status.conflictingOperation, 'one of them is not complete here');
  }
  const sessions = left.sessions.sessionCount + right.sessions.sessionCount;
  const results = left.sessions.resultCount + right.sessions.resultCount;
  if (sessions > limits.SESSIONS_PER_RANGE_MAX / 2 || results > RESULTS_MAX / 2) {
    throw refused(Status.conflictingOperation, 'together they have too many sessions');
  }
}

function hasUnapplied({ left, right }: Pair): boolean {
  return left.hasUnappliedWrites || right.hasUnappliedWrites;
}

/** At the head: committed everywhere, and no copy of it can know of more. */
function checkQuiet({ left, right }: Pair): void {
  for (const replica of [left, right]) {
    if (replica.pending.count > 0 || !replica.isReconciled) {
      throw refused(Status.conflictingOperation, `range ${replica.id} is not quiet`);
    }
  }
}

function refused(status: Status, message: string): RefusedError {
  return new RefusedError(status, { message: `merge: ${message}` });
}
