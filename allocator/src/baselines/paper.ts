// The allocation method of the source paper, re-implemented from its slides: the weights and the candidate criterion are a
// reconstruction, since the text with the formulas is not public. Only the benchmark uses it.
//
// Merge consecutive ranges while the sum stays below a share of a drive, sort by bytes and bandwidth weighed by their scarcity, and fill
// drive after drive, each time with the range that leaves the two resources most alike and least.

import { countRuns } from '../packing/packing.ts';

export interface PaperResult {
  readonly drives: number;
  readonly entries: number;
  readonly mergeShare: number;
}

interface Merged {
  readonly bytes: number[];
  readonly traffic: number[];
  /** Merged range of each range. */
  readonly of: Int32Array;
}

/** Shares of a drive, 0 to 1, in; merged while both sums stay below the limit. */
function mergeRanges(bytes: Float64Array, traffic: Float64Array, limit: number): Merged {
  const merged: Merged = { bytes: [], traffic: [], of: new Int32Array(bytes.length) };
  for (let i = 0; i < bytes.length; i++) {
    const last = merged.bytes.length - 1;
    const goesOn =
      last >= 0 &&
      merged.bytes[last]! + bytes[i]! <= limit &&
      merged.traffic[last]! + traffic[i]! <= limit;
    if (goesOn) {
      merged.bytes[last]! += bytes[i]!;
      merged.traffic[last]! += traffic[i]!;
    } else {
      merged.bytes.push(bytes[i]!);
      merged.traffic.push(traffic[i]!);
    }
    merged.of[i] = merged.bytes.length - 1;
  }
  return merged;
}

function fillDrives(merged: Merged): Int32Array {
  const count = merged.bytes.length;
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const weight = sum(merged.bytes) / (sum(merged.bytes) + sum(merged.traffic));
  const size = (i: number): number => weight * merged.bytes[i]! + (1 - weight) * merged.traffic[i]!;
  let left = Array.from({ length: count }, (_, i) => i).sort((a, b) => size(b) - size(a) || a - b);
  const driveOf = new Int32Array(count).fill(-1);
  for (let drive = 0; left.length > 0; drive++) {
    let bytes = 1;
    let traffic = 1;
    for (let next = left[0]!; next >= 0; ) {
      driveOf[next] = drive;
      bytes -= merged.bytes[next]!;
      traffic -= merged.traffic[next]!;
      next = bestCandidate(merged, left, driveOf, bytes, traffic);
    }
    left = left.filter((i) => driveOf[i]! < 0);
  }
  return driveOf;
}

function bestCandidate(
  merged: Merged,
  left: readonly number[],
  driveOf: Int32Array,
  bytes: number,
  traffic: number,
): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const i of left) {
    const restBytes = bytes - merged.bytes[i]!;
    const restTraffic = traffic - merged.traffic[i]!;
    if (driveOf[i]! >= 0 || restBytes < 0 || restTraffic < 0) continue;
    const score = Math.abs(restBytes - restTraffic) + 0.5 * (restBytes + restTraffic);
    if (score < least) {
      best = i;
      least = score;
    }
  }
  return best;
}

/** The best over merge limits from 1 to 25 per cent: fewest drives, then fewest entries. */
export function paperMethod(bytes: Float64Array, traffic: Float64Array): PaperResult {
  const joins = new Uint8Array(bytes.length).fill(1);
  if (joins.length > 0) joins[0] = 0;
  let best: PaperResult | undefined;
  for (const mergeShare of [0.01, 0.02, 0.05, 0.1, 0.15, 0.25]) {
    const merged = mergeRanges(bytes, traffic, mergeShare);
    const driveOf = fillDrives(merged);
    const binOf = merged.of.map((m) => driveOf[m]!);
    const drives = driveOf.reduce((most, d) => Math.max(most, d + 1), 0);
    const result = { drives, entries: countRuns(joins, binOf), mergeShare };
    const isBetter =
      best === undefined ||
      drives < best.drives ||
      (drives === best.drives && result.entries < best.entries);
    if (isBetter) best = result;
  }
  return best!;
}
