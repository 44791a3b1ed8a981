// A queue of operations: first in, first out, with the settled ones taken out before they pile up.
//
// An operation that was aborted or timed out while it waits is only counted; when half of the queue
// is like that, the queue is made anew. So a queue is never longer than twice what is alive in it.

import { type Operation, State } from '../operations/operation.ts';

const COMPACT_FROM = 64;

export class Fifo {
  /** Undefined where one was taken out: its caller's promise holds what came for it. */
  #items: (Operation | undefined)[] = [];
  #head = 0;
  #dead = 0;

  /** Operations in it, settled ones included. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  push(operation: Operation): void {
    this.#items.push(operation);
  }

  /** The first that is not settled. */
  peek(): Operation | undefined {
    while (this.#head < this.#items.length) {
      const operation = this.#items[this.#head] as Operation;
      if (operation.state !== State.settled) return operation;
      if (this.#dead > 0) this.#dead--;
      this.#advance();
    }
    return undefined;
  }

  /** Takes out what `peek` returned. */
  shift(): void {
    this.#advance();
  }

  /** One of the operations in it has been settled. */
  noteSettled(): void {
    this.#dead++;
    if (this.#dead < COMPACT_FROM || this.#dead * 2 < this.length) return;
    this.#items = this.#items
      .slice(this.#head)
      .filter((operation) => operation?.state !== State.settled);
    this.#head = 0;
    this.#dead = 0;
  }

  /** Everything that is not settled; the queue is empty afterwards. */
  drain(): Operation[] {
    const items = this.#items.slice(this.#head) as Operation[];
    this.#items = [];
    this.#head = 0;
    this.#dead = 0;
    return items.filter((operation) => operation.state !== State.settled);
  }

  #advance(): void {
    this.#items[this.#head] = undefined;
    this.#head++;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}
