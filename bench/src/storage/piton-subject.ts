// The storage engine of a drive as a subject: appends flushed in groups, applied when they are durable.

import { type Appended, type LogRecord, type Namespace, openEngine, type Store } from './engine.ts';
import type { KeyArena } from './key-arena.ts';
import {
  BATCH,
  type Subject,
  type SubjectOptions,
  type SubjectStatistics,
  VALUE_BYTES,
} from './subject.ts';

/** Records that may be appended and not yet durable. */
const WAITING_MAX = 16_384;
const COLD_READS_MAX = 256;

export async function openPitonSubject(options: SubjectOptions): Promise<Subject> {
  const store = await openEngine(options.directory, options.cacheBytes);
  return new PitonSubject(store);
}

interface Waiting {
  readonly record: LogRecord;
  readonly appended: Appended;
}

class PitonSubject implements Subject {
  readonly #store: Store;
  readonly #namespace: Namespace;
  readonly #value: Buffer = Buffer.alloc(VALUE_BYTES, 7);
  #waiting: Waiting[] = [];
  #sequence: number;
  #wake: (() => void) | undefined;

  constructor(store: Store) {
    this.#store = store;
    // One namespace for ever: the first that a fresh store gives out.
    this.#namespace = 1 as Namespace;
    if (store.statistics().keys === 0) store.createNamespace();
    this.#sequence = Math.floor(Date.now() * 1000);
    store.onProgress((failure) => {
      if (failure !== undefined) throw failure;
      this.#applyDurable();
      this.#wake?.();
    });
  }

  async put(arena: KeyArena, from: number, to: number): Promise<void> {
    for (let number = from; number < to; number++) {
      this.#append(arena.key(number % arena.count));
      if ((number - from) % BATCH === BATCH - 1) await nextTurn();
      while (this.#waiting.length >= WAITING_MAX) await this.#progress();
    }
    while (this.#waiting.length > 0) await this.#progress();
  }

  async get(arena: KeyArena, numbers: Uint32Array): Promise<void> {
    const cold = new ColdReads();
    let count = 0;
    for (const number of numbers) {
      const found = this.#store.get(this.#namespace, arena.key(number));
      if (found instanceof Promise) cold.add(found);
      else checkFound(found);
      if (cold.count >= COLD_READS_MAX) await cold.fewerThan(COLD_READS_MAX / 2);
      else if (++count % BATCH === 0) await nextTurn();
    }
    await cold.fewerThan(1);
  }

  statistics(): SubjectStatistics {
    const { keys, indexBytes, compactedBytes } = this.#store.statistics();
    return { keys, indexBytes, compactedBytes };
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #append(key: Buffer): void {
    // Another value each time: an engine may notice that nothing changes.
    this.#value.writeDoubleLE(this.#sequence, 0);
    const record = {
      kind: 1,
      namespace: this.#namespace,
      rangeId: 1,
      epoch: 1,
      sequence: this.#sequence++,
      key,
      value: this.#value,
      valueTag: 0,
      session: undefined,
    } as unknown as LogRecord;
    this.#waiting.push({ record, appended: this.#store.append(record, true) });
  }

  #applyDurable(): void {
    const durable = this.#store.durablePosition;
    let count = 0;
    for (const { record, appended } of this.#waiting) {
      if (appended.end > durable) break;
      this.#store.apply(record, appended);
      count++;
    }
    this.#waiting = this.#waiting.slice(count);
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

type Found = { readonly value: Uint8Array } | undefined;

/** Reads that wait for the device: a number of them at a time, as a drive has them of its clients. */
class ColdReads {
  count = 0;
  #failure: unknown;
  #limit = 0;
  #wake: (() => void) | undefined;

  readonly #check = (found: Found): void => {
    if (found?.value.length !== VALUE_BYTES) this.#failure ??= new Error('a key was lost');
    this.#end();
  };
  readonly #fail = (error: unknown): void => {
    this.#failure ??= error;
    this.#end();
  };

  add(read: Promise<Found>): void {
    this.count++;
    read.then(this.#check, this.#fail);
  }

  /** Settles when fewer than `limit` are waiting. Rejects with what went wrong so far. */
  async fewerThan(limit: number): Promise<void> {
    if (this.count >= limit) {
      this.#limit = limit;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #end(): void {
    this.count--;
    if (this.count >= this.#limit) return;
    this.#wake?.();
    this.#wake = undefined;
  }
}

function checkFound(found: Found): void {
  if (found?.value.length !== VALUE_BYTES) throw new Error('a key was lost');
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
