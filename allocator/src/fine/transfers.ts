// Corrects a split whose error is not tolerable by moving short runs of items across, one run or a pair of runs at a time.
//
// Large ranges make arcs coarse: the sum can miss its target by half of the largest item. A moved run costs at most two index
// entries, and with a thousand candidate runs on either side there are a million pairs whose effects add up to nearly any
// small vector. Candidates are runs of 1, 2, 4, ... items, so that every order of magnitude is present. Pairs are found by
// sorting candidates by the first resource and looking only where the first resource fits.

import type { Sequence, Target } from './split.ts';

const CANDIDATES_MAX = 1600;
const SCAN_MAX = 24;
const SCAN_NEAR = 4;
const CUTS_MAX = 4;
const SHIFT_MAX = 60;

/** Runs of the sequence that lie on one side, with what moving them does to the left load. */
class Runs {
  count = 0;
  readonly from: Int32Array = new Int32Array(CANDIDATES_MAX);
  readonly to: Int32Array = new Int32Array(CANDIDATES_MAX);
  readonly effect: readonly Float64Array[];
  /** Index entries that moving the run adds, or saves where it meets its own kind. */
  readonly cost: Int8Array = new Int8Array(CANDIDATES_MAX);
  readonly order: Int32Array;
  readonly sorted: Float64Array;

  constructor(sequence: Sequence, span: Float64Array) {
    this.effect = sequence.prefix.map(() => new Float64Array(CANDIDATES_MAX));
    this.#collect(sequence, span);
    this.order = new Int32Array(this.count).map((_, k) => k);
    const first = this.effect[0]!;
    this.order.sort((a, b) => first[a]! - first[b]! || a - b);
    this.sorted = Float64Array.from(this.order, (c) => first[c]!);
  }

  #collect(sequence: Sequence, span: Float64Array): void {
    const { length } = sequence;
    const lengths = [1, 2, 4, 8, 16, 48, 128, 400].filter((runLength) => runLength * 2 < length);
    if (lengths.length === 0) lengths.push(1);
    this.#addShifts(sequence, span);
    const room = CANDIDATES_MAX - this.count;
    const perLength = Math.floor(room / lengths.length);
    lengths.forEach((runLength, l) => {
      // Single items are the most useful ones: they take what the longer runs leave of the places.
      const places = l === 0 ? perLength + (room % lengths.length) : perLength;
      const step = Math.max(1, length / places);
      for (let at = 0; at + runLength <= length; at += step) {
        this.#add(sequence, Math.floor(at), runLength, span);
      }
    });
  }

  /** Runs that begin or end where the side changes: moving one only shifts a cut and costs no index entry. */
  #addShifts(sequence: Sequence, span: Float64Array): void {
    let cuts = 0;
    for (let k = 1; k < sequence.length && cuts < CUTS_MAX; k++) {
      if (sequence.side[k] === sequence.side[k - 1]) continue;
      cuts++;
      for (let runLength = 1; runLength <= SHIFT_MAX; runLength++) {
        if (k + runLength <= sequence.length) this.#add(sequence, k, runLength, span);
        if (k >= runLength) this.#add(sequence, k - runLength, runLength, span);
      }
    }
  }

  #add(sequence: Sequence, from: number, runLength: number, span: Float64Array): void {
    const side = sequence.side[from]!;
    const to = from + runLength;
    for (let k = from + 1; k < to; k++) if (sequence.side[k] !== side) return;
    if (this.count === CANDIDATES_MAX) return;
    const c = this.count;
    for (let r = 0; r < this.effect.length; r++) {
      const load = sequence.stretch(r, from, to);
      if (load > span[r]!) return;
      this.effect[r]![c] = side === 1 ? -load : load;
    }
    this.from[c] = from;
    this.to[c] = to;
    this.cost[c] = endCost(sequence, from, side, -1) + endCost(sequence, to, side, 0);
    this.count++;
  }

  overlap(a: number, b: number): boolean {
    return this.from[a]! < this.to[b]! && this.from[b]! < this.to[a]!;
  }
}

/** Cut made (+1) or healed (-1) before position k when the run on that side of it changes over. */
function endCost(sequence: Sequence, k: number, side: number, outside: -1 | 0): number {
  if (!sequence.isJoined(k)) return 0;
  return sequence.side[k + outside] === side ? 1 : -1;
}

function errorAfter(runs: Runs, need: Float64Array, target: Target, a: number, b: number): number {
  let worst = 0;
  for (let r = 0; r < need.length; r++) {
    const effect = runs.effect[r]!;
    const off = Math.abs(need[r]! - effect[a]! - (b < 0 ? 0 : effect[b]!)) / target.tolerance[r]!;
    if (off > worst) worst = off;
  }
  return worst;
}

interface Choice {
  a: number;
  b: number;
  error: number;
  cost: number;
}

function noChoice(): Choice {
  return { a: -1, b: -1, error: Number.POSITIVE_INFINITY, cost: Number.POSITIVE_INFINITY };
}

/** Takes the candidate if it is better: tolerable ones by index entries, others by error. */
function consider(best: Choice, a: number, b: number, error: number, cost: number): void {
  const isTolerable = error <= 1;
  const wasTolerable = best.error <= 1;
  if (isTolerable && wasTolerable ? cost > best.cost : error > best.error) return;
  if (isTolerable && cost === best.cost && error >= best.error) return;
  best.a = a;
  best.b = b;
  best.error = error;
  best.cost = cost;
}

function bestSingle(runs: Runs, need: Float64Array, target: Target): Choice {
  const best = noChoice();
  for (let c = 0; c < runs.count; c++) {
    consider(best, c, -1, errorAfter(runs, need, target, c, -1), runs.cost[c]!);
  }
  return best;
}

/** The best of the pairs whose effect on the first resource is nearest to what is needed, `reach` of them for each run. */
function bestPair(
  runs: Runs,
  need: Float64Array,
  target: Target,
  reach: number,
  isTolerableOnly: boolean,
): Choice {
  const best = noChoice();
  const first = runs.effect[0]!;
  // As the one run's effect grows, its best partner's falls: the place in the sorted order only goes down.
  let middle = runs.count;
  for (let place = 0; place < runs.count; place++) {
    const a = runs.order[place]!;
    const wanted = need[0]! - first[a]!;
    while (middle > 0 && runs.sorted[middle - 1]! >= wanted) middle--;
    const low = Math.max(0, middle - reach);
    const high = Math.min(runs.count, middle + reach);
    for (let at = low; at < high; at++) {
      const isFar = Math.abs(runs.sorted[at]! - wanted) > target.tolerance[0]!;
      if (isTolerableOnly && isFar) continue;
      const b = runs.order[at]!;
      const cost = runs.cost[a]! + runs.cost[b]!;
      if (best.error <= 1 && cost >= best.cost) continue;
      const error = errorAfter(runs, need, target, a, b);
      if ((error > 1 && error >= best.error) || a === b || runs.overlap(a, b)) continue;
      consider(best, a, b, error, cost);
    }
  }
  return best;
}

function flip(sequence: Sequence, runs: Runs, c: number): void {
  if (c < 0) return;
  for (let k = runs.from[c]!; k < runs.to[c]!; k++) sequence.side[k]! ^= 1;
}

/** Error of the sides as they are marked. */
export function sideError(sequence: Sequence, target: Target): number {
  let worst = 0;
  for (let r = 0; r < sequence.prefix.length; r++) {
    const off = Math.abs(sequence.leftLoad(r) - target.load[r]!) / target.tolerance[r]!;
    if (off > worst) worst = off;
  }
  return worst;
}

/**
 * Moves runs until the sides meet the target or nothing helps; returns the error left. `rounds` bounds the index entries spent:
 * each round costs at most four.
 */
export function correctSplit(sequence: Sequence, target: Target, rounds: number): number {
  let error = sideError(sequence, target);
  for (let round = 0; round < rounds && error > 1; round++) {
    const need = target.load.map((load, r) => load - sequence.leftLoad(r));
    const span = need.map(
      (value, r) => 8 * Math.max(Math.abs(value), target.tolerance[r]!) + sequence.total(r) / 16,
    );
    const runs = new Runs(sequence, span);
    let choice = bestSingle(runs, need, target);
    if (choice.error > 1) {
      let pair = bestPair(runs, need, target, SCAN_NEAR, true);
      if (pair.error > 1) pair = bestPair(runs, need, target, SCAN_MAX / 2, false);
      if (pair.error < choice.error) choice = pair;
    }
    if (choice.a < 0 || choice.error >= error) break;
    flip(sequence, runs, choice.a);
    flip(sequence, runs, choice.b);
    error = choice.error;
  }
  return error;
}
