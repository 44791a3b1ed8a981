// Large values that are in memory, each whole and in memory of its own.
//
// The block cache would cut them into pieces and put them together again for every read. Here a value
// lies as it came from the network or from the device, nobody writes to it any more, and it can be
// sent as it is. What was not asked for longest goes first; what is superseded goes at once.

/** A record with a large value. `value` undefined: its checksum was wrong. */
export interface CachedRecord {
  /** Header and key. */
  readonly head: Uint8Array;
  readonly value: Uint8Array | undefined;
}

export class ValueCache {
  readonly #bytesMax: number;
  /** By position in the log, the one used last at the end. */
  readonly #records = new Map<number, CachedRecord>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.#records.size === 0;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(position: number): CachedRecord | undefined {
    const record = this.#records.get(position);
    if (record === undefined) return undefined;
    this.#records.delete(position);
    this.#records.set(position, record);
    return record;
  }

  /** Keeps a record; the newest stays even if it is larger than the cache. */
  add(position: number, record: CachedRecord): void {
    this.drop(position);
    this.#records.set(position, record);
    this.#bytes += weightOf(record);
    for (const oldest of this.#records.keys()) {
      if (this.#bytes <= this.#bytesMax || oldest === position) return;
      this.drop(oldest);
    }
  }

  /** The record lies elsewhere now. */
  move(from: number, to: number): void {
    const record = this.#records.get(from);
    if (record === undefined) return;
    this.drop(from);
    this.add(to, record);
  }

  /** Compaction has written a record again, under another head. */
  renew(position: number, head: Uint8Array): void {
    const record = this.#records.get(position);
    if (record !== undefined) this.add(position, { head, value: record.value });
  }

  drop(position: number): void {
    const record = this.#records.get(position);
    if (record === undefined) return;
    this.#records.delete(position);
    this.#bytes -= weightOf(record);
  }

  /** Forgets everything from `first` on, below `end`. */
  dropBetween(first: number, end: number): void {
    for (const position of [...this.#records.keys()]) {
      if (position >= first && position < end) this.drop(position);
    }
  }
}

/** The memory that is kept alive, which is more than the value when it lies in a larger piece. */
function weightOf({ head, value }: CachedRecord): number {
  const valueBytes = value === undefined ? 0 : value.buffer.byteLength;
  return value !== undefined && head.buffer === value.buffer
    ? valueBytes
    : valueBytes + head.length;
}
