// Waiting until nothing of a range is pending: before it is cut, or made one with its neighbour.
//
// While a range drains, new writes for it are parked at the head, bounded in number and by their own
// deadlines. The caller says when it is over, whatever came of it.

import { type Clock, RefusedError, Status } from '@piton/protocol';
import type { Replica } from '../ranges/replica.ts';
import { type Deferred, deferred } from '../ranges/waiters.ts';
import type { HeadWriter } from './head.ts';

const DRAIN_MS_MAX = 5_000;

export class Drains {
  readonly #clock: Clock;
  readonly #head: HeadWriter;
  readonly #waiting: Map<Replica, Deferred<void>> = new Map();

  constructor(clock: Clock, head: HeadWriter) {
    this.#clock = clock;
    this.#head = head;
  }

  /** Rejects with RefusedError when it takes too long. `end` has to follow in any case. */
  async begin(replica: Replica): Promise<void> {
    replica.isDraining = true;
    if (replica.pending.count === 0) return;
    const drained = deferred<void>();
    this.#waiting.set(replica, drained);
    const timer = this.#clock.setTimer(DRAIN_MS_MAX, () => {
      const message = `writes did not drain within ${DRAIN_MS_MAX} ms`;
      drained.reject(new RefusedError(Status.conflictingOperation, { message }));
    });
    try {
      await drained.promise;
    } finally {
      timer.cancel();
    }
  }

  /** Writes that were parked start over. */
  end(replica: Replica): void {
    replica.isDraining = false;
    this.#waiting.delete(replica);
    this.#head.release(replica);
  }

  /** The committer tells that nothing is pending any more. */
  drained(replica: Replica): void {
    this.#waiting.get(replica)?.resolve();
  }
}
