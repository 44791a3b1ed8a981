// A border of a range as the metadata server tells it, for people.

import type { KeyJson } from '@piton/cluster';

const HEX_CHARS_MAX = 32;

/** Text as it is, other bytes as 0x...; an open end as `open`. */
export function showBorder(key: KeyJson | null, open: string): string {
  if (key === null || key.hex === '') return open;
  if (key.text !== undefined) return key.text;
  return key.hex.length > HEX_CHARS_MAX
    ? `0x${key.hex.slice(0, HEX_CHARS_MAX)}...`
    : `0x${key.hex}`;
}
