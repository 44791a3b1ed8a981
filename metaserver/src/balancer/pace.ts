// How fast planned moves may load the drives: a byte rate for each, by default half of what the drive can do.
//
// A move takes its bytes from the allowance of both its ends when it begins. The allowance may go below nothing,
// once: a large range waits no longer than a small one for its turn, and the next one waits for both. So the
// mean over time is the rate, whatever the sizes are. Repair is not paced here: it cannot wait as long.

import type { Clock, DriveId } from '@piton/protocol';
import type { ClusterState } from '../state/cluster-state.ts';

const SHARE_OF_BANDWIDTH = 0.5;
/** What a drive that has rested may take at once, as time at its rate. */
const BURST_SECONDS = 1;

interface Allowance {
  bytes: number;
  atMs: number;
}

export class Pace {
  readonly #clock: Clock;
  readonly #state: ClusterState;
  /** Undefined: by the bandwidth of each drive. */
  readonly #bytesPerSecond: number | undefined;
  readonly #allowances: Map<DriveId, Allowance> = new Map();

  constructor(clock: Clock, state: ClusterState, bytesPerSecond: number | undefined) {
    this.#clock = clock;
    this.#state = state;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Takes the bytes from all these drives, or from none. */
  tryTake(drives: readonly DriveId[], bytes: number): boolean {
    const allowances = drives.map((drive) => this.#allowanceOf(drive));
    if (allowances.some((allowance) => allowance.bytes < 0)) return false;
    for (const allowance of allowances) allowance.bytes -= bytes;
    return true;
  }

  #allowanceOf(drive: DriveId): Allowance {
    const nowMs = this.#clock.nowMs();
    const rate = this.#rateOf(drive);
    let allowance = this.#allowances.get(drive);
    if (allowance === undefined) {
      allowance = { bytes: rate * BURST_SECONDS, atMs: nowMs };
      this.#allowances.set(drive, allowance);
    }
    const earned = ((nowMs - allowance.atMs) / 1_000) * rate;
    allowance.bytes = Math.min(rate * BURST_SECONDS, allowance.bytes + earned);
    allowance.atMs = nowMs;
    return allowance;
  }

  #rateOf(drive: DriveId): number {
    if (this.#bytesPerSecond !== undefined) return this.#bytesPerSecond;
    const bandwidth = this.#state.drives.get(drive)?.bandwidthBytesPerSecond ?? 0;
    return bandwidth > 0 ? bandwidth * SHARE_OF_BANDWIDTH : Number.MAX_SAFE_INTEGER;
  }
}
