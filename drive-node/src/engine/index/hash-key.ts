// Hashes namespace and key into two 32-bit lanes for the index of one store.
//
// The seed is random per store, so that nobody can choose keys that meet in one page. Keys are
// hashed before any bit of them is used: text keys with common endings would otherwise hardly
// differ. The lanes are left in fields instead of an object, so that a read allocates nothing.

const MULTIPLIER_A = 0x85ebca6b;
const MULTIPLIER_B = 0xc2b2ae35;

function finish(lane: number): number {
  let h = Math.imul(lane ^ (lane >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

export class KeyHasher {
  high = 0;
  low = 0;
  readonly #seedHigh: number;
  readonly #seedLow: number;

  constructor(seedHigh: number, seedLow: number) {
    this.#seedHigh = seedHigh | 0;
    this.#seedLow = seedLow | 0;
  }

  /** Leaves the hash of `bytes[start .. start + length)` in `high` and `low`. */
  hash(namespace: number, bytes: Uint8Array, start: number, length: number): void {
    let a = this.#seedHigh ^ Math.imul(namespace, MULTIPLIER_A) ^ length;
    let b = this.#seedLow ^ Math.imul(namespace, MULTIPLIER_B) ^ (length << 16);
    const end = start + length;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const word =
        (bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24);
      a = Math.imul(a ^ word, MULTIPLIER_A);
      a ^= a >>> 15;
      b = Math.imul(b ^ word, MULTIPLIER_B);
      b ^= b >>> 13;
    }
    for (; at < end; at++) {
      a = Math.imul(a ^ (bytes[at] as number), MULTIPLIER_A) ^ (a >>> 15);
      b = Math.imul(b ^ (bytes[at] as number), MULTIPLIER_B) ^ (b >>> 13);
    }
    this.high = finish(a ^ Math.imul(b, 0x9e3779b1));
    this.low = finish(b ^ Math.imul(this.high, MULTIPLIER_A));
  }
}
