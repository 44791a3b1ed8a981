// A small seeded generator (xorshift128): the allocator may not use Math.random, since the same input must give the same plan.

export class Random {
  #a: number;
  #b: number;
  #c = 0x9e3779b9;
  #d = 0x7f4a7c15;

  constructor(seed: number) {
    this.#a = (seed ^ 0x2545f491) >>> 0 || 1;
    this.#b = (Math.floor(seed / 2 ** 32) ^ 0x6c078965) >>> 0 || 1;
    for (let i = 0; i < 16; i++) this.next32();
  }

  next32(): number {
    const t = this.#d ^ (this.#d << 11);
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = this.#a;
    this.#a = (this.#a ^ (this.#a >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return this.#a;
  }

  /** From 0 (included) to 1 (excluded), with 53 bits. */
  float(): number {
    return ((this.next32() >>> 5) * 67108864 + (this.next32() >>> 6)) / 9007199254740992;
  }

  /** Whole number from low to high, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1));
  }

  below(limit: number): number {
    return Math.floor((this.next32() / 4294967296) * limit);
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.float())) * Math.cos(2 * Math.PI * this.float());
  }

  shuffle<T extends Int32Array | Float64Array | unknown[]>(values: T): T {
    const list = values as unknown[];
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = list[i];
      list[i] = list[j];
      list[j] = kept;
    }
    return values;
  }
}
