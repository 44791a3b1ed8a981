// How many keys and bytes each range copy holds: asked of the store in the background, one copy after
// the other, so that a heartbeat never waits for it.

import type { Store } from '../engine/store.ts';
import type { Replica } from './replica.ts';

export class Sizes {
  readonly #store: Store;
  #isRunning = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Starts a round over the copies unless one is under way. */
  refresh(replicas: Iterable<Replica>): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#round([...replicas]).finally(() => {
      this.#isRunning = false;
    });
  }

  async #round(replicas: readonly Replica[]): Promise<void> {
    for (const replica of replicas) {
      const { start, end } = replica.record;
      try {
        const extent = await this.#store.measure(replica.namespace, start, end);
        replica.keys = Math.round(extent.keys);
        replica.bytes = Math.round(extent.bytes);
      } catch {
        // The store is closing or the copy is gone: the figures stay as they were.
        return;
      }
    }
  }
}
