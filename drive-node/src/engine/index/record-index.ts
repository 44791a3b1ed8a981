// From a key to its newest visible record: the hash index together with the records it points to.
//
// The hash index only guesses; here every guess is verified with the full key. What is not in
// memory is never waited for: `lookUp` says that it is cold, and `apply` puts the new entry in front
// of candidates that it cannot verify and leaves them to the verifier. So the newest record of a key
// always comes first, and a read that finds it looks no further.
//
// Live bytes of a segment are the bytes of records that an entry points to.

import { LoadResult, type RecordSource } from '../cache/record-source.ts';
import { RecordView } from '../log/record.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import type { StoreFacts } from '../log/store-facts.ts';
import { RecordKind, StoreError } from '../store.ts';
import type { HashIndex } from './hash-index.ts';
import type { KeyHasher } from './hash-key.ts';

export const Lookup = { found: 0, absent: 1, cold: 2, damaged: 3 } as const;
export type Lookup = (typeof Lookup)[keyof typeof Lookup];

/** What `apply` found out about the record that it replaced. */
export const Predecessor = {
  /** No candidate at all: the key was absent. */
  none: 0,
  /** A put of the same length: the key index needs no news. */
  sameBytes: 1,
  other: 2,
} as const;
export type Predecessor = (typeof Predecessor)[keyof typeof Predecessor];

/** `isPresumed`: one of the candidates behind is taken for an older record of the key. */
export type UnverifiedListener = (
  high: number,
  low: number,
  place: number,
  isPresumed: boolean,
) => void;

export class RecordIndex {
  readonly hashes: HashIndex;
  readonly hasher: KeyHasher;
  /** The record that the last `lookUp` found. */
  readonly view: RecordView = new RecordView();
  /** The candidate that the last `lookUp` which answered `cold` would have to see. */
  coldPlace = 0;
  coldSweeps = 0;
  readonly #segments: SegmentTable;
  readonly #source: RecordSource;
  readonly #facts: StoreFacts;
  #onUnverified: UnverifiedListener = () => {};
  /** Entries of tombstones, and entries that are presumably older records of a key. */
  #tombstones = 0;
  #superseded = 0;
  /** While the log is replayed a tombstone stays in the index: an older copy may still come. */
  keepsTombstones = false;

  constructor(
    hashes: HashIndex,
    hasher: KeyHasher,
    segments: SegmentTable,
    source: RecordSource,
    facts: StoreFacts,
  ) {
    this.hashes = hashes;
    this.hasher = hasher;
    this.#segments = segments;
    this.#source = source;
    this.#facts = facts;
  }

  /** Called for each entry with candidates behind it that could not be verified. */
  set onUnverified(listener: UnverifiedListener) {
    this.#onUnverified = listener;
  }

  /** Keys with a put: near the truth while entries wait to be verified. */
  get keys(): number {
    return Math.max(0, this.hashes.count - this.#tombstones - this.#superseded);
  }

  /** What was presumed about an unverified entry is known now. */
  presumptionEnded(): void {
    this.#superseded--;
  }

  /** Leaves the newest visible record of the key in `view`. After `cold`: fetch, then ask again. */
  lookUp(namespace: number, key: Uint8Array): Lookup {
    const { hashes, hasher, view } = this;
    hasher.hash(namespace, key, 0, key.length);
    const candidates = hashes.find(hasher.high, hasher.low);
    for (let number = 0; number < candidates; number++) {
      const place = hashes.candidate(number);
      const result = this.#source.load(place, view);
      if (result === LoadResult.cold) {
        this.coldPlace = place;
        this.coldSweeps = this.#facts.sweepsEnded;
        return Lookup.cold;
      }
      if (result === LoadResult.damaged) return Lookup.damaged;
      if (result === LoadResult.gone || !view.isKey(namespace, key)) continue;
      if (view.kind === RecordKind.tombstone) return Lookup.absent;
      const isHidden = this.#facts.isHidden(namespace, key, view.drops);
      return isHidden ? Lookup.absent : Lookup.found;
    }
    return Lookup.absent;
  }

  /**
   * Leaves in `view` what lies at a `coldPlace` that has been fetched meanwhile, and tells whether it
   * answers the question of then: it was the newest record of the key when that was asked. False when
   * that cannot be told from the record alone.
   */
  isAnswer(place: number, sweeps: number, namespace: number, key: Uint8Array): boolean {
    const { view } = this;
    if (sweeps !== this.#facts.sweepsEnded) return false;
    if (this.#source.load(place, view) !== LoadResult.found) return false;
    if (view.kind !== RecordKind.put || !view.isKey(namespace, key)) return false;
    return !this.#facts.isHidden(namespace, key, view.drops);
  }

  /** Makes the record at `place` the newest of its key. Its hash is given, to make it only once. */
  apply(
    kind: number,
    namespace: number,
    key: Uint8Array,
    high: number,
    low: number,
    place: number,
    bytes: number,
  ): Predecessor {
    const { hashes, view } = this;
    let predecessor: Predecessor = Predecessor.none;
    let isUnverified = false;
    let isReplaced = false;
    let isEntered = false;
    let number = 0;
    hashes.find(high, low);
    while (number < hashes.candidates) {
      const candidate = hashes.candidate(number);
      const result = candidate === place ? LoadResult.gone : this.#source.loadHead(candidate, view);
      if (result === LoadResult.found && !view.isKey(namespace, key)) {
        number++;
        continue;
      }
      if (result === LoadResult.cold || result === LoadResult.damaged) {
        isUnverified = true;
        predecessor = Predecessor.other;
        number++;
        continue;
      }
      // Only the newest one counts: behind a tombstone the key was absent, whatever follows.
      const isFirst = predecessor === Predecessor.none;
      if (result === LoadResult.found && isFirst) predecessor = this.#judge(view, bytes);
      isReplaced = true;
      const isItself = candidate === place;
      const deadBytes = isItself ? bytes : view.length;
      const deadKind = isItself ? kind : view.kind;
      // Nearly always one put replaces another: the entry stays where it is, nothing is moved for it.
      // Behind an unverified one, perhaps of this very key, it would not come first.
      if (kind === RecordKind.put && !isUnverified && !isEntered) {
        if (deadKind === RecordKind.tombstone) this.#tombstones--;
        this.move(number++, place, deadBytes, bytes);
        isEntered = true;
      } else {
        this.removeDead(number, deadBytes, deadKind);
      }
    }
    const isPresumed = isUnverified && !isReplaced;
    if (!isEntered) this.#enter(kind, high, low, place, bytes, isUnverified, isPresumed);
    else if (isUnverified) this.#onUnverified(high, low, place, isPresumed);
    return predecessor;
  }

  /** Takes out an entry that the caller knows to be dead; `find` was called before. */
  removeDead(number: number, recordBytes: number, kind: number): void {
    const place = this.hashes.candidate(number);
    this.#release(place, recordBytes);
    this.hashes.remove(number);
    if (kind === RecordKind.tombstone) this.#tombstones--;
  }

  /** Points the entry of a moved record to its new place; `find` was called before. */
  move(number: number, place: number, bytesBefore: number, bytesAfter: number): void {
    this.#release(this.hashes.candidate(number), bytesBefore);
    this.hashes.replace(number, place);
    this.#retain(place, bytesAfter);
  }

  /** Adds an entry in front; `find` was called before. */
  insert(place: number, recordBytes: number): void {
    if (!this.hashes.insert(place)) {
      throw new StoreError('damaged', 'the hash index has too many entries of one hash');
    }
    this.#retain(place, recordBytes);
  }

  #judge(view: RecordView, bytes: number): Predecessor {
    const isSame = view.kind === RecordKind.put && view.length === bytes;
    return isSame ? Predecessor.sameBytes : Predecessor.other;
  }

  #enter(
    kind: number,
    high: number,
    low: number,
    place: number,
    bytes: number,
    isUnverified: boolean,
    isPresumed: boolean,
  ): void {
    const isTombstone = kind === RecordKind.tombstone;
    if (isTombstone && !isUnverified && !this.keepsTombstones) return;
    this.insert(place, bytes);
    if (isTombstone) this.#tombstones++;
    if (!isUnverified && !isTombstone) return;
    if (isPresumed) this.#superseded++;
    this.#onUnverified(high, low, place, isPresumed);
  }

  #retain(place: number, recordBytes: number): void {
    const segment = this.#segments.inSlot(this.#segments.slotOf(place));
    if (segment !== undefined) segment.liveBytes += this.#segments.paddedBytes(recordBytes);
  }

  #release(place: number, recordBytes: number): void {
    this.#source.drop(place);
    const segment = this.#segments.inSlot(this.#segments.slotOf(place));
    if (segment !== undefined) segment.liveBytes -= this.#segments.paddedBytes(recordBytes);
  }
}
