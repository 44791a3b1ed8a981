// Whether a frame of writes that could leave should wait a moment for company.
//
// Writes that are answered together are followed by others together, but these belong to all drives: each
// answer of one drive would send a small frame to every drive. A frame costs both sides more than the
// writes in it, and a drive that is flushing a group only lets them lie. So a frame of writes waits while
// more writes are unanswered at its drive than it holds; with each answer it grows or leaves. Two frames
// of about the same size are under way at a time then: one that is flushed, one that comes.
//
//   unanswered  12 12 12 |answer| 5 5 5
//   in frame     1  4  9 |      | 9 leave
//
// Reads never wait, and take along what waits: a drive answers them at once. What is unanswered may be
// stuck, or far away: a frame waits for a few milliseconds at most, and when that did not pay, none waits
// for the next second.

import type { Clock, Timer } from '@piton/protocol';

/** The longest wait of a frame. */
const WAIT_MS_MAX = 4;
/** A larger frame leaves at once: what a frame costs is little beside this, and bytes take time to travel. */
const WRITES_MAX = 64;
const BYTES_MAX = 32 * 1024;
/** How long nothing waits after a wait that did not pay. */
const OFF_MS = 1_000;

export class FrameHold {
  readonly #clock: Clock;
  /** A frame has waited long enough: send it. */
  readonly #release: () => void;
  /** Writes in the frame. */
  #held = 0;
  #unanswered = 0;
  #hasReads = false;
  #timer: Timer | undefined;
  /** Numbers the frames, so that the timer of one does not end the wait of another. */
  #frame = 0;
  #timedFrame = 0;
  #offUntilMs = 0;

  constructor(clock: Clock, release: () => void) {
    this.#clock = clock;
    this.#release = release;
  }

  /** An operation is in the frame. */
  add(isWrite: boolean): void {
    if (isWrite) this.#held++;
    else this.#hasReads = true;
  }

  /** The frame has left. */
  sent(): void {
    this.#unanswered += this.#held;
    this.#held = 0;
    this.#hasReads = false;
    this.#frame++;
  }

  /** A write was answered or given up; also one that is still in the frame. */
  ended(): void {
    this.#unanswered--;
  }

  /** The connection is gone, and everything with it. */
  reset(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.sent();
    this.#unanswered = 0;
    this.#offUntilMs = 0;
  }

  /** Asked at the end of a turn about a frame that is not empty. If it waits, `release` comes in time. */
  waits(frameBytes: number): boolean {
    if (this.#hasReads || this.#unanswered <= this.#held) return false;
    if (this.#held >= WRITES_MAX || frameBytes >= BYTES_MAX) return false;
    if (this.#offUntilMs > 0) {
      if (this.#clock.nowMs() < this.#offUntilMs) return false;
      this.#offUntilMs = 0;
    }
    if (this.#timer === undefined) this.#arm();
    return true;
  }

  #arm(): void {
    this.#timedFrame = this.#frame;
    this.#timer = this.#clock.setTimer(WAIT_MS_MAX, () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    if (this.#held === 0) return;
    if (this.#frame !== this.#timedFrame) {
      this.#arm();
      return;
    }
    this.#offUntilMs = this.#clock.nowMs() + OFF_MS;
    this.#release();
  }
}
