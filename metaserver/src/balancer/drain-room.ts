// Whether the other drives can take what a drive holds: enough of them for every replica count, and room
// for every copy. Asked before a drain begins, by going through it in figures.

import { formatBytes } from '@piton/allocator';
import { type DriveId, type KeyspaceId, Status } from '@piton/protocol';
import type { DriveFigures, PictureSources } from './picture.ts';
import { figuresOfDrives, rangesOn, workOf } from './picture.ts';
import { HEADROOM, Targets } from './targets.ts';

export interface Problem {
  readonly status: Status;
  readonly message: string;
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** Why the drive cannot be emptied; undefined when it can. */
export function problemWithDrain(sources: PictureSources, drive: DriveId): Problem | undefined {
  const figures = figuresOfDrives(sources);
  const own = figures.get(drive);
  if (own !== undefined) figures.set(drive, { ...own, isOpen: false });
  const targets = new Targets(figures);
  const tooFew = tooFewDrives(sources, drive, targets.openCount);
  if (tooFew !== undefined) return { status: Status.notEnoughDrives, message: tooFew };
  let unplaced = 0;
  let unplacedBytes = 0;
  for (const { id, bytes } of rangesOn(sources, drive)) {
    const record = sources.state.ranges.get(id)?.record;
    if (record === undefined) continue;
    const weight = { bytes, workBytesPerSecond: workOf(sources.statistics.on(drive, id)) };
    const to = targets.choose(record, drive, weight);
    if (to !== undefined) {
      targets.note(to, weight);
      continue;
    }
    unplaced++;
    unplacedBytes += bytes;
  }
  if (unplaced === 0) return undefined;
  const message = `drive ${drive} cannot be drained: ${unplaced} of its ranges (${formatBytes(unplacedBytes)}) find no room on the other drives, which have ${formatBytes(roomOf(figures))} free (${percent(HEADROOM)} of each is kept); add a drive, or delete data, and try again`;
  return { status: Status.invalidArgument, message };
}

function tooFewDrives(
  { state }: PictureSources,
  drive: DriveId,
  openCount: number,
): string | undefined {
  const keyspaces = new Set<KeyspaceId>();
  for (const id of state.shareOf(drive).ranges) {
    const record = state.ranges.get(id)?.record;
    if (record !== undefined) keyspaces.add(record.keyspace);
  }
  for (const id of keyspaces) {
    const keyspace = state.keyspaces.get(id);
    if (keyspace === undefined || keyspace.replicas <= openCount) continue;
    return `drive ${drive} cannot be drained: keyspace ${keyspace.name} keeps ${keyspace.replicas} copies, and only ${openCount} other drives are up and take ranges; start another drive first`;
  }
  return undefined;
}

function roomOf(figures: ReadonlyMap<DriveId, DriveFigures>): number {
  let room = 0;
  for (const { isOpen, capacityBytes, usedBytes } of figures.values()) {
    if (isOpen) room += Math.max(0, capacityBytes * (1 - HEADROOM) - usedBytes);
  }
  return Math.floor(room);
}
