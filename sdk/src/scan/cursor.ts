// How far a scan has come: a key, and nothing else.
//
// Forward, everything before `from` has been seen; backward, everything from `to` on. A range that
// splits or moves changes nothing about that, so no key is seen twice and none is left out.

import {
  compareKeys,
  isInside,
  keyAfter,
  PLACED_KEY_BYTES_MAX,
  type RangeRecord,
} from '@piton/protocol';

export class Cursor {
  readonly isReverse: boolean;
  /** First placed key that is left, included. */
  #from: Uint8Array;
  /** First placed key that is not left any more; undefined: the end. */
  #to: Uint8Array | undefined;
  #isDone = false;

  constructor(from: Uint8Array, to: Uint8Array | undefined, isReverse: boolean) {
    this.#from = from;
    this.#to = to;
    this.isReverse = isReverse;
    this.#checkDone();
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** A key in the range that has to be asked next. */
  get key(): Uint8Array {
    return this.isReverse ? lastKeyBefore(this.#to) : this.#from;
  }

  /** What is left of the scan inside a range. */
  clip(record: RangeRecord): { start: Uint8Array; end: Uint8Array | undefined } {
    return {
      start: compareKeys(this.#from, record.start) > 0 ? this.#from : record.start,
      end: smallerEnd(this.#to, record.end),
    };
  }

  /** Everything up to this placed key, in the direction of the scan, has been seen. */
  passKey(key: Uint8Array): void {
    if (this.isReverse) this.#to = key;
    else this.#from = keyAfter(key);
    this.#checkDone();
  }

  /** Nothing is left of the scan in this range. */
  passRange(record: RangeRecord): void {
    if (this.isReverse) {
      if (record.start.length === 0) this.#isDone = true;
      else this.#to = record.start;
    } else if (record.end === undefined) this.#isDone = true;
    else this.#from = record.end;
    this.#checkDone();
  }

  /** Whether a placed key is still ahead of this cursor. */
  isAhead(key: Uint8Array): boolean {
    return isInside(key, this.#from, this.#to);
  }

  #checkDone(): void {
    if (this.#to !== undefined && compareKeys(this.#from, this.#to) >= 0) this.#isDone = true;
  }
}

function smallerEnd(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array | undefined {
  if (a === undefined) return b;
  return b === undefined || compareKeys(a, b) < 0 ? a : b;
}

/** The largest placed key before `end` that can exist. */
export function lastKeyBefore(end: Uint8Array | undefined): Uint8Array {
  const key = new Uint8Array(PLACED_KEY_BYTES_MAX).fill(0xff);
  if (end === undefined) return key;
  const last = end.length - 1;
  if (end[last] === 0) return end.slice(0, last);
  key.set(end);
  key[last] = (end[last] as number) - 1;
  return key;
}
