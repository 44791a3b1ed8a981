// Asks the metadata server for the records of single keys: where the cache has a hole.
//
// One request is under way at a time; what comes up meanwhile goes together in the next, up to 256
// keys. Keys that lie in one hole of a cache that is otherwise whole need one question only: the
// answer fills the hole. So a thousand calls that run into one hole cost one request.

import type { KeyspaceRecord } from '@piton/protocol';
import { compareKeys, limits, messages } from '@piton/protocol';
import { lookupChannel } from '../diagnostics/channels.ts';
import type { Counters } from '../diagnostics/counters.ts';
import type { MetadataLink } from './metadata-link.ts';
import type { Routing } from './routing.ts';

const REQUEST_MS = 5_000;
const KEYS_MAX = limits.RECORDS_PER_REPLY_MAX;

interface Waiting {
  /** Of its own, not a view. */
  readonly key: Uint8Array;
  readonly done: (error: unknown) => void;
}

export interface LookupParts {
  readonly link: MetadataLink;
  readonly routing: Routing;
  readonly counters: Counters;
  readonly keyspace: () => KeyspaceRecord | undefined;
}

export class Lookups {
  readonly #parts: LookupParts;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(parts: LookupParts) {
    this.#parts = parts;
  }

  /**
   * Calls `done` when the records for this placed key have been taken in, with an error when they
   * could not be asked for. The key is copied.
   */
  ask(placedKey: Uint8Array, done: (error: unknown) => void): void {
    this.#waiting.push({ key: placedKey.slice(), done });
    if (this.#isBusy) return;
    this.#isBusy = true;
    // Let everything that runs into holes in this turn come along.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const { asked, keys } = this.#takeSome();
      let failure: unknown;
      try {
        await this.#request(keys, asked.length);
      } catch (error) {
        failure = error;
      }
      for (const waiting of asked) waiting.done(failure);
    }
    this.#isBusy = false;
  }

  /** As many as one request may ask for; each hole once, unless the cache is partial. */
  #takeSome(): { asked: Waiting[]; keys: Uint8Array[] } {
    const { index } = this.#parts.routing;
    const sorted = this.#waiting.sort((a, b) => compareKeys(a.key, b.key));
    const keys: Uint8Array[] = [];
    let taken = 0;
    let holeEnd: Uint8Array | undefined;
    for (; taken < sorted.length; taken++) {
      const { key } = sorted[taken] as Waiting;
      const last = keys.at(-1);
      const isSame = last !== undefined && compareKeys(last, key) === 0;
      const isInHole =
        last !== undefined &&
        !index.isPartial &&
        (holeEnd === undefined || compareKeys(key, holeEnd) < 0);
      if (isSame || isInHole) continue;
      if (keys.length === KEYS_MAX) break;
      keys.push(key);
      holeEnd = index.findNext(key)?.start;
    }
    this.#waiting = sorted.slice(taken);
    return { asked: sorted.slice(0, taken), keys };
  }

  async #request(keys: readonly Uint8Array[], waiting: number): Promise<void> {
    const { link, routing, counters, keyspace } = this.#parts;
    const known = keyspace();
    if (known === undefined) throw new Error('the keyspace is not known yet');
    counters.lookups++;
    if (lookupChannel.isHeard) lookupChannel.publish({ keys: keys.length, waiting });
    const question = { keyspace: known.id, keys };
    const { body } = await link.request(
      messages.lookupRange,
      question,
      messages.indexPage,
      REQUEST_MS,
    );
    routing.take(body.records, body.addresses, true);
  }
}
