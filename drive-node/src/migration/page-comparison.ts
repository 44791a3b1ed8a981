// A page of the tail held against what a returning drive has in the same interval.
//
// Both are in key order, so one walk over both finds everything: what is the same, what is wanted, what
// is to be taken, and what is here and should not be. Same means the same version and epoch: under one
// epoch a number is given to one write only. What a live update of this copy brought is newer than any
// page. Pure: nothing is done here.

import { compareKeys, type Entry } from '@piton/protocol';
import type { ScanEntry } from '../engine/store.ts';
import type { KeptMarks } from '../ranges/kept-marks.ts';

/** What a page asks of the receiver. */
export interface PageVerdict {
  /** Positions of thin entries whose values are needed. */
  readonly wanted: number[];
  /** Entries that came with their values and are not here. */
  readonly taken: Entry[];
}

export class PageComparison {
  readonly verdict: PageVerdict = { wanted: [], taken: [] };
  readonly #entries: readonly Entry[];
  readonly #era: number;
  readonly #marks: KeptMarks;
  readonly #base: number;
  #at = 0;

  /** Era, marks and base of the copy: what is of the era and behind the base came live. */
  constructor(
    entries: readonly Entry[],
    { era, keptMarks }: { readonly era: number; readonly keptMarks: KeptMarks },
    base: number,
  ) {
    this.#entries = entries;
    this.#era = era;
    this.#marks = keptMarks;
    this.#base = base;
  }

  /** Takes what is here, in key order, part by part. Returns the keys that should not be. */
  compare(local: readonly ScanEntry[]): Uint8Array[] {
    const surplus: Uint8Array[] = [];
    for (const here of local) {
      this.#passUntil(here.key);
      const entry = this.#entries[this.#at];
      const isNamed = entry !== undefined && compareKeys(entry.key, here.key) === 0;
      if (isNamed) this.#judge(entry, here);
      else if (!this.#isLive(here)) surplus.push(here.key);
    }
    return surplus;
  }

  /** Nothing more is here: all that is left of the page is needed. */
  finish(): void {
    this.#passUntil(undefined);
  }

  /** Entries before a key that is here are not here. */
  #passUntil(key: Uint8Array | undefined): void {
    for (;;) {
      const entry = this.#entries[this.#at];
      if (entry === undefined) return;
      if (key !== undefined && compareKeys(entry.key, key) >= 0) return;
      this.#need(entry);
    }
  }

  #judge(entry: Entry, here: ScanEntry): void {
    const isSame = here.sequence === entry.version && here.epoch === entry.epoch;
    const isBelieved = here.era >= this.#era || this.#marks.believes(here.era, here.sequence);
    if ((isSame && isBelieved) || this.#isLive(here)) this.#at++;
    else this.#need(entry);
  }

  #need(entry: Entry): void {
    if (entry.isThin === true) this.verdict.wanted.push(this.#at);
    else this.verdict.taken.push(entry);
    this.#at++;
  }

  #isLive(here: ScanEntry): boolean {
    return here.era >= this.#era && here.sequence > this.#base;
  }
}
