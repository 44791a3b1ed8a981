// The 64-bit hash that places keys of a hash keyspace. It is part of the protocol: every client
// must compute the same, so it never changes.
//
// Two 32-bit lanes are fed four bytes at a time and mixed by the finishing steps of MurmurHash3
// (A. Appleby, public domain): full avalanche without 64-bit arithmetic, which JavaScript lacks.

const MULTIPLIER_A = 0xcc9e2d51;
const MULTIPLIER_B = 0x1b873593;

function finish(lane: number): number {
  let h = lane;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Writes the eight hash bytes of `key`, most significant first, to `target` at `offset`. */
export function writeKeyHash(key: Uint8Array, target: Uint8Array, offset: number): void {
  let a = 0x9747b28c ^ key.length;
  let b = 0x3c074a61 ^ key.length;
  const whole = key.length & ~3;
  let position = 0;
  for (; position < whole; position += 4) {
    const word =
      (key[position] as number) |
      ((key[position + 1] as number) << 8) |
      ((key[position + 2] as number) << 16) |
      ((key[position + 3] as number) << 24);
    a = Math.imul(a ^ Math.imul(word, MULTIPLIER_A), MULTIPLIER_B) ^ (a >>> 15);
    b = Math.imul(b ^ Math.imul(word, MULTIPLIER_B), MULTIPLIER_A) ^ (b >>> 13);
  }
  for (; position < key.length; position++) {
    a = Math.imul(a ^ (key[position] as number), MULTIPLIER_A) ^ (a >>> 15);
    b = Math.imul(b ^ (key[position] as number), MULTIPLIER_B) ^ (b >>> 13);
  }
  const high = finish(a ^ Math.imul(b, 0x9e3779b1));
  const low = finish(b ^ Math.imul(high, 0x85ebca77));
  target[offset] = high >>> 24;
  target[offset + 1] = high >>> 16;
  target[offset + 2] = high >>> 8;
  target[offset + 3] = high;
  target[offset + 4] = low >>> 24;
  target[offset + 5] = low >>> 16;
  target[offset + 6] = low >>> 8;
  target[offset + 7] = low;
}
