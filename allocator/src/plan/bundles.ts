// Ranges of one group become one item, and ranges pinned to a drive get their bin before anything else is placed.
//
// A bundle stands at the place of its first range. It joins its neighbours only when it is a single range: a scattered
// bundle is an interruption of the key order anyway.

export interface Bundles {
  readonly count: number;
  /** Bundle of each item. */
  readonly of: Int32Array;
  readonly columns: readonly Float64Array[];
  readonly joins: Uint8Array;
}

export function bundle(
  columns: readonly Float64Array[],
  joins: Uint8Array,
  groups: readonly string[] | undefined,
): Bundles {
  const count = joins.length;
  const of = new Int32Array(count);
  if (groups === undefined) {
    for (let i = 0; i < count; i++) of[i] = i;
    return { count, of, columns, joins };
  }
  const seen = new Map<string, number>();
  const sizes: number[] = [];
  for (let i = 0; i < count; i++) {
    const group = groups[i]!;
    const known = group === '' ? undefined : seen.get(group);
    const b = known ?? sizes.length;
    if (known === undefined) {
      sizes.push(0);
      if (group !== '') seen.set(group, b);
    }
    of[i] = b;
    sizes[b]!++;
  }
  const bundledJoins = new Uint8Array(sizes.length);
  for (let i = 1; i < count; i++) {
    const b = of[i]!;
    const isSingle = sizes[b] === 1 && sizes[of[i - 1]!] === 1 && of[i - 1] === b - 1;
    if (isSingle) bundledJoins[b] = joins[i]!;
  }
  const sums = columns.map((column) => {
    const sum = new Float64Array(sizes.length);
    for (let i = 0; i < count; i++) sum[of[i]!]! += column[i]!;
    return sum;
  });
  return { count: sizes.length, of, columns: sums, joins: bundledJoins };
}

/** Drive per bundle as wanted by the pins of its ranges (-1: free); undefined when no range is pinned. */
export function pinnedBins(
  bundles: Bundles,
  pins: readonly string[] | undefined,
  binOfDrive: ReadonlyMap<string, number>,
): Int32Array | undefined {
  if (pins === undefined || pins.every((pin) => pin === '')) return undefined;
  const fixed = new Int32Array(bundles.count).fill(-1);
  pins.forEach((pin, i) => {
    const bin = binOfDrive.get(pin);
    if (bin !== undefined) fixed[bundles.of[i]!] = bin;
  });
  return fixed;
}
