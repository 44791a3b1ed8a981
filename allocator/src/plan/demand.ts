// What one copy of a range demands of its drive: bytes and writes always, reads only where they are served.

import type { Ranges } from '../model/ranges.ts';
import type { ReadMode } from './types.ts';

export interface Demand {
  /** On every replica: base[r][i]. */
  readonly base: readonly Float64Array[];
  /** In addition on the tail of the chain. */
  readonly tail: readonly Float64Array[];
}

function plus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}

function sharedReads(ranges: Ranges, replicas: number): Float64Array {
  return ranges.readBps.map((value, i) => Math.ceil(value / (ranges.replicas?.[i] || replicas)));
}

/** Demands in the order of the drives' resources. */
export function demandOf(
  ranges: Ranges,
  resources: readonly string[],
  reads: ReadMode,
  replicas: number,
): Demand {
  const zero = new Float64Array(ranges.count);
  if (ranges.extra !== undefined) return { base: ranges.extra, tail: ranges.extra.map(() => zero) };
  const onAll = reads === 'shared' ? sharedReads(ranges, replicas) : zero;
  const onTail = reads === 'shared' ? zero : ranges.readBps;
  const base = resources.map((resource) => {
    if (resource === 'bytes') return ranges.bytes;
    if (resource === 'read_bps') return onAll;
    return resource === 'write_bps' ? ranges.writeBps : plus(ranges.writeBps, onAll);
  });
  const tail = resources.map((resource) =>
    resource === 'bytes' || resource === 'write_bps' ? zero : onTail,
  );
  return { base, tail };
}

/** Base plus tail: what the only copy, or the tail, demands. */
export function wholeDemand(demand: Demand): Float64Array[] {
  return demand.base.map((column, r) => plus(column, demand.tail[r]!));
}

/** The columns at the given positions. */
export function pick(columns: readonly Float64Array[], at: Int32Array): Float64Array[] {
  return columns.map((column) => {
    const picked = new Float64Array(at.length);
    for (let k = 0; k < at.length; k++) picked[k] = column[at[k]!]!;
    return picked;
  });
}

/** joins of a subset (ascending): only where both neighbours are in it. */
export function pickJoins(joins: Uint8Array, at: Int32Array): Uint8Array {
  const picked = new Uint8Array(at.length);
  for (let k = 1; k < at.length; k++) {
    if (at[k] === at[k - 1]! + 1) picked[k] = joins[at[k]!]!;
  }
  return picked;
}
