// One look at every operation that is not settled: whose time is up, who has rested long enough, and who
// waits for a drive that will not answer.

import type { Clock } from '@piton/protocol';
import type { Dispatcher } from '../operations/dispatcher.ts';
import { type Operation, State } from '../operations/operation.ts';
import type { OperationTable } from '../operations/operation-table.ts';
import type { Readers } from '../routing/readers.ts';
import type { Routing } from '../routing/routing.ts';
import type { DriveLinks } from '../transport/drive-links.ts';
import { Moved } from './moved.ts';
import type { Retrier } from './retrier.ts';
import { Silence } from './silence.ts';
import type { Sweeper } from './sweeper.ts';

export interface RoundsParts {
  readonly clock: Clock;
  readonly table: OperationTable;
  readonly links: DriveLinks;
  readonly readers: Readers;
  readonly routing: Routing;
  readonly retrier: Retrier;
  readonly sweeper: Sweeper;
  readonly dispatcher: Dispatcher;
}

export class Rounds {
  readonly #parts: RoundsParts;
  readonly #silence: Silence;
  readonly #moved: Moved;

  constructor(parts: RoundsParts) {
    const { dispatcher } = parts;
    this.#parts = parts;
    this.#silence = new Silence({ ...parts, reroute: (link) => dispatcher.rerouteReads(link) });
    this.#moved = new Moved({ ...parts, reroute: () => dispatcher.rerouteAll() });
  }

  /** Some routes are others now. */
  noteMoved(): void {
    this.#moved.note();
  }

  /** Returns the next moment at which something is due. */
  sweep(nowMs: number): number {
    let nextMs = Math.min(this.#silence.find(nowMs), this.#moved.begin(nowMs));
    this.#parts.table.forEach((operation) => {
      nextMs = Math.min(nextMs, this.#visit(operation, nowMs));
    });
    this.#parts.table.shrink();
    return nextMs;
  }

  #visit(operation: Operation, nowMs: number): number {
    const { retrier } = this.#parts;
    if (operation.deadlineMs <= nowMs) {
      retrier.expire(operation);
      return Number.POSITIVE_INFINITY;
    }
    this.#silence.visit(operation);
    this.#moved.visit(operation);
    if (operation.state !== State.resting) return operation.deadlineMs;
    if (operation.wakeAtMs > nowMs) return Math.min(operation.wakeAtMs, operation.deadlineMs);
    retrier.wake(operation);
    return operation.deadlineMs;
  }
}
