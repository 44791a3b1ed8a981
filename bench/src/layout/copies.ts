// Where the copies are, as the metadata server tells, and what has moved between two looks: whoever planned it.

import type { AdminClient, RangeView } from '@piton/cluster';

export const sum = (values: Iterable<number>): number => {
  let all = 0;
  for (const value of values) all += value;
  return all;
};

/** Bytes by range and drive. */
function copiesIn(ranges: readonly RangeView[]): Map<string, number> {
  const copies = new Map<string, number>();
  for (const { id, chain, bytes } of ranges) {
    for (const { drive } of chain) copies.set(`${id} on ${drive}`, bytes);
  }
  return copies;
}

/** Bytes of the copies that have come. */
export function movedBytes(before: readonly RangeView[], after: readonly RangeView[]): number {
  const had = copiesIn(before);
  const came = [...copiesIn(after)].filter(([copy]) => !had.has(copy));
  return sum(came.map(([, bytes]) => bytes));
}

export function bytesOn(ranges: readonly RangeView[], drive: string): number {
  const held = ranges.filter(({ chain }) => chain.some((member) => member.drive === drive));
  return sum(held.map(({ bytes }) => bytes));
}

/** The ranges, once the heartbeats have told the size of at least so many keys. */
export async function settledRanges(admin: AdminClient, keys: number): Promise<RangeView[]> {
  for (;;) {
    const ranges = await admin.ranges();
    if (sum(ranges.map((range) => range.keys)) >= keys) return ranges;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export async function fillKeys(
  put: (entries: { key: string; value: Buffer }[]) => Promise<unknown>,
  keys: readonly string[],
  valueBytes: number,
): Promise<void> {
  const value = Buffer.alloc(valueBytes, 7);
  for (let at = 0; at < keys.length; at += 500) {
    await put(keys.slice(at, at + 500).map((key) => ({ key, value })));
  }
}
