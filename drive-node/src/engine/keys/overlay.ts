// Keys that were applied but are not in the key index yet, and scans over both together.
//
//   applied -> [young run] -> sealed runs -> being filled -> gone from here, in the key index
//
// A run leaves only when its fill has settled. Pages of the key index settle in the same order, so
// a page that arrives misses nothing that is not still here: merging them at that moment is exact.
// Newer wins: young over sealed, late over early, overlay over index.

import { compareKeys } from '@piton/protocol';
import type { KeyInterval, KeyPage } from './key-index.ts';
import { KeyRun } from './key-run.ts';

/** Bounds of the overlay; above, writes are refused as busy until the filler has caught up. */
export const OVERLAY_KEYS_MAX: number = 512 * 1024;
export const OVERLAY_BYTES_MAX: number = 64 * 1024 * 1024;

/** Keys of an interval, in scan order, as of one moment. */
export interface MergedKeys {
  readonly keys: Uint8Array[];
  readonly recordBytes: number[];
  readonly positions: number[];
  /** Where the interval goes on; undefined when it is exhausted. */
  readonly continueAfter: Uint8Array | undefined;
}

export class Overlay {
  #young = new KeyRun();
  readonly #sealed: KeyRun[] = [];
  #sealedKeys = 0;
  #sealedBytes = 0;

  get keys(): number {
    return this.#sealedKeys + this.#young.count;
  }

  get isFull(): boolean {
    return this.keys >= OVERLAY_KEYS_MAX || this.#sealedBytes >= OVERLAY_BYTES_MAX;
  }

  get youngIsFull(): boolean {
    return this.#young.isFull;
  }

  get sealedRuns(): readonly KeyRun[] {
    return this.#sealed;
  }

  /** The caller seals before when `youngIsFull`. `recordBytes` 0: the key is gone. */
  add(namespace: number, key: Uint8Array, recordBytes: number, position: number): void {
    this.#young.add(namespace, key, recordBytes, position);
  }

  /**
   * Closes the young run: everything applied below `filledPosition` is in it or before it, and all
   * that is in it was appended below `endPosition`.
   */
  seal(filledPosition: number, endPosition: number): void {
    const run = this.#young;
    run.endPosition = endPosition;
    run.filledPosition = filledPosition;
    this.#sealed.push(run);
    this.#sealedKeys += run.count;
    this.#sealedBytes += run.keyBytes;
    this.#young = new KeyRun();
  }

  /** The oldest runs are in the key index now. */
  dropOldest(runs: number): void {
    for (const run of this.#sealed.splice(0, runs)) {
      this.#sealedKeys -= run.count;
      this.#sealedBytes -= run.keyBytes;
    }
  }

  /** Sorts the sealed runs, one at a time with a pause in between, so that a merge is short. */
  async prepare(pause: () => Promise<void>): Promise<void> {
    for (const run of [...this.#sealed]) {
      if (run.isSorted) continue;
      run.sort();
      await pause();
    }
  }

  /** Merges a page of the key index, asked with this interval, with what is here. */
  merge(interval: KeyInterval, reverse: boolean, page: KeyPage, keysMax: number): MergedKeys {
    const border = page.isLast ? undefined : page.keys.at(-1);
    const cursors = this.#cursors(interval, reverse, border);
    if (page.keys.length > 0) cursors.push(new PageCursor(page, cursors.length));
    return drain(cursors, reverse, keysMax, border);
  }

  /** One cursor for each run that has keys there, newest first. */
  #cursors(interval: KeyInterval, reverse: boolean, border: Uint8Array | undefined): Cursor[] {
    const cursors: Cursor[] = [];
    for (const run of [this.#young, ...this.#sealed.toReversed()]) {
      if (run.count === 0) continue;
      const [from, to] = boundsIn(run, interval, reverse, border);
      if (from < to) cursors.push(new RunCursor(run, from, to, reverse, cursors.length));
    }
    return cursors;
  }
}

/** Sorted places of a run inside the interval and, when given, not behind the page's last key. */
function boundsIn(
  run: KeyRun,
  interval: KeyInterval,
  reverse: boolean,
  border: Uint8Array | undefined,
): [number, number] {
  const { namespace, start, end } = interval;
  let from = run.lowerBound(namespace, start);
  let to =
    end === undefined
      ? run.lowerBound(namespace + 1, new Uint8Array(0))
      : run.lowerBound(namespace, end);
  if (border === undefined) return [from, to];
  const at = run.lowerBound(namespace, border);
  if (reverse) {
    from = Math.max(from, at);
  } else {
    const isThere =
      at < run.sortedCount &&
      run.namespaceAt(at) === namespace &&
      compareKeys(run.keyAt(at), border) === 0;
    to = Math.min(to, isThere ? at + 1 : at);
  }
  return [from, to];
}

interface Cursor {
  /** Lower is newer. */
  readonly age: number;
  key: Uint8Array;
  readonly recordBytes: number;
  readonly position: number;
  /** Moves on; false at the end. */
  advance(): boolean;
}

class RunCursor implements Cursor {
  readonly age: number;
  key: Uint8Array;
  readonly #run: KeyRun;
  readonly #step: number;
  readonly #stop: number;
  #place: number;

  constructor(run: KeyRun, from: number, to: number, reverse: boolean, age: number) {
    this.age = age;
    this.#run = run;
    this.#step = reverse ? -1 : 1;
    this.#place = reverse ? to - 1 : from;
    this.#stop = reverse ? from - 1 : to;
    this.key = run.keyAt(this.#place);
  }
  get recordBytes(): number {
    return this.#run.recordBytesAt(this.#place);
  }
  get position(): number {
    return this.#run.positionAt(this.#place);
  }
  advance(): boolean {
    this.#place += this.#step;
    if (this.#place === this.#stop) return false;
    this.key = this.#run.keyAt(this.#place);
    return true;
  }
}

class PageCursor implements Cursor {
  readonly age: number;
  key: Uint8Array;
  readonly #page: KeyPage;
  #at = 0;

  constructor(page: KeyPage, age: number) {
    this.age = age;
    this.#page = page;
    this.key = page.keys[0] as Uint8Array;
  }
  get recordBytes(): number {
    return this.#page.recordBytes[this.#at] as number;
  }
  get position(): number {
    return this.#page.positions[this.#at] as number;
  }
  advance(): boolean {
    this.#at++;
    if (this.#at >= this.#page.keys.length) return false;
    this.key = this.#page.keys[this.#at] as Uint8Array;
    return true;
  }
}

/** Takes keys from the cursors in order, the newest word on each. */
function drain(
  cursors: Cursor[],
  reverse: boolean,
  keysMax: number,
  border: Uint8Array | undefined,
): MergedKeys {
  const isBefore = (a: Cursor, b: Cursor): boolean => {
    const order = reverse ? compareKeys(b.key, a.key) : compareKeys(a.key, b.key);
    return order !== 0 ? order < 0 : a.age < b.age;
  };
  const heap = new CursorHeap(cursors, isBefore);
  const merged = { keys: [], recordBytes: [], positions: [] } as {
    keys: Uint8Array[];
    recordBytes: number[];
    positions: number[];
  };
  let last: Uint8Array | undefined;
  while (heap.top !== undefined) {
    const { top } = heap;
    const isNew = last === undefined || compareKeys(last, top.key) !== 0;
    last = top.key;
    if (isNew && top.recordBytes !== 0) {
      if (merged.keys.length >= keysMax) return { ...merged, continueAfter: merged.keys.at(-1) };
      merged.keys.push(top.key);
      merged.recordBytes.push(top.recordBytes);
      merged.positions.push(top.position);
    }
    heap.advanceTop();
  }
  return { ...merged, continueAfter: border };
}

/** A binary heap whose top is the cursor that comes first. */
class CursorHeap {
  readonly #items: Cursor[] = [];
  readonly #isBefore: (a: Cursor, b: Cursor) => boolean;

  constructor(cursors: readonly Cursor[], isBefore: (a: Cursor, b: Cursor) => boolean) {
    this.#isBefore = isBefore;
    this.#items = [...cursors];
    for (let at = (this.#items.length >>> 1) - 1; at >= 0; at--) this.#sink(at);
  }

  get top(): Cursor | undefined {
    return this.#items[0];
  }

  advanceTop(): void {
    const items = this.#items;
    if (!(items[0] as Cursor).advance()) {
      const last = items.pop() as Cursor;
      if (items.length === 0) return;
      items[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    let at = from;
    for (;;) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child >= items.length) break;
        if (this.#isBefore(items[child] as Cursor, items[first] as Cursor)) first = child;
      }
      if (first === at) return;
      [items[at], items[first]] = [items[first] as Cursor, items[at] as Cursor];
      at = first;
    }
  }
}
