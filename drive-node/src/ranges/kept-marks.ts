// How far a copy that is not complete may believe what it has, era by era.
//
// A mark is a sequence: a record of the era with a version up to there is the same as one of the chain with
// the same key, version and epoch. What a copy had when it was complete is its own up to the last record.
// What came in a copy that broke off is, up to that copy's base, once the tail has the base on its device:
// behind it a tail that lost its power may give the same numbers again, under the same epoch, to other
// writes. So each copy that was begun has a mark of its own, which says nothing of older records.

export type KeptMark = readonly [fromEra: number, mark: number];

/** Copies that broke off one after the other, at most; then two of them are judged as one. */
const MARKS_MAX = 32;

export class KeptMarks {
  /** Oldest era first. */
  readonly list: readonly KeptMark[];

  constructor(list: readonly KeptMark[]) {
    this.list = list;
  }

  /** Everything that is here up to `last`, of whatever era. */
  static upTo(last: number): KeptMarks {
    return new KeptMarks([[0, last]]);
  }

  /** The highest of them; 0: nothing that is here may be believed. */
  get top(): number {
    return this.list.reduce((top, [, mark]) => Math.max(top, mark), 0);
  }

  /** A mark for what is of this era or a later one. */
  with(era: number, mark: number): KeptMarks {
    const list: KeptMark[] = [...this.list.filter(([from]) => from < era), [era, mark]];
    const [first, second] = list;
    if (first !== undefined && second !== undefined && list.length > MARKS_MAX) {
      list.splice(0, 2, [first[0], Math.min(first[1], second[1])]);
    }
    return new KeptMarks(list);
  }

  believes(era: number, version: number): boolean {
    const mark = this.list.findLast(([from]) => from <= era);
    return mark !== undefined && version <= mark[1];
  }
}

export const NOTHING_KEPT: KeptMarks = new KeptMarks([]);
