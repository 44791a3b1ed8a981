// Decides when a checkpoint is due, takes one at a time, and tells what it made possible.
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
  readonly #done: (moment: CheckpointMoment) => void;
  #lastPosition: number;
  #running: Promise<void> | undefined;

  /** `done` is called after each checkpoint, with the moment that it began. */
  constructor(
    source: CheckpointSource,
    intervalBytes: number,
    lastPosition: number,
    done: (moment: CheckpointMoment) => void,
  ) {
    this.#source = source;
    this.#hashes = source.hashes;
    this.#intervalBytes = intervalBytes;
    this.#lastPosition = lastPosition;
    this.#done = done;
  }

  isDue(appendedPosition: number): boolean {
    const interval = Math.max(this.#intervalBytes, INDEX_SHARE * this.#hashes.bytes);
    return this.#running === undefined && appendedPosition - this.#lastPosition >= interval;
  }

  /** Settles when a checkpoint that began after this call is durable. */
  async take(): Promise<void> {
    if (this.#running !== undefined) await this.#running.catch(() => undefined);
    this.#running ??= this.#write().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  /** Begins one in the background; a failure leaves the older one in place. */
  begin(appendedPosition: number): void {
    this.#lastPosition = appendedPosition;
    void this.take().catch(() => undefined);
  }

  async #write(): Promise<void> {
    const moment = await writeCheckpoint(this.#source);
    this.#lastPosition = Math.max(this.#lastPosition, moment.replayPosition);
    this.#done(moment);
  }
}
