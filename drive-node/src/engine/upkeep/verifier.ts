// Clears up behind writes that could not look at what they replaced.
//
// A new record of a key is put in front of cold candidates with the same fragment. Here these are
// read, many at once, and the ones that really are older records of the key are taken out, so that
// the index stays small and the dead bytes are counted. A tombstone leaves the index as soon as
// nothing older is left for it to hide. The line is bounded; what does not fit is found by
// compaction. Reads are right all the time, because the newest candidate comes first.

import type { Clock } from '@piton/protocol';
import { LoadResult, type RecordSource } from '../cache/record-source.ts';
import type { RecordIndex } from '../index/record-index.ts';
import { RecordView } from '../log/record.ts';
import { RecordKind } from '../store.ts';

const LINE_MAX = 65_536;
const UNDER_WAY_MAX = 256;
const ITEMS_PER_TURN = 256;
const ATTEMPTS_MAX = 16;

interface Item {
  readonly high: number;
  readonly low: number;
  readonly place: number;
  readonly isPresumed: boolean;
  attempts: number;
}

export class Verifier {
  readonly #clock: Clock;
  readonly #index: RecordIndex;
  readonly #source: RecordSource;
  readonly #underWayMax: number;
  readonly #own = new RecordView();
  readonly #other = new RecordView();
  #line: Item[] = [];
  /** Tombstones that were looked at while the index keeps them. */
  readonly #kept: Item[] = [];
  #next = 0;
  #underWay = 0;
  #isScheduled = false;
  #isStopped = false;
  #idle: (() => void)[] = [];
  /** Items that did not fit: superseded entries may be left that only compaction finds. */
  dropped = 0;

  /** `readsMax` bounds the items that wait for a read. */
  constructor(clock: Clock, index: RecordIndex, source: RecordSource, readsMax: number) {
    this.#underWayMax = Math.min(UNDER_WAY_MAX, readsMax);
    this.#clock = clock;
    this.#index = index;
    this.#source = source;
    index.onUnverified = (high, low, place, isPresumed) => {
      this.#add(high, low, place, isPresumed);
    };
  }

  get pending(): number {
    return this.#line.length - this.#next + this.#underWay;
  }

  get isFull(): boolean {
    return this.#line.length - this.#next >= LINE_MAX;
  }

  /** Settles when nothing is pending. */
  whenIdle(): Promise<void> {
    if (this.pending === 0 || this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** The log is replayed: tombstones that were kept so far may go when they hide nothing. */
  releaseTombstones(): void {
    this.#index.keepsTombstones = false;
    for (const item of this.#kept.splice(0))
      this.#line.push({ ...item, isPresumed: false, attempts: 0 });
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#line = [];
    this.#next = 0;
    this.#tellIdle();
  }

  #add(high: number, low: number, place: number, isPresumed: boolean): void {
    if (this.isFull) {
      this.dropped++;
      if (isPresumed) this.#index.presumptionEnded();
      return;
    }
    this.#line.push({ high, low, place, isPresumed, attempts: 0 });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped || this.#underWay >= this.#underWayMax) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  #run(): void {
    for (let step = 0; step < ITEMS_PER_TURN && this.#underWay < this.#underWayMax; step++) {
      const item = this.#line[this.#next];
      if (item === undefined) break;
      this.#next++;
      this.#verify(item);
    }
    if (this.#next >= this.#line.length) {
      this.#line = [];
      this.#next = 0;
    } else {
      this.#schedule();
    }
    this.#tellIdle();
  }

  #verify(item: Item): void {
    if (this.#isStopped) return;
    if (!this.#needsMore(item) || ++item.attempts > ATTEMPTS_MAX) {
      if (item.isPresumed) this.#index.presumptionEnded();
      return;
    }
    this.#underWay++;
    this.#source.fetch(() => {
      this.#underWay--;
      this.#verify(item);
      this.#schedule();
      this.#tellIdle();
    });
  }

  /** Does what can be done now. True when a cold record is missing. */
  #needsMore(item: Item): boolean {
    const { hashes } = this.#index;
    hashes.find(item.high, item.low);
    const own = hashes.candidateWith(item.place);
    if (own < 0) return false;
    // Whose records they are is all that matters here.
    const loaded = this.#source.loadHead(item.place, this.#own);
    if (loaded !== LoadResult.found) return loaded === LoadResult.cold;
    let isUndecided = false;
    for (let number = own + 1; number < hashes.candidates; ) {
      const result = this.#source.loadHead(hashes.candidate(number), this.#other);
      if (result === LoadResult.cold) return true;
      if (result === LoadResult.damaged) isUndecided = true;
      if (result === LoadResult.found && this.#other.isSameKeyAs(this.#own)) {
        this.#index.removeDead(number, this.#other.length, this.#other.kind);
      } else {
        number++;
      }
    }
    if (this.#own.kind !== RecordKind.tombstone) return false;
    if (this.#index.keepsTombstones) this.#kept.push(item);
    else if (!isUndecided) this.#index.removeDead(own, this.#own.length, this.#own.kind);
    return false;
  }

  #tellIdle(): void {
    if (this.pending > 0 && !this.#isStopped) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
