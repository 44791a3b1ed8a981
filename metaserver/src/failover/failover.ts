// From "a drive does not answer" to chains that go on without it.
//
//   detector   who is lost
//   cut-off    who is heard here, but not by the other drives of its chains
//   fencing    its rights are taken away, and the lease is waited out
//   keeper     it leaves every chain in which another serving member is alive
//   repair     other drives get the copies that are missing
//
// Here they are tied together, and here is what others may ask about a drive. A drive that comes back
// registers; from that moment it is alive again, at whatever point the rest just was.

import { setMaxListeners } from 'node:events';
import {
  type Clock,
  type DriveId,
  type Heartbeat,
  type HistoryGap,
  MemberState,
  type RangeId,
  type RangeRecord,
  type Timer,
} from '@piton/protocol';
import type { Fencing } from '../leases/fencing.ts';
import type { DriveConnections, DriveHealth } from '../members/drive-connections.ts';
import type { Statistics } from '../members/statistics.ts';
import type { Commands } from '../operations/commands.ts';
import type { FaultHook } from '../operations/fault-points.ts';
import type { Operations } from '../operations/operations.ts';
import type { RangeHolds } from '../operations/range-holds.ts';
import { pause, StoppedError } from '../operations/waiting.ts';
import { type Log, reasonOf } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { DriveState, takesRanges } from '../state/entries.ts';
import { Accusations } from './accusations.ts';
import { ChainKeeper } from './chain-keeper.ts';
import { type DriveFacts, servingIn } from './chain-plan.ts';
import { Crowded } from './crowded.ts';
import { CutOff, NOBODY_CUT_OFF } from './cut-off.ts';
import { Condition, Detector } from './detector.ts';
import { HistoryGaps } from './history-gaps.ts';
import type { RepairFacts } from './repair-plan.ts';
import { Repairs } from './repairs.ts';
import { DoubtListeners, type Standing } from './standing.ts';
import { Steadiness } from './steadiness.ts';
import { Unagreed } from './unagreed.ts';

export interface FailoverParts {
  readonly repairAfterMs: number;
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly drives: DriveConnections;
  readonly statistics: Statistics;
  readonly holds: RangeHolds;
  readonly fencing: Fencing;
  /** A drive has been fenced: who was its witness, and whose witness it was, may have to change. */
  readonly membersChanged: () => void;
  readonly fault: FaultHook;
  readonly log: Log;
  readonly leaseMs: number;
  readonly startGraceMs: number;
}

/**
 * `fenced`: it is taken out of its chains. `unreachable`: only its witnesses hear it. `cut-off`: this server
 * hears it, and other drives do not reach it.
 */
export type DriveWord = DriveHealth | 'suspected' | 'unreachable' | 'cut-off' | 'fenced';

/** Everything is looked at again this often, in case an event was missed. */
const SWEEP_MS = 5_000;
const FENCE_RETRY_MS = 1_000;
/** So many members are left when a full one leaves for nobody: then one more loss is still no loss of data. */
const ENOUGH_WITHOUT_ONE = 2;
/** Who goes on alone was heard of within this share of the lease; lease and heartbeat come more often. */
const HEARD_SHARE = 0.4;

export class Failover implements Standing, RepairFacts {
  readonly #parts: FailoverParts;
  readonly #detector: Detector;
  readonly #doubts: DoubtListeners = new DoubtListeners();
  readonly #fencing: Map<DriveId, Promise<void>> = new Map();
  readonly #gaps: HistoryGaps = new HistoryGaps();
  readonly #accusations: Accusations;
  readonly #unagreed: Unagreed;
  #cutOff: CutOff = NOBODY_CUT_OFF;
  readonly #crowded: Crowded = new Crowded((drive) => this.#isFull(drive));
  readonly #steadiness: Steadiness;
  readonly #failed: Set<DriveId> = new Set();
  /** Others would leave chains in which these stay, but they were not heard of for a moment. */
  readonly #awaited: Set<DriveId> = new Set();
  readonly #stopping: AbortController = new AbortController();
  #keeper: ChainKeeper | undefined;
  #repairs: Repairs | undefined;
  #timer: Timer | undefined;

  constructor(parts: FailoverParts) {
    this.#parts = parts;
    // Every command to a drive listens to it; that is bounded by the commands themselves.
    setMaxListeners(0, this.#stopping.signal);
    this.#steadiness = new Steadiness(parts.clock);
    this.#unagreed = new Unagreed(parts.clock);
    this.#accusations = new Accusations({
      ...parts,
      isHeard: (drive) => this.#isHere(drive) && !this.isSuspected(drive),
    });
    this.#detector = new Detector({
      ...parts,
      watched: () => this.#watched(),
      heardOf: (drive) => parts.fencing.heardOf(drive),
      suspected: (drive) => this.#suspected(drive),
      lost: (drive) => this.#lost(drive),
    });
  }

  /** Before anyone can connect. `commands` must ask this object how drives stand. */
  start(commands: Commands, operations: Operations): void {
    const { state } = this.#parts;
    const { signal } = this.#stopping;
    const repairs = new Repairs({ ...this.#parts, operations, facts: this });
    this.#repairs = repairs;
    this.#keeper = new ChainKeeper({
      ...this.#parts,
      ...{ commands, standing: this, signal },
      facts: (record) => this.#factsFor(record),
      changed: () => repairs.considerSoon(),
    });
    this.#keeper.consider(state.unsound);
    // An earlier life persisted the fence; whether it waited the lease out is not known.
    for (const { id, state: how } of state.drives.values()) {
      if (how === DriveState.fenced) this.#fence(id);
    }
    this.#detector.start();
    this.#sweepLater();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#detector.stop();
    this.#timer?.cancel();
    const parts = [this.#keeper?.stop(), this.#repairs?.stop()];
    await Promise.all([...this.#fencing.values(), ...parts]);
  }

  /** The drive has registered: the catalog says that it is a member, and its answer is on its way. */
  arrived(drive: DriveId, unagreed: readonly RangeId[] = []): void {
    this.#unagreed.arrived(drive, unagreed);
    this.#detector.cameBack(drive);
    this.#steadiness.cameBack(drive);
    this.#accusations.arrived(drive);
    this.#considerRangesOf(drive);
    this.#repairs?.consider();
  }

  /** A heartbeat has come. */
  reported(heartbeat: Heartbeat): void {
    const { drive, gaps = [], unreached = [], unagreed = [] } = heartbeat;
    this.#keeper?.consider(this.#unagreed.heard(drive, unagreed));
    this.#accusations.heard(drive, unreached);
    this.#blame();
    for (const gap of gaps) this.lacks(gap);
    this.#noteCrowded(heartbeat);
    if (this.#awaited.delete(drive)) this.#considerRangesOf(drive);
    const hadFailed = this.#failed.has(drive);
    if (this.hasFailed(drive) === hadFailed) return;
    if (hadFailed) this.#failed.delete(drive);
    else this.#failed.add(drive);
    this.#considerRangesOf(drive);
  }

  /** Every time: room elsewhere may have come since. */
  #noteCrowded(heartbeat: Heartbeat): void {
    const { ranges, added } = this.#crowded.heard(heartbeat);
    for (const range of added) {
      const chain = this.#parts.state.ranges.get(range)?.record.chain ?? [];
      const full = chain.filter(({ drive }) => this.#isFull(drive)).map(({ drive }) => drive);
      this.#parts.log.warn(
        { range, full, reportedBy: heartbeat.drive },
        'a range has no room for puts',
      );
      for (const drive of full) this.#doubts.tell(drive);
    }
    this.#keeper?.consider(ranges);
  }

  #isFull(drive: DriveId): boolean {
    return this.#parts.drives.report(drive)?.isFull ?? false;
  }

  /** A member has not what its record says: it leaves the chain, and comes back with a copy. */
  lacks(gap: HistoryGap): void {
    const record = this.#parts.state.ranges.get(gap.range)?.record;
    if (record === undefined || !this.#gaps.note(gap, record)) return;
    this.#parts.log.warn({ ...gap }, 'a member has to be copied anew');
    this.#keeper?.consider([gap.range]);
  }

  isFenced(drive: DriveId): boolean {
    return this.#parts.fencing.isFenced(drive);
  }

  isSuspected(drive: DriveId): boolean {
    return this.isFenced(drive) || this.#detector.conditionOf(drive) !== Condition.heard;
  }

  isCutOff(record: RangeRecord, drive: DriveId): boolean {
    const isCopy = record.chain.some(
      (member) => member.drive === drive && member.state === MemberState.syncing,
    );
    const hasNoRoom = isCopy && this.#crowded.has(record, drive);
    return hasNoRoom || this.#cutOff.isLeaving(record.chain, drive);
  }

  isAlive(drive: DriveId): boolean {
    return this.#isHere(drive) && !this.isSuspected(drive) && !this.hasFailed(drive);
  }

  #isHere(drive: DriveId): boolean {
    return this.#parts.drives.connectionOf(drive) !== undefined;
  }

  hasFailed(drive: DriveId): boolean {
    const { drives, state } = this.#parts;
    if (drives.connectionOf(drive) === undefined) return false;
    const report = drives.report(drive);
    const isOfThisLife = report?.incarnation === state.drives.get(drive)?.incarnation;
    return report?.storeFailed === true && isOfThisLife;
  }

  /** Whether a copy may be brought to it now. */
  mayReceive(drive: DriveId): boolean {
    const entry = this.#parts.state.drives.get(drive);
    const isOpen = entry !== undefined && takesRanges(entry);
    const isTaking = !this.#isFull(drive) && !this.#cutOff.isBlamed(drive);
    return isOpen && isTaking && this.isAlive(drive) && this.#steadiness.isSteady(drive);
  }

  #factsFor(record: RangeRecord): DriveFacts {
    const isUnfit = (drive: DriveId): boolean =>
      this.#gaps.has(record, drive) || this.#leavesForRoom(record, drive);
    return {
      isFenced: (drive) => this.isFenced(drive),
      isAlive: (drive) => this.isAlive(drive) && !isUnfit(drive),
      hasFailed: (drive) => this.hasFailed(drive) || isUnfit(drive),
      isCutOff: (drive) => this.isCutOff(record, drive),
      mayLack: (drive) => this.#unagreed.has(record.id, drive),
      isHeardNow: (drive) => this.#isHeardNow(drive),
      isForgotten: (drive) => this.#parts.state.drives.get(drive)?.isForgotten === true,
    };
  }

  /** When it is not, the chains are looked at again with its next heartbeat, or when it is fenced. */
  #isHeardNow(drive: DriveId): boolean {
    const { drives, clock, leaseMs } = this.#parts;
    const heardAtMs = drives.heardAtMs(drive);
    if (heardAtMs !== undefined && clock.nowMs() - heardAtMs <= HEARD_SHARE * leaseMs) return true;
    this.#awaited.add(drive);
    return false;
  }

  /** A full member stops the writes of its chain. It leaves when another drive can take its place, or enough stay. */
  #leavesForRoom(record: RangeRecord, drive: DriveId): boolean {
    if (!this.#crowded.has(record, drive)) return false;
    const { chain } = record;
    if (servingIn(chain).length > ENOUGH_WITHOUT_ONE) return true;
    const isOutside = (other: DriveId): boolean => !chain.some((member) => member.drive === other);
    return this.#parts.drives
      .connected()
      .some((other) => isOutside(other) && this.mayReceive(other));
  }

  /** Looks again who is cut off from whom. */
  #blame(): void {
    const before = this.#cutOff;
    const now = new CutOff(this.#accusations.broken());
    if (before.isSame(now)) return;
    this.#cutOff = now;
    for (const drive of now.blamed) {
      if (before.isBlamed(drive)) continue;
      this.#parts.log.warn({ drive }, 'other drives cannot reach a drive, it leaves their chains');
      this.#steadiness.lost(drive);
    }
    for (const drive of before.blamed) {
      if (now.isBlamed(drive)) continue;
      this.#parts.log.info({ drive }, 'other drives reach a drive again');
      this.#steadiness.cameBack(drive);
    }
    for (const drive of new Set([...before.concerned, ...now.concerned])) {
      this.#doubts.tell(drive);
      this.#considerRangesOf(drive);
    }
    this.#repairs?.consider();
  }

  /** How a drive is, in one word for people. */
  wordFor(drive: DriveId): DriveWord {
    if (this.isFenced(drive)) return 'fenced';
    const condition = this.#detector.conditionOf(drive);
    if (condition === Condition.heard) {
      return this.#cutOff.isBlamed(drive) ? 'cut-off' : this.#parts.drives.health(drive);
    }
    return condition === Condition.lost ? 'suspected' : condition;
  }

  whenDoubted(drive: DriveId, wake: () => void): () => void {
    return this.#doubts.listen(drive, wake);
  }

  /** Drives that hold something, and are not fenced already. */
  *#watched(): Iterable<DriveId> {
    const { state } = this.#parts;
    for (const id of state.drives.keys()) {
      if (state.shareOf(id).ranges.size > 0 && !this.isFenced(id)) yield id;
    }
  }

  #suspected(drive: DriveId): void {
    this.#parts.log.warn({ drive }, 'drive is not heard of, asking its witnesses');
    this.#doubts.tell(drive);
  }

  #lost(drive: DriveId): void {
    this.#parts.log.warn({ drive }, 'drive is lost, taking its rights away');
    this.#fence(drive);
  }

  #fence(drive: DriveId): void {
    if (this.#fencing.has(drive)) return;
    const running = this.#runFence(drive).finally(() => this.#fencing.delete(drive));
    this.#fencing.set(drive, running);
  }

  async #runFence(drive: DriveId): Promise<void> {
    const { fencing, clock, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const outcome = await fencing.fence(drive, signal);
        if (outcome === 'fenced' && this.isFenced(drive)) this.#fenced(drive);
        else this.#detector.falseAlarm(drive);
        return;
      } catch (error) {
        if (signal.aborted) return;
        log.error({ drive, reason: reasonOf(error) }, 'drive could not be fenced, trying again');
      }
      await pause(clock, FENCE_RETRY_MS, signal).catch(ignoreStop);
    }
  }

  #fenced(drive: DriveId): void {
    const { drives, statistics, state, log } = this.#parts;
    const ranges = state.shareOf(drive).ranges.size;
    log.warn({ drive, ranges }, 'drive is fenced, its ranges go on without it');
    // Whoever it was, it has to register before it is heard again.
    drives.expel(drive, 'this drive was taken for dead: register again');
    statistics.forget(drive);
    this.#crowded.forget(drive);
    this.#awaited.delete(drive);
    this.#steadiness.lost(drive);
    this.#parts.membersChanged();
    this.#doubts.tell(drive);
    this.#considerRangesOf(drive);
  }

  #considerRangesOf(drive: DriveId): void {
    this.#keeper?.consider(this.#parts.state.shareOf(drive).ranges);
  }

  #sweepLater(): void {
    this.#timer = this.#parts.clock.setTimer(SWEEP_MS, () => {
      const { state } = this.#parts;
      for (const id of state.drives.keys()) {
        const isOut = this.isFenced(id) || this.hasFailed(id) || this.#cutOff.isBlamed(id);
        if (isOut) this.#considerRangesOf(id);
      }
      this.#keeper?.consider(state.unsound);
      if (state.unsound.size > 0) this.#repairs?.consider();
      this.#sweepLater();
    });
  }
}

function ignoreStop(error: unknown): void {
  if (!(error instanceof StoppedError)) throw error;
}
