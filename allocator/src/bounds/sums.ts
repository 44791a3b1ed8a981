// Sum bounds: what all ranges need together, against what drives offer together. The bound of the source paper, for equal
// drives; with different drives the k largest capacities of each resource must reach that resource's total.

import { formatQuantity } from '../model/units.ts';
import type { Packing } from '../packing/packing.ts';
import { type Bound, ceilDivide } from './bound.ts';

function inWords(resource: string, total: bigint, capacity: number, drives: number): string {
  const need = formatQuantity(resource, Number(total));
  const each = formatQuantity(resource, capacity);
  return `${resource}: ${need} in all / ${each} usable per drive = ${drives} drives`;
}

/** One bound per resource for drives that are all alike. */
export function sumBounds(
  packing: Packing,
  resources: readonly string[],
  capacity: ArrayLike<number>,
): Bound[] {
  return resources.map((resource, r) => {
    const total = packing.totals[r]!;
    const drives = ceilDivide(total, capacity[r]!);
    return {
      name: `sum of ${resource}`,
      drives,
      words: inWords(resource, total, capacity[r]!, drives),
      proof: { kind: 'sum', resource, total: String(total), capacity: capacity[r]! },
    };
  });
}

/** Fewest of the given drives whose largest capacities reach every total; more than all of them when none do. */
export function inventoryBounds(
  totals: readonly bigint[],
  resources: readonly string[],
  capacities: readonly ArrayLike<number>[],
): Bound[] {
  return resources.map((resource, r) => {
    const sorted = Float64Array.from(capacities, (capacity) => capacity[r]!)
      .sort()
      .reverse();
    let missing = totals[r]!;
    let drives = 0;
    while (missing > 0n && drives < sorted.length) missing -= BigInt(sorted[drives++]!);
    if (missing > 0n) drives++;
    const need = formatQuantity(resource, Number(totals[r]!));
    return {
      name: `largest drives by ${resource}`,
      drives,
      words:
        missing > 0n
          ? `${resource}: all ${sorted.length} drives together lack ${formatQuantity(resource, Number(missing))} of ${need}`
          : `${resource}: the ${drives} largest drives are the fewest that reach ${need}`,
      proof: { kind: 'inventory', resource, total: String(totals[r]!) },
    };
  });
}
