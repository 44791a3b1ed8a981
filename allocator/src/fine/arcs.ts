// Packs fine items onto a given number of drives with about two index entries per drive: recursive halving by arcs.
//
// A node owns a sequence of items and a group of drives. It splits the group in two halves of like proportions, cuts the arc that
// one half should hold, corrects it where items are too coarse, and goes on with both. Errors made high up are small against
// the many drives below, so only a few per cent of the slack may be used there. Groups of few drives are searched with going back
// (arc-search.ts); only where that fails are loose runs moved across.
// What is still over capacity at the end is mended drive against drive (mend.ts).

import type { Budget } from '../packing/budget.ts';
import type { Bins, Packing } from '../packing/packing.ts';
import { ArcSearch, SEARCHED_DRIVES_MAX } from './arc-search.ts';
import { Sequence, type Target } from './split.ts';
import { correctSplit } from './transfers.ts';

export interface ArcOptions {
  /** Even out drives instead of saving index entries. */
  readonly isBalanced: boolean;
  /** Work that going back in small groups may do; without it nothing is searched. */
  readonly budget?: Budget;
  /** Of so many drives that are done, how many may belong to pairs over capacity; beyond that it gives up. */
  readonly faultsMax?: (drives: number) => number;
}

/** Work on one group before it is halved without search. */
const GROUP_STEPS_MAX = 20_000_000;
/** So many more failures than successes say that the ranges are too coarse to be divided by arcs alone. */
const FAILURES_MAX = 16;

interface Node {
  readonly items: Int32Array;
  readonly bins: Int32Array;
}

/** Drives ordered by the proportion of their resources, so that dealing them out gives halves of like proportions. */
function binsByProportion(bins: Bins): Int32Array {
  const order = new Int32Array(bins.count).map((_, b) => b);
  const [first, second] = bins.capacity;
  if (first === undefined || second === undefined) return order;
  const proportion = first.map((value, b) => second[b]! / Math.max(1, value));
  return order.sort((a, b) => proportion[a]! - proportion[b]! || a - b);
}

function capacityOf(bins: Bins, group: Int32Array, r: number): number {
  let sum = 0;
  for (const b of group) sum += bins.capacity[r]![b]!;
  return sum;
}

/** Share of the slack that a split may use up, by the number of drives below it. */
function slackShare(driveCount: number): number {
  if (driveCount <= 2) return 1;
  if (driveCount <= 8) return 0.2;
  return driveCount <= 64 ? 0.08 : 0.03;
}

function splitTarget(
  sequence: Sequence,
  bins: Bins,
  left: Int32Array,
  right: Int32Array,
  isBalanced: boolean,
): Target {
  const load = new Float64Array(bins.capacity.length);
  const tolerance = new Float64Array(bins.capacity.length);
  const smaller = Math.min(left.length, right.length);
  for (let r = 0; r < load.length; r++) {
    const leftCapacity = capacityOf(bins, left, r);
    const capacity = leftCapacity + capacityOf(bins, right, r);
    const total = sequence.total(r);
    load[r] = capacity > 0 ? (total * leftCapacity) / capacity : 0;
    const perDrive = (capacity - total) / (left.length + right.length);
    const allowed = perDrive * smaller * slackShare(left.length + right.length);
    const least = (capacity / (left.length + right.length)) * 1e-6;
    tolerance[r] = Math.max(least, isBalanced ? allowed / 16 : allowed);
  }
  return { load, tolerance };
}

/** Runs moved across at most, in rounds of two; only what no arc can divide needs more than one or two. */
const CORRECTIONS_MAX = 8;

interface Split {
  readonly left: Node;
  readonly right: Node;
  /** Error left, relative to tolerance. */
  readonly error: number;
}

function splitNode(sequence: Sequence, bins: Bins, node: Node, options: ArcOptions): Split {
  const left = node.bins.filter((_, k) => k % 2 === 0);
  const right = node.bins.filter((_, k) => k % 2 === 1);
  sequence.load(node.items);
  const target = splitTarget(sequence, bins, left, right, options.isBalanced);
  const arc = sequence.findArc(target, !options.isBalanced);
  sequence.markArc(arc.from, arc.to);
  const error = arc.error > 1 ? correctSplit(sequence, target, CORRECTIONS_MAX) : arc.error;
  return {
    left: { items: sequence.itemsOn(1), bins: left },
    right: { items: sequence.itemsOn(0), bins: right },
    error,
  };
}

/**
 * Places `items` (ascending) on the bins; writes into binOf. Capacities may be what pinned items left over. False when it was given
 * up: too many pairs of drives could not be divided.
 */
export function placeByArcs(
  packing: Packing,
  bins: Bins,
  items: Int32Array,
  binOf: Int32Array,
  options: ArcOptions,
): boolean {
  const sequence = new Sequence(packing, items.length);
  const search = new ArcSearch(packing, bins, binOf);
  const { budget } = options;
  let failures = 0;
  let faults = 0;
  let done = 0;
  const isSolved = (node: Node): boolean => {
    if (budget === undefined || options.isBalanced || failures > FAILURES_MAX) return false;
    const isDone = search.run(node.items, node.bins, budget.part(GROUP_STEPS_MAX));
    if (node.bins.length <= SEARCHED_DRIVES_MAX) failures += isDone ? -1 : 1;
    return isDone;
  };
  const open: Node[] = [{ items, bins: binsByProportion(bins) }];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.bins.length === 1 || node.items.length === 0) {
      for (const i of node.items) binOf[i] = node.bins[0]!;
    } else if (!isSolved(node)) {
      const { left, right, error } = splitNode(sequence, bins, node, options);
      if (node.bins.length === 2) {
        done += 2;
        if (error > 1) faults++;
        if (options.faultsMax !== undefined && faults > options.faultsMax(done)) return false;
      }
      open.push(right, left);
    }
  }
  return true;
}
