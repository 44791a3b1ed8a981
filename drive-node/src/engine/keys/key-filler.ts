// Moves keys from the overlay into the key index, in large batches, beside everything else.
//
// The key index must never be ahead of the log: a delete that a power cut takes back must not have
// taken its key out. So the log is flushed before a batch is filled.
//
// One fill is under way at a time. A young run is sealed when it is full, or after a while, so that
// little has to be replayed after a crash. A fill that fails (no space) is tried again; until then
// the overlay grows to its bound and the store answers busy.

import type { Clock, Timer } from '@piton/protocol';
import type { UnappliedRecords } from '../log/unapplied.ts';
import { StoreError } from '../store.ts';
import type { KeyIndex } from './key-index.ts';
import { KeyRun } from './key-run.ts';
import type { Overlay } from './overlay.ts';

/** Runs in one batch: about 32,000 keys, some tens of milliseconds in the filler's thread. */
const BATCH_RUNS_MAX = 8;
const SEAL_MS = 200;
const RETRY_MS = 500;

export interface KeyFillerOptions {
  readonly clock: Clock;
  readonly overlay: Overlay;
  readonly keyIndex: KeyIndex;
  readonly unapplied: UnappliedRecords;
  /** Settles when the log is durable up to a position. */
  flushLog(position: number): Promise<void>;
  /** A batch left the overlay. */
  filled(): void;
}

export class KeyFiller {
  readonly #options: KeyFillerOptions;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;
  #isStopped = false;

  constructor(options: KeyFillerOptions) {
    this.#options = options;
  }

  /** Notes that a key was applied (or is gone: `recordBytes` 0). */
  add(namespace: number, key: Uint8Array, recordBytes: number, position: number): void {
    const { overlay } = this.#options;
    if (overlay.youngIsFull) this.#seal();
    overlay.add(namespace, key, recordBytes, position);
    this.#timer ??= this.#options.clock.setTimer(SEAL_MS, () => this.#onTimer());
  }

  /** Settles when everything added so far is in the key index. Rejects when the index fails. */
  async drain(): Promise<void> {
    this.#seal();
    const { overlay } = this.#options;
    const last = overlay.sealedRuns.at(-1);
    while (last !== undefined && overlay.sealedRuns.includes(last)) await this.#round();
  }

  /** Settles when the overlay is below its bounds. Rejects when the index fails. */
  async whenRoom(): Promise<void> {
    while (this.#options.overlay.isFull) await this.#round();
  }

  /** Lets the fill under way end and begins no other. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #seal(): void {
    const { overlay, keyIndex, unapplied } = this.#options;
    const isIdle = overlay.keys === 0 && keyIndex.filledPosition >= unapplied.settledPosition;
    if (!isIdle) overlay.seal(unapplied.settledPosition, unapplied.reached);
    this.#start();
  }

  #onTimer(): void {
    this.#timer = undefined;
    if (!this.#isStopped) this.#seal();
  }

  /** One go at the sealed runs. Rejects when it failed. */
  async #round(): Promise<void> {
    if (this.#isStopped) throw new StoreError('closed', 'the store is closed');
    this.#start();
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #start(): void {
    const hasWork = this.#options.overlay.sealedRuns.length > 0;
    if (this.#running === undefined && !this.#isStopped && hasWork) this.#running = this.#fillAll();
  }

  async #fillAll(): Promise<void> {
    this.#failure = undefined;
    try {
      while (!this.#isStopped && this.#options.overlay.sealedRuns.length > 0)
        await this.#fillOnce();
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      this.#timer ??= this.#options.clock.setTimer(RETRY_MS, () => this.#onTimer());
    } finally {
      this.#running = undefined;
    }
  }

  async #fillOnce(): Promise<void> {
    const { overlay, keyIndex } = this.#options;
    const runs = overlay.sealedRuns.slice(0, BATCH_RUNS_MAX);
    const last = runs.at(-1);
    if (last === undefined) return;
    await this.#options.flushLog(last.endPosition);
    await keyIndex.fill(KeyRun.pack(runs), Math.max(last.filledPosition, keyIndex.filledPosition));
    overlay.dropOldest(runs.length);
    this.#options.filled();
  }
}
