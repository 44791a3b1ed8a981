// What the hash index still points to in one segment.
//
// Compaction asks before it reads a segment, so that it can pass over what is dead without looking at
// it, and afterwards, because nothing may point there any more when the file goes. Nobody begins to
// point into a segment that compaction has chosen, so what is found here can only become less.

import type { Clock } from '@piton/protocol';
import type { HashIndex } from '../index/hash-index.ts';
import type { Segment } from '../log/segment.ts';
import type { SegmentTable } from '../log/segment-table.ts';

const PAGES_PER_TURN = 256;

/** Looks through the whole index, some pages in a turn; offsets in the segment, in no order. */
export async function liveOffsets(
  hashes: HashIndex,
  segments: SegmentTable,
  segment: Segment,
  clock: Clock,
): Promise<number[]> {
  const offsets: number[] = [];
  const note = (place: number): void => {
    if (segments.slotOf(place) === segment.slot) offsets.push(segments.offsetOf(place));
  };
  // The directory may grow meanwhile: then some pages are looked at twice, and none is left out.
  for (let slot = 0; slot < hashes.directoryLength; slot++) {
    hashes.forEachPlace(slot, note);
    if (slot % PAGES_PER_TURN !== PAGES_PER_TURN - 1) continue;
    await new Promise<void>((resolve) => clock.defer(resolve));
  }
  return offsets;
}

/**
 * After a replay. A checkpoint may call a segment emptied that lies above its replay position: then the replay has
 * found the originals again, and a copy that was not in memory stands behind its original. What the index points
 * to is not empty, whatever was saved.
 */
export function distrustEmptied(hashes: HashIndex, segments: SegmentTable): void {
  const emptied = segments.all().filter(({ isEmptied }) => isEmptied);
  if (emptied.length === 0) return;
  const slots = new Set<number>();
  for (let slot = 0; slot < hashes.directoryLength; slot++) {
    hashes.forEachPlace(slot, (place) => slots.add(segments.slotOf(place)));
  }
  for (const segment of emptied) segment.isEmptied = !slots.has(segment.slot);
}

/** Answers for offsets that are asked in ascending order. */
export class LiveOffsets {
  readonly #offsets: Float64Array;
  #next = 0;

  constructor(offsets: readonly number[]) {
    this.#offsets = Float64Array.from(offsets).sort();
  }

  isLive(offset: number): boolean {
    while ((this.#offsets[this.#next] ?? Number.POSITIVE_INFINITY) < offset) this.#next++;
    return this.#offsets[this.#next] === offset;
  }
}
