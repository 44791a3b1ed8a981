// The thread that reads cold blocks: plain blocking reads, straight into the shared arena.

import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { BLOCK_NUMBERS, type ReaderAnswer, type ReaderRequest } from './reader-messages.ts';

interface OpenFile {
  readonly path: string;
  descriptor: number | undefined;
}

class ReaderThread {
  readonly #arena: Uint8Array;
  readonly #files = new Map<number, OpenFile>();

  constructor(arena: Uint8Array) {
    this.#arena = arena;
  }

  load(blocks: Float64Array): Int32Array {
    const counts = new Int32Array(blocks.length / BLOCK_NUMBERS);
    for (let block = 0; block < counts.length; block++) {
      const at = block * BLOCK_NUMBERS;
      const segment = blocks[at] as number;
      const offset = blocks[at + 1] as number;
      const bytes = blocks[at + 2] as number;
      counts[block] = this.#read(segment, offset, bytes, blocks[at + 3] as number);
    }
    return counts;
  }

  open(segment: number, path: string): void {
    this.#files.set(segment, { path, descriptor: undefined });
  }

  forget(segment: number): void {
    const descriptor = this.#files.get(segment)?.descriptor;
    if (descriptor !== undefined) closeSync(descriptor);
    this.#files.delete(segment);
  }

  #read(segment: number, offset: number, bytes: number, target: number): number {
    const file = this.#files.get(segment);
    if (file === undefined) return -1;
    try {
      file.descriptor ??= openSync(file.path, 'r');
      return readSync(file.descriptor, this.#arena, target, bytes, offset);
    } catch {
      return -1;
    }
  }
}

function serve(): void {
  const port = parentPort;
  if (port === null) throw new Error('this file is the body of a worker thread');
  const thread = new ReaderThread(new Uint8Array(workerData as SharedArrayBuffer));
  port.on('message', (request: ReaderRequest) => {
    if (request.kind === 'open') thread.open(request.segment, request.path);
    else if (request.kind === 'forget') thread.forget(request.segment);
    else if (request.kind === 'close') port.close();
    else {
      const counts = thread.load(request.blocks);
      port.postMessage({ batch: request.batch, counts } satisfies ReaderAnswer, [
        counts.buffer as ArrayBuffer,
      ]);
    }
  });
}

serve();
