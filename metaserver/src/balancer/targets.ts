// Which drive takes a copy that has to leave another: in a zone of its own if there is one, with room,
// and the one that would be the least filled of all, in bytes or in work, whichever is worse.
//
// Filled is measured against the mean of all drives and by what a drive can: a drive twice as large
// takes twice as much. Every choice is noted, so that a hundred copies spread. Pure: figures in, a name
// out, the same for the same figures.

import { type DriveId, limits, type RangeRecord } from '@piton/protocol';
import type { DriveFigures } from './picture.ts';

/** Share of a drive's capacity that planning leaves free: compaction and the next hour need it. */
export const HEADROOM: number = 0.1;
/** What an empty copy counts for: so that empty ranges are spread as well. */
const COPY_BYTES = 64 * 1_024;

export interface Weight {
  readonly bytes: number;
  readonly workBytesPerSecond: number;
}

export function hasRoomFor(drive: DriveFigures, incomingBytes: number, bytes: number): boolean {
  if (drive.copies >= limits.RANGES_PER_DRIVE_MAX) return false;
  if (drive.capacityBytes === 0) return true;
  return drive.usedBytes + incomingBytes + bytes <= drive.capacityBytes * (1 - HEADROOM);
}

export class Targets {
  readonly #drives: ReadonlyMap<DriveId, DriveFigures>;
  readonly #open: readonly DriveFigures[];
  /** Planned onto a drive and not on its device yet. */
  readonly #incomingBytes: Map<DriveId, number> = new Map();
  readonly #meanBytes: number;
  readonly #meanWork: number;
  readonly #isCapacityKnown: boolean;

  constructor(drives: ReadonlyMap<DriveId, DriveFigures>) {
    this.#drives = drives;
    this.#open = [...drives.values()].filter(({ isOpen }) => isOpen);
    this.#isCapacityKnown = this.#open.every(({ capacityBytes }) => capacityBytes > 0);
    const all = [...drives.values()];
    const weight = this.#open.reduce((sum, drive) => sum + this.#weightOf(drive), 0);
    const width = this.#open.reduce((sum, drive) => sum + bandwidthOf(drive), 0);
    const bytes = all.reduce((sum, drive) => sum + filledBytes(drive), 0);
    const work = all.reduce((sum, drive) => sum + drive.workBytesPerSecond, 0);
    this.#meanBytes = bytes / Math.max(1, weight);
    this.#meanWork = work / Math.max(1, width);
  }

  get openCount(): number {
    return this.#open.length;
  }

  /** The drive for a copy of the range that leaves `from`; undefined when none can take it. */
  choose(record: RangeRecord, from: DriveId, weight: Weight): DriveId | undefined {
    const others = record.chain.filter(({ drive }) => drive !== from).map(({ drive }) => drive);
    const zones = others.map((drive) => this.#drives.get(drive)?.zone ?? '');
    let best: DriveFigures | undefined;
    let lowest: readonly number[] = [];
    for (const drive of this.#open) {
      if (drive.id === from || others.includes(drive.id)) continue;
      if (!hasRoomFor(drive, this.#incomingBytes.get(drive.id) ?? 0, weight.bytes)) continue;
      const clashes = drive.zone === '' ? 0 : zones.filter((zone) => zone === drive.zone).length;
      const score = [clashes, this.#fill(drive, weight), drive.tails / this.#weightOf(drive)];
      if (best !== undefined && !isBefore(score, lowest)) continue;
      best = drive;
      lowest = score;
    }
    return best?.id;
  }

  /** A copy is on its way: later choices count it. */
  note(to: DriveId, weight: Weight): void {
    const drive = this.#drives.get(to);
    if (drive === undefined) return;
    this.#incomingBytes.set(to, (this.#incomingBytes.get(to) ?? 0) + weight.bytes);
    drive.bytes += weight.bytes;
    drive.workBytesPerSecond += weight.workBytesPerSecond;
    drive.copies++;
    drive.tails++;
  }

  #fill(drive: DriveFigures, { bytes, workBytesPerSecond }: Weight): number {
    const filled = (filledBytes(drive) + bytes + COPY_BYTES) / this.#weightOf(drive);
    const work = (drive.workBytesPerSecond + workBytesPerSecond) / bandwidthOf(drive);
    return Math.max(
      this.#meanBytes > 0 ? filled / this.#meanBytes : 0,
      this.#meanWork > 0 ? work / this.#meanWork : 0,
    );
  }

  /** Where one drive does not say its capacity, all count the same. */
  #weightOf(drive: DriveFigures): number {
    return this.#isCapacityKnown ? Math.max(1, drive.capacityBytes) : 1;
  }
}

function filledBytes({ bytes, copies }: DriveFigures): number {
  return bytes + COPY_BYTES * copies;
}

function bandwidthOf({ bandwidthBytesPerSecond }: DriveFigures): number {
  return Math.max(1, bandwidthBytesPerSecond);
}

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  for (let position = 0; position < a.length; position++) {
    const difference = (a[position] as number) - (b[position] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
