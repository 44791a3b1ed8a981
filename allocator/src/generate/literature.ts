// Instances of the packing literature, generated anew from their published rules with our own seeds.
//
// Caprara and Toth (ten classes, two resources), Panigrahy and others (P1-P9) and Mommessin and others (I1-I6, TF, TC) for any
// number of resources. Triplets have a known optimum, a third of the items; every instance is shuffled, since the order in which
// triplets are made would give the answer away. Class 9's rule for the number of drives is not published: ours is inferred.

import { Random } from '../packing/random.ts';

export interface Instance {
  readonly name: string;
  readonly capacity: readonly number[];
  readonly demands: readonly Float64Array[];
  /** Optimal number of drives where the construction fixes it. */
  readonly optimum?: number;
}

type Rows = number[][];

function finish(
  name: string,
  capacity: number[],
  rows: Rows,
  random: Random,
  optimum?: number,
): Instance {
  random.shuffle(rows);
  const demands = capacity.map((_, r) => Float64Array.from(rows, (row) => row[r]!));
  return { name, capacity, demands, ...(optimum !== undefined && { optimum }) };
}

function uniformRows(random: Random, n: number, d: number, low: number, high: number): Rows {
  return Array.from({ length: n }, () =>
    Array.from({ length: d }, () => random.between(low, high)),
  );
}

/** Pairs of resources that go with, or against, each other; a last single one is free. */
function pairedRows(random: Random, n: number, d: number, high: number, isOpposed: boolean): Rows {
  return Array.from({ length: n }, () => {
    const row: number[] = [];
    while (row.length < d) {
      const first = random.between(20, high);
      row.push(first);
      if (row.length === d) break;
      row.push(
        isOpposed
          ? random.between(110 - first, 130 - first)
          : random.between(first - 10, first + 10),
      );
    }
    return row;
  });
}

function tripletRows(random: Random, triplets: number, d: number, isFlat: boolean): Rows {
  const rows: Rows = [];
  for (let t = 0; t < triplets; t++) {
    const three: Rows = [[], [], []];
    for (let r = 0; r < d; r++) {
      const a = isFlat ? random.between(38, 49) : random.between(25, 50);
      const b = isFlat ? random.between(25, Math.floor((100 - a) / 2)) : random.between(25, 50);
      const parts = [a, b, 100 - a - b];
      for (const [k, row] of three.entries()) row.push(parts[k]!);
    }
    rows.push(...three);
  }
  return rows;
}

const UNIFORM: Readonly<Record<number, readonly [number, number, number]>> = {
  1: [1000, 100, 400],
  2: [1000, 1, 1000],
  3: [1000, 200, 800],
  4: [1000, 50, 200],
  5: [1000, 25, 100],
  6: [150, 20, 100],
};

export function capraraToth(kind: number, n: number, seed: number): Instance {
  const random = new Random(seed * 1000 + kind * 100_003 + n);
  const name = `ct-${kind}-${n}-${seed}`;
  const uniform = UNIFORM[kind];
  if (uniform !== undefined) {
    const [capacity, low, high] = uniform;
    return finish(name, [capacity, capacity], uniformRows(random, n, 2, low, high), random);
  }
  if (kind === 7) return finish(name, [150, 150], pairedRows(random, n, 2, 100, false), random);
  if (kind === 8) return finish(name, [150, 150], pairedRows(random, n, 2, 100, true), random);
  if (kind === 9) {
    const rows = uniformRows(random, n, 2, 100, 400);
    const sums = [0, 1].map((r) => rows.reduce((sum, row) => sum + row[r]!, 0));
    const k = Math.max(...sums.map((sum) => Math.ceil(sum / 1000)));
    return finish(
      name,
      sums.map((sum) => Math.ceil(sum / k)),
      rows,
      random,
    );
  }
  if (kind !== 10) throw new RangeError(`expected a class from 1 to 10, got ${kind}`);
  const triplets = Math.floor(n / 3);
  return finish(name, [100, 100], tripletRows(random, triplets, 2, false), random, triplets);
}

function ballRows(random: Random, n: number, d: number): Rows {
  const rows: Rows = [];
  while (rows.length < n) {
    const counts = new Array<number>(d).fill(0);
    for (let ball = 0; ball < 2 * d; ball++) counts[random.below(d)]!++;
    const size = random.between(10, 40);
    const row = counts.map((count) => size * count + random.between(0, 1));
    if (row.every((value) => value <= 100) && row.some((value) => value > 0)) rows.push(row);
  }
  return rows;
}

function oneHotRows(random: Random, n: number, d: number): Rows {
  return Array.from({ length: n }, (_, i) => {
    const large = Math.min(d - 1, Math.floor(i / Math.floor(n / d)));
    return Array.from({ length: d }, (_unused, r) =>
      r === large ? random.between(50, 100) : random.between(0, 25),
    );
  });
}

function within(random: Random, mean: number, deviation: number): number {
  for (;;) {
    const value = Math.round(mean + deviation * random.normal());
    if (value >= 0 && value <= 100) return value;
  }
}

function fewLargeRows(random: Random, n: number, d: number, means: readonly number[]): Rows {
  const [large = 0, small = 0, deviation = 0] = means;
  const columns = Array.from({ length: d }, () => {
    const wanted = Math.round(0.1 * n + Math.sqrt(n / 4) * random.normal());
    const count = Math.min(n, Math.max(0, wanted));
    return random.shuffle(
      Array.from({ length: n }, (_, i) => within(random, i < count ? large : small, deviation)),
    );
  });
  return Array.from({ length: n }, (_, i) => columns.map((column) => column[i]!));
}

const NORMAL: Readonly<Record<string, readonly number[]>> = {
  I4: [70, 30, 15],
  I5: [80, 20, 10],
  I6: [70, 15, 10],
};

/** kind: P1-P9, I1-I6, TF, TC. */
export function mommessin(kind: string, n: number, d: number, seed: number): Instance {
  const random = new Random(seed * 7919 + n * 31 + d * 1_000_003 + kind.charCodeAt(1) * 104_729);
  const name = `${kind.toLowerCase()}-${d}-${n}-${seed}`;
  const capacity = (value: number): number[] => new Array<number>(d).fill(value);
  const make = (value: number, rows: Rows): Instance => finish(name, capacity(value), rows, random);
  if (kind === 'TF' || kind === 'TC') {
    const triplets = Math.floor(n / 3);
    const rows = tripletRows(random, triplets, d, kind === 'TF');
    return finish(name, capacity(100), rows, random, triplets);
  }
  const number = Number(kind.slice(1));
  const uniform = UNIFORM[number];
  if (kind.startsWith('P') && uniform !== undefined) {
    return make(uniform[0], uniformRows(random, n, d, uniform[1], uniform[2]));
  }
  if (kind === 'P7') return make(150, pairedRows(random, n, d, 99, false));
  if (kind === 'P8') return make(150, pairedRows(random, n, d, 99, true));
  if (kind === 'P9') return make(100, ballRows(random, n, d));
  if (kind === 'I1') return make(100, oneHotRows(random, n, d));
  if (kind === 'I2' || kind === 'I3') {
    const [mean, deviation] = kind === 'I2' ? [20, 10] : [30, 15];
    return make(
      100,
      Array.from({ length: n }, () =>
        Array.from({ length: d }, () => within(random, mean, deviation)),
      ),
    );
  }
  const means = NORMAL[kind];
  if (means === undefined)
    throw new RangeError(`expected a class P1-P9, I1-I6, TF or TC, got ${kind}`);
  return make(100, fewLargeRows(random, n, d, means));
}
