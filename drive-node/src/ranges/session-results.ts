// The results of one session by the numbers of its writes: a window that moves on.
//
// Numbers come nearly in order and are forgotten from the lowest on. So they lie sorted in a ring. A map
// would build new tables all the time, and tables that are garbage but old keep what they held alive:
// the young collections copied a quarter of all that was allocated (docs/performance.md).

import type { WriteResult } from './sessions.ts';

const FIRST_CAPACITY = 8;

export class SessionResults {
  /** A power of two long, both. Place n of the window is at (#first + n) & (length - 1). */
  #numbers: number[] = [];
  #results: (WriteResult | undefined)[] = [];
  #first = 0;
  #count = 0;

  get size(): number {
    return this.#count;
  }

  get(number: number): WriteResult | undefined {
    const place = this.#placeOf(number);
    if (place === this.#count || this.#numberAt(place) !== number) return undefined;
    return this.#results[this.#slot(place)];
  }

  /** Nothing happens when the number has a result. */
  add(number: number, result: WriteResult): boolean {
    const place = this.#placeOf(number);
    if (place < this.#count && this.#numberAt(place) === number) return false;
    if (this.#count === this.#numbers.length) this.#grow();
    for (let at = this.#count; at > place; at--) {
      this.#put(at, this.#numberAt(at - 1), this.#results[this.#slot(at - 1)]);
    }
    this.#put(place, number, result);
    this.#count++;
    return true;
  }

  /** Forgets what is below `lowest`; gives how many these were. */
  forgetBelow(lowest: number): number {
    const before = this.#count;
    while (this.#count > 0 && this.#numberAt(0) < lowest) {
      this.#results[this.#first] = undefined;
      this.#first = this.#slot(1);
      this.#count--;
    }
    return before - this.#count;
  }

  /** From the lowest number on. */
  *[Symbol.iterator](): Iterator<[number, WriteResult]> {
    for (let place = 0; place < this.#count; place++) {
      yield [this.#numberAt(place), this.#results[this.#slot(place)] as WriteResult];
    }
  }

  /** The first place whose number is not below this one. */
  #placeOf(number: number): number {
    let low = 0;
    let high = this.#count;
    if (high > 0 && this.#numberAt(high - 1) < number) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#numberAt(middle) < number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #slot(place: number): number {
    return (this.#first + place) & (this.#numbers.length - 1);
  }

  #numberAt(place: number): number {
    return this.#numbers[this.#slot(place)] as number;
  }

  #put(place: number, number: number, result: WriteResult | undefined): void {
    const slot = this.#slot(place);
    this.#numbers[slot] = number;
    this.#results[slot] = result;
  }

  #grow(): void {
    const entries = [...this];
    const capacity = Math.max(FIRST_CAPACITY, this.#numbers.length * 2);
    this.#numbers = new Array<number>(capacity).fill(0);
    this.#results = new Array<WriteResult | undefined>(capacity).fill(undefined);
    this.#first = 0;
    for (const [place, [number, result]] of entries.entries()) this.#put(place, number, result);
  }
}
