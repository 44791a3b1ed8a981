// Whether a drive that came back may be trusted with copies again: one that was taken out several times
// within a short while has to stay longer each time, so that a machine that falls and rises does not
// stop the writes of its ranges again and again. Never long: until then its ranges lack a copy.

import type { Clock, DriveId } from '@piton/protocol';

const REMEMBERED_MS = 5 * 60_000;
/** So many losses cost nothing. */
const LOSSES_FREE = 2;
const HOLD_OFF_MS_FIRST = 1_000;
const HOLD_OFF_MS_LONGEST = 30_000;

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
    // A drive that is dead is missed first and fenced then: as long as it has not come back it is one loss.
    const isSame = known !== undefined && known.backAtMs === known.lostAtMs;
    const losses = isRecent ? known.losses + (isSame ? 0 : 1) : 1;
    this.#records.set(drive, { losses, lostAtMs: nowMs, backAtMs: nowMs });
  }

  cameBack(drive: DriveId): void {
    const known = this.#records.get(drive);
    if (known !== undefined) known.backAtMs = this.#clock.nowMs();
  }

  isSteady(drive: DriveId): boolean {
    const known = this.#records.get(drive);
    if (known === undefined || known.losses <= LOSSES_FREE) return true;
    const growth = 2 ** (known.losses - LOSSES_FREE - 1);
    const holdOffMs = Math.min(HOLD_OFF_MS_LONGEST, HOLD_OFF_MS_FIRST * growth);
    return this.#clock.nowMs() - known.backAtMs >= holdOffMs;
  }
}
