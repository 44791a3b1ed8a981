// A bounded number of things at once; the others wait in the order in which they came.

export class Slots {
  readonly #countMax: number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Resolves when a slot is free, and takes it. */
  async take(): Promise<void> {
    if (this.#taken < this.#countMax) {
      this.#taken++;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Hands the slot to the next who waits. */
  give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken--;
    else next();
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.take();
    try {
      return await work();
    } finally {
      this.give();
    }
  }
}
