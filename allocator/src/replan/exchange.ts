// What is left over when no drive has room: exchanges of a copy for others that are in its way.
//
// A drive that does too much work gives a hot copy to a drive that is full of bytes, and takes cold ones back; or it gives a copy
// that is larger than any room there is to the drive where it does least harm. What counts is the sum of the squares of how
// far drives are above their limits, in shares of the limit: it falls with every exchange, so they come to an end, and a
// high peak for two low ones is a gain. Where limits are capacities the other drive must stay below them.

import { overSquares } from './limits.ts';
import type { ClusterState } from './state.ts';

export interface ExchangeMove {
  readonly copy: number;
  readonly to: number;
}

/** Copies of the drive that are considered, partners, and copies that come back for one. */
const CANDIDATES_MAX = 24;
const PARTNERS_MAX = 12;
const RETURNED_MAX = 6;
/** An exchange must lower the sum of squares by this part of what the drive adds to it. */
const GAIN_MIN = 0.02;
/** Under balance a drive that is so little above its limit is not worth an exchange. */
const OVER_MIN = 0.06;
/** Pairs of copies that may be compared in all: a bound on the time that a large cluster takes. */
const COMPARISONS_MAX = 1_500_000;

export class Exchanges {
  readonly #state: ClusterState;
  readonly #limits: readonly Float64Array[];
  readonly #isStrict: boolean;
  readonly #lists: number[][];
  readonly #givenUp = new Set<number>();
  #comparisons = 0;

  /** `lists` are the copies of each drive that may be moved; `isStrict`: no drive may come to be above its limits. */
  constructor(
    state: ClusterState,
    limits: readonly Float64Array[],
    lists: number[][],
    isStrict: boolean,
  ) {
    this.#state = state;
    this.#limits = limits;
    this.#lists = lists;
    this.#isStrict = isStrict;
  }

  /** The drive that is furthest above its limits and not given up; -1 when there is none. */
  next(): number {
    let worst = -1;
    let most = 0;
    this.#state.drives.forEach((drive, d) => {
      if (!drive.isOpen || this.#givenUp.has(d) || !this.#isWorthIt(d)) return;
      const squares = this.#squares(d, this.#loadsOf(d));
      if (squares <= most) return;
      worst = d;
      most = squares;
    });
    return worst;
  }

  #isWorthIt(d: number): boolean {
    if (this.#isStrict) return true;
    return this.#state.loads.some(
      (load, r) => load[d]! > (1 + OVER_MIN) * Math.max(1, this.#limits[r]![d]!),
    );
  }

  /** Nothing helps this drive. */
  giveUp(d: number): void {
    this.#givenUp.add(d);
  }

  #loadsOf(d: number): number[] {
    return this.#state.loads.map((load) => load[d]!);
  }

  #squares(d: number, loads: readonly number[]): number {
    return overSquares(this.#limits, d, loads);
  }

  /** The sum of squares of two drives once a copy has come back from the second to the first. */
  #squaresAfter(
    back: number,
    d: number,
    mine: readonly number[],
    e: number,
    other: readonly number[],
  ): number {
    let sum = 0;
    for (let r = 0; r < mine.length; r++) {
      const limits = this.#limits[r]!;
      const demand = this.#state.demand(r, back);
      const first = (mine[r]! + demand) / Math.max(1, limits[d]!) - 1;
      const second = (other[r]! - demand) / Math.max(1, limits[e]!) - 1;
      if (first > 0) sum += first * first;
      if (second > 0) sum += second * second;
    }
    return sum;
  }

  #shift(loads: readonly number[], copy: number, sign: number): number[] {
    return loads.map((load, r) => load + sign * this.#state.demand(r, copy));
  }

  /** How much of what is above the limits of the drive goes with a copy, per byte. */
  #rate(copy: number, d: number, loads: readonly number[]): number {
    let freed = 0;
    for (let r = 0; r < loads.length; r++) {
      const limit = Math.max(1, this.#limits[r]![d]!);
      if (loads[r]! > limit)
        freed += Math.min(this.#state.demand(r, copy), loads[r]! - limit) / limit;
    }
    return freed / (this.#state.demand(0, copy) / Math.max(1, this.#limits[0]![d]!) + 1e-6);
  }

  /** The copies of a drive that free most of it, and only one of those that are all alike. */
  #candidates(d: number, loads: readonly number[]): number[] {
    const rated = this.#lists[d]!.map((copy) => ({ copy, rate: this.#rate(copy, d, loads) }));
    this.#comparisons += rated.length;
    rated.sort((a, b) => b.rate - a.rate || a.copy - b.copy);
    const chosen: number[] = [];
    const seen = new Map<string, number>();
    for (const { copy, rate } of rated) {
      if (rate <= 0 || chosen.length >= CANDIDATES_MAX) break;
      const name = loads.map((_, r) => this.#state.demand(r, copy)).join(' ');
      const alike = seen.get(name) ?? 0;
      // A second one, for where the first must not go.
      if (alike >= 2) continue;
      seen.set(name, alike + 1);
      chosen.push(copy);
    }
    return chosen;
  }

  /** Drives to exchange with: those that would be least full of what the copy brings most of. */
  #partners(d: number, missing: number): number[] {
    const { drives, loads } = this.#state;
    const fill = (e: number): number =>
      loads[missing]![e]! / Math.max(1, this.#limits[missing]![e]!);
    const open = drives.flatMap((drive, e) => (drive.isOpen && e !== d ? [e] : []));
    return open.sort((a, b) => fill(a) - fill(b) || a - b).slice(0, PARTNERS_MAX);
  }

  /** The best exchange for a drive that is above a limit, or nothing. */
  best(d: number): ExchangeMove[] | undefined {
    const own = this.#loadsOf(d);
    const before = this.#squares(d, own);
    if (before === 0 || this.#comparisons > COMPARISONS_MAX) return undefined;
    const over = own.map((load, r) => load / Math.max(1, this.#limits[r]![d]!));
    const missing = over.indexOf(Math.max(...over));
    let best: ExchangeMove[] | undefined;
    let most = 0;
    for (const e of this.#partners(d, missing)) {
      const theirs = this.#loadsOf(e);
      const both = before + this.#squares(e, theirs);
      const returnable = this.#lists[e]!;
      for (const copy of this.#candidates(d, own)) {
        if (this.#state.clashes(copy, e)) continue;
        const found = this.#withReturns(d, e, copy, own, theirs, returnable);
        const gain = both - found.squares;
        if (this.#isStrict && found.isPartnerOver) continue;
        if (gain < GAIN_MIN * before) continue;
        const score = gain / (found.bytes + this.#state.loads[0]![d]! * 0.01 + 1);
        if (score <= most) continue;
        most = score;
        best = [{ copy, to: e }, ...found.returned.map((back) => ({ copy: back, to: d }))];
      }
    }
    return best;
  }

  /** Copies that come back from the partner, one after the other while that helps. */
  #withReturns(
    d: number,
    e: number,
    copy: number,
    own: readonly number[],
    theirs: readonly number[],
    returnable: readonly number[],
  ): { squares: number; bytes: number; returned: number[]; isPartnerOver: boolean } {
    const state = this.#state;
    let mine = this.#shift(own, copy, -1);
    let other = this.#shift(theirs, copy, 1);
    let squares = this.#squares(d, mine) + this.#squares(e, other);
    let bytes = state.demand(0, copy);
    const returned: number[] = [];
    while (returned.length < RETURNED_MAX && this.#squares(e, other) > 0) {
      let chosen = -1;
      let least = squares;
      for (const back of returnable) {
        if (returned.includes(back)) continue;
        this.#comparisons++;
        const after = this.#squaresAfter(back, d, mine, e, other);
        if (after >= least || state.clashes(back, d)) continue;
        chosen = back;
        least = after;
      }
      if (chosen < 0) break;
      returned.push(chosen);
      mine = this.#shift(mine, chosen, 1);
      other = this.#shift(other, chosen, -1);
      bytes += state.demand(0, chosen);
      squares = least;
    }
    return { squares, bytes, returned, isPartnerOver: this.#squares(e, other) > 0 };
  }

  /** To be told of every move, before the state is changed. */
  moved(copy: number, to: number): void {
    const list = this.#lists[this.#state.driveOf(copy)]!;
    list.splice(list.indexOf(copy), 1);
    this.#lists[to]!.push(copy);
  }
}
