// The grid of an end-to-end comparison: what is asked, how large, how many at a time.

export type LoadOperation = 'get' | 'put';

export interface Cell {
  readonly operation: LoadOperation;
  readonly valueBytes: number;
  readonly inFlight: number;
}

/** Bytes that all values of one size take together: 50,000 of 1 KiB, 64 of 1 MiB. */
const VALUES_BYTES_MAX = 64 * 1024 * 1024;

/** Keys for values of a size: fewer when they are large, so that each size takes the same room. */
export function keysFor(valueBytes: number, keys: number): number {
  return Math.max(64, Math.min(keys, Math.floor(VALUES_BYTES_MAX / valueBytes)));
}

export function cellsOf(valueBytes: readonly number[], inFlight: readonly number[]): Cell[] {
  const operations: readonly LoadOperation[] = ['get', 'put'];
  return valueBytes.flatMap((bytes) =>
    operations.flatMap((operation) =>
      inFlight.map((many) => ({ operation, valueBytes: bytes, inFlight: many })),
    ),
  );
}
