// The sorted index of a drive, as the store sees it: which keys exist, in order.
//
// It trails the log: keys that are not in it yet are in the overlay, and `filledPosition` says from
// where the log must be replayed into the overlay after a restart. It may hold keys that are gone
// (the hash index knows better); it must not miss any below its position.
//
// Calls are carried out in the order in which they are made, and their promises settle in that
// order: whoever merges a page with the overlay relies on it.

/** Keys on their way into the index: packed, in the order in which they were applied. */
export interface KeyBatch {
  readonly count: number;
  readonly keys: Uint8Array;
  /** Where each key begins in `keys`; one more entry than keys. */
  readonly starts: Uint32Array;
  readonly namespaces: Uint32Array;
  /** Bytes of the record; 0 takes the key out. */
  readonly recordBytes: Uint32Array;
  readonly positions: Float64Array;
}

export interface KeyInterval {
  readonly namespace: number;
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

export interface KeyPage {
  readonly keys: readonly Uint8Array[];
  readonly recordBytes: ArrayLike<number>;
  /** Log positions of the records as of the last fill; compaction may have moved them. */
  readonly positions: ArrayLike<number>;
  /** Nothing of the interval lies behind this page. */
  readonly isLast: boolean;
}

/** Part of a measurement: keys and bytes up to `next`, which is where to go on. */
export interface KeyCount {
  readonly keys: number;
  readonly bytes: number;
  readonly next: Uint8Array | undefined;
}

export interface KeyIndex {
  /** Everything applied below is in the index. */
  readonly filledPosition: number;
  /** All of the batch and the position become part of the index together. */
  fill(batch: KeyBatch, filledPosition: number): Promise<void>;
  page(interval: KeyInterval, reverse: boolean, keysMax: number): Promise<KeyPage>;
  /** Counts at most `keysMax` keys from the start of the interval. */
  count(interval: KeyInterval, keysMax: number): Promise<KeyCount>;
  close(): Promise<void>;
}
