// What one member was given to read: in this turn, and lately.
//
// Lately: a count that halves every second, so that an old preference is forgotten and a member that
// comes back is not flooded with what it has missed. Kept by routing/readers.ts, one for each drive.

const HALF_LIFE_MS = 1_000;
/** Below this the count is not brought up to date: it changes by less than a tenth. */
const STEP_MS = 100;

export class ReadShare {
  /** The turn in which the drive was chosen last, and the reads of it that may still go there too. */
  turn = 0;
  left = 0;
  #given = 0;
  #countedAtMs = 0;

  /** The drive is chosen for so many reads of a turn. */
  open(turn: number, reads: number): void {
    this.turn = turn;
    this.left = reads;
  }

  /** One read goes there. */
  give(): void {
    this.left--;
    this.#given++;
  }

  givenLately(nowMs: number): number {
    const agoMs = nowMs - this.#countedAtMs;
    if (agoMs >= STEP_MS) {
      this.#given *= 0.5 ** (agoMs / HALF_LIFE_MS);
      this.#countedAtMs = nowMs;
    }
    return this.#given;
  }
}
