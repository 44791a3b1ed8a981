// Which keys a scan is about, from what the caller said.

import { compareKeys, EMPTY_KEY, prefixEnd } from '@piton/protocol';
import { invalidArgument } from '../errors/kv-error.ts';
import { type Key, KeyEncoder } from '../keys/key-encoder.ts';

/** All keys with a prefix, or from `start` (included) to `end` (excluded). `{}` is everything. */
export type Selector =
  | { readonly prefix: Key; readonly start?: undefined; readonly end?: undefined }
  | {
      readonly prefix?: undefined;
      readonly start?: Key | undefined;
      readonly end?: Key | undefined;
    };

/** The same as bytes, not placed. */
export interface Bounds {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
  readonly prefix: Uint8Array | undefined;
  /** True when the caller spoke in bytes. */
  readonly isInBytes: boolean;
}

const plain = new KeyEncoder('range');

/** Throws KVError. */
export function boundsOf(selector: Selector): Bounds {
  if (typeof selector !== 'object' || selector === null) {
    throw invalidArgument('selector', '{ prefix } or { start, end }', selector);
  }
  for (const name of Object.keys(selector)) {
    if (name !== 'prefix' && name !== 'start' && name !== 'end') {
      throw invalidArgument(`selector.${name}`, 'prefix, start or end', name);
    }
  }
  const { prefix, start, end } = selector;
  if (prefix !== undefined && (start !== undefined || end !== undefined)) {
    throw invalidArgument('selector', 'either prefix or start and end', 'both');
  }
  const isInBytes = [prefix, start, end].some((key) => key instanceof Uint8Array);
  if (prefix !== undefined) {
    const bytes = bytesOf(prefix, 'prefix');
    return { start: bytes, end: prefixEnd(bytes), prefix: bytes, isInBytes };
  }
  return {
    start: start === undefined ? EMPTY_KEY : bytesOf(start, 'start'),
    end: end === undefined ? undefined : bytesOf(end, 'end'),
    prefix: undefined,
    isInBytes,
  };
}

function bytesOf(key: Key, what: string): Uint8Array {
  if (typeof key !== 'string' && !(key instanceof Uint8Array)) {
    throw invalidArgument(`selector.${what}`, 'a string or Uint8Array', key);
  }
  return key.length === 0 ? EMPTY_KEY : plain.copy(key);
}

export function isInBounds(key: Uint8Array, { start, end }: Bounds): boolean {
  return compareKeys(key, start) >= 0 && (end === undefined || compareKeys(key, end) < 0);
}
