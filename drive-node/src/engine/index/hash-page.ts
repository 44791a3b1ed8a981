// One page of the hash index: entries of seven bytes, dense, sorted by fragment.
//
//   offset  bytes  field
//        0      3  fragment, most significant byte first
//        3      4  place
//
// Fragments are hash bits, so the position of one is guessed from its value and corrected by a few
// steps. Among equal fragments the newest comes first. There are no tombstones and no probe
// sequences: removing moves what follows, so a page never has to be rebuilt.

export const ENTRY_BYTES = 7;

export function fragmentAt(page: Uint8Array, position: number): number {
  const at = position * ENTRY_BYTES;
  return ((page[at] as number) << 16) | ((page[at + 1] as number) << 8) | (page[at + 2] as number);
}

export function placeAt(page: Uint8Array, position: number): number {
  const at = position * ENTRY_BYTES + 3;
  return (
    (((page[at] as number) << 24) |
      ((page[at + 1] as number) << 16) |
      ((page[at + 2] as number) << 8) |
      (page[at + 3] as number)) >>>
    0
  );
}

export function writePlace(page: Uint8Array, position: number, place: number): void {
  const at = position * ENTRY_BYTES + 3;
  page[at] = place >>> 24;
  page[at + 1] = place >>> 16;
  page[at + 2] = place >>> 8;
  page[at + 3] = place;
}

export function writeEntry(
  page: Uint8Array,
  position: number,
  fragment: number,
  place: number,
): void {
  const at = position * ENTRY_BYTES;
  page[at] = fragment >>> 16;
  page[at + 1] = fragment >>> 8;
  page[at + 2] = fragment;
  writePlace(page, position, place);
}

/**
 * First position whose fragment is not below `fragment`. `guess` may be anywhere in 0..count; the
 * cost grows with the logarithm of its error.
 */
export function lowerBound(
  page: Uint8Array,
  count: number,
  fragment: number,
  guess: number,
): number {
  let low = 0;
  let high = count;
  let step = 8;
  if (guess < count && fragmentAt(page, guess) < fragment) {
    low = guess + 1;
    while (low + step < count && fragmentAt(page, low + step) < fragment) {
      low += step + 1;
      step <<= 1;
    }
    high = Math.min(low + step, count);
  } else {
    high = Math.min(guess, count);
    while (high - step >= 0 && fragmentAt(page, high - step) >= fragment) {
      high -= step;
      step <<= 1;
    }
    low = Math.max(high - step, 0);
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (fragmentAt(page, middle) < fragment) low = middle + 1;
    else high = middle;
  }
  return low;
}
