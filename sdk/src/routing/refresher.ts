// Asks the metadata server what has changed while a drive is out of reach and calls wait for it.
//
// News are pushed, so this finds something only where a push got lost. One question at a time, the next
// after a pause that grows, with jitter: ten thousand clients of a dead drive are no storm. Nothing is asked
// when nothing waits.

import type { Clock, Random } from '@piton/protocol';
import { backOffMs } from '../retry/back-off.ts';

export interface RefresherParts {
  readonly clock: Clock;
  readonly random: Random;
  /** Whether something waits for a drive that is out of reach. */
  readonly isWanted: () => boolean;
  readonly refresh: () => Promise<void>;
}

export class Refresher {
  readonly #parts: RefresherParts;
  #timer: { cancel(): void } | undefined;
  #isAsking = false;
  #tries = 0;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
  }

  /** A drive is out of reach. */
  note(): void {
    if (this.#timer !== undefined || this.#isAsking) return;
    const { clock, random } = this.#parts;
    const pauseMs = backOffMs(random, 'refresh', this.#tries++);
    this.#timer = clock.setTimer(pauseMs, () => {
      this.#timer = undefined;
      this.#run();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #run(): void {
    if (!this.#parts.isWanted()) {
      this.#tries = 0;
      return;
    }
    this.#isAsking = true;
    const end = (): void => {
      this.#isAsking = false;
      this.note();
    };
    this.#parts.refresh().then(end, end);
  }
}
