// Divides the items of a few drives by letting one arc grow: from a pole on the circle each drive takes a stretch on either side.
//
// Halving commits itself to the middle first and then asks whether the halves can be cut; where ranges are coarse against the
// slack that is a lottery. Growing is a path over lattice points (taken to the right, taken to the left): what has been wasted
// so far depends on the point alone, so equal points merge, and the best few dozen points after each drive are kept. Every drive costs
// two cuts, as with any other division by arcs. Where hot and cold ranges lie apart, the pole is the place where they meet.

import type { Budget } from '../packing/budget.ts';
import type { Bins } from '../packing/packing.ts';
import type { Sequence } from './split.ts';

const POINTS_MAX = 64;
const OFFERS_MAX = 2000;
const POLES_MAX = 6;
/** By how many drives' part of the slack a path may be behind or ahead on its way. */
const AHEAD_DRIVES = 10;

/** Where the path may be after some drives. */
interface Point {
  readonly right: number;
  readonly left: number;
  /** Worst share of the slack that has been used up, over the resources. */
  readonly waste: number;
  readonly before: Point | undefined;
}

class Path {
  readonly #length: number;
  readonly #capacity: readonly Float64Array[];
  readonly #slack: Float64Array;
  /** Running sums from the pole on to the right; what lies to the left is counted from the total down. */
  readonly #sums: readonly Float64Array[];
  readonly #total: Float64Array;
  /** Capacity of the drives so far. */
  readonly #reached: Float64Array;
  readonly #limit: Float64Array;
  #next = new Map<number, Point>();

  constructor(sequence: Sequence, capacity: readonly Float64Array[], pole: number) {
    this.#length = sequence.length;
    this.#capacity = capacity;
    this.#reached = new Float64Array(capacity.length);
    this.#limit = new Float64Array(capacity.length);
    this.#total = Float64Array.from(capacity, (_, r) => sequence.total(r));
    this.#slack = Float64Array.from(capacity, (column, r) =>
      Math.max(1e-9, column.reduce((sum, value) => sum + value, 0) - this.#total[r]!),
    );
    this.#sums = capacity.map((_, r) => {
      const sums = new Float64Array(this.#length + 1);
      for (let k = 1; k <= this.#length; k++) sums[k] = sequence.stretch(r, pole, pole + k);
      return sums;
    });
  }

  #load(r: number, right: number, left: number): number {
    const sums = this.#sums[r]!;
    return sums[right]! + this.#total[r]! - sums[this.#length - left]!;
  }

  #waste(right: number, left: number): number {
    let worst = 0;
    for (let r = 0; r < this.#slack.length; r++) {
      const share = (this.#reached[r]! - this.#load(r, right, left)) / this.#slack[r]!;
      if (share > worst) worst = share;
    }
    return worst;
  }

  #fits(right: number, left: number): boolean {
    for (let r = 0; r < this.#limit.length; r++) {
      if (this.#load(r, right, left) > this.#limit[r]!) return false;
    }
    return true;
  }

  #offer(point: Point): void {
    const name = point.right * (this.#length + 1) + point.left;
    if (!this.#next.has(name)) this.#next.set(name, point);
  }

  /** Offers all points after which the drive is full enough: the more to the right, the less to the left. Returns the work done. */
  #extend(point: Point, drive: number): number {
    const length = this.#length;
    const allowed = Math.min(1, (drive + AHEAD_DRIVES) / this.#capacity[0]!.length);
    for (let r = 0; r < this.#limit.length; r++) {
      this.#limit[r] = this.#load(r, point.right, point.left) + this.#capacity[r]![drive]!;
    }
    let left = point.left;
    while (point.right + left < length && this.#fits(point.right, left + 1)) left++;
    let steps = left - point.left;
    for (let right = point.right; right + point.left <= length; right++) {
      left = Math.min(left, length - right);
      while (left >= point.left && !this.#fits(right, left)) left--;
      if (left < point.left || this.#next.size > OFFERS_MAX) break;
      for (let end = left; end >= point.left; end--) {
        const waste = this.#waste(right, end);
        if (waste > allowed) break;
        this.#offer({ right, left: end, waste, before: point });
        steps++;
      }
      steps++;
    }
    return steps;
  }

  /** The point after all drives but the last, which takes what remains; undefined when no path was found. */
  run(drives: number, budget: Budget): Point | undefined {
    let points: Point[] = [{ right: 0, left: 0, waste: 0, before: undefined }];
    for (let drive = 0; drive < drives - 1 && points.length > 0; drive++) {
      this.#next = new Map();
      this.#capacity.forEach((column, r) => {
        this.#reached[r]! += column[drive]!;
      });
      for (const point of points) {
        if (!budget.spend(this.#extend(point, drive) * 4)) return undefined;
      }
      points = [...this.#next.values()].sort((a, b) => a.waste - b.waste || a.right - b.right);
      points.length = Math.min(points.length, POINTS_MAX);
    }
    return points[0];
  }
}

/** Places where the sequence is broken; the first position is one of them. */
function poles(sequence: Sequence): number[] {
  const list: number[] = [];
  for (let k = 0; k < sequence.length && list.length < POLES_MAX; k++) {
    if (!sequence.isJoined(k)) list.push(k);
  }
  return list;
}

/** True when the sequence is divided among the bins of the group within capacity; binOf then says how. */
export function growArcs(
  sequence: Sequence,
  bins: Bins,
  group: Int32Array,
  binOf: Int32Array,
  budget: Budget,
): boolean {
  const capacity = bins.capacity.map((column) => Float64Array.from(group, (b) => column[b]!));
  const isHopeless = capacity.some(
    (column, r) => column.reduce((sum, value) => sum + value, 0) < sequence.total(r),
  );
  if (isHopeless) return false;
  for (const pole of poles(sequence)) {
    const last = new Path(sequence, capacity, pole).run(group.length, budget);
    if (last === undefined) continue;
    write(sequence, pole, last, group, binOf);
    return true;
  }
  return false;
}

function write(
  sequence: Sequence,
  pole: number,
  last: Point,
  group: Int32Array,
  binOf: Int32Array,
): void {
  const { items, length } = sequence;
  for (let k = 0; k < length; k++) binOf[items[k]!] = group[group.length - 1]!;
  let drive = group.length - 2;
  for (let point: Point | undefined = last; point?.before !== undefined; point = point.before) {
    const { right, left } = point.before;
    for (let k = right; k < point.right; k++) binOf[items[(pole + k) % length]!] = group[drive]!;
    for (let k = left; k < point.left; k++) {
      binOf[items[(pole - 1 - k + length) % length]!] = group[drive]!;
    }
    drive--;
  }
}
