// Keeps the range index in a file: read once at the start, written some time after it has changed.
//
// The file is an aid, never a duty: a client whose file cannot be read or written works as if it had
// none. Writes are far apart, with jitter, one at a time, and the last one is at the close.

import type { Clock, Random } from '@piton/protocol';
import { fileChannel } from '../diagnostics/channels.ts';
import { decodeIndex, encodeIndex, type SavedIndex } from './saved-index.ts';

/** Where the bytes lie. `write` replaces the old ones as a whole or not at all. */
export interface IndexStorage {
  /** Undefined when there is nothing. */
  read(): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<void>;
}

const FIRST_MS = 200;
const PAUSE_MS = 10_000;

export interface IndexKeeperParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly storage: IndexStorage;
  readonly keyspaceName: string;
  /** What is to be written; undefined when there is nothing to be kept yet. */
  readonly current: () => SavedIndex | undefined;
}

export class IndexKeeper {
  readonly #parts: IndexKeeperParts;
  #timer: { cancel(): void } | undefined;
  #writing: Promise<void> | undefined;
  #writtenVersion = -1;
  #isClosed = false;

  constructor(parts: IndexKeeperParts) {
    this.#parts = parts;
  }

  /** What was kept for this keyspace; undefined when there is nothing, or nothing that can be used. */
  async load(): Promise<SavedIndex | undefined> {
    const { storage, clock, keyspaceName } = this.#parts;
    try {
      const bytes = await storage.read();
      if (bytes === undefined) return undefined;
      const saved = await decodeIndex(bytes, clock);
      if (saved.keyspace.name !== keyspaceName) {
        tell('refused', `it is of keyspace ${saved.keyspace.name}`);
        return undefined;
      }
      this.#writtenVersion = saved.version;
      tell('loaded', undefined);
      return saved;
    } catch (error) {
      tell('refused', error);
      return undefined;
    }
  }

  /** The index may have changed. */
  note(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    const { clock, random } = this.#parts;
    const pauseMs = this.#writtenVersion < 0 ? FIRST_MS : PAUSE_MS;
    this.#timer = clock.setTimer(pauseMs * (0.5 + random.next()), () => {
      this.#timer = undefined;
      void this.#write();
    });
  }

  /** The file is of another cluster: it is replaced as soon as there is something to replace it. */
  distrust(): void {
    this.#writtenVersion = -1;
  }

  /** Writes what has changed since the last time. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#write();
  }

  #write(): Promise<void> {
    const before = this.#writing ?? Promise.resolve();
    const mine = before.then(() => this.#writeNow());
    this.#writing = mine;
    return mine;
  }

  async #writeNow(): Promise<void> {
    const { storage, clock, current } = this.#parts;
    const index = current();
    if (index === undefined || index.version === this.#writtenVersion) return;
    try {
      await storage.write(await encodeIndex(index, clock));
      this.#writtenVersion = index.version;
      tell('saved', undefined);
    } catch (error) {
      tell('failed', error);
    }
  }
}

function tell(what: 'loaded' | 'refused' | 'saved' | 'failed', error: unknown): void {
  if (fileChannel.isHeard) fileChannel.publish({ what, error });
}
