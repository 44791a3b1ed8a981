// Key-range workloads: bytes, reads and writes per range, for a wanted number of drives of the source paper's kind.
//
// Each names its origin. All are scaled so that the ranges together need about the given number of drives, with no range above
// `cap` of a drive; a hotter range is taken to have been split or spread over replicas already. Quantities are whole numbers.

import { PAPER_DRIVE } from '../model/drives.ts';
import { Random } from '../packing/random.ts';

export interface Workload {
  readonly name: string;
  readonly bytes: Float64Array;
  readonly readBps: Float64Array;
  readonly writeBps: Float64Array;
  readonly optimum?: number;
}

export interface WorkloadOptions {
  readonly ranges: number;
  readonly drives: number;
  readonly seed: number;
  /** Largest share of a drive that a range takes. */
  readonly cap: number;
  /** Shares of the drives' bytes and bandwidth that are used. */
  readonly fill: readonly [number, number];
}

const [DRIVE_BYTES = 0, DRIVE_BPS = 0] = PAPER_DRIVE.capacity;

/** Scales the column to a total with no value above the cap; rounds down. */
export function scaleTo(column: Float64Array, total: number, cap: number): Float64Array {
  let low = 1e-30;
  let high = 1e30;
  for (let round = 0; round < 120; round++) {
    const middle = Math.sqrt(low * high);
    let sum = 0;
    for (let i = 0; i < column.length; i++) sum += Math.min(column[i]! * middle, cap);
    if (sum > total) high = middle;
    else low = middle;
  }
  return column.map((value) => Math.floor(Math.min(value * high, cap)));
}

function finish(
  name: string,
  options: WorkloadOptions,
  bytes: Float64Array,
  traffic: Float64Array,
  readShare: number,
): Workload {
  const { drives, cap, fill } = options;
  const scaledTraffic = scaleTo(traffic, drives * DRIVE_BPS * fill[1], cap * DRIVE_BPS);
  const readBps = scaledTraffic.map((value) => Math.floor(value * readShare));
  return {
    name,
    bytes: scaleTo(bytes, drives * DRIVE_BYTES * fill[0], cap * DRIVE_BYTES),
    readBps,
    writeBps: scaledTraffic.map((value, i) => value - readBps[i]!),
  };
}

function lognormal(random: Random, count: number, sigma: number): Float64Array {
  return new Float64Array(count).map(() => Math.exp(sigma * random.normal()));
}

/** Zipf 0.99 over lognormal sizes; the hot head contiguous, or scattered over the key space. */
export function ycsb(options: WorkloadOptions, isScrambled: boolean): Workload {
  const random = new Random(options.seed);
  const bytes = lognormal(random, options.ranges, 1);
  const traffic = new Float64Array(options.ranges).map((_, i) => (i + 1) ** -0.99);
  if (isScrambled) random.shuffle(traffic);
  return finish(isScrambled ? 'ycsb-scrambled' : 'ycsb', options, bytes, traffic, 0.5);
}

/**
 * The setting of the source paper: pairs of one size, a fifth of the ranges drawing four fifths of the accesses, and as many
 * dense (eight times the pairs) as scarce ranges. A range has about a million pairs, so larger pairs mean coarser ranges.
 */
export function paperKv(valueBytes: number, drives: number, seed: number): Workload {
  const random = new Random(seed);
  const meanBytes = Math.min(valueBytes * 2 ** 20, DRIVE_BYTES * 0.25);
  const ranges = Math.round((drives * DRIVE_BYTES) / meanBytes);
  const isDense = Array.from({ length: ranges }, () => random.float() < 0.5);
  const isHot = Array.from({ length: ranges }, () => random.float() < 0.2);
  const vary = (): number => 0.5 + random.float();
  const bytes = Float64Array.from(isDense, (dense) => (dense ? 8 : 1) * vary());
  const traffic = Float64Array.from(isHot, (hot) => (hot ? 16 : 1) * vary());
  const options = { ranges, drives, seed, cap: 0.9, fill: [0.92, 0.92] as const };
  return finish(`paper-kv-${valueBytes}`, options, bytes, traffic, 0.8);
}

/** Locality of a social graph store (RocksDB at Facebook, FAST'20): hotness of 30 key ranges falls as two exponentials. */
export function mixgraph(options: WorkloadOptions): Workload {
  const random = new Random(options.seed);
  const sections = Array.from({ length: 30 }, (_, i) => {
    return 14.18 * Math.exp(-2.917 * i) + 0.0164 * Math.exp(-0.08082 * i);
  });
  random.shuffle(sections);
  const perSection = Math.ceil(options.ranges / sections.length);
  const traffic = new Float64Array(options.ranges).map((_, i) => {
    const within = (i % perSection) / perSection;
    const local = 0.002312 * Math.max(1e-3, within) ** -0.3467;
    return sections[Math.floor(i / perSection)]! * local * (0.5 + random.float());
  });
  const bytes = lognormal(random, options.ranges, 0.4);
  return finish('mixgraph', options, bytes, traffic, 0.86);
}

/** Value at a quantile of a table of (quantile, value), logarithmic in between. */
function quantile(table: readonly (readonly [number, number])[], q: number): number {
  const after = table.findIndex(([at]) => at >= q);
  if (after <= 0) return table[after < 0 ? table.length - 1 : 0]![1];
  const [q0, v0] = table[after - 1]!;
  const [q1, v1] = table[after]!;
  return v0 + ((v1 - v0) * (q - q0)) / (q1 - q0);
}

const ALPHAS = [
  [0.1, 0],
  [0.25, 0.63],
  [0.5, 1.21],
  [0.75, 1.51],
  [0.9, 1.88],
] as const;
const VALUE_BYTES = [
  [0.1, 28],
  [0.25, 85],
  [0.5, 224],
  [0.75, 1030],
  [0.9, 4703],
] as const;

/** 54 tenants one after the other, skew and value sizes drawn from published quantiles of cache clusters (OSDI'20). */
export function twitter(options: WorkloadOptions): Workload {
  const random = new Random(options.seed);
  const tenants = Math.min(54, options.ranges);
  const perTenant = Math.ceil(options.ranges / tenants);
  const bytes = new Float64Array(options.ranges);
  const traffic = new Float64Array(options.ranges);
  for (let t = 0; t < tenants; t++) {
    const alpha = quantile(ALPHAS, random.float());
    const value = quantile(VALUE_BYTES, random.float());
    const weight = Math.exp(1.5 * random.normal());
    const from = t * perTenant;
    const to = Math.min(options.ranges, from + perTenant);
    const ranks = random.shuffle(new Float64Array(Math.max(0, to - from)).map((_, i) => i + 1));
    for (let i = from; i < to; i++) {
      bytes[i] = value * (0.5 + random.float());
      traffic[i] = weight * ranks[i - from]! ** -alpha;
    }
  }
  return finish('twitter', options, bytes, traffic, 0.8);
}

/** Against the grain: what is large is cold and what is small is hot, everywhere. */
export function adversarial(options: WorkloadOptions): Workload {
  const random = new Random(options.seed);
  const size = new Float64Array(options.ranges).map(() => random.between(20, 100));
  const traffic = size.map((value) => random.between(110 - value, 130 - value));
  return finish('adversarial', options, size, traffic, 0.5);
}

/** Whole numbers with exactly this sum, in random proportions. */
function cutIntoPieces(random: Random, total: number, pieces: number): Float64Array {
  const parts = new Float64Array(pieces).map(() => -Math.log(1 - random.float()) + 0.05);
  const sum = parts.reduce((a, b) => a + b, 0);
  let used = 0;
  const whole = parts.map((value) => {
    const part = Math.floor((value / sum) * total);
    used += part;
    return part;
  });
  whole[pieces - 1]! += total - used;
  return whole;
}

/** Full drives cut into random pieces, shuffled: the optimum is known, and there is no slack at all. */
export function perfectFit(ranges: number, drives: number, seed: number): Workload {
  const random = new Random(seed);
  const bytes = new Float64Array(ranges);
  const traffic = new Float64Array(ranges);
  for (let d = 0, at = 0; d < drives; d++) {
    const to = Math.floor(((d + 1) * ranges) / drives);
    bytes.set(cutIntoPieces(random, DRIVE_BYTES, to - at), at);
    traffic.set(cutIntoPieces(random, DRIVE_BPS, to - at), at);
    at = to;
  }
  const order = random.shuffle(new Int32Array(ranges).map((_, i) => i));
  return {
    name: `perfect-${drives}`,
    bytes: Float64Array.from(order, (i) => bytes[i]!),
    readBps: new Float64Array(ranges),
    writeBps: Float64Array.from(order, (i) => traffic[i]!),
    optimum: drives,
  };
}

const DRIFT_SECTIONS = 256;

/** How much changes per step; what is absent is as in the benchmark. */
export interface Drift {
  /** Share by which bytes grow. */
  readonly growth?: number;
  /** Spread of a section's traffic around its mean, as the step of a random walk on the logarithm. */
  readonly volatility?: number;
  /** Traffic of the hot stretch over its usual one. */
  readonly heat?: number;
}

/**
 * Traffic at later steps: neighbouring ranges drift together around their mean, as key spaces do, every range grows a little,
 * and at each step one stretch of keys is hot.
 */
export function drift(
  start: Workload,
  steps: number,
  seed: number,
  { growth = 0.002, volatility = 0.1, heat: hot = 3 }: Drift = {},
): Workload[] {
  const random = new Random(seed);
  const count = start.bytes.length;
  const perSection = Math.max(1, Math.ceil(count / DRIFT_SECTIONS));
  const level = new Float64Array(DRIFT_SECTIONS);
  const list: Workload[] = [];
  for (let step = 0; step < steps; step++) {
    for (let s = 0; s < level.length; s++)
      level[s] = 0.9 * level[s]! + volatility * random.normal();
    const spot = random.below(count);
    const width = Math.max(1, Math.floor(count / 200));
    const heat = (i: number): number => (i >= spot && i < spot + width ? hot : 1);
    const levelOf = (i: number): number => level[Math.floor(i / perSection)]!;
    const scale = (column: Float64Array): Float64Array =>
      column.map((value, i) => Math.floor(value * Math.exp(levelOf(i)) * heat(i)));
    list.push({
      name: `${start.name}-step-${step + 1}`,
      bytes: start.bytes.map((value) => Math.floor(value * (1 + growth * (step + 1)))),
      readBps: scale(start.readBps),
      writeBps: scale(start.writeBps),
    });
  }
  return list;
}

/** The workload as CSV, in pieces of some ten thousand lines. */
export function* workloadCsv(workload: Workload): Generator<string> {
  yield 'start,end,bytes,read_bps,write_bps\n';
  const count = workload.bytes.length;
  const width = String(count).length;
  const key = (i: number): string => `user${String(i).padStart(width, '0')}`;
  let lines = '';
  for (let i = 0; i < count; i++) {
    const start = i === 0 ? '' : key(i);
    const end = i === count - 1 ? '' : key(i + 1);
    lines += `${start},${end},${workload.bytes[i]},${workload.readBps[i]},${workload.writeBps[i]}\n`;
    if (lines.length > 1_000_000) {
      yield lines;
      lines = '';
    }
  }
  yield lines;
}
