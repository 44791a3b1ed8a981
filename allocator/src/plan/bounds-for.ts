// Bounds on their own, without a plan: what `piton-allocate bound` prints and what a capacity planner asks first.

import type { Bound } from '../bounds/bound.ts';
import { inventoryBounds } from '../bounds/sums.ts';
import { ColumnGeneration, PatternPool } from '../coarse/columns.ts';
import { coarseItems } from '../coarse/items.ts';
import { constructAll } from '../coarse/portfolio.ts';
import { Budget } from '../packing/budget.ts';
import { exactSum, packingFrom } from '../packing/packing.ts';
import { candidatesOf } from './candidates.ts';
import { demandOf, wholeDemand } from './demand.ts';
import { layerBounds } from './layer.ts';
import type { PlanInput, PlanOptions, PlanTools } from './types.ts';

const EXACT_ITEMS_MAX = 1200;

/** Column generation to the end, or to the end of the budget. */
function pricesBound(
  packing: ReturnType<typeof packingFrom>,
  capacity: readonly number[],
  budget: Budget,
  tools: PlanTools,
): Bound | undefined {
  if (tools.solver === undefined || packing.count > EXACT_ITEMS_MAX) return undefined;
  const items = coarseItems(packing, capacity);
  const solutions = constructAll(items, budget);
  const pool = new PatternPool(40_000);
  for (const solution of solutions) pool.add(solution);
  const columns = new ColumnGeneration(items, tools.solver, pool);
  try {
    columns.run(solutions[0]!.length, budget);
  } finally {
    columns.close();
  }
  const { drives, prices, perDrive } = columns.best;
  if (drives === 0) return undefined;
  const words = `priced range by range, no drive can hold more than 1/${drives} of the value: ${drives} drives`;
  return { name: 'column generation', drives, words, proof: { kind: 'prices', prices, perDrive } };
}

/** All bounds that apply; with replicas only those that count every copy. */
export function boundsFor(input: PlanInput, options: PlanOptions, tools: PlanTools = {}): Bound[] {
  const { resources } = input.drives;
  const replicas = options.replicas ?? 1;
  const headroom = options.headroom ?? resources.map(() => 0);
  const candidates = candidatesOf(input.drives, headroom);
  const demand = demandOf(input.ranges, resources, options.reads ?? 'tail', replicas);
  const budget = new Budget(options.steps ?? 3_000_000_000, tools.shouldStop);
  const copies = (i: number): number => input.ranges.replicas?.[i] || replicas;
  const isReplicated = replicas > 1 || input.ranges.replicas !== undefined;
  const columns = isReplicated
    ? demand.base.map((column, r) =>
        column.map((value, i) => value * copies(i) + demand.tail[r]![i]!),
      )
    : wholeDemand(demand);
  if (candidates.isFinite() && !candidates.areEqual) {
    return inventoryBounds(columns.map(exactSum), resources, candidates.finite());
  }
  const capacity = resources.map((_, r) => candidates.largest(r));
  const packing = packingFrom(columns, input.ranges.joins, capacity);
  const bounds = layerBounds({ resources, budget }, packing, capacity);
  if (isReplicated) return bounds.filter((bound) => bound.proof.kind === 'sum');
  const exact = pricesBound(packing, capacity, budget, tools);
  return exact === undefined ? bounds : [...bounds, exact];
}
