// Writes that were sent to a drive which is not the head any more, and has not answered.
//
// A head that is alive says that it is none. One that has lost its power says nothing, and its connection
// may seem open for half a minute. So, a while after the chain of a range has changed, what its old head
// still owes is sent to the new one under the same number: it is applied at most once, whoever did it.

import type { Clock } from '@piton/protocol';
import { type Operation, State } from '../operations/operation.ts';
import type { Routing } from '../routing/routing.ts';
import type { Retrier } from './retrier.ts';
import type { Sweeper } from './sweeper.ts';

/** An old head that is alive has answered by then. */
const GRACE_MS = 400;

export interface MovedParts {
  readonly clock: Clock;
  readonly sweeper: Sweeper;
  readonly routing: Routing;
  readonly retrier: Retrier;
  /** Routes everything anew that waits for a drive. */
  readonly reroute: () => void;
}

export class Moved {
  readonly #parts: MovedParts;
  #dueAtMs: number = Number.POSITIVE_INFINITY;
  #isDue = false;

  constructor(parts: MovedParts) {
    this.#parts = parts;
  }

  /** Some routes are others now. */
  note(): void {
    if (this.#dueAtMs !== Number.POSITIVE_INFINITY) return;
    this.#dueAtMs = this.#parts.clock.nowMs() + GRACE_MS;
    this.#parts.sweeper.note(this.#dueAtMs);
  }

  /** At the start of a sweep. Returns the moment at which it has something to do. */
  begin(nowMs: number): number {
    this.#isDue = this.#dueAtMs <= nowMs;
    if (!this.#isDue) return this.#dueAtMs;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    this.#parts.reroute();
    return this.#dueAtMs;
  }

  visit(operation: Operation): void {
    if (!this.#isDue || operation.state !== State.sent || !operation.isWrite) return;
    const route = this.#parts.routing.routeOf(operation);
    if (route === undefined || route.head === undefined || route.head === operation.link) return;
    if (route.record.epoch > operation.epoch) this.#parts.retrier.moveOn(operation, 'moved');
  }
}
