// Whether a drive that came back may be trusted with copies again: one that was taken out several times
// within a short while has to stay longer each time, so that a machine that falls and rises does not
// keep the whole cluster copying.

import type { Clock, DriveId } from '@piton/protocol';

const REMEMBERED_MS = 30 * 60_000;
const HOLD_OFF_MS_FIRST = 5_000;
const HOLD_OFF_MS_LONGEST = 10 * 60_000;

interface Record {
  losses: number;
  lostAtMs: number;
  backAtMs: number;
}

export class Steadiness {
  readonly #clock: Clock;
  readonly #records: Map<DriveId, Record> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  lost(drive: DriveId): void {
    const nowMs = this.#clock.nowMs();
    const known = this.#records.get(drive);
    const isRecent = known !== undefined && nowMs - known.lostAtMs < REMEMBERED_MS;
    const losses = isRecent ? known.losses + 1 : 1;
    this.#records.set(drive, { losses, lostAtMs: nowMs, backAtMs: nowMs });
  }

  cameBack(drive: DriveId): void {
    const known = this.#records.get(drive);
    if (known !== undefined) known.backAtMs = this.#clock.nowMs();
  }

  /** The first loss costs nothing. */
  isSteady(drive: DriveId): boolean {
    const known = this.#records.get(drive);
    if (known === undefined || known.losses < 2) return true;
    const holdOffMs = Math.min(HOLD_OFF_MS_LONGEST, HOLD_OFF_MS_FIRST * 2 ** (known.losses - 2));
    return this.#clock.nowMs() - known.backAtMs >= holdOffMs;
  }
}
