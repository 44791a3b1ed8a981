// How much room is left, and who may use it.
//
//   0 ........ puts ........ | taken puts | tombstones, states | compaction | capacity
//
// Puts stop first, so that a full store can still delete and clean up. A put that the head of its chain has
// taken may use a part of the reserve: no member can refuse it any more (decision 0025). A device that reports itself
// full stops puts as well, whatever the capacity says.

import { StoreError } from '../store.ts';
import type { SegmentTable } from './segment-table.ts';

const RESERVE_BYTES_MIN = 32 * 1024;
const RESERVE_SHARE = 8;
/** How much of the reserve puts may use that were taken, and how much tombstones. */
const TAKEN_SHARE = 0.25;
const TOMBSTONE_SHARE = 0.5;

export class LogSpace {
  readonly capacityBytes: number;
  isDeviceFull = false;
  readonly #segments: SegmentTable;
  readonly #reserveBytes: number;
  /** The put that was refused last, if none has been taken since. */
  #refusedBytes = 0;

  constructor(segments: SegmentTable, capacityBytes: number) {
    this.#segments = segments;
    const addressable = (segments.slotCount - 4) * segments.segmentBytes;
    this.capacityBytes = Math.min(capacityBytes, addressable);
    const share = Math.floor(this.capacityBytes / RESERVE_SHARE);
    this.#reserveBytes = Math.max(RESERVE_BYTES_MIN, Math.min(share, 4 * segments.segmentBytes));
  }

  /** True when a put like the last one is refused. Says so no longer when room has been made. */
  get isFull(): boolean {
    return this.isDeviceFull || this.freeBytes <= 0 || this.#refusedBytes > this.freeBytes;
  }

  /** Bytes that puts may still use. */
  get freeBytes(): number {
    return this.capacityBytes - this.#reserveBytes - this.#segments.usedBytes;
  }

  hasRoomForPut(bytes: number): boolean {
    this.#refusedBytes = bytes > this.freeBytes ? bytes : 0;
    return !this.isFull;
  }

  /** The same for a put that must be stored if it can be. Throws StoreError `no-space`. */
  checkTakenPut(bytes: number): void {
    if (!this.hasRoomForPut(bytes)) this.#check(bytes, TAKEN_SHARE);
  }

  refusal(): StoreError {
    const why = this.isDeviceFull ? 'the device is full' : `${this.capacityBytes} bytes are in use`;
    return new StoreError('no-space', `no room for a put: ${why}`);
  }

  /**
   * For what may use half of the reserve; the other half is for compaction. Throws StoreError
   * `no-space`.
   */
  checkReserved(bytes: number): void {
    this.#check(bytes, TOMBSTONE_SHARE);
  }

  #check(bytes: number, reserveShare: number): void {
    if (bytes <= this.freeBytes + this.#reserveBytes * reserveShare) return;
    throw new StoreError('no-space', `no room: ${this.capacityBytes} bytes are in use`);
  }
}
