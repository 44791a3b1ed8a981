// Who waits for the log to be durable up to a position: a queue in the order of positions.

import type { StoreError } from '../store.ts';

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (failure: StoreError) => void;
}

export class PositionWaiters {
  #waiters: Waiter[] = [];

  /** Settles when `reached` is told a position not below this one. */
  wait(position: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  get count(): number {
    return this.#waiters.length;
  }

  reached(position: number): void {
    if (this.#waiters.length === 0) return;
    const ready = this.#waiters.filter((waiter) => waiter.position <= position);
    if (ready.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > position);
    for (const waiter of ready) waiter.resolve();
  }

  failAll(failure: StoreError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.reject(failure);
  }
}
