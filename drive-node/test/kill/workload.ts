// What the kill loop writes, as a pure function of the write's number.
//
// One session writes one range in order, so the write with number n must get version n, for ever: that
// one equation checks durability, order, versions and exactly-once together. Which key a number touches
// and with what is computed, not remembered, so after any crash one can say what must be there.

import { OperationCode as Operation, type OperationCode } from '@piton/protocol';

/** Neighbours in time are far apart in order. */
const STRIDE = 7_919;
const DELETE_EVERY = 10;
const INCREMENT_EVERY = 13;
const VALUE_BYTES_MAX = 700;

export const COUNTER_KEY: Buffer = Buffer.from('counter');

export class Workload {
  readonly keyCount: number;

  /** A prime other than 7919, so that every key meets every kind of write. */
  constructor(keyCount: number) {
    this.keyCount = keyCount;
  }

  codeOf(number: number): OperationCode {
    if (number % INCREMENT_EVERY === 5) return Operation.increment;
    return number % DELETE_EVERY === 3 ? Operation.delete : Operation.put;
  }

  keyOf(number: number): Buffer {
    if (this.codeOf(number) === Operation.increment) return COUNTER_KEY;
    return this.keyAt((number * STRIDE) % this.keyCount);
  }

  keyAt(position: number): Buffer {
    return Buffer.from(`key-${String(position).padStart(9, '0')}`);
  }

  valueOf(number: number): Buffer {
    if (this.codeOf(number) !== Operation.put) return Buffer.alloc(0);
    const value = Buffer.alloc(8 + ((number * 31) % VALUE_BYTES_MAX), number & 0xff);
    value.writeDoubleLE(number, 0);
    return value;
  }

  /** For each key position, the newest write up to `last` that touched it; 0 when none did. */
  newestWrites(last: number): Float64Array {
    const newest = new Float64Array(this.keyCount);
    const first = Math.max(1, last - 3 * this.keyCount);
    for (let number = first; number <= last; number++) {
      if (this.codeOf(number) !== Operation.increment) {
        newest[(number * STRIDE) % this.keyCount] = number;
      }
    }
    return newest;
  }

  /** The first delete of a key behind `after` and up to `last`, or undefined. */
  nextDelete(position: number, after: number, last: number): number | undefined {
    for (let number = after + 1; number <= last; number++) {
      const isHere = (number * STRIDE) % this.keyCount === position;
      if (isHere && this.codeOf(number) === Operation.delete) return number;
    }
    return undefined;
  }

  incrementsUpTo(last: number): number {
    return last < 5 ? 0 : Math.floor((last - 5) / INCREMENT_EVERY) + 1;
  }

  newestIncrement(last: number): number {
    const count = this.incrementsUpTo(last);
    return count === 0 ? 0 : 5 + (count - 1) * INCREMENT_EVERY;
  }
}
