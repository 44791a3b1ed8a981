// Clears up after a dropped interval, in the background and again after a crash.
//
// Readers do not see a dropped record from the start (store-facts.ts). Here its entries leave the
// hash index, so that its bytes count as dead, and its keys leave the key index. Mostly the key
// index knows the place of the record, and nothing has to be read for that. A key that was written
// again after the drop stays.

import type { Clock } from '@piton/protocol';
import { LoadResult, type RecordSource } from '../cache/record-source.ts';
import type { RecordIndex } from '../index/record-index.ts';
import type { KeyFiller } from '../keys/key-filler.ts';
import type { KeyIndex, KeyInterval } from '../keys/key-index.ts';
import type { Overlay } from '../keys/overlay.ts';
import { RecordView } from '../log/record.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import type { Drop, StoreFacts } from '../log/store-facts.ts';

const PAGE_KEYS = 256;
const ATTEMPTS_MAX = 16;
const RETRY_MS = 1000;

export interface SweepParts {
  readonly clock: Clock;
  readonly facts: StoreFacts;
  readonly index: RecordIndex;
  readonly source: RecordSource;
  readonly segments: SegmentTable;
  readonly overlay: Overlay;
  readonly filler: KeyFiller;
  readonly keyIndex: KeyIndex;
}

export class DropSweeper {
  readonly #parts: SweepParts;
  readonly #view = new RecordView();
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  /** Sweeps all drops that are not swept yet; returns at once. */
  start(): void {
    if (this.#running !== undefined || this.#isStopped) return;
    this.#running = this.#sweepAll().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #sweepAll(): Promise<void> {
    const { facts, clock } = this.#parts;
    try {
      for (;;) {
        const drop = facts.drops.find((candidate) => !candidate.isSwept);
        if (drop === undefined || this.#isStopped) return;
        await this.#sweep(drop);
        if (!this.#isStopped) facts.finishDrop(drop);
      }
    } catch {
      if (!this.#isStopped) clock.setTimer(RETRY_MS, () => this.start());
    }
  }

  async #sweep(drop: Drop): Promise<void> {
    const { filler, keyIndex, overlay } = this.#parts;
    await filler.drain();
    let interval: KeyInterval = drop;
    while (!this.#isStopped) {
      const page = await keyIndex.page(interval, false, PAGE_KEYS);
      for (let at = 0; at < page.keys.length; at++) {
        const key = page.keys[at] as Uint8Array;
        const position = page.positions[at] as number;
        const bytes = page.recordBytes[at] as number;
        if (position < drop.position) await this.#removeKey(drop, key, position, bytes);
      }
      const last = page.keys.at(-1);
      if (page.isLast || last === undefined) break;
      if (overlay.isFull) await filler.whenRoom();
      interval = { ...drop, start: new Uint8Array([...last, 0]) };
    }
    if (!this.#isStopped) await filler.drain();
  }

  #removeKey(
    drop: Drop,
    key: Uint8Array,
    position: number,
    bytes: number,
  ): Promise<void> | undefined {
    const { index, segments } = this.#parts;
    const { hasher, hashes } = index;
    hasher.hash(drop.namespace, key, 0, key.length);
    const candidates = hashes.find(hasher.high, hasher.low);
    const isKnown = candidates === 1 && hashes.candidate(0) === segments.placeAt(position);
    if (isKnown) index.removeDead(0, bytes);
    else if (candidates > 0) return this.#removeRead(drop, key, 0);
    this.#removeFromKeys(drop, key);
    return undefined;
  }

  #removeFromKeys(drop: Drop, key: Uint8Array): void {
    this.#parts.filler.add(drop.namespace, key, 0, drop.position);
  }

  /** The candidates have to be looked at: the record moved, or others share its fragment. */
  async #removeRead(drop: Drop, key: Uint8Array, attempts: number): Promise<void> {
    const { index, source } = this.#parts;
    const { hasher, hashes } = index;
    hasher.hash(drop.namespace, key, 0, key.length);
    hashes.find(hasher.high, hasher.low);
    let isAlive = false;
    for (let number = 0; number < hashes.candidates; ) {
      const result = source.load(hashes.candidate(number), this.#view);
      if (result === LoadResult.cold && attempts < ATTEMPTS_MAX) {
        await new Promise<void>((resolve) => source.fetch(() => resolve()));
        return this.#removeRead(drop, key, attempts + 1);
      }
      const isSame = result === LoadResult.found && this.#view.isKey(drop.namespace, key);
      if (isSame && this.#view.drops < drop.number) {
        index.removeDead(number, this.#view.length);
        continue;
      }
      if (isSame) isAlive = true;
      number++;
    }
    if (!isAlive) this.#removeFromKeys(drop, key);
  }
}
