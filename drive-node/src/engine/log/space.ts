// How much room is left, and who may use it.
//
//   0 ........ puts ........ | taken puts | tombstones, states | compaction | capacity
//
// Puts stop first, so that a full store can still delete and clean up. A put that the head of its chain has
// taken may use a part of the reserve: no member can refuse it any more (decision 0025). The same reserve is kept of what the
// device has free (device-room.ts), if that is less than the capacity leaves. A device that reports itself
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
  /** What the device had for the log when it was asked last, and how long the log was then. */
  #deviceBytes = Number.POSITIVE_INFINITY;
  #usedBytesThen = 0;
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
    return this.roomBytes - this.#reserveBytes;
  }

  /** By how much the log may become longer at all. */
  get roomBytes(): number {
    return Math.min(this.#capacityLeft(), this.#deviceLeft());
  }

  /** The device, and not the capacity, leaves no room for puts. */
  get isDeviceShort(): boolean {
    return this.#deviceLeft() <= this.#reserveBytes;
  }

  noteDevice(freeBytes: number): void {
    this.#deviceBytes = freeBytes;
    this.#usedBytesThen = this.#segments.usedBytes;
  }

  #capacityLeft(): number {
    return this.capacityBytes - this.#segments.usedBytes;
  }

  #deviceLeft(): number {
    return this.#deviceBytes - (this.#segments.usedBytes - this.#usedBytesThen);
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
    return new StoreError('no-space', `no room for a put: ${this.#why()}`);
  }

  /**
   * For what may use half of the reserve; the other half is for compaction. Throws StoreError
   * `no-space`.
   */
  checkReserved(bytes: number): void {
    this.#check(bytes, TOMBSTONE_SHARE);
  }

  #check(bytes: number, reserveShare: number): void {
    // What the device has is not asked: it is there for these, and what does not fit after all waits for room.
    if (bytes <= this.#capacityLeft() - this.#reserveBytes * (1 - reserveShare)) return;
    throw new StoreError('no-space', `no room: ${this.#why()}`);
  }

  #why(): string {
    if (this.isDeviceFull) return 'the device is full';
    if (this.#deviceLeft() < this.#capacityLeft()) return 'the device is nearly full';
    return `${this.capacityBytes} bytes are in use`;
  }
}
