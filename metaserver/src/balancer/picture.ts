// The cluster in figures, as planning needs it: what each drive holds and does, and what each copy
// weighs.
//
// A copy counts for the drive from the moment at which a record names it there, so a move under way
// weighs on both its ends. Work is bytes per second, and every operation counts for some bytes more:
// a thousand reads of ten bytes are no lighter than ten of a thousand.

import { type DriveId, headOf, type RangeId, type RangeRecord, tailOf } from '@piton/protocol';
import { type DriveConnections, DriveHealth } from '../members/drive-connections.ts';
import type { RangeLoad, Statistics } from '../members/statistics.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { type DriveEntry, takesRanges } from '../state/entries.ts';

/** What the handling of one operation costs beside its bytes, in bytes. */
export const OPERATION_BYTES = 1_024;

export interface PictureSources {
  readonly state: ClusterState;
  readonly drives: DriveConnections;
  readonly statistics: Statistics;
}

export interface DriveFigures {
  readonly id: DriveId;
  readonly zone: string;
  /** 0: not known. */
  readonly capacityBytes: number;
  readonly bandwidthBytesPerSecond: number;
  /** On its device, with what waits for compaction. */
  readonly usedBytes: number;
  /** Whether copies may be planned onto it now. */
  readonly isOpen: boolean;
  /** Live bytes of all its copies. */
  bytes: number;
  workBytesPerSecond: number;
  copies: number;
  heads: number;
  tails: number;
}

export function workOf(load: RangeLoad): number {
  const operations = load.readsPerSecond + load.writesPerSecond;
  return load.readBytesPerSecond + load.writtenBytesPerSecond + OPERATION_BYTES * operations;
}

/** The bytes of one copy of a range: what the member that knows most says. */
export function copyBytes(statistics: Statistics, record: RangeRecord): number {
  return record.chain.reduce(
    (most, { drive }) => Math.max(most, statistics.on(drive, record.id).bytes),
    0,
  );
}

function isSound({ drives }: PictureSources, id: DriveId): boolean {
  const report = drives.report(id);
  const isHealthy = report === undefined || !(report.isFull || report.storeFailed);
  return isHealthy && drives.health(id) === DriveHealth.up;
}

export function figuresOfDrive(sources: PictureSources, entry: DriveEntry): DriveFigures {
  const { id, zone, capacityBytes, bandwidthBytesPerSecond } = entry;
  return {
    ...{ id, zone, capacityBytes, bandwidthBytesPerSecond },
    usedBytes: sources.drives.report(id)?.usedBytes ?? 0,
    isOpen: takesRanges(entry) && isSound(sources, id),
    workBytesPerSecond: workOf(sources.statistics.ofDrive(id)),
    ...{ bytes: 0, copies: 0, heads: 0, tails: 0 },
  };
}

/** All drives with what they hold. Walks the whole index. */
export function figuresOfDrives(sources: PictureSources): Map<DriveId, DriveFigures> {
  const { state, statistics } = sources;
  const figures = new Map<DriveId, DriveFigures>();
  for (const entry of state.drives.values()) {
    figures.set(entry.id, figuresOfDrive(sources, entry));
  }
  for (const { record } of state.ranges.values()) {
    const bytes = copyBytes(statistics, record);
    const head = headOf(record);
    const tail = tailOf(record);
    for (const { drive } of record.chain) {
      const drives = figures.get(drive);
      if (drives === undefined) continue;
      drives.bytes += bytes;
      drives.copies++;
      if (drive === head) drives.heads++;
      if (drive === tail) drives.tails++;
    }
  }
  return figures;
}

/** The ranges whose newest or published record names a drive, the largest first. */
export function rangesOn(
  { state, statistics }: PictureSources,
  drive: DriveId,
): { id: RangeId; bytes: number }[] {
  const found: { id: RangeId; bytes: number }[] = [];
  for (const id of state.shareOf(drive).ranges) {
    const entry = state.ranges.get(id);
    if (entry !== undefined) found.push({ id, bytes: copyBytes(statistics, entry.record) });
  }
  return found.sort((a, b) => b.bytes - a.bytes || a.id - b.id);
}
