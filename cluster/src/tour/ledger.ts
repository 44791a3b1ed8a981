// What must be in the store: the tour's own book of every record, kept beside it.
//
// Each record has an edition, 0 when it was loaded, one more for each write since. While a write is
// under way, or when its outcome is not known, the old and the new edition are both right; after an
// acknowledgement only the new one is. A read that finds anything else has found a lost write.

import { isDeepStrictEqual } from 'node:util';
import type { City, CityRecord } from './cities.ts';

/** A city that was written again carries the number of the write. */
export interface StoredCity extends City {
  readonly edition?: number;
}

export class Ledger {
  readonly #records: readonly CityRecord[];
  /** Last acknowledged edition of each record. */
  readonly #acknowledged: Uint32Array;
  /** Highest edition that was ever sent. */
  readonly #sent: Uint32Array;

  constructor(records: readonly CityRecord[]) {
    this.#records = records;
    this.#acknowledged = new Uint32Array(records.length);
    this.#sent = new Uint32Array(records.length);
  }

  get size(): number {
    return this.#records.length;
  }

  key(position: number): string {
    return this.#record(position).key;
  }

  /** What the record must be with this edition. */
  value(position: number, edition: number): StoredCity {
    const { city } = this.#record(position);
    return edition === 0 ? city : { ...city, edition };
  }

  /** Opens the next edition and gives its number: to be sent now. */
  begin(position: number): number {
    const edition = (this.#sent[position] as number) + 1;
    this.#sent[position] = edition;
    return edition;
  }

  acknowledge(position: number, edition: number): void {
    this.#acknowledged[position] = edition;
  }

  /** The write is known not to have happened: its edition is never right. */
  takeBack(position: number, edition: number): void {
    if (this.#sent[position] === edition) this.#sent[position] = edition - 1;
  }

  acknowledged(position: number): number {
    return this.#acknowledged[position] as number;
  }

  /** True when `value` is what a read that began at `fromEdition` may find. */
  isRight(
    position: number,
    value: unknown,
    fromEdition: number = this.acknowledged(position),
  ): boolean {
    const edition = (value as StoredCity | undefined)?.edition ?? 0;
    if (edition < fromEdition || edition > (this.#sent[position] as number)) return false;
    return isDeepStrictEqual(value, this.value(position, edition));
  }

  #record(position: number): CityRecord {
    return this.#records[position] as CityRecord;
  }
}
