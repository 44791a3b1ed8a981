// Keys are bytes, 1..4096 of them, ordered byte by byte; a shorter key comes before its extensions.
//
// In a keyspace partitioned by hash, what drives store and what the range index orders is the
// *placed key*: eight bytes of hash, then the key. The SDK puts the hash in front and takes it off,
// so that below the SDK there is only one kind of range (docs/decisions/0003).

import { KEY_BYTES_MAX } from '../words/limits.ts';

/** Bytes that placement by hash puts in front of a key. */
export const PLACEMENT_BYTES: number = 8;
/** Longest key that a drive stores: the caller's longest key with its hash in front. */
export const PLACED_KEY_BYTES_MAX: number = KEY_BYTES_MAX + PLACEMENT_BYTES;

export const EMPTY_KEY: Uint8Array = new Uint8Array(0);

/** Negative, zero or positive, as for sort. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let position = 0; position < shared; position++) {
    const difference = (a[position] as number) - (b[position] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function equalKeys(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let position = 0; position < a.length; position++) {
    if (a[position] !== b[position]) return false;
  }
  return true;
}

/** True when `start <= key < end`; an undefined end is the end of the keyspace. */
export function isInside(key: Uint8Array, start: Uint8Array, end: Uint8Array | undefined): boolean {
  return compareKeys(key, start) >= 0 && (end === undefined || compareKeys(key, end) < 0);
}

/** The smallest key behind `key`: the same with a zero byte added. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/** The smallest key behind all keys with this prefix; undefined when there is none. */
export function prefixEnd(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  // Not slice: for a Buffer that is a view, and the caller's prefix would change.
  const end = new Uint8Array(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] as number) + 1;
  return end;
}
