// Brings blocks of the log from the device into the arena, many at once.
//
// Two implementations: `DiskBlockLoader` below, over the disk seam, for simulations; and the reader
// thread (thread-block-loader.ts), which costs one message for a whole batch.

import type { Disk, DiskFile } from '../disk/disk.ts';
import type { Segment } from '../log/segment.ts';

export interface BlockRequest {
  readonly segment: Segment;
  /** Where in the file; `bytes` are wanted, fewer may come at its end. */
  readonly offset: number;
  readonly bytes: number;
  /** Where in the arena. */
  readonly target: number;
}

export interface BlockLoader {
  /** Gives for each request how many bytes came; -1 for a failed read. Never rejects. */
  load(requests: readonly BlockRequest[]): Promise<ArrayLike<number>>;
  /** The file of this segment is going to be removed. */
  forget(segment: Segment): void;
  close(): Promise<void>;
}

export class DiskBlockLoader implements BlockLoader {
  readonly #disk: Disk;
  readonly #arena: Uint8Array;
  readonly #files = new Map<Segment, Promise<DiskFile>>();

  constructor(disk: Disk, arena: Uint8Array) {
    this.#disk = disk;
    this.#arena = arena;
  }

  load(requests: readonly BlockRequest[]): Promise<ArrayLike<number>> {
    return Promise.all(requests.map((request) => this.#loadOne(request)));
  }

  forget(segment: Segment): void {
    const file = this.#files.get(segment);
    this.#files.delete(segment);
    file?.then((opened) => opened.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    for (const segment of [...this.#files.keys()]) this.forget(segment);
  }

  async #loadOne(request: BlockRequest): Promise<number> {
    try {
      const file = await this.#open(request.segment);
      const { target, bytes } = request;
      return await file.read(this.#arena.subarray(target, target + bytes), request.offset);
    } catch {
      this.#files.delete(request.segment);
      return -1;
    }
  }

  #open(segment: Segment): Promise<DiskFile> {
    let file = this.#files.get(segment);
    if (file === undefined) {
      file = this.#disk.open(segment.path, 'read');
      this.#files.set(segment, file);
    }
    return file;
  }
}
