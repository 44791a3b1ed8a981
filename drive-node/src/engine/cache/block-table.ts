// Which cache block holds which block of the log: an open-addressing table in two typed arrays.
//
// Beside each key lies a word for the cache's own notes, so that one look at memory serves both.
// Its size follows from the cache, not from the log, so a large log costs no memory here. Removing
// closes the gap behind it, so probe sequences stay short for ever.

export class BlockTable {
  readonly #mask: number;
  readonly #shift: number;
  /** Cache block + 1; 0 is free. */
  readonly #slots: Int32Array;
  /** For each cache block: the log block that it holds, and the notes. */
  readonly #pairs: Uint32Array;

  constructor(blocks: number) {
    const bits = Math.ceil(Math.log2(blocks * 2));
    this.#mask = 2 ** bits - 1;
    this.#shift = 32 - bits;
    this.#slots = new Int32Array(2 ** bits);
    this.#pairs = new Uint32Array(blocks * 2);
  }

  get bytes(): number {
    return this.#slots.byteLength + this.#pairs.byteLength;
  }

  notes(block: number): number {
    return this.#pairs[block * 2 + 1] as number;
  }

  setNotes(block: number, notes: number): void {
    this.#pairs[block * 2 + 1] = notes;
  }

  /** The cache block that holds a log block, or -1. */
  find(key: number): number {
    let slot = this.#home(key);
    for (;;) {
      const block = (this.#slots[slot] as number) - 1;
      if (block < 0 || this.#pairs[block * 2] === key) return block;
      slot = (slot + 1) & this.#mask;
    }
  }

  /** The key must not be in the table. */
  add(block: number, key: number): void {
    let slot = this.#home(key);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = block + 1;
    this.#pairs[block * 2] = key;
  }

  /** Does nothing when the cache block is not in the table. */
  remove(block: number): void {
    let gap = this.#home(this.#pairs[block * 2] as number);
    while (this.#slots[gap] !== block + 1) {
      if (this.#slots[gap] === 0) return;
      gap = (gap + 1) & this.#mask;
    }
    let next = gap;
    for (;;) {
      next = (next + 1) & this.#mask;
      const held = (this.#slots[next] as number) - 1;
      if (held < 0) break;
      // Whoever would still be found from the gap on moves into it.
      const home = this.#home(this.#pairs[held * 2] as number);
      if (((next - home) & this.#mask) < ((next - gap) & this.#mask)) continue;
      this.#slots[gap] = held + 1;
      gap = next;
    }
    this.#slots[gap] = 0;
  }

  #home(key: number): number {
    return Math.imul(key, 0x9e3779b1) >>> this.#shift;
  }
}
