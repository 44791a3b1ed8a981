// Loads blocks with a thread that reads straight into the shared arena: one message there and one
// back for a whole batch, and no copy.

import { Worker } from 'node:worker_threads';
import type { Segment } from '../log/segment.ts';
import type { BlockLoader, BlockRequest } from './block-loader.ts';
import { BLOCK_NUMBERS, type ReaderAnswer, type ReaderRequest } from './reader-messages.ts';

export class ThreadBlockLoader implements BlockLoader {
  readonly #worker: Worker;
  readonly #pending = new Map<number, (counts: Int32Array) => void>();
  readonly #known = new Set<number>();
  #batchNext = 1;
  #isClosed = false;

  constructor(arena: Uint8Array) {
    const file = new URL('./reader-worker.js', import.meta.url);
    this.#worker = new Worker(file, { workerData: arena.buffer });
    this.#worker.on('message', ({ batch, counts }: ReaderAnswer) => {
      const settle = this.#pending.get(batch);
      this.#pending.delete(batch);
      settle?.(counts);
    });
    const fail = (): void => this.#failAll();
    this.#worker.on('error', fail).on('exit', fail);
  }

  load(requests: readonly BlockRequest[]): Promise<Int32Array> {
    if (this.#isClosed) return Promise.resolve(new Int32Array(requests.length).fill(-1));
    let last: Segment | undefined;
    const blocks = new Float64Array(requests.length * BLOCK_NUMBERS);
    for (let position = 0; position < requests.length; position++) {
      const request = requests[position] as BlockRequest;
      if (request.segment !== last) this.#introduce(request.segment);
      last = request.segment;
      const at = position * BLOCK_NUMBERS;
      blocks[at] = request.segment.number;
      blocks[at + 1] = request.offset;
      blocks[at + 2] = request.bytes;
      blocks[at + 3] = request.target;
    }
    const batch = this.#batchNext++;
    this.#post({ kind: 'load', batch, blocks }, [blocks.buffer as ArrayBuffer]);
    return new Promise((resolve) => this.#pending.set(batch, resolve));
  }

  forget(segment: Segment): void {
    if (this.#known.delete(segment.number)) this.#post({ kind: 'forget', segment: segment.number });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#post({ kind: 'close' });
    this.#failAll();
    await this.#worker.terminate();
  }

  #introduce(segment: Segment): void {
    if (this.#known.has(segment.number)) return;
    this.#known.add(segment.number);
    this.#post({ kind: 'open', segment: segment.number, path: segment.path });
  }

  #post(request: ReaderRequest, transfer: ArrayBuffer[] = []): void {
    if (!this.#isClosed) this.#worker.postMessage(request, transfer);
  }

  #failAll(): void {
    this.#isClosed = true;
    for (const settle of this.#pending.values()) settle(new Int32Array(0));
    this.#pending.clear();
  }
}
