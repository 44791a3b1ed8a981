// Ordered answers over the key index and the overlay: pages of a scan, measurements, middle keys.
//
// The sorted sources say which keys may exist; whether and how a key exists is always asked from
// the record index, at the moment its value is read. Page after page nothing blocks: values that
// are not in memory are read together.

import { type Clock, keyAfter } from '@piton/protocol';
import type {
  Extent,
  Namespace,
  ScanEntry,
  ScanPage,
  ScanSelector,
  StoredRecord,
} from '../store.ts';
import type { KeyFiller } from './key-filler.ts';
import type { KeyIndex, KeyInterval } from './key-index.ts';
import type { MergedKeys, Overlay } from './overlay.ts';

const PAGE_KEYS_MAX = 1024;
const READ_KEYS_MAX = 128;
const COUNT_KEYS_MAX = 4096;
const EMPTY = new Uint8Array(0);

export type Reader = (
  namespace: Namespace,
  key: Uint8Array,
) => StoredRecord | undefined | Promise<StoredRecord | undefined>;

/** A page under construction. */
interface Draft {
  readonly entries: ScanEntry[];
  bytes: number;
}

export class RangeScanner {
  readonly #overlay: Overlay;
  readonly #filler: KeyFiller;
  readonly #keyIndex: KeyIndex;
  readonly #read: Reader;
  readonly #pause: () => Promise<void>;

  constructor(clock: Clock, overlay: Overlay, filler: KeyFiller, keyIndex: KeyIndex, read: Reader) {
    this.#pause = () => new Promise((resolve) => clock.defer(resolve));
    this.#overlay = overlay;
    this.#filler = filler;
    this.#keyIndex = keyIndex;
    this.#read = read;
  }

  async scan(namespace: Namespace, selector: ScanSelector): Promise<ScanPage> {
    const draft: Draft = { entries: [], bytes: 0 };
    const { reverse } = selector;
    let interval: KeyInterval = { namespace, start: selector.start, end: selector.end };
    for (;;) {
      await this.#overlay.prepare(this.#pause);
      const keysMax = Math.min(PAGE_KEYS_MAX, selector.entriesMax - draft.entries.length + 1);
      const page = await this.#keyIndex.page(interval, reverse, keysMax);
      const merged = this.#overlay.merge(interval, reverse, page, keysMax);
      const isFull = await this.#take(namespace, selector, merged, draft);
      if (isFull) return { entries: draft.entries, isLast: false };
      const after = merged.continueAfter;
      if (after === undefined) return { entries: draft.entries, isLast: true };
      interval = reverse ? { ...interval, end: after } : { ...interval, start: keyAfter(after) };
    }
  }

  /** Near the truth: it waits until the keys applied so far are in the key index. */
  async measure(interval: KeyInterval): Promise<Extent> {
    await this.#filler.drain();
    let keys = 0;
    let bytes = 0;
    let next: Uint8Array | undefined = interval.start;
    while (next !== undefined) {
      const count = await this.#keyIndex.count({ ...interval, start: next }, COUNT_KEYS_MAX);
      keys += count.keys;
      bytes += count.bytes;
      next = count.next;
    }
    return { keys, bytes };
  }

  /** The first key with at least half of the bytes before it. */
  async findMiddleKey(interval: KeyInterval): Promise<Uint8Array | undefined> {
    const whole = await this.measure(interval);
    if (whole.keys < 2) return undefined;
    let before = 0;
    let isFirst = true;
    let start = interval.start;
    let last: Uint8Array | undefined;
    for (;;) {
      const page = await this.#keyIndex.page({ ...interval, start }, false, PAGE_KEYS_MAX);
      for (let at = 0; at < page.keys.length; at++) {
        const key = page.keys[at] as Uint8Array;
        if (!isFirst && before * 2 >= whole.bytes) return key.slice();
        before += page.recordBytes[at] as number;
        if (!isFirst) last = key;
        isFirst = false;
      }
      const end = page.keys.at(-1);
      if (page.isLast || end === undefined) return last?.slice();
      start = keyAfter(end);
    }
  }

  /** Reads merged keys into the draft. True when the page is full and keys are left. */
  async #take(
    namespace: Namespace,
    selector: ScanSelector,
    merged: MergedKeys,
    draft: Draft,
  ): Promise<boolean> {
    let at = 0;
    while (at < merged.keys.length) {
      const count = this.#chunk(selector, merged, draft, at);
      const found = await this.#readKeys(namespace, merged.keys.slice(at, at + count));
      for (const entry of found) {
        if (entry !== undefined && !addTo(draft, selector, entry)) return true;
      }
      at += count;
    }
    return false;
  }

  /** How many keys to read next so that not many more bytes are read than the page takes. */
  #chunk(selector: ScanSelector, merged: MergedKeys, draft: Draft, from: number): number {
    if (selector.keysOnly) return Math.min(READ_KEYS_MAX, merged.keys.length - from);
    let bytes = draft.bytes;
    let count = 0;
    while (count < READ_KEYS_MAX && from + count < merged.keys.length) {
      bytes += merged.recordBytes[from + count] as number;
      count++;
      if (bytes > selector.bytesMax) break;
    }
    return count;
  }

  #readKeys(namespace: Namespace, keys: Uint8Array[]): Promise<(ScanEntry | undefined)[]> {
    return Promise.all(
      keys.map((key) => {
        const found = this.#read(namespace, key);
        if (!(found instanceof Promise)) return keepEntry(key, found);
        return found.then((late) => keepEntry(key, late));
      }),
    );
  }
}

/** What was found is only valid in this turn: copied. */
function keepEntry(key: Uint8Array, found: StoredRecord | undefined): ScanEntry | undefined {
  if (found === undefined) return undefined;
  const { sequence, epoch, valueTag, era } = found;
  return { sequence, epoch, valueTag, key: key.slice(), value: found.value.slice(), era };
}

/** False when the entry does not fit any more; a page takes at least one. */
function addTo(draft: Draft, selector: ScanSelector, entry: ScanEntry): boolean {
  const added = selector.keysOnly ? { ...entry, value: EMPTY } : entry;
  const bytes = added.key.length + added.value.length;
  const isFull =
    draft.entries.length >= selector.entriesMax || draft.bytes + bytes > selector.bytesMax;
  if (isFull && draft.entries.length > 0) return false;
  draft.entries.push(added);
  draft.bytes += bytes;
  return true;
}
