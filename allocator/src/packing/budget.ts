// How much work a search may do. Counting steps instead of seconds keeps plans reproducible; a caller who wants a time limit or
// an interrupt passes `shouldStop`, which is asked now and then and whose answer sticks.

export class Budget {
  #left: number;
  #stopped = false;
  readonly #shouldStop: (() => boolean) | undefined;
  readonly #charged: Budget | undefined;
  #untilAsked = 0;

  constructor(steps: number, shouldStop?: () => boolean, charged?: Budget) {
    this.#left = steps;
    this.#shouldStop = shouldStop;
    this.#charged = charged;
  }

  /** Takes `steps` from the budget; false when it is used up or the caller wants an end. */
  spend(steps: number): boolean {
    if (this.#stopped) return false;
    for (let each: Budget | undefined = this; each !== undefined; each = each.#charged) {
      each.#left -= steps;
    }
    this.#untilAsked -= steps;
    if (this.#left < 0) this.#stopped = true;
    else if (this.#untilAsked <= 0 && this.#shouldStop !== undefined) {
      this.#untilAsked = 200_000;
      this.#stopped = this.#shouldStop();
    }
    return !this.#stopped;
  }

  get isOver(): boolean {
    return this.#stopped || this.#left <= 0 || (this.#shouldStop?.() ?? false);
  }

  get left(): number {
    return this.isOver ? 0 : this.#left;
  }

  /** As much of this budget as given, and no more than is left: whatever the part spends is spent here too. */
  take(steps: number): Budget {
    return new Budget(Math.min(steps, Math.max(0, this.#left)), this.#shouldStop, this);
  }

  /** A part of this budget under the same stop; what it does not use stays here. */
  part(steps: number): Budget {
    return new Budget(Math.min(steps, Math.max(0, this.#left)), this.#shouldStop);
  }
}
