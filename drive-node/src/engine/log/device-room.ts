// How much the device still takes, looked at now and then.
//
// The capacity says how large the log may become. The device has more to hold: the key index, checkpoints, what others
// write to it. A device that is really full refuses the log itself, and with it the deletes, the copies of
// compaction and the checkpoint that would make room: a dead end. So puts stop before, when the device has no more
// free than those need.
//
// It is asked when a part of a segment was written, when something is written or refused and a second has passed, and
// while it is short, every second: then nothing is written that could be an occasion.
//
// Invariant: an answer that was not given yet, or failed, never refuses a put.

import type { Clock, Timer } from '@piton/protocol';
import type { Disk } from '../disk/disk.ts';
import type { LogSpace } from './space.ts';

const LOOK_MS = 1_000;
/** Asked again when this part of a segment was written. */
const SEGMENT_SHARE = 8;

export interface DeviceRoomOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly clock: Clock;
  readonly space: LogSpace;
  readonly segmentBytes: number;
  /** What it will take in any case: what was appended, and the next checkpoint beside the one that is there. */
  readonly owedBytes: () => number;
  /** There is room where there was none, or the other way round. */
  readonly changed: () => void;
}

export class DeviceRoom {
  readonly #options: DeviceRoomOptions;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtPosition = 0;
  #isLooking = false;
  #isStopped = false;
  #timer: Timer | undefined;

  constructor(options: DeviceRoomOptions) {
    this.#options = options;
  }

  /** Something was written, or refused; the log goes up to there. */
  advanced(position: number): void {
    const { clock, segmentBytes } = this.#options;
    const isMuch = position - this.#lookedAtPosition >= segmentBytes / SEGMENT_SHARE;
    if (!isMuch && clock.nowMs() - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtPosition = position;
    this.look();
  }

  /** The device has refused the log, or takes it again. */
  met(isFull: boolean): void {
    const { space, changed } = this.#options;
    if (space.isDeviceFull === isFull) return;
    space.isDeviceFull = isFull;
    // Until it has been asked: there is room for what was refused.
    if (!isFull) space.noteDevice(Number.POSITIVE_INFINITY);
    this.look();
    changed();
  }

  look(): void {
    if (this.#isLooking || this.#isStopped) return;
    this.#isLooking = true;
    this.#lookedAtMs = this.#options.clock.nowMs();
    void this.#ask();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #ask(): Promise<void> {
    const { disk, directory, space, owedBytes, clock } = this.#options;
    const free = await disk.freeBytes(directory).catch(() => Number.POSITIVE_INFINITY);
    this.#isLooking = false;
    if (this.#isStopped) return;
    const wasShort = space.isDeviceShort;
    space.noteDevice(free - owedBytes());
    this.#timer?.cancel();
    if (space.isDeviceShort) this.#timer = clock.setTimer(LOOK_MS, () => this.look());
    if (space.isDeviceShort !== wasShort) this.#options.changed();
  }
}
