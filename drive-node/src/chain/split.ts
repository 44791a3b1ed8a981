// A split: one range becomes two, on every member at the same place in the order of writes.
//
// The head lets what is pending drain (new writes wait, bounded in number and time), installs both
// halves, then passes the cut down the chain; every member installs before it passes on. So whoever
// is cut has only cut members before it: a command that comes again after a crash finds the head cut
// and passes the cut on to those who missed it. Writes under the new epoch wait for them meanwhile.
// Both halves go on from the same sequence, with the same sessions and the same namespace: no data
// moves.
//
// When the head dies in the middle, fail-over gives a higher epoch to both halves and tells every survivor
// directly. One that has cut takes the records. One that has not stands at the very sequence of the cut,
// because the head had drained the range before it cut, and makes the same cut by itself; where that is not
// so, it refuses, and has to be copied anew.

import {
  type ChainSplit,
  type Clock,
  type Connection,
  compareKeys,
  type Frame,
  messages,
  type RangeRecord,
  RefusedError,
  type Sequence,
  type SplitRange,
  Status,
} from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import { decodeHosting, encodeHosting, type Hosting, stateName } from '../ranges/hosting.ts';
import { hasSameBorders, type Installer } from '../ranges/install.ts';
import type { RangeLocks } from '../ranges/range-locks.ts';
import { Replica } from '../ranges/replica.ts';
import { roleOf } from '../ranges/role.ts';
import type { Routes } from '../requests/routes.ts';
import type { PeerLinks } from '../shell/host.ts';
import type { Drains } from './drains.ts';
import type { Resumer } from './resume.ts';

const PASS_ON_MS_MAX = 10_000;

export interface SplitParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly routes: Routes;
  readonly peers: PeerLinks;
  readonly drains: Drains;
  readonly resumer: Resumer;
  readonly locks: RangeLocks;
  readonly installer: Installer;
}

export class Splitter {
  readonly #parts: SplitParts;

  constructor(parts: SplitParts) {
    this.#parts = parts;
  }

  /** Rejects with RefusedError when it cannot be done now; nothing has changed then. */
  split(command: SplitRange): Promise<void> {
    return command.isDirect === true ? this.#splitDirect(command) : this.#splitAtHead(command);
  }

  async #splitAtHead({ left, right }: SplitRange): Promise<void> {
    const replica = this.#parts.routes.get(left.id);
    if (replica === undefined) throw refused(Status.noSuchRange, 'this drive does not hold it');
    if (replica.record.epoch > left.epoch) return;
    if (!replica.role.isHead) throw refused(Status.staleIndex, 'this drive is not the head');
    if (replica.isDraining) throw refused(Status.conflictingOperation, 'it is being split already');
    const sequence = this.#cutAt(right);
    if (replica.record.epoch === left.epoch) {
      // Cut here already; whether everybody behind us has is not known.
      if (sequence !== undefined) await this.#passOn(replica, { left, right, sequence });
      return;
    }
    // Those behind may have more than a head that was started again: they could not cut where it does.
    if (!replica.isReconciled) throw refused(Status.rangeUnavailable, 'the chain has not agreed');
    try {
      await this.#parts.drains.begin(replica);
      const cut: ChainSplit = { left, right, sequence: replica.last as Sequence };
      await this.#cut(replica, cut);
      this.#parts.drains.end(replica);
      await this.#passOn(replica, cut);
    } finally {
      this.#parts.drains.end(replica);
    }
  }

  /** At the members behind the head. */
  handleChainSplit(connection: Connection, frame: Frame): void {
    const request = messages.chainSplit.decode(frame.header[2]);
    this.#follow(connection, request).then(
      () => connection.answer(frame.requestId, messages.done, { done: true }),
      (error: unknown) => {
        const { status, message } =
          error instanceof RefusedError
            ? { status: error.status, message: error.message }
            : { status: Status.storeFailed, message: 'the split could not be persisted' };
        connection.refuse(frame.requestId, status, { message });
      },
    );
  }

  async #follow(connection: Connection, request: ChainSplit): Promise<void> {
    const replica = this.#parts.routes.get(request.left.id);
    if (replica === undefined) throw refused(Status.aheadOfDrive, 'this drive does not hold it');
    if (replica.record.epoch > request.left.epoch) return;
    if (replica.role.predecessor !== connection.peer.node) {
      throw refused(Status.staleIndex, 'the sender is not the predecessor');
    }
    if (replica.record.epoch === request.left.epoch) {
      await this.#passOn(replica, request);
      return;
    }
    await this.#cut(replica, request);
    await this.#passOn(replica, request);
  }

  /** A cut in the order of writes: at the next epoch, exactly there, and with the neighbours as they are. */
  #cut(replica: Replica, { left, right, sequence }: ChainSplit): Promise<void> {
    return this.#parts.locks.alone([left.id, right.id], async () => {
      const { record, last } = replica;
      if (this.#parts.routes.get(left.id) !== replica) {
        throw refused(Status.conflictingOperation, 'the copy has begun anew');
      }
      // It came twice.
      if (record.epoch === left.epoch && hasSameBorders(record, left)) return;
      if (record.epoch + 1 !== left.epoch || last !== sequence) {
        throw refused(Status.conflictingOperation, `epoch ${record.epoch}, sequence ${last} here`);
      }
      const half = await this.#persistBoth(replica, left, right);
      replica.become(left);
      this.#parts.routes.add(replica);
      this.#takeUp(half);
      this.#parts.resumer.start(replica);
    });
  }

  #splitDirect({ left, right, sequence }: SplitRange): Promise<void> {
    const { locks, routes, installer } = this.#parts;
    return locks.alone([left.id, right.id], async () => {
      const replica = routes.get(left.id);
      if (replica === undefined) throw refused(Status.noSuchRange, 'this drive does not hold it');
      if (hasSameBorders(replica.record, left)) {
        await installer.installAlone(left, false);
        await installer.installAlone(right, false);
        return;
      }
      checkDirect(replica, { left, right, sequence });
      this.#settleReplayed(replica);
      const half = await this.#persistBoth(replica, left, right);
      installer.takeUp(replica, left);
      this.#takeUp(half);
    });
  }

  /** Where a cut was made that this drive has already; undefined when it was not made here. */
  #cutAt(right: RangeRecord): Sequence | undefined {
    const bytes = this.#parts.store.states.get(stateName(right.id));
    if (bytes === undefined) return undefined;
    const { record, cutSequence } = decodeHosting(bytes);
    return record.epoch === right.epoch ? (cutSequence as Sequence | undefined) : undefined;
  }

  async #passOn(replica: Replica, request: ChainSplit): Promise<void> {
    const successor = replica.role.successor;
    if (successor === undefined) return;
    const connection = this.#parts.peers.connectionTo(successor);
    if (connection === undefined) {
      throw refused(Status.rangeUnavailable, `no connection to the successor ${successor}`);
    }
    const options = { timeoutMs: PASS_ON_MS_MAX };
    await connection.request(messages.chainSplit, request, messages.done, options);
  }

  /** What was replayed after a restart is visible already, and known to be committed: before the cut. */
  #settleReplayed(replica: Replica): void {
    for (const { place } of replica.pending) this.#parts.store.settle(place);
    while (replica.pending.first() !== undefined) replica.pending.shift();
    replica.committed = replica.last;
    replica.acknowledged = replica.last;
  }

  /** Both halves in one durable step. The right one is not taken up yet. */
  async #persistBoth(replica: Replica, left: RangeRecord, right: RangeRecord): Promise<Replica> {
    const cutSequence = replica.last;
    const changes = new Map<string, Uint8Array>();
    const sessions = replica.sessions.encode();
    for (const record of [left, right]) {
      const hosting: Hosting = {
        sessions,
        record,
        namespace: replica.namespace,
        era: replica.era,
        isComplete: replica.isComplete,
        keptMarks: replica.keptMarks,
        baseSequence: replica.last,
        isGone: false,
        cutSequence: record === right ? cutSequence : replica.cutSequence,
        mergedAt: undefined,
      };
      changes.set(stateName(record.id), encodeHosting(hosting));
    }
    await this.#parts.store.putStates(changes);
    return this.#makeRight(replica, right);
  }

  #takeUp(half: Replica): void {
    const { routes, peers, resumer } = this.#parts;
    routes.add(half);
    if (half.role.successor !== undefined) peers.want(half.role.successor);
    resumer.start(half);
  }

  #makeRight(replica: Replica, right: RangeRecord): Replica {
    const half = new Replica(right, replica.namespace, replica.self, replica.era);
    half.last = replica.last;
    half.committed = replica.last;
    half.acknowledged = replica.last;
    half.isComplete = replica.isComplete;
    half.keptMarks = replica.keptMarks;
    half.isReconciled = replica.isReconciled;
    half.mayLack = replica.mayLack;
    half.readableFrom = replica.readableFrom;
    half.cutSequence = replica.last;
    replica.mergedAt = undefined;
    half.sessions.merge(replica.sessions.encode(), this.#parts.clock.nowMs());
    // Whole numbers: they are told with the next heartbeat, and measured some time after it.
    half.keys = Math.floor(replica.keys / 2);
    half.bytes = Math.floor(replica.bytes / 2);
    replica.keys -= half.keys;
    replica.bytes -= half.bytes;
    return half;
  }
}

/** A drive that cannot make exactly the cut that the others have made must not make another one. */
function checkDirect(replica: Replica, { left, right, sequence }: SplitRange): void {
  const { record, self, last, isComplete, isDraining } = replica;
  const whole = { ...left, end: right.end };
  const isHalving = left.end !== undefined && compareKeys(left.end, right.start) === 0;
  if (sequence === undefined || !isHalving || !hasSameBorders(record, whole)) {
    throw refused(Status.invalidArgument, 'expected a sequence and two halves of the range');
  }
  if (!roleOf(left, self).isMember || !roleOf(right, self).isMember) {
    throw refused(Status.invalidArgument, 'expected this drive in both chains');
  }
  const isDrained = !isDraining && !replica.hasUnappliedWrites;
  if (record.epoch >= left.epoch || last !== sequence || !isComplete || !isDrained) {
    throw refused(
      Status.conflictingOperation,
      `not cut at ${sequence}: epoch ${record.epoch}, sequence ${last} here; copy it anew`,
    );
  }
}

function refused(status: Status, message: string): RefusedError {
  return new RefusedError(status, { message: `split: ${message}` });
}
