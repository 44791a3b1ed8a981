// Who is dead? Suspects drives that are not heard of, asks their witnesses, and says when one is lost.
//
//   heard        fine
//   suspected    silent for two thirds of the lease, or its connection ended and it did not come back
//                within a third, or not within half a lease of this server's start: its witnesses are asked
//                when they last heard of it
//   unreachable  they hear it: it is cut off from this server alone, and keeps its ranges for ten leases
//   lost         nobody hears it: reported once, until it registers again
//
// What it must not do is remove a drive that is only slow. So silence counts from when this server was
// able to hear: anew after its own start and after a pause of its own (its timers came late). A drive
// whose suspicion turned out wrong is given more time the next times (a machine whose card stalls).
//
// Being wrong costs no data and no stale read: nothing is taken from a drive before it is fenced.

import type { Clock, DriveId, Timer } from '@piton/protocol';
import type { DriveConnections } from '../members/drive-connections.ts';

export const Condition = {
  heard: 'heard',
  suspected: 'suspected',
  unreachable: 'unreachable',
  lost: 'lost',
} as const;
export type Condition = (typeof Condition)[keyof typeof Condition];

export interface DetectorParts {
  readonly clock: Clock;
  readonly drives: DriveConnections;
  readonly leaseMs: number;
  /** How long after the start a drive may take to come back to this server, when nobody knows of it. */
  readonly startGraceMs: number;
  /** The drives to look after. */
  readonly watched: () => Iterable<DriveId>;
  /** How long ago its witnesses last heard of it; undefined: none of them has. */
  readonly heardOf: (drive: DriveId) => Promise<number | undefined>;
  readonly suspected: (drive: DriveId) => void;
  readonly lost: (drive: DriveId) => void;
}

interface Watch {
  condition: Condition;
  isAsking: boolean;
  askedAtMs: number;
  unreachableSinceMs: number | undefined;
  /** Suspicions that were wrong. */
  alarms: number;
  alarmAtMs: number;
}

const TICKS_PER_LEASE = 12;
const ASKS_PER_LEASE = 6;
const UNREACHABLE_LEASES = 10;
/** False alarms are forgotten after this many leases, and count for at most so much patience. */
const ALARM_LEASES = 60;
const STRETCH_PER_ALARM = 0.5;
const STRETCH_MAX = 4;

export class Detector {
  readonly #parts: DetectorParts;
  readonly #tickMs: number;
  readonly #watches: Map<DriveId, Watch> = new Map();
  /** Silence counts from here at the earliest. */
  #countFromMs: number;
  readonly #startedMs: number;
  #tickedAtMs: number;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(parts: DetectorParts) {
    this.#parts = parts;
    this.#tickMs = Math.max(5, parts.leaseMs / TICKS_PER_LEASE);
    this.#startedMs = parts.clock.nowMs();
    this.#countFromMs = this.#startedMs;
    this.#tickedAtMs = this.#startedMs;
  }

  start(): void {
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  conditionOf(drive: DriveId): Condition {
    return this.#watches.get(drive)?.condition ?? Condition.heard;
  }

  /** The drive has registered. */
  cameBack(drive: DriveId): void {
    const watch = this.#watches.get(drive);
    if (watch !== undefined) settle(watch);
  }

  /** It was reported lost, and was not. */
  falseAlarm(drive: DriveId): void {
    const watch = this.#watch(drive);
    const nowMs = this.#parts.clock.nowMs();
    watch.alarms = this.#alarmsOf(watch, nowMs) + 1;
    watch.alarmAtMs = nowMs;
    settle(watch);
  }

  #schedule(): void {
    this.#timer = this.#parts.clock.setTimer(this.#tickMs, () => {
      if (this.#isStopped) return;
      this.#tick();
      this.#schedule();
    });
  }

  #tick(): void {
    const { clock, leaseMs, watched } = this.#parts;
    const nowMs = clock.nowMs();
    const lateMs = nowMs - this.#tickedAtMs - this.#tickMs;
    this.#tickedAtMs = nowMs;
    // What came in during a pause of our own may still wait to be read.
    if (lateMs > leaseMs / ASKS_PER_LEASE) this.#countFromMs = nowMs;
    const isWatched = new Set(watched());
    for (const drive of isWatched) this.#look(drive, nowMs);
    for (const [drive, watch] of this.#watches) {
      if (!isWatched.has(drive)) this.#lookAgain(drive, watch, nowMs);
    }
  }

  /** What it held is elsewhere by now: nothing is taken from it any more, but it may be heard again. */
  #lookAgain(drive: DriveId, watch: Watch, nowMs: number): void {
    if (watch.condition === Condition.heard || watch.condition === Condition.lost) return;
    const { silentMs, limitMs } = this.#silenceOf(drive, nowMs);
    if (silentMs < limitMs) settle(watch);
  }

  #look(drive: DriveId, nowMs: number): void {
    const watch = this.#watch(drive);
    if (watch.condition === Condition.lost) return;
    const { silentMs, limitMs } = this.#silenceOf(drive, nowMs);
    if (silentMs < limitMs * this.#stretchOf(watch, nowMs)) {
      if (watch.condition !== Condition.heard) settle(watch);
      return;
    }
    if (watch.condition === Condition.heard) {
      watch.condition = Condition.suspected;
      this.#parts.suspected(drive);
    }
    const isTime = nowMs - watch.askedAtMs >= this.#parts.leaseMs / ASKS_PER_LEASE;
    if (!watch.isAsking && isTime) this.#ask(drive, watch, nowMs);
  }

  #silenceOf(drive: DriveId, nowMs: number): { silentMs: number; limitMs: number } {
    const { drives, leaseMs, startGraceMs } = this.#parts;
    const since = (atMs: number): number => nowMs - Math.max(atMs, this.#countFromMs);
    const heardAtMs = drives.heardAtMs(drive);
    if (heardAtMs !== undefined) return { silentMs: since(heardAtMs), limitMs: (2 / 3) * leaseMs };
    const goneSinceMs = drives.goneSinceMs(drive);
    if (goneSinceMs !== undefined) return { silentMs: since(goneSinceMs), limitMs: leaseMs / 3 };
    return { silentMs: since(this.#startedMs), limitMs: Math.min(leaseMs / 2, startGraceMs) };
  }

  /**
   * A drive that was not here since the start may still be dialling. Before the grace is over only a
   * witness that knows it, and has not heard of it for a whole lease, is believed.
   */
  #isGraced(drive: DriveId, silentMs: number, heardMsAgo: number | undefined): boolean {
    const { drives, leaseMs, startGraceMs } = this.#parts;
    const wasHere =
      drives.heardAtMs(drive) !== undefined || drives.goneSinceMs(drive) !== undefined;
    if (wasHere || silentMs >= startGraceMs) return false;
    return heardMsAgo === undefined || heardMsAgo < leaseMs;
  }

  #ask(drive: DriveId, watch: Watch, nowMs: number): void {
    watch.isAsking = true;
    watch.askedAtMs = nowMs;
    this.#heardOf(drive).then((heardMsAgo) => {
      watch.isAsking = false;
      if (!this.#isStopped) this.#judge(drive, watch, heardMsAgo);
    });
  }

  /** Never rejects, and does not wait for ever. */
  #heardOf(drive: DriveId): Promise<number | undefined> {
    const { clock, leaseMs, heardOf } = this.#parts;
    return new Promise((resolve) => {
      const timer = clock.setTimer(leaseMs / 3, () => resolve(undefined));
      const settled = (heardMsAgo: number | undefined): void => {
        timer.cancel();
        resolve(heardMsAgo);
      };
      heardOf(drive).then(settled, () => settled(undefined));
    });
  }

  #judge(drive: DriveId, watch: Watch, heardMsAgo: number | undefined): void {
    const { clock, leaseMs, lost } = this.#parts;
    const nowMs = clock.nowMs();
    const { silentMs, limitMs } = this.#silenceOf(drive, nowMs);
    const isDoubted =
      watch.condition === Condition.suspected || watch.condition === Condition.unreachable;
    if (!isDoubted || silentMs < limitMs || this.#isGraced(drive, silentMs, heardMsAgo)) return;
    // Heard by others since we lost it; what was on its way when it died does not count.
    const isHeard = heardMsAgo !== undefined && heardMsAgo < silentMs - leaseMs / TICKS_PER_LEASE;
    if (isHeard) {
      watch.condition = Condition.unreachable;
      watch.unreachableSinceMs ??= nowMs;
      if (nowMs - watch.unreachableSinceMs < UNREACHABLE_LEASES * leaseMs) return;
    }
    watch.condition = Condition.lost;
    lost(drive);
  }

  #stretchOf(watch: Watch, nowMs: number): number {
    return Math.min(STRETCH_MAX, 1 + STRETCH_PER_ALARM * this.#alarmsOf(watch, nowMs));
  }

  #alarmsOf(watch: Watch, nowMs: number): number {
    return nowMs - watch.alarmAtMs > ALARM_LEASES * this.#parts.leaseMs ? 0 : watch.alarms;
  }

  #watch(drive: DriveId): Watch {
    let watch = this.#watches.get(drive);
    if (watch === undefined) {
      watch = {
        condition: Condition.heard,
        isAsking: false,
        askedAtMs: Number.NEGATIVE_INFINITY,
        unreachableSinceMs: undefined,
        alarms: 0,
        alarmAtMs: 0,
      };
      this.#watches.set(drive, watch);
    }
    return watch;
  }
}

function settle(watch: Watch): void {
  watch.condition = Condition.heard;
  watch.unreachableSinceMs = undefined;
}
