// The writes of one range copy that are in the log and not committed yet, in sequence order, and the
// last committed ones, so that a neighbour that lost them can be given them again.
//
// Invariant: `first.sequence .. last.sequence` has no gap. Looking up by key finds the newest.

import { equalKeys } from '@piton/protocol';
import { type Place, RecordKind } from '../engine/store.ts';
import { bucketOf, type Write } from './write.ts';

/**
 * Committed writes that are kept by place for a resend, at least: as many as one head may have in
 * flight, for these can be committed here in one turn and be lost at a neighbour with its power.
 */
export const RECENT_MAX = 65_536;

/** Of those, how many are saved with a checkpoint. */
export const RECENT_SAVED_MAX = 2_048;

/** Writes are looked up by key in so many lists, each from the newest to the oldest. */
const LISTS = 256;

export class PendingWrites {
  /** What was taken out is not held any more: its value may be large. */
  #writes: (Write | undefined)[] = [];
  #from = 0;
  /** The newest write that came from a replay: its key is not in the table. */
  #replayed: Write | undefined;
  /** The newest write of each list; made with the first write. */
  #newest: (Write | undefined)[] = [];
  /** Places of committed writes; the last one has sequence `#recentEnd - 1`. */
  #recent: Place[] = [];
  #recentEnd = 0;
  /** Where `#recentEnd` was at the last two calls of `forgetOld`. */
  #marks: [older: number, newer: number] = [0, 0];
  #bytes = 0;

  get count(): number {
    return this.#writes.length - this.#from;
  }

  /** Bytes of keys and values that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  first(): Write | undefined {
    return this.#writes[this.#from];
  }

  last(): Write | undefined {
    return this.#writes.length > this.#from ? this.#writes[this.#writes.length - 1] : undefined;
  }

  /** What `add` will need as `older` of a new write. */
  newestInBucket(bucket: number): Write | undefined {
    return this.#newest[bucket % LISTS];
  }

  add(write: Write): void {
    this.#writes.push(write);
    this.#bytes += bytesOf(write);
    if (write.record === undefined) this.#replayed = write;
    else {
      if (this.#newest.length === 0) this.#newest = new Array(LISTS).fill(undefined);
      this.#newest[write.bucket % LISTS] = write;
    }
  }

  /** The newest pending write of a key. */
  findNewest(key: Uint8Array): Write | undefined {
    if (this.count === 0) return undefined;
    let write = this.newestInBucket(bucketOf(key));
    const oldest = this.first()?.sequence ?? Number.POSITIVE_INFINITY;
    while (write !== undefined && write.sequence >= oldest) {
      if (write.record !== undefined && equalKeys(write.record.key, key)) return write;
      write = write.older;
    }
    return undefined;
  }

  /** The newest pending write up to a sequence that gives the key another value, or takes it away. */
  findChange(key: Uint8Array, upTo: number = Number.POSITIVE_INFINITY): Write | undefined {
    let write = this.findNewest(key);
    const oldest = this.first()?.sequence ?? Number.POSITIVE_INFINITY;
    for (; write !== undefined && write.sequence >= oldest; write = write.older) {
      const { record } = write;
      if (write.sequence > upTo || record === undefined) continue;
      if (record.kind !== RecordKind.sessionOnly && equalKeys(record.key, key)) return write;
    }
    return undefined;
  }

  /**
   * Whether writes of an earlier life are pending: the store shows them already, and nobody knows yet
   * which of them are committed.
   */
  get hasReplayed(): boolean {
    return this.#replayed !== undefined;
  }

  /** The pending write that an answer about this key depends on, if any. */
  findDeciding(key: Uint8Array): Write | undefined {
    return this.findNewest(key) ?? this.#replayed;
  }

  /** The pending write with this sequence. */
  at(sequence: number): Write | undefined {
    const first = this.first();
    if (first === undefined) return undefined;
    return this.#writes[this.#from + sequence - first.sequence];
  }

  /** Takes the oldest write out: it is committed. */
  shift(): Write {
    const write = this.#writes[this.#from] as Write;
    this.#writes[this.#from] = undefined;
    this.#from++;
    if (this.#from > 1024 && this.#from * 2 > this.#writes.length) {
      this.#writes = this.#writes.slice(this.#from);
      this.#from = 0;
    }
    this.#bytes -= bytesOf(write);
    if (this.#replayed === write) this.#replayed = undefined;
    // Cut here, or a key that is always pending would keep all its history alive.
    write.older = undefined;
    const list = write.bucket % LISTS;
    if (this.#newest[list] === write) this.#newest[list] = undefined;
    this.#remember(write);
    return write;
  }

  /** Places of the last writes that were committed, up to `committed`, the newest last. */
  recentPlaces(committed: number, countMax: number): readonly Place[] {
    if (this.#recentEnd !== committed + 1) return [];
    return this.#recent.slice(Math.max(0, this.#recent.length - countMax));
  }

  /** What `recentPlaces` gave, in a new life: the last of them has sequence `committed`. */
  restoreRecent(places: readonly Place[], committed: number): void {
    this.#recent = [...places];
    this.#recentEnd = committed + 1;
    this.#marks = [this.#recentEnd - places.length, this.#recentEnd];
  }

  /** Where the committed write with this sequence lies; undefined when it is too long ago. */
  placeOf(sequence: number): Place | undefined {
    return this.#recent[this.#recent.length - (this.#recentEnd - sequence)];
  }

  /**
   * Called now and then: what was committed before the last call but one is forgotten. It is on all
   * devices by then, and a drive with many ranges must not keep a long past of each.
   */
  forgetOld(): void {
    const [older, newer] = this.#marks;
    const kept = this.#recentEnd - older;
    if (kept < this.#recent.length) this.#recent = kept > 0 ? this.#recent.slice(-kept) : [];
    this.#marks = [newer, this.#recentEnd];
  }

  /** All pending writes, oldest first. */
  *[Symbol.iterator](): Iterator<Write> {
    for (let at = this.#from; at < this.#writes.length; at++) yield this.#writes[at] as Write;
  }

  #remember(write: Write): void {
    if (this.#recentEnd !== write.sequence) this.#recent = [];
    this.#recent.push(write.place);
    this.#recentEnd = write.sequence + 1;
    if (this.#recent.length > 2 * RECENT_MAX) this.#recent = this.#recent.slice(RECENT_MAX);
  }
}

function bytesOf(write: Write): number {
  const record = write.record;
  return record === undefined ? 64 : record.key.length + record.value.length + 64;
}
