// Publishes the new records of many ranges in few commits: a dead drive may have been in hundreds of
// chains, and a commit for each would be a flush for each.

import type { Clock, RangeId } from '@piton/protocol';
import type { ClusterState } from '../state/cluster-state.ts';

/** Below the bound of a commit. */
const BATCH = 100;
/** Ranges that are ready in the same moment go together. */
const GATHER_MS = 2;

interface Waiting {
  readonly range: RangeId;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class Publisher {
  readonly #state: ClusterState;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #isBusy = false;

  constructor(state: ClusterState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Resolves when clients can learn the newest record of the range. Rejects when it cannot be kept. */
  publish(range: RangeId): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ range, done, failed });
      if (this.#isBusy) return;
      this.#isBusy = true;
      this.#clock.setTimer(GATHER_MS, () => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH);
      try {
        await this.#state.change((draft) => {
          for (const { range } of batch) {
            const entry = this.#state.ranges.get(range);
            if (entry !== undefined) draft.publishRange(entry);
          }
        });
        for (const { done } of batch) done();
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#isBusy = false;
  }
}
