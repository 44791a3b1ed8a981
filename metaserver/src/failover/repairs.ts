// Brings ranges that lack serving members back to their number: looks for them, chooses drives, begins an
// operation for each, a bounded number at once.
//
// It keeps no list of what is to be done: that is what the records say. An operation (operations/move-range.ts,
// kind `repair`) is persisted, resumed and undone by itself; one that failed or was cancelled is begun
// again after a growing pause, perhaps elsewhere. Members that are back are taken at once, other drives
// after `repairAfterMs`: most drives that go away come back.

import {
  type Clock,
  type DriveId,
  OperationState,
  type RangeId,
  type RangeRecord,
  type Timer,
} from '@piton/protocol';
import { copyBytes, figuresOfDrives, workOf } from '../balancer/picture.ts';
import type { Weight } from '../balancer/targets.ts';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { Statistics } from '../members/statistics.ts';
import { MoveKind, type MovePayload } from '../operations/move-range.ts';
import {
  ConflictingOperationError,
  type Operations,
  TooManyOperationsError,
} from '../operations/operations.ts';
import { problemWithGrowth } from '../operations/room.ts';
import { type Log, reasonOf } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { wireBytes } from '../state/drive-shares.ts';
import type { OperationEntry } from '../state/entries.ts';
import { servingIn } from './chain-plan.ts';
import { type RepairChoice, type RepairFacts, RepairPlanner, Traffic } from './repair-plan.ts';

export interface RepairParts {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly drives: DriveConnections;
  readonly statistics: Statistics;
  readonly operations: Operations;
  readonly facts: RepairFacts;
  readonly repairAfterMs: number;
  readonly log: Log;
}

/** Copies that one drive takes in, or gives out, at once for repair. */
const COPIES_PER_DRIVE = 4;
/** What happens in one moment is looked at together. */
const GATHER_MS = 20;
/** While something is short it is looked at so often, beside what is reported. */
const LOOK_MS = 1_000;
const RETRY_MS_FIRST = 2_000;
const RETRY_MS_LONGEST = 60_000;

/** The chain is not the one that the repair was planned for. */
class OutdatedRepairError extends Error {}

interface Failure {
  readonly count: number;
  readonly retryAtMs: number;
}

export class Repairs {
  readonly #parts: RepairParts;
  readonly #shortSinceMs: Map<RangeId, number> = new Map();
  readonly #failures: Map<RangeId, Failure> = new Map();
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  /** A drive has come back, a repair has ended. */
  consider(): void {
    this.#lookIn(GATHER_MS);
  }

  /** Chains have changed, perhaps hundreds in this moment: they come before any repair. */
  considerSoon(): void {
    this.#lookIn(LOOK_MS);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  #lookIn(delayMs: number): void {
    const { clock } = this.#parts;
    const atMs = clock.nowMs() + delayMs;
    if (this.#isStopped || atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.#looking = this.#look().catch((error: unknown) =>
        this.#parts.log.error({ reason: reasonOf(error) }, 'repairs cannot be begun'),
      );
    });
  }

  async #look(): Promise<void> {
    await this.#looking;
    const short = this.#shortRanges();
    if (short.length === 0) return;
    this.#lookIn(LOOK_MS);
    const planner = this.#planner();
    for (const record of short) {
      if (this.#isStopped) return;
      const weight = this.#weightOf(record);
      const choice = planner.choose(record, weight, this.#mayUseOthers(record));
      if (choice === undefined) continue;
      if (await this.#tryBegin(record, choice)) planner.note(record, choice, weight);
    }
  }

  /** Ranges with too few serving members that nobody has in hand, the barest first. */
  #shortRanges(): RangeRecord[] {
    const { state, operations, clock } = this.#parts;
    const nowMs = clock.nowMs();
    const found: { record: RangeRecord; serving: number }[] = [];
    const since = new Set<RangeId>();
    for (const id of state.unsound) {
      const entry = state.ranges.get(id);
      if (entry === undefined || entry.published?.epoch !== entry.record.epoch) continue;
      const serving = servingIn(entry.record.chain).length;
      if (serving === 0 || serving >= state.replicasOf(entry.record)) continue;
      since.add(id);
      if (!this.#shortSinceMs.has(id)) this.#shortSinceMs.set(id, nowMs);
      const isLater = nowMs < (this.#failures.get(id)?.retryAtMs ?? 0);
      if (!operations.isLocked(id) && !isLater) found.push({ record: entry.record, serving });
    }
    for (const id of this.#shortSinceMs.keys()) if (!since.has(id)) this.#forget(id);
    found.sort((a, b) => a.serving - b.serving || a.record.id - b.record.id);
    return found.map(({ record }) => record);
  }

  #forget(range: RangeId): void {
    this.#shortSinceMs.delete(range);
    this.#failures.delete(range);
  }

  /** Whether it is time, and whether there is anybody outside the chain. */
  #mayUseOthers({ id, chain }: RangeRecord): boolean {
    const { clock, repairAfterMs, drives, facts } = this.#parts;
    const sinceMs = this.#shortSinceMs.get(id) ?? clock.nowMs();
    if (clock.nowMs() - sinceMs < repairAfterMs) return false;
    const isOutside = (drive: DriveId): boolean => !chain.some((member) => member.drive === drive);
    return drives.connected().some((drive) => isOutside(drive) && facts.mayReceive(drive));
  }

  #planner(): RepairPlanner {
    const { facts, state } = this.#parts;
    const incoming = new Traffic(COPIES_PER_DRIVE);
    const outgoing = new Traffic(COPIES_PER_DRIVE);
    for (const { range, to } of this.#underWay()) {
      if (to !== undefined) incoming.add(to);
      const chain = servingIn(state.ranges.get(range)?.record.chain ?? []);
      const tail = chain.at(-1)?.drive;
      if (tail !== undefined) outgoing.add(tail);
    }
    return new RepairPlanner(() => figuresOfDrives(this.#parts), facts, incoming, outgoing);
  }

  *#underWay(): Iterable<MovePayload> {
    for (const { kind, state, payload } of this.#parts.state.operations.values()) {
      if (kind !== MoveKind.repair || state !== OperationState.running) continue;
      yield payload as unknown as MovePayload;
    }
  }

  #weightOf(record: RangeRecord): Weight {
    const { statistics } = this.#parts;
    const load = statistics.ofRange(record);
    return { bytes: copyBytes(statistics, record), workBytesPerSecond: workOf(load) };
  }

  /** Returns whether it was begun. */
  async #tryBegin(record: RangeRecord, { to, isReturn }: RepairChoice): Promise<boolean> {
    const { operations, log } = this.#parts;
    const { id: range } = record;
    const payload = { range, to, ...(isReturn ? { isReturn } : {}) };
    const message = isReturn
      ? `bringing ${to} back to range ${range}`
      : `copying range ${range} to ${to}`;
    try {
      const request = { kind: MoveKind.repair, ranges: [range], payload, message };
      const operation = await operations.begin(request, () => {
        this.#check(record, to, isReturn);
        return {};
      });
      log.info({ operation, range, drive: to, isReturn }, 'repair begun');
      operations.whenChanged(operation, () => this.#ended(operation, range));
      return true;
    } catch (error) {
      const isPassing =
        error instanceof ConflictingOperationError ||
        error instanceof TooManyOperationsError ||
        error instanceof OutdatedRepairError;
      if (!isPassing) throw error;
      return false;
    }
  }

  /** In the turn of the catalog in which it is accepted. */
  #check(planned: RangeRecord, to: DriveId, isReturn: boolean): void {
    const { state, facts } = this.#parts;
    const record = state.ranges.get(planned.id)?.record;
    if (record?.epoch !== planned.epoch) {
      throw new OutdatedRepairError(`range ${planned.id} has another chain by now`);
    }
    if (!facts.mayReceive(to)) throw new OutdatedRepairError(`drive ${to} takes no copy now`);
    const growth = { ranges: 1, recordBytes: wireBytes(record) };
    const problem = isReturn ? undefined : problemWithGrowth(state, 0, new Map([[to, growth]]));
    if (problem !== undefined) throw new OutdatedRepairError(problem);
  }

  #ended(operation: number, range: RangeId): void {
    if (this.#isStopped) return;
    const { operations, clock } = this.#parts;
    const entry: OperationEntry | undefined = operations.get(operation);
    if (entry?.state === OperationState.running) {
      // Only cancelled; the end comes later.
      operations.whenChanged(operation, () => this.#ended(operation, range));
      return;
    }
    if (entry?.state === OperationState.failed) {
      const count = (this.#failures.get(range)?.count ?? 0) + 1;
      const pauseMs =
        entry.isCancelled === true
          ? RETRY_MS_LONGEST
          : Math.min(RETRY_MS_LONGEST, RETRY_MS_FIRST * 2 ** (count - 1));
      this.#failures.set(range, { count, retryAtMs: clock.nowMs() + pauseMs });
    }
    this.consider();
  }
}
