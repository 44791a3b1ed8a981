// What the store and its reader thread say to each other.
//
// A load is a run of numbers, BLOCK_NUMBERS for each block. The answer says how many bytes came for
// each, -1 for a failure.

export type ReaderRequest =
  | { readonly kind: 'load'; readonly batch: number; readonly blocks: Float64Array }
  | { readonly kind: 'open'; readonly segment: number; readonly path: string }
  | { readonly kind: 'forget'; readonly segment: number }
  | { readonly kind: 'close' };

export interface ReaderAnswer {
  readonly batch: number;
  readonly counts: Int32Array;
}

/** Numbers that describe one block: segment, offset in the file, bytes, target in the arena. */
export const BLOCK_NUMBERS = 4;
