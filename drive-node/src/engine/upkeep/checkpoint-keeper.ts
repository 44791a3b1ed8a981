// Decides when a checkpoint is due, takes one at a time, and knows what it reaches.
//
// One is due when the log has grown by so much that replaying it would take noticeably long; a
// large index may wait longer, because saving it costs more.

import type { HashIndex } from '../index/hash-index.ts';
import { type CheckpointMoment, type CheckpointSource, writeCheckpoint } from './checkpoint.ts';

const INDEX_SHARE = 4;

export class CheckpointKeeper {
  readonly #source: CheckpointSource;
  readonly #hashes: HashIndex;
  readonly #intervalBytes: number;
  #lastPosition: number;
  #running: Promise<CheckpointMoment> | undefined;

  constructor(source: CheckpointSource, intervalBytes: number, lastPosition: number) {
    this.#source = source;
    this.#hashes = source.hashes;
    this.#intervalBytes = intervalBytes;
    this.#lastPosition = lastPosition;
  }

  isDue(appendedPosition: number): boolean {
    const interval = Math.max(this.#intervalBytes, INDEX_SHARE * this.#hashes.bytes);
    return this.#running === undefined && appendedPosition - this.#lastPosition >= interval;
  }

  /** Settles when a checkpoint that began after this call is durable. */
  async take(): Promise<CheckpointMoment> {
    if (this.#running !== undefined) await this.#running.catch(() => undefined);
    this.#running ??= this.#write();
    return this.#running;
  }

  /** Begins one in the background; a failure leaves the older one in place. */
  begin(appendedPosition: number): void {
    this.#lastPosition = appendedPosition;
    void this.take().catch(() => undefined);
  }

  async #write(): Promise<CheckpointMoment> {
    try {
      const moment = await writeCheckpoint(this.#source);
      this.#lastPosition = Math.max(this.#lastPosition, moment.replayPosition);
      return moment;
    } finally {
      this.#running = undefined;
    }
  }
}
