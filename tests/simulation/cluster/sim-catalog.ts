// The metadata server's catalog on a simulated device: what was committed survives the process.
//
// A commit takes its time, and takes effect somewhere within it, as one that a process waits for: a crash
// before that moment leaves nothing of it, a crash after it leaves all.

import {
  type Catalog,
  type CatalogChange,
  type CatalogCondition,
  type CatalogEntry,
  type CatalogNews,
  type CommitResult,
  MemoryCatalog,
} from '@piton/metaserver';
import type { Clock } from '@piton/protocol';

const COMMIT_MS_MAX = 4;

/** What lies on the device. */
export class CatalogDevice {
  readonly #content = new MemoryCatalog();
  readonly #random: () => number;
  #open: SimCatalog | undefined;

  constructor(random: () => number) {
    this.#random = random;
  }

  watch(listener: (news: CatalogNews) => void): void {
    this.#content.watch(listener);
  }

  /**
   * The catalog as the next process sees it; the one before it is dead. `committed` is awaited when something
   * has become durable and nobody has been told yet.
   */
  openFor(clock: Clock, committed: () => Promise<void>): Catalog {
    void this.#open?.close();
    this.#open = new SimCatalog(this.#content, clock, this.#random, committed);
    return this.#open;
  }
}

class SimCatalog implements Catalog {
  readonly #content: MemoryCatalog;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #committed: () => Promise<void>;
  readonly #unwatchers: (() => void)[] = [];
  /** Commits take effect one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    content: MemoryCatalog,
    clock: Clock,
    random: () => number,
    committed: () => Promise<void>,
  ) {
    this.#content = content;
    this.#clock = clock;
    this.#random = random;
    this.#committed = committed;
  }

  list(prefix: string, after: string, entriesMax: number): Promise<readonly CatalogEntry[]> {
    return this.#content.list(prefix, after, entriesMax);
  }

  commit(
    conditions: readonly CatalogCondition[],
    changes: readonly CatalogChange[],
  ): Promise<CommitResult> {
    const run = async (): Promise<CommitResult> => {
      await this.#wait();
      const result = await this.#content.commit(conditions, changes);
      if (result.isCommitted) await this.#committed();
      await this.#wait();
      return result;
    };
    const done = this.#last.then(run, run);
    this.#last = done.catch(() => {});
    return done;
  }

  watch(listener: (news: CatalogNews) => void): () => void {
    const unwatch = this.#content.watch(listener);
    this.#unwatchers.push(unwatch);
    return unwatch;
  }

  async close(): Promise<void> {
    for (const unwatch of this.#unwatchers) unwatch();
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.setTimer((this.#random() * COMMIT_MS_MAX) / 2, resolve);
    });
  }
}
