// Where the newest record of a key lies: seven bytes per key, outside the garbage-collected heap.
//
// Hash bits choose a page (a directory in the manner of extendible hashing) and the next 24 bits
// are the entry's fragment. Pages grow in steps of a sixteenth and are split in two at a limit, so
// the index needs about 7.5 bytes per entry whatever the number of keys. A split uses up one bit of
// the fragment; how many the directory starts with follows from the capacity, so that at least 14
// stay. The index never sees a key: who finds a candidate verifies the full key in the record.
//
// Candidates with equal fragments are in order, newest first. Finding leaves a cursor in the
// fields, valid until the next change of the index.

import {
  ENTRY_BYTES,
  fragmentAt,
  lowerBound,
  placeAt,
  writeEntry,
  writePlace,
} from './hash-page.ts';

const PAGE_ENTRIES_SPLIT = 2048;
/** Beyond the split limit only when a split would not help; then inserting gets slower. */
const PAGE_ENTRIES_MAX = 0x3fff;
const GROWTH_SHARE = 16;
const FRAGMENT_BITS = 24;
const HASHES_PER_BASE = 1 << FRAGMENT_BITS;
export const BASE_BITS_MIN = 2;
export const BASE_BITS_MAX = 16;
/** What one page costs beside its entries: the array object, its buffer, its directory slot. */
const PAGE_OVERHEAD_BYTES = 256;

interface Page {
  bytes: Uint8Array;
  count: number;
  /** Fragment bits that are the same in all entries: the page was split so often. */
  readonly depth: number;
  /** Those bits, at the top of the fragment. */
  readonly lowest: number;
}

/** What a checkpoint keeps of a page; `bytes` is only valid until the next change. */
export interface SavedPage {
  readonly base: number;
  readonly depth: number;
  readonly lowest: number;
  readonly bytes: Uint8Array;
}

export class HashIndex {
  /** Candidates for the hash that was asked last, from `found` on. */
  candidates = 0;
  #entries = 0;
  #pageBytes = 0;
  readonly #baseBits: number;
  /** How many fragment bits the directory uses beyond its base. */
  #directoryDepth = 0;
  #directory: Page[];
  #pages = 0;
  #page: Page;
  #position = 0;
  #fragment = 0;
  #slot = 0;
  /** Up to which hash, base and fragment, pages were restored. */
  #restoredEnd = 0;

  /** See `baseBitsFor`. */
  constructor(baseBits: number) {
    this.#baseBits = baseBits;
    this.#directory = [];
    for (let base = 0; base < 1 << this.#baseBits; base++) this.#directory.push(emptyPage(0, 0));
    this.#pages = this.#directory.length;
    this.#page = this.#directory[0] as Page;
  }

  get count(): number {
    return this.#entries;
  }

  /** Memory in use, with what the arrays cost beside their content. */
  get bytes(): number {
    return this.#pageBytes + this.#pages * PAGE_OVERHEAD_BYTES + this.#directory.length * 8;
  }

  /** Looks a hash up; `candidates` says how many entries share its fragment. */
  find(high: number, low: number): number {
    this.#seek(high, low);
    const { bytes, count } = this.#page;
    const first = this.#position;
    let end = first;
    while (end < count && fragmentAt(bytes, end) === this.#fragment) end++;
    this.candidates = end - first;
    return this.candidates;
  }

  /** Place of one candidate of the last `find`; 0 is the newest. */
  candidate(number: number): number {
    return placeAt(this.#page.bytes, this.#position + number);
  }

  /** Which of the candidates of the last `find` has this place; -1 for none. */
  candidateWith(place: number): number {
    for (let number = 0; number < this.candidates; number++) {
      if (this.candidate(number) === place) return number;
    }
    return -1;
  }

  /** Replaces the place of a candidate of the last `find`. */
  replace(number: number, place: number): void {
    writePlace(this.#page.bytes, this.#position + number, place);
  }

  /** Removes a candidate of the last `find`; those behind it move up. */
  remove(number: number): void {
    const page = this.#page;
    const at = (this.#position + number) * ENTRY_BYTES;
    page.bytes.copyWithin(at, at + ENTRY_BYTES, page.count * ENTRY_BYTES);
    page.count--;
    this.#entries--;
    this.candidates--;
  }

  /** Adds an entry in front of the candidates of the last `find`. False: the page is full. */
  insert(place: number): boolean {
    if (this.#page.count >= PAGE_ENTRIES_SPLIT) this.#split();
    const page = this.#page;
    if (page.count >= PAGE_ENTRIES_MAX) return false;
    this.#makeRoom(page);
    const at = this.#position * ENTRY_BYTES;
    page.bytes.copyWithin(at + ENTRY_BYTES, at, page.count * ENTRY_BYTES);
    writeEntry(page.bytes, this.#position, this.#fragment, place);
    page.count++;
    this.#entries++;
    this.candidates++;
    return true;
  }

  /** Number of places in the directory; `pageAt` gives a page at its first place only. */
  get directoryLength(): number {
    return this.#directory.length;
  }

  /** Directory slots per base at the moment; a cursor over pages scales with it. */
  get directoryDepth(): number {
    return this.#directoryDepth;
  }

  /** The page whose lowest hash is at this place of the directory. */
  pageAt(slot: number): SavedPage | undefined {
    const page = this.#directory[slot];
    if (page === undefined || (slot > 0 && this.#directory[slot - 1] === page)) return undefined;
    const base = slot >>> this.#directoryDepth;
    const bytes = page.bytes.subarray(0, page.count * ENTRY_BYTES);
    return { base, depth: page.depth, lowest: page.lowest, bytes };
  }

  /**
   * Puts a saved page in; into an empty index only, in order, and without a gap: of two pages for one
   * place the older would come back when it is split. False when it does not fit: damaged.
   */
  restorePage(saved: SavedPage): boolean {
    const { base, depth, lowest, bytes } = saved;
    const count = bytes.length / ENTRY_BYTES;
    const isSane = base < 1 << this.#baseBits && depth <= FRAGMENT_BITS && Number.isInteger(count);
    if (!isSane || count > PAGE_ENTRIES_MAX || !isSorted(bytes, count)) return false;
    if (base * HASHES_PER_BASE + lowest !== this.#restoredEnd) return false;
    while (this.#directoryDepth < depth) this.#doubleDirectory();
    const shift = FRAGMENT_BITS - this.#directoryDepth;
    const first = (base << this.#directoryDepth) + (lowest >>> shift);
    const slots = 1 << (this.#directoryDepth - depth);
    if (first + slots > this.#directory.length) return false;
    const page: Page = { bytes: bytes.slice(), count, depth, lowest };
    this.#directory.fill(page, first, first + slots);
    this.#restoredEnd += HASHES_PER_BASE >>> depth;
    this.#entries += count;
    this.#pageBytes += bytes.length;
    return true;
  }

  /** To be called after all pages were restored. False when one is missing. */
  finishRestore(): boolean {
    if (this.#restoredEnd !== (1 << this.#baseBits) * HASHES_PER_BASE) return false;
    this.#pages = new Set(this.#directory).size;
    this.#page = this.#directory[0] as Page;
    return true;
  }

  get baseBits(): number {
    return this.#baseBits;
  }

  /** Calls `visit` with every place of a page. */
  forEachPlace(slot: number, visit: (place: number) => void): void {
    const page = this.#directory[slot];
    if (page === undefined || (slot > 0 && this.#directory[slot - 1] === page)) return;
    for (let position = 0; position < page.count; position++) visit(placeAt(page.bytes, position));
  }

  /** Removes every entry of a page whose place is unwanted; gives how many. */
  removeWhere(slot: number, isUnwanted: (place: number) => boolean): number {
    const page = this.#directory[slot];
    if (page === undefined || (slot > 0 && this.#directory[slot - 1] === page)) return 0;
    let kept = 0;
    for (let position = 0; position < page.count; position++) {
      const place = placeAt(page.bytes, position);
      if (isUnwanted(place)) continue;
      if (kept !== position) writeEntry(page.bytes, kept, fragmentAt(page.bytes, position), place);
      kept++;
    }
    const removed = page.count - kept;
    page.count = kept;
    this.#entries -= removed;
    return removed;
  }

  #seek(high: number, low: number): void {
    const bits = this.#baseBits;
    this.#fragment = ((high << bits) | (low >>> (32 - bits))) >>> 8;
    this.#slot = high >>> (32 - bits);
    this.#seekFragment();
  }

  #seekFragment(): void {
    const depth = this.#directoryDepth;
    const inner = this.#fragment >>> (FRAGMENT_BITS - depth);
    const page = this.#directory[(this.#slot << depth) + inner] as Page;
    this.#page = page;
    const width = 1 << (FRAGMENT_BITS - page.depth);
    const guess = Math.floor(((this.#fragment - page.lowest) / width) * page.count);
    this.#position = lowerBound(page.bytes, page.count, this.#fragment, guess);
  }

  #makeRoom(page: Page): void {
    const neededBytes = (page.count + 1) * ENTRY_BYTES;
    if (neededBytes <= page.bytes.length) return;
    const step = Math.max(4, page.count >>> Math.log2(GROWTH_SHARE));
    const larger = new Uint8Array((page.count + step) * ENTRY_BYTES);
    larger.set(page.bytes);
    this.#pageBytes += larger.length - page.bytes.length;
    page.bytes = larger;
  }

  /** Divides the current page by its next fragment bit, then finds the cursor again. */
  #split(): void {
    const page = this.#page;
    if (page.depth >= FRAGMENT_BITS - 8) return;
    const half = 1 << (FRAGMENT_BITS - page.depth - 1);
    const border = lowerBound(page.bytes, page.count, page.lowest + half, page.count >>> 1);
    const smaller = Math.min(border, page.count - border);
    if (smaller < page.count / 16) return;
    if (page.depth === this.#directoryDepth) this.#doubleDirectory();
    const left = this.#halfOf(page, page.lowest, 0, border);
    const right = this.#halfOf(page, page.lowest + half, border, page.count);
    this.#enter(left);
    this.#enter(right);
    this.#pages++;
    this.#pageBytes -= page.bytes.length;
    this.#seekFragment();
  }

  #halfOf(page: Page, lowest: number, from: number, to: number): Page {
    const count = to - from;
    const bytes = new Uint8Array((count + (count >>> 4) + 1) * ENTRY_BYTES);
    bytes.set(page.bytes.subarray(from * ENTRY_BYTES, to * ENTRY_BYTES));
    this.#pageBytes += bytes.length;
    return { bytes, count, depth: page.depth + 1, lowest };
  }

  #enter(page: Page): void {
    const depth = this.#directoryDepth;
    const first = (this.#slot << depth) + (page.lowest >>> (FRAGMENT_BITS - depth));
    this.#directory.fill(page, first, first + (1 << (depth - page.depth)));
  }

  #doubleDirectory(): void {
    const doubled: Page[] = [];
    for (const page of this.#directory) doubled.push(page, page);
    this.#directory = doubled;
    this.#directoryDepth++;
  }
}

/** How many hash bits the directory starts with, from how many entries the store may ever hold. */
export function baseBitsFor(entriesMax: number): number {
  const wanted = Math.ceil(Math.log2(Math.max(1, entriesMax) / PAGE_ENTRIES_SPLIT)) - 8;
  return Math.min(BASE_BITS_MAX, Math.max(BASE_BITS_MIN, wanted));
}

function emptyPage(depth: number, lowest: number): Page {
  return { bytes: new Uint8Array(0), count: 0, depth, lowest };
}

function isSorted(bytes: Uint8Array, count: number): boolean {
  for (let position = 1; position < count; position++) {
    if (fragmentAt(bytes, position - 1) > fragmentAt(bytes, position)) return false;
  }
  return true;
}
