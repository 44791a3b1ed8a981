// Members whose drive has no room for the puts of a range.
//
// A drive says so of itself when the newest put did not fit. When nothing reaches it any more, because the head
// refuses all puts for want of room behind it, the head says so, and means every other member that says of
// itself that it is full.
//
// Kept in memory, and repeated with every heartbeat for as long as it lasts: what a drive says replaces what it said
// before, and what was said of another epoch counts no more.

import type { DriveId, Heartbeat, RangeId, RangeRecord, RangeWithoutRoom } from '@piton/protocol';

interface Said {
  readonly own: ReadonlyMap<RangeId, RangeWithoutRoom['epoch']>;
  readonly behind: ReadonlyMap<RangeId, RangeWithoutRoom['epoch']>;
}

export class Crowded {
  readonly #isFull: (drive: DriveId) => boolean;
  readonly #said: Map<DriveId, Said> = new Map();

  constructor(isFull: (drive: DriveId) => boolean) {
    this.#isFull = isFull;
  }

  /** Returns the ranges of which something was said, and those of which it was said for the first time. */
  heard({ drive, withoutRoom = [], withoutRoomBehind = [] }: Heartbeat): {
    ranges: readonly RangeId[];
    added: readonly RangeId[];
  } {
    const before = this.#said.get(drive);
    if (withoutRoom.length + withoutRoomBehind.length === 0) this.#said.delete(drive);
    else this.#said.set(drive, { own: byRange(withoutRoom), behind: byRange(withoutRoomBehind) });
    const all = [...withoutRoom, ...withoutRoomBehind];
    const isNew = ({ range, epoch }: RangeWithoutRoom): boolean =>
      before?.own.get(range) !== epoch && before?.behind.get(range) !== epoch;
    return {
      ranges: all.map(({ range }) => range),
      added: all.filter(isNew).map(({ range }) => range),
    };
  }

  forget(drive: DriveId): void {
    this.#said.delete(drive);
  }

  has({ id, epoch, chain }: RangeRecord, drive: DriveId): boolean {
    if (this.#said.get(drive)?.own.get(id) === epoch) return true;
    const isTold = chain.some(
      (member) => member.drive !== drive && this.#said.get(member.drive)?.behind.get(id) === epoch,
    );
    return isTold && this.#isFull(drive);
  }
}

const byRange = (list: readonly RangeWithoutRoom[]): Said['own'] =>
  new Map(list.map(({ range, epoch }) => [range, epoch]));
