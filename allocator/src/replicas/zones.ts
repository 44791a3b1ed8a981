// Which zones hold which ranges, and who is the tail: McNaughton's wrap-around rule on the circle of keys.
//
// Lay the zones' shares f_z (each at most 1, together r) one after the other on a line of length r and wind it r times around the
// key space: every place is covered by r zones, all different, since no share is longer than one turn. The breakpoints cut the
// key space into few parts; each part is cut by arcs, so that it has its share of every resource, and again into r pieces that
// differ in which zone is the tail. Every zone is then a packing problem of its own with one copy per range, about two index
// entries per drive, and replicas lie in different zones by construction.

import { placeByArcs } from '../fine/arcs.ts';
import { residual, spread } from '../fine/heavy.ts';
import { InfeasibleError } from '../model/errors.ts';
import { type Bins, packingFrom } from '../packing/packing.ts';

export interface Part {
  readonly share: number;
  /** Zones of the part in chain order, tail last. */
  readonly zones: readonly number[];
}

/** Shares f_z = min(1, lambda * capacity_z) that sum to the number of replicas. */
export function zoneShares(capacities: readonly number[], replicas: number): number[] {
  if (capacities.length < replicas) {
    throw new InfeasibleError(
      `${replicas} replicas need ${replicas} zones, there are ${capacities.length}`,
      'add zones or lower the number of replicas',
    );
  }
  const shares = new Array<number>(capacities.length).fill(0);
  const open = new Set(capacities.keys());
  let left = replicas;
  for (;;) {
    const sum = [...open].reduce((total, z) => total + capacities[z]!, 0);
    const full = [...open].filter((z) => (capacities[z]! / sum) * left >= 1);
    if (full.length === 0 || open.size === 0) {
      for (const z of open) shares[z] = (capacities[z]! / sum) * left;
      return shares;
    }
    for (const z of full) {
      shares[z] = 1;
      open.delete(z);
      left -= 1;
    }
    if (open.size === 0) return shares;
  }
}

/** The parts of the key space, each once per tail. */
export function partsOf(shares: readonly number[], replicas: number): Part[] {
  const starts: number[] = [];
  let at = 0;
  for (const share of shares) {
    starts.push(at);
    at += share;
  }
  const cuts = [...new Set(starts.map((start) => Number((start % 1).toFixed(9))))].sort(
    (a, b) => a - b,
  );
  const parts: Part[] = [];
  cuts.forEach((cut, k) => {
    const length = (cuts[k + 1] ?? 1 + cuts[0]!) - cut;
    if (length < 1e-9) return;
    const middle = cut + length / 2;
    const zones: number[] = [];
    for (let turn = 0; turn <= replicas && zones.length < replicas; turn++) {
      const place = middle + turn;
      shares.forEach((share, z) => {
        const inside = place >= starts[z]! && place < starts[z]! + share;
        if (inside && !zones.includes(z)) zones.push(z);
      });
    }
    for (let tail = 0; tail < replicas; tail++) {
      const order = zones.map((_, j) => zones[(tail + 1 + j) % zones.length]!);
      parts.push({ share: length / replicas, zones: order });
    }
  });
  return parts;
}

function partBins(
  packing: ReturnType<typeof packingFrom>,
  totals: readonly number[],
  parts: readonly Part[],
): Bins {
  return {
    count: parts.length,
    capacity: packing.unit.map((unit, r) =>
      Float64Array.from(parts, (part) => Math.ceil((totals[r]! / unit) * part.share * 1.002) + 1),
    ),
    maxRuns: new Int32Array(parts.length),
  };
}

/**
 * How ranges are dealt to the parts: by arcs, which keeps neighbours together, or one by one, which comes closer to the shares
 * where ranges are few.
 */
export type Dealing = 'arcs' | 'singly';

const FEW_PER_PART = 40;

/** The ways worth trying, the one with the smaller index first. */
export function dealingsFor(itemCount: number, parts: number): readonly Dealing[] {
  return itemCount >= FEW_PER_PART * parts ? ['arcs'] : ['arcs', 'singly'];
}

/** Part of each item, so that every part has its share of every column. */
export function dealToParts(
  columns: readonly Float64Array[],
  joins: Uint8Array,
  parts: readonly Part[],
  dealing: Dealing,
): Int32Array {
  const used = columns.filter((column) => column.some((value) => value > 0));
  const partOf = new Int32Array(joins.length);
  if (used.length === 0 || joins.length === 0 || parts.length === 1) return partOf;
  const totals = used.map((column) => column.reduce((sum, value) => sum + value, 0));
  const packing = packingFrom(used, joins, totals);
  const bins = partBins(packing, totals, parts);
  partOf.fill(-1);
  const all = new Int32Array(joins.length).map((_, i) => i);
  if (dealing === 'arcs') {
    placeByArcs(packing, bins, all, partOf, { isBalanced: true });
    return partOf;
  }
  const size = Float64Array.from(all, (i) =>
    used.reduce((sum, column, r) => sum + column[i]! / totals[r]!, 0),
  );
  all.sort((a, b) => size[b]! - size[a]! || a - b);
  const loads = used.map(() => new Float64Array(parts.length));
  for (const i of all) {
    if (!spread(packing, bins, Int32Array.of(i), partOf, loads)) {
      partOf[i] = emptiest(residual(bins, loads));
      loads.forEach((load, r) => {
        load[partOf[i]!]! += packing.demand[r]![i]!;
      });
    }
  }
  return partOf;
}

function emptiest(bins: Bins): number {
  let best = 0;
  let most = Number.NEGATIVE_INFINITY;
  for (let b = 0; b < bins.count; b++) {
    const least = Math.min(...bins.capacity.map((column) => column[b]!));
    if (least > most) {
      best = b;
      most = least;
    }
  }
  return best;
}
