// Checks that the layouts of payloads share: nothing that a peer wrote is used before one of these.

import { PLACED_KEY_BYTES_MAX } from '../keys/keys.ts';
import { VALUE_BYTES_MAX } from '../words/limits.ts';
import { MalformedFrameError } from './msgpack.ts';

/** A whole number from 0 (or `lowest`) to `highest`; throws MalformedFrameError for all else. */
export function checkCount(what: string, value: unknown, highest: number, lowest = 0): number {
  if (!Number.isSafeInteger(value) || (value as number) < lowest || (value as number) > highest) {
    const came = typeof value === 'number' ? value : typeof value;
    throw new MalformedFrameError(`${what}: expected ${lowest} to ${highest}, got ${came}`);
  }
  return value as number;
}

/** Whether a placed key is longer than any caller may make it. */
export function isKeyTooLarge(keyBytes: number): boolean {
  return keyBytes > PLACED_KEY_BYTES_MAX;
}

export function isValueTooLarge(valueBytes: number): boolean {
  return valueBytes > VALUE_BYTES_MAX;
}
