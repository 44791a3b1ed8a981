// Fewer index entries on as many drives, after the number of drives is decided.
//
// Fine ranges need nothing here: arcs leave two entries per drive. Ranges of middling size are packed once more with neighbours
// merged as coarsely as the drives permit; after that, or where ranges are large, stretches change places until neighbours meet.

import { packMerged } from '../coarse/merged.ts';
import { rejoin } from '../fine/rejoin.ts';
import type { Budget } from '../packing/budget.ts';
import { countRuns, equalBins, type Packing } from '../packing/packing.ts';
import { Random } from '../packing/random.ts';

const MERGED_ITEMS_MAX = 100_000;
/** With fewer ranges per drive there is nothing to merge. */
const MERGED_PER_DRIVE_MIN = 8;
const REJOINED_ITEMS_MAX = 20_000;
const REJOIN_STEPS_PER_ITEM = 100_000;

/** An assignment to as many equal drives with fewer entries, or the same one. */
export function saveEntries(
  packing: Packing,
  capacity: readonly number[],
  binOf: Int32Array,
  seed: number,
  budget: Budget,
): Int32Array {
  const { count, joins } = packing;
  const drives = binOf.reduce((most, b) => Math.max(most, b + 1), 0);
  let best = binOf;
  const entries = countRuns(joins, best);
  const isMiddling = count <= MERGED_ITEMS_MAX && count >= drives * MERGED_PER_DRIVE_MIN;
  if (isMiddling && entries > 2.5 * drives) {
    best = packMerged(packing, capacity, drives, entries, seed, budget.part(budget.left)) ?? best;
  }
  if (count > REJOINED_ITEMS_MAX || countRuns(joins, best) <= 2 * drives) return best;
  const bins = equalBins(packing, capacity, drives);
  const own = budget.part(count * REJOIN_STEPS_PER_ITEM);
  return rejoin(packing, bins, best, new Random(seed), own) ?? best;
}
