// How much may wait in this client: operations and bytes that are not on their way to a drive.
//
// What is over the limit is refused at once (`reject`), or stands in line (`wait`); the line holds
// as much again. An operation enters once, when it is issued, and again when it must be tried
// again; those are let in always, they were counted before.

import { KVError } from '../errors/kv-error.ts';
import { Fifo } from '../transport/fifo.ts';
import type { Operation } from './operation.ts';

export interface RoomLimits {
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly whenFull: 'reject' | 'wait';
}

export class Room {
  readonly limits: RoomLimits;
  readonly #line: Fifo = new Fifo();
  #count = 0;
  #bytes = 0;
  #lineCount = 0;
  #lineBytes = 0;

  constructor(limits: RoomLimits) {
    this.limits = limits;
  }

  get count(): number {
    return this.#count + this.#lineCount;
  }

  get bytes(): number {
    return this.#bytes + this.#lineBytes;
  }

  /** True when one more fits. The last may go over the limit in bytes, so that every size fits. */
  get hasRoom(): boolean {
    return this.#count < this.limits.maxQueued && this.#bytes < this.limits.maxQueuedBytes;
  }

  get isLineEmpty(): boolean {
    return this.#lineCount === 0;
  }

  enter(operation: Operation): void {
    this.#count++;
    this.#bytes += operation.weightBytes;
  }

  leave(operation: Operation): void {
    this.#count--;
    this.#bytes -= operation.weightBytes;
  }

  /** Returns false when the line is full as well. */
  standInLine(operation: Operation): boolean {
    const { maxQueued, maxQueuedBytes } = this.limits;
    if (this.#lineCount >= maxQueued || this.#lineBytes >= maxQueuedBytes) return false;
    this.#line.push(operation);
    this.#lineCount++;
    this.#lineBytes += operation.weightBytes;
    return true;
  }

  /** The first of the line, when it fits now; it has entered the room. */
  takeFromLine(): Operation | undefined {
    const first = this.#line.peek();
    if (first === undefined || !this.hasRoom) return undefined;
    this.#line.shift();
    this.#lineCount--;
    this.#lineBytes -= first.weightBytes;
    this.enter(first);
    return first;
  }

  /** An operation has been settled while it stood in line. */
  leaveLine(operation: Operation): void {
    this.#lineCount--;
    this.#lineBytes -= operation.weightBytes;
    this.#line.noteSettled();
  }

  fullError(): KVError {
    const { maxQueued, maxQueuedBytes } = this.limits;
    return new KVError(
      'KV_QUEUE_FULL',
      `${this.count} operations and ${this.bytes} bytes wait already, ` +
        `expected at most ${maxQueued} and ${maxQueuedBytes}`,
    );
  }
}
