// What the heartbeats say about the load, smoothed: per range and drive.
//
// Rates are exponentially weighted means with a time constant, so that one heartbeat more or less, or
// of another length, makes no difference. Sizes are what was said last. Kept in memory only: after a
// restart the next heartbeats bring it back.

import type { DriveId, RangeId, RangeRecord, RangeReport } from '@piton/protocol';
import { headOf } from '@piton/protocol';

export interface RangeLoad {
  readonly keys: number;
  readonly bytes: number;
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
}

export const NO_LOAD: RangeLoad = {
  keys: 0,
  bytes: 0,
  readsPerSecond: 0,
  writesPerSecond: 0,
  readBytesPerSecond: 0,
  writtenBytesPerSecond: 0,
};

/** After this time an old rate counts for a third. */
const TIME_CONSTANT_MS = 10_000;

function smoothed(before: number, count: number, intervalMs: number, weight: number): number {
  const rate = (count * 1_000) / intervalMs;
  return before + weight * (rate - before);
}

function blend(before: RangeLoad, report: RangeReport, intervalMs: number): RangeLoad {
  const { keys, bytes, reads, writes, readBytes, writtenBytes } = report;
  if (intervalMs <= 0) return { ...before, keys, bytes };
  const weight = before === NO_LOAD ? 1 : 1 - Math.exp(-intervalMs / TIME_CONSTANT_MS);
  const mix = (old: number, count: number): number => smoothed(old, count, intervalMs, weight);
  return {
    keys,
    bytes,
    readsPerSecond: mix(before.readsPerSecond, reads),
    writesPerSecond: mix(before.writesPerSecond, writes),
    readBytesPerSecond: mix(before.readBytesPerSecond, readBytes),
    writtenBytesPerSecond: mix(before.writtenBytesPerSecond, writtenBytes),
  };
}

export function addLoads(a: RangeLoad, b: RangeLoad): RangeLoad {
  return {
    keys: a.keys + b.keys,
    bytes: a.bytes + b.bytes,
    readsPerSecond: a.readsPerSecond + b.readsPerSecond,
    writesPerSecond: a.writesPerSecond + b.writesPerSecond,
    readBytesPerSecond: a.readBytesPerSecond + b.readBytesPerSecond,
    writtenBytesPerSecond: a.writtenBytesPerSecond + b.writtenBytesPerSecond,
  };
}

export class Statistics {
  readonly #byDrive: Map<DriveId, Map<RangeId, RangeLoad>> = new Map();
  /** Of drives that are away: what they had, for whoever wants to know what is lost with them. */
  readonly #ofAbsent: Map<DriveId, Map<RangeId, RangeLoad>> = new Map();

  /** Takes one heartbeat in. Ranges that the drive does not report are forgotten for it. */
  take(drive: DriveId, reports: readonly RangeReport[], intervalMs: number): void {
    const before = this.#byDrive.get(drive);
    const after = new Map<RangeId, RangeLoad>();
    for (const report of reports) {
      after.set(report.range, blend(before?.get(report.range) ?? NO_LOAD, report, intervalMs));
    }
    this.#byDrive.set(drive, after);
    this.#ofAbsent.delete(drive);
  }

  /** The drive is away: it serves nothing. */
  forget(drive: DriveId): void {
    const last = this.#byDrive.get(drive);
    if (last !== undefined) this.#ofAbsent.set(drive, last);
    this.#byDrive.delete(drive);
  }

  /** The size of a copy as it was last heard, also of a drive that is away. */
  lastKnown(drive: DriveId, range: RangeId): Pick<RangeLoad, 'keys' | 'bytes'> {
    return this.#ofAbsent.get(drive)?.get(range) ?? this.on(drive, range);
  }

  /** All that one drive does. */
  ofDrive(drive: DriveId): RangeLoad {
    let sum = NO_LOAD;
    for (const load of this.#byDrive.get(drive)?.values() ?? []) sum = addLoads(sum, load);
    return sum;
  }

  on(drive: DriveId, range: RangeId): RangeLoad {
    return this.#byDrive.get(drive)?.get(range) ?? NO_LOAD;
  }

  /**
   * A range as its users see it: what its members hold, what all of them read, what its head takes. Members
   * measure now and then, each in its own time, so the one that knows of most is believed.
   */
  ofRange(record: RangeRecord): RangeLoad {
    const head = headOf(record);
    const taken = head === undefined ? NO_LOAD : this.on(head, record.id);
    let { readsPerSecond, readBytesPerSecond, keys, bytes } = NO_LOAD;
    for (const { drive } of record.chain) {
      const load = this.on(drive, record.id);
      readsPerSecond += load.readsPerSecond;
      readBytesPerSecond += load.readBytesPerSecond;
      keys = Math.max(keys, load.keys);
      bytes = Math.max(bytes, load.bytes);
    }
    const { writesPerSecond, writtenBytesPerSecond } = taken;
    const writes = { writesPerSecond, writtenBytesPerSecond };
    return { keys, bytes, readsPerSecond, readBytesPerSecond, ...writes };
  }
}
