// The bare problem under every case: items with whole-number demands, bins with whole-number capacities.
//
// Everything above (replicas, zones, pins, headroom) is reduced to packings like this one, everything below (bounds, arcs,
// neighbourhood search) knows nothing else. Demands were rounded up and capacities down, so what fits here fits in truth.
// Sums of a million ranges pass 2^53; where they would, both are divided by a power of two, again rounding against us. The
// bounds therefore must not use these columns for totals: `totals` are exact, in original units.

export interface Packing {
  readonly count: number;
  /** Demand of item i for resource r: demand[r][i], in units of `unit[r]`. */
  readonly demand: readonly Float64Array[];
  readonly unit: readonly number[];
  /** Exact totals in original units. */
  readonly totals: readonly bigint[];
  /** 1 where item i continues item i - 1 in key order, so that both on one bin are one index entry. */
  readonly joins: Uint8Array;
}

/** Bins of a packing: capacity[r][b], in the packing's units; a count of index entries at most per bin (0: any). */
export interface Bins {
  readonly count: number;
  readonly capacity: readonly Float64Array[];
  readonly maxRuns: Int32Array;
}

const EXACT = 2 ** 52;

/** Exact sum of whole numbers whose sum may exceed what a double holds. */
export function exactSum(values: Float64Array): bigint {
  let whole = 0n;
  let part = 0;
  for (let i = 0; i < values.length; i++) {
    const next = part + values[i]!;
    if (next < EXACT) part = next;
    else {
      whole += BigInt(part) + BigInt(values[i]!);
      part = 0;
    }
  }
  return whole + BigInt(part);
}

function scaleUp(column: Float64Array, unit: number): Float64Array {
  return unit === 1 ? column : column.map((value) => Math.ceil(value / unit));
}

/** `capacityTotal` is the largest sum of capacities that will be compared with sums of demands, in original units. */
export function packingFrom(
  columns: readonly Float64Array[],
  joins: Uint8Array,
  largestCapacity: readonly number[],
): Packing {
  const totals = columns.map(exactSum);
  const unit = totals.map((total, r) => {
    // Room for the demand of one further bin and for the rounding up of every item.
    const limit = Number(total) + columns[r]!.length + 2 * largestCapacity[r]!;
    return limit < EXACT ? 1 : 2 ** Math.ceil(Math.log2(limit / EXACT));
  });
  return {
    count: joins.length,
    demand: columns.map((column, r) => scaleUp(column, unit[r]!)),
    unit,
    totals,
    joins,
  };
}

/** `count` equal bins. */
export function equalBins(packing: Packing, capacity: ArrayLike<number>, count: number): Bins {
  return {
    count,
    capacity: packing.unit.map((unit, r) =>
      new Float64Array(count).fill(Math.floor(capacity[r]! / unit)),
    ),
    maxRuns: new Int32Array(count),
  };
}

export function binsFrom(
  packing: Packing,
  capacities: readonly ArrayLike<number>[],
  maxRuns: readonly number[] = [],
): Bins {
  return {
    count: capacities.length,
    capacity: packing.unit.map((unit, r) =>
      Float64Array.from(capacities, (capacity) => Math.floor(capacity[r]! / unit)),
    ),
    maxRuns: Int32Array.from(capacities, (_, b) => maxRuns[b] ?? 0),
  };
}

/** Load of every bin under an assignment (-1: not placed), laid out as loads[r][b]. */
export function binLoads(packing: Packing, binCount: number, binOf: Int32Array): Float64Array[] {
  return packing.demand.map((column) => {
    const loads = new Float64Array(binCount);
    for (let i = 0; i < binOf.length; i++) {
      const b = binOf[i]!;
      if (b >= 0) loads[b]! += column[i]!;
    }
    return loads;
  });
}

export function isFeasible(packing: Packing, bins: Bins, binOf: Int32Array): boolean {
  if (binOf.indexOf(-1) >= 0) return false;
  const loads = binLoads(packing, bins.count, binOf);
  return loads.every((load, r) => load.every((value, b) => value <= bins.capacity[r]![b]!));
}

/** Index entries: maximal runs of adjoining items on the same bin. */
export function countRuns(joins: Uint8Array, binOf: Int32Array): number {
  let runs = 0;
  for (let i = 0; i < binOf.length; i++) {
    if (joins[i] === 0 || binOf[i] !== binOf[i - 1]) runs++;
  }
  return runs;
}

/** Whether no bin has more index entries than it may; 0 stands for any number. */
export function keepsRunLimits(
  joins: Uint8Array,
  binOf: Int32Array,
  maxRuns: ArrayLike<number>,
): boolean {
  const runs = new Int32Array(maxRuns.length);
  for (let i = 0; i < binOf.length; i++) {
    const b = binOf[i]!;
    if (joins[i] === 1 && b === binOf[i - 1]) continue;
    runs[b]!++;
    if (maxRuns[b]! > 0 && runs[b]! > maxRuns[b]!) return false;
  }
  return true;
}

/** Largest share of a bin that one item takes, in any resource. */
export function largestShare(packing: Packing, capacity: ArrayLike<number>): number {
  let share = 0;
  packing.demand.forEach((column, r) => {
    let most = 0;
    for (let i = 0; i < column.length; i++) if (column[i]! > most) most = column[i]!;
    share = Math.max(share, (most * packing.unit[r]!) / capacity[r]!);
  });
  return share;
}
