// What a plan loads on each drive, summed from the ranges anew.

import type { Ranges } from '../model/ranges.ts';
import { demandOf } from './demand.ts';
import type { Plan } from './types.ts';

type Loaded = Pick<Plan, 'chains' | 'drives' | 'resources' | 'reads' | 'replicas'>;

/** loads[r][d], as doubles: exact as long as a drive's load is below 2^53. */
export function planLoads(plan: Loaded, ranges: Ranges): Float64Array[] {
  const demand = demandOf(ranges, plan.resources, plan.reads, plan.replicas);
  return plan.resources.map((_, r) => {
    const base = demand.base[r]!;
    const tail = demand.tail[r]!;
    const load = new Float64Array(plan.drives.length);
    plan.chains.forEach((chain, j) => {
      for (let i = 0; i < chain.length; i++) {
        if (chain[i]! < 0) continue;
        const isTail = j === (ranges.replicas?.[i] || plan.replicas) - 1;
        load[chain[i]!]! += isTail ? base[i]! + tail[i]! : base[i]!;
      }
    });
    return load;
  });
}
