// Many 15-byte keys in random order, in one piece of memory: the same for every engine.

import { writeKeyHash } from '@piton/protocol';

const KEY_BYTES = 15;
const DIGITS = '0123456789abcdef';

export class KeyArena {
  readonly count: number;
  readonly #bytes: Buffer;

  constructor(count: number) {
    this.count = count;
    this.#bytes = Buffer.allocUnsafe(count * KEY_BYTES);
    const seed = Buffer.alloc(8);
    const hash = Buffer.alloc(8);
    for (let number = 0; number < count; number++) {
      seed.writeUInt32LE(number, 0);
      writeKeyHash(seed, hash, 0);
      const at = number * KEY_BYTES;
      for (let digit = 0; digit < KEY_BYTES; digit++) {
        const byte = hash[digit >> 1] as number;
        const half = digit % 2 === 0 ? byte >> 4 : byte & 15;
        this.#bytes[at + digit] = DIGITS.charCodeAt(half);
      }
    }
  }

  key(number: number): Buffer {
    const at = number * KEY_BYTES;
    return this.#bytes.subarray(at, at + KEY_BYTES);
  }

  /** Walks all numbers once, in an order that has nothing to do with that of the puts. */
  shuffled(step: number): number {
    return (step * 7_368_787 + 12_345) % this.count;
  }
}
