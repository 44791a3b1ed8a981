// Members that may lack what somebody has seen: they were started again, and have not agreed since with the
// members behind them.
//
// A write is forwarded before it is flushed, and readers see it when the tail has it. So a member in front of
// the tail that is killed may come back without a write that was read; the members behind it have it. When
// these are down as well, whoever comes back first must not go on alone: it waits for the others, but not for
// ever. What was acknowledged is on its device in any case. (docs/decisions/0023)
//
// Kept in memory: a drive says it with its registration and with every heartbeat.

import type { Clock, DriveId, RangeId } from '@piton/protocol';

/** Longer than a machine takes to start again after a power cut. */
export const UNAGREED_WAIT_MS = 60_000;

export class Unagreed {
  readonly #clock: Clock;
  /** By drive, with the moment at which it was first said of this life of the drive. */
  readonly #since: Map<DriveId, Map<RangeId, number>> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A drive has registered: whatever an earlier life of it said is over. */
  arrived(drive: DriveId, ranges: readonly RangeId[]): void {
    this.#since.delete(drive);
    this.heard(drive, ranges);
  }

  /** A heartbeat has come. Returns the ranges in which the drive has agreed since the last one. */
  heard(drive: DriveId, ranges: readonly RangeId[]): RangeId[] {
    const before = this.#since.get(drive);
    if (before === undefined && ranges.length === 0) return [];
    const nowMs = this.#clock.nowMs();
    const now = new Map(ranges.map((range) => [range, before?.get(range) ?? nowMs]));
    if (now.size === 0) this.#since.delete(drive);
    else this.#since.set(drive, now);
    return [...(before?.keys() ?? [])].filter((range) => !now.has(range));
  }

  /** Whether the drive has to wait for others in this range. */
  has(range: RangeId, drive: DriveId): boolean {
    const sinceMs = this.#since.get(drive)?.get(range);
    return sinceMs !== undefined && this.#clock.nowMs() - sinceMs < UNAGREED_WAIT_MS;
  }
}
