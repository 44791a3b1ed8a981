// The key index in SQLite, in a thread of its own, so that the event loop never waits for it.
//
// A database that cannot be read is thrown away: it is a copy of what the log knows, and a position
// of zero makes the store fill it again.

import { Worker } from 'node:worker_threads';
import { keyAfter } from '@piton/protocol';
import { type Disk, unlinkIfThere } from '../disk/disk.ts';
import { StoreError } from '../store.ts';
import type { KeyBatch, KeyCount, KeyIndex, KeyInterval, KeyPage } from './key-index.ts';
import type { CountedRows, PackedRows } from './sqlite-key-table.ts';
import type { KeyAnswer, KeyRequest } from './sqlite-key-worker.ts';

interface Pending {
  readonly resolve: (answer: KeyAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Opens the index of the store with this id at a path, empty when there is none to use. */
export async function openSqliteKeyIndex(
  disk: Disk,
  path: string,
  storeId: string,
): Promise<KeyIndex> {
  try {
    return await SqliteKeyIndex.open(path, storeId);
  } catch {
    for (const suffix of ['', '-wal', '-shm']) await unlinkIfThere(disk, `${path}${suffix}`);
    return SqliteKeyIndex.open(path, storeId);
  }
}

export class SqliteKeyIndex implements KeyIndex {
  filledPosition = 0;
  readonly #worker: Worker;
  /** First come, first answered. */
  readonly #pending: Pending[] = [];
  #failure: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('message', (answer: KeyAnswer) => this.#answered(answer));
    worker.on('error', (error) => this.#failed(error));
    worker.on('exit', () => this.#failed(new StoreError('closed', 'the key index is closed')));
  }

  static async open(path: string, storeId: string): Promise<SqliteKeyIndex> {
    const file = new URL('./sqlite-key-worker.js', import.meta.url);
    const index = new SqliteKeyIndex(new Worker(file, { workerData: { path, storeId } }));
    const first = await index.#expect();
    index.filledPosition = first.filledPosition ?? 0;
    return index;
  }

  async fill(batch: KeyBatch, filledPosition: number): Promise<void> {
    const { keys, starts, namespaces, recordBytes, positions } = batch;
    const arrays = [keys, starts, namespaces, recordBytes, positions];
    const transfer = arrays.map((array) => array.buffer as ArrayBuffer);
    await this.#ask({ kind: 'fill', batch, filledPosition }, transfer);
    this.filledPosition = filledPosition;
  }

  async page(interval: KeyInterval, reverse: boolean, keysMax: number): Promise<KeyPage> {
    const { rows } = await this.#ask({ kind: 'page', ...interval, reverse, keysMax });
    return unpack(rows as PackedRows);
  }

  async count(interval: KeyInterval, keysMax: number): Promise<KeyCount> {
    const { counted } = await this.#ask({ kind: 'count', ...interval, keysMax });
    const { keys, bytes, last } = counted as CountedRows;
    const next = keys < keysMax || last === null ? undefined : keyAfter(last);
    return { keys, bytes, next };
  }

  async close(): Promise<void> {
    if (this.#failure === undefined) await this.#ask({ kind: 'close' });
    this.#failure ??= new StoreError('closed', 'the key index is closed');
    await this.#worker.terminate();
  }

  #ask(request: KeyRequest, transfer: ArrayBuffer[] = []): Promise<KeyAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#worker.postMessage(request, transfer);
    return this.#expect();
  }

  #expect(): Promise<KeyAnswer> {
    return new Promise((resolve, reject) => this.#pending.push({ resolve, reject }));
  }

  #answered(answer: KeyAnswer): void {
    const pending = this.#pending.shift();
    if (answer.error === undefined) pending?.resolve(answer);
    else pending?.reject(new Error(`key index: ${answer.error}`));
  }

  #failed(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#pending.splice(0)) reject(this.#failure);
  }
}

function unpack(rows: PackedRows): KeyPage {
  const { keys, starts, recordBytes, positions, isLast } = rows;
  const views: Uint8Array[] = [];
  for (let at = 0; at + 1 < starts.length; at++) {
    views.push(keys.subarray(starts[at], starts[at + 1]));
  }
  return { keys: views, recordBytes, positions, isLast };
}
