// Clears up after a dropped interval, in the background and again after a crash.
//
//   hidden -> entries leave the hash index -> checkpoint -> keys leave the key index -> done
//
// Readers do not see a dropped record from the start (store-facts.ts). The key index leads to the
// entries of the hash index; therefore its keys stay until a checkpoint without those entries is
// durable: after a crash at any moment, whatever entry came back is found again. Mostly the key
// index knows the place of the record, and nothing has to be read. A key that was written again
// after the drop stays.

import { type Clock, keyAfter } from '@piton/protocol';
import { LoadResult, type RecordSource } from '../cache/record-source.ts';
import type { RecordIndex } from '../index/record-index.ts';
import type { KeyFiller } from '../keys/key-filler.ts';
import type { KeyIndex } from '../keys/key-index.ts';
import type { Overlay } from '../keys/overlay.ts';
import { RecordView } from '../log/record.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import type { Drop, StoreFacts } from '../log/store-facts.ts';
import { RecordKind, StoreError } from '../store.ts';
import type { CheckpointKeeper } from './checkpoint-keeper.ts';

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
  readonly checkpoints: CheckpointKeeper;
  /** A drop that is not durable yet may still be taken back by a power cut. */
  durablePosition(): number;
}

interface SweptRow {
  readonly key: Uint8Array;
  /** Where its record lay when it was filled. */
  readonly position: number;
  readonly bytes: number;
}

export class DropSweeper {
  readonly #parts: SweepParts;
  readonly #view = new RecordView();
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(parts: SweepParts) {
    this.#parts = parts;
  }

  /** Sweeps all drops that are not done yet; returns at once. */
  start(): void {
    const hasWork = this.#parts.facts.drops.some(({ isDone }) => !isDone);
    if (this.#running === undefined && !this.#isStopped && hasWork)
      this.#running = this.#sweepAll();
  }

  /** Settles when the sweep under way has ended. */
  async whenIdle(): Promise<void> {
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  async #sweepAll(): Promise<void> {
    const { clock } = this.#parts;
    try {
      for (let hasMore = true; hasMore && !this.#isStopped; ) hasMore = await this.#sweepRound();
    } catch {
      if (!this.#isStopped) clock.setTimer(RETRY_MS, () => this.start());
    } finally {
      this.#running = undefined;
    }
  }

  /** All drops that are due together, so that they share one checkpoint. */
  async #sweepRound(): Promise<boolean> {
    const { facts, filler, checkpoints } = this.#parts;
    const durable = this.#parts.durablePosition();
    const due = facts.drops.filter(({ isDone, position }) => !isDone && position < durable);
    if (due.length === 0) return false;
    await filler.drain();
    for (const drop of due) {
      if (!drop.isSwept) await this.#forEachKey(drop, (row) => this.#removeEntry(drop, row));
      if (this.#isStopped) return false;
      facts.finishSweep(drop);
    }
    await checkpoints.take();
    for (const drop of due) {
      await this.#forEachKey(drop, (row) => this.#removeKey(drop, row));
      if (this.#isStopped) return false;
      drop.isDone = true;
    }
    return true;
  }

  /** Visits the keys of the interval that were written before the drop. */
  async #forEachKey(
    drop: Drop,
    visit: (row: SweptRow) => Promise<void> | undefined,
  ): Promise<void> {
    const { filler, keyIndex, overlay } = this.#parts;
    const { namespace, end } = drop;
    let start = drop.start;
    while (!this.#isStopped) {
      const page = await keyIndex.page({ namespace, start, end }, false, PAGE_KEYS);
      for (let at = 0; at < page.keys.length; at++) {
        const key = page.keys[at] as Uint8Array;
        const position = page.positions[at] as number;
        const bytes = page.recordBytes[at] as number;
        if (position < drop.position) await visit({ key, position, bytes });
      }
      const last = page.keys.at(-1);
      if (page.isLast || last === undefined) return;
      if (overlay.isFull) await filler.whenRoom();
      start = keyAfter(last);
    }
  }

  #removeEntry(drop: Drop, { key, position, bytes }: SweptRow): Promise<void> | undefined {
    const { index, segments } = this.#parts;
    const { hasher, hashes } = index;
    hasher.hash(drop.namespace, key, 0, key.length);
    const candidates = hashes.find(hasher.high, hasher.low);
    if (candidates === 0) return undefined;
    const isKnown = candidates === 1 && hashes.candidate(0) === segments.placeAt(position);
    if (!isKnown) return this.#removeRead(drop, key).then(() => undefined);
    index.removeDead(0, bytes, RecordKind.put);
    return undefined;
  }

  #removeKey(drop: Drop, { key }: SweptRow): Promise<void> | undefined {
    const { hasher, hashes } = this.#parts.index;
    hasher.hash(drop.namespace, key, 0, key.length);
    if (hashes.find(hasher.high, hasher.low) > 0) return this.#removeKeyUnlessAlive(drop, key);
    this.#parts.filler.add(drop.namespace, key, 0, drop.position);
    return undefined;
  }

  async #removeKeyUnlessAlive(drop: Drop, key: Uint8Array): Promise<void> {
    const isAlive = await this.#removeRead(drop, key);
    if (!isAlive) this.#parts.filler.add(drop.namespace, key, 0, drop.position);
  }

  /**
   * The candidates have to be looked at: the record moved, or others share its fragment. Tells, in
   * the turn in which it is true, whether the key is alive or may be.
   */
  async #removeRead(drop: Drop, key: Uint8Array): Promise<boolean> {
    const { source } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const isAlive = this.#tryRemove(drop, key);
      if (isAlive !== undefined) return isAlive;
      await new Promise<void>((resolve) => source.fetch(() => resolve()));
    }
    throw new StoreError('busy', 'a dropped record stays cold');
  }

  /** Undefined: a cold record is missing. */
  #tryRemove(drop: Drop, key: Uint8Array): boolean | undefined {
    const { index, source } = this.#parts;
    const { hasher, hashes } = index;
    hasher.hash(drop.namespace, key, 0, key.length);
    hashes.find(hasher.high, hasher.low);
    let isAlive = false;
    for (let number = 0; number < hashes.candidates; ) {
      const result = source.load(hashes.candidate(number), this.#view);
      if (result === LoadResult.cold) return undefined;
      const isSame = result === LoadResult.found && this.#view.isKey(drop.namespace, key);
      if (isSame && this.#view.drops < drop.number) {
        index.removeDead(number, this.#view.length, this.#view.kind);
        continue;
      }
      if (isSame || result === LoadResult.damaged) isAlive = true;
      number++;
    }
    return isAlive;
  }
}
