// Records that a copy appends: visible in the order of the log, before any live write behind them.
//
// A live write is committed when it is safe everywhere; a copied record needs nobody's consent. Both
// wait for the log, and the log's order is the order in which they become visible: a restart that
// replays it must come to the same end.

import {
  type Appended,
  type LogPosition,
  type LogRecord,
  type Store,
  StoreError,
} from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';
import { type Deferred, deferred } from '../ranges/waiters.ts';

interface CopiedRecord {
  readonly replica: Replica;
  readonly record: LogRecord;
  readonly appended: Appended;
}

export class CopiedRecords {
  readonly #store: Store;
  #unapplied: CopiedRecord[] = [];
  #waiting: { end: LogPosition; done: Deferred<void> }[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  /** Where the record ends in the log. Undefined when the store is busy: nothing was done. */
  tryAppend(replica: Replica, record: LogRecord): LogPosition | undefined {
    try {
      const appended = this.#store.append(record, true);
      this.#unapplied.push({ replica, record, appended });
      return appended.end;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'busy') return undefined;
      throw error;
    }
  }

  /** The log moved on, or failed. To be called before any live write is committed. */
  advance(failure: Error | undefined): void {
    const mark = this.#store.writtenPosition;
    let at = 0;
    for (; at < this.#unapplied.length; at++) {
      const { record, appended } = this.#unapplied[at] as CopiedRecord;
      if (appended.end > mark) break;
      // Also of a copy that was given up: an unapplied record holds back the replay position.
      this.#store.apply(record, appended);
    }
    if (at > 0) this.#unapplied = this.#unapplied.slice(at);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ end }) => end > mark && failure === undefined);
    for (const { end, done } of waiting) {
      if (end <= mark) done.resolve();
      else if (failure !== undefined) done.reject(failure);
    }
  }

  /** The copy is given up, and what is pending in it will be applied now: these come before it. */
  applyAll(replica: Replica): void {
    const mine = this.#unapplied.filter((copied) => copied.replica === replica);
    if (mine.length === 0) return;
    this.#unapplied = this.#unapplied.filter((copied) => copied.replica !== replica);
    for (const { record, appended } of mine) this.#store.apply(record, appended);
  }

  /** Settles when the log is with the system up to there. */
  written(end: LogPosition): Promise<void> {
    if (end <= this.#store.writtenPosition) return Promise.resolve();
    const done = deferred<void>();
    this.#waiting.push({ end, done });
    return done.promise;
  }
}
