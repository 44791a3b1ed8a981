// How many keys and bytes each range copy holds: asked of the store in the background, one copy after
// the other, so that a heartbeat never waits for it.
//
// A round walks the keys of the whole drive. Heartbeats come every second or so, whatever a drive
// holds: a round that took long is followed by a rest that is many times as long. A round over few keys is long
// only because it waited for others; who plans moves and cuts reads these figures, so that does not count.

import type { Clock } from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import type { Replica } from './replica.ts';

/** Of its own time, one part in so many is spent on measuring. */
const REST_FACTOR = 50;
/** And at most so much for each key that was counted: as if a key took 5 microseconds. */
const REST_MS_PER_KEY_MAX = 0.25;
const REST_MS_ALWAYS_ALLOWED = 500;

export class Sizes {
  readonly #store: Store;
  readonly #clock: Clock;
  #isRunning = false;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Starts a round over the copies, unless one is under way or was lately. */
  refresh(replicas: Iterable<Replica>): void {
    const beganMs = this.#clock.nowMs();
    if (this.#isRunning || beganMs < this.#restsUntilMs) return;
    this.#isRunning = true;
    const measured = [...replicas];
    this.#round(measured).finally(() => {
      this.#isRunning = false;
      const endedMs = this.#clock.nowMs();
      const keys = measured.reduce((sum, replica) => sum + replica.keys, 0);
      const restMsMax = REST_MS_ALWAYS_ALLOWED + REST_MS_PER_KEY_MAX * keys;
      this.#restsUntilMs = endedMs + Math.min(restMsMax, REST_FACTOR * (endedMs - beganMs));
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
