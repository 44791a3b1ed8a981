// A key as JSON. Keys are bytes; JSON has only text. So `hex` is always there and exact, and `text` is
// there too when the bytes are UTF-8 that a person can read: no control characters, and the
// same bytes when encoded again. The borders of a hash keyspace are hashes: they have no text.

import { Partitioning } from '@piton/protocol';

export interface KeyJson {
  readonly hex: string;
  readonly text?: string;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Control characters, unassigned ones, and such as change the direction or look of others. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

export function keyJson(key: Uint8Array, partitioning: Partitioning): KeyJson {
  const hex = Buffer.from(key).toString('hex');
  const text = partitioning === Partitioning.hash ? undefined : textOf(key);
  return text === undefined ? { hex } : { hex, text };
}

function textOf(key: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(key);
    return UNPRINTABLE.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
