// What the steady writer writes, as a pure function of the write's number.
//
// One session puts into one range in order, so the put with number n must get version n, for ever: that
// one equation checks durability, order, versions and exactly-once together. Which key a number touches
// and with what is computed, not remembered, so after any crash one can say what must be there.

/** Neighbours in time are far apart in order. */
const STRIDE = 7_919;
const VALUE_BYTES_MAX = 700;

export class SteadyWorkload {
  readonly keyCount: number;

  /** A prime other than 7919. */
  constructor(keyCount: number) {
    this.keyCount = keyCount;
  }

  keyOf(number: number): Buffer {
    return this.keyAt((number * STRIDE) % this.keyCount);
  }

  keyAt(position: number): Buffer {
    return Buffer.from(`key-${String(position).padStart(9, '0')}`);
  }

  valueOf(number: number): Buffer {
    const value = Buffer.alloc(8 + ((number * 31) % VALUE_BYTES_MAX), number & 0xff);
    value.writeDoubleLE(number, 0);
    return value;
  }

  /** For each key position, the newest put up to `last` that touched it; 0 when none did. */
  newestPuts(last: number): Float64Array {
    const newest = new Float64Array(this.keyCount);
    for (let number = Math.max(1, last - this.keyCount + 1); number <= last; number++) {
      newest[(number * STRIDE) % this.keyCount] = number;
    }
    return newest;
  }
}
