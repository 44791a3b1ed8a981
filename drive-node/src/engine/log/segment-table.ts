// Which segments exist, and the three ways to name a byte in them.
//
// A *position* counts bytes since the store was made and is never used twice: what the owner sees.
// A *place* is the four-byte name in the hash index: slot of the segment and unit inside it. A slot
// is used again after its segment is gone; whoever frees a segment has made sure before that no
// index entry names it. An *offset* is a byte inside a segment's file.

import { type LogGeometry, Segment, segmentName } from './segment.ts';

export class SegmentTable {
  readonly geometry: LogGeometry;
  readonly segmentBytes: number;
  readonly unitBytes: number;
  readonly #folder: string;
  /** Units of one segment, as bits of a place. */
  readonly #placeBits: number;
  readonly #unitMask: number;
  readonly #slots: (Segment | undefined)[] = [];
  readonly slotCount: number;
  readonly #byNumber = new Map<number, Segment>();
  /** Made when it is asked for, after a change. */
  #sorted: Segment[] | undefined;
  /** Bytes of all files, with what is appended but not written. */
  usedBytes = 0;

  constructor(folder: string, geometry: LogGeometry) {
    this.#folder = folder;
    this.geometry = geometry;
    this.segmentBytes = 2 ** geometry.segmentBits;
    this.unitBytes = 2 ** geometry.unitBits;
    this.#placeBits = geometry.segmentBits - geometry.unitBits;
    this.#unitMask = 2 ** this.#placeBits - 1;
    this.slotCount = 2 ** Math.min(16, 32 - this.#placeBits);
  }

  get freeSlots(): number {
    return this.slotCount - this.#byNumber.size;
  }

  /** All segments, oldest first. */
  all(): readonly Segment[] {
    this.#sorted ??= [...this.#byNumber.values()].sort((a, b) => a.number - b.number);
    return this.#sorted;
  }

  byNumber(number: number): Segment | undefined {
    return this.#byNumber.get(number);
  }

  inSlot(slot: number): Segment | undefined {
    return this.#slots[slot];
  }

  /** Adds a segment, in a given slot or in a free one. Undefined when there is none. */
  add(number: number, slot: number | undefined): Segment | undefined {
    const chosen = slot ?? this.#firstFree();
    if (chosen < 0 || chosen >= this.slotCount || this.#slots[chosen] !== undefined) {
      return undefined;
    }
    while (this.#slots.length <= chosen) this.#slots.push(undefined);
    const path = `${this.#folder}/${segmentName(number)}`;
    const segment = new Segment(number, chosen, path, this.geometry);
    this.#slots[chosen] = segment;
    this.#byNumber.set(number, segment);
    this.#sorted = undefined;
    this.usedBytes += segment.appendedBytes;
    return segment;
  }

  #firstFree(): number {
    const free = this.#slots.indexOf(undefined);
    return free < 0 ? this.#slots.length : free;
  }

  /** A segment becomes longer, or is found to be this long. */
  grow(segment: Segment, bytes: number): void {
    segment.appendedBytes += bytes;
    this.usedBytes += bytes;
  }

  remove(segment: Segment): void {
    this.#byNumber.delete(segment.number);
    this.#sorted = undefined;
    this.usedBytes -= segment.appendedBytes;
    this.#slots[segment.slot] = undefined;
  }

  slotOf(place: number): number {
    return place >>> this.#placeBits;
  }

  offsetOf(place: number): number {
    return (place & this.#unitMask) << this.geometry.unitBits;
  }

  placeOf(segment: Segment, offset: number): number {
    return ((segment.slot << this.#placeBits) | (offset >>> this.geometry.unitBits)) >>> 0;
  }

  positionOf(segment: Segment, offset: number): number {
    return segment.number * this.segmentBytes + offset;
  }

  segmentAt(position: number): Segment | undefined {
    return this.#byNumber.get(Math.floor(position / this.segmentBytes));
  }

  offsetAt(position: number): number {
    return position % this.segmentBytes;
  }

  /** The place of a position, or undefined when its segment is gone. */
  placeAt(position: number): number | undefined {
    const segment = this.segmentAt(position);
    return segment === undefined ? undefined : this.placeOf(segment, this.offsetAt(position));
  }

  /** Length of a record in the file, with its padding. */
  paddedBytes(recordBytes: number): number {
    return Math.ceil(recordBytes / this.unitBytes) * this.unitBytes;
  }
}
