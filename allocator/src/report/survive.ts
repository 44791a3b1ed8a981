// Whether the drives that stay can take over what one lost drive, or one lost zone, held.
//
// Carried out, not estimated: the lost copies are placed, largest first, on drives with room that hold no other copy of the
// range and lie in no zone that does. What finds a place here proves that recovery is possible; a failure names what lacks.

import type { Ranges } from '../model/ranges.ts';
import { demandOf } from '../plan/demand.ts';
import type { Plan } from '../plan/types.ts';
import { ClusterState } from '../replan/state.ts';

export interface Survival {
  readonly lost: string;
  readonly isSafe: boolean;
  readonly words: string;
}

function freshState(plan: Plan, ranges: Ranges): ClusterState {
  const demand = demandOf(ranges, plan.resources, plan.reads, plan.replicas);
  const lengths = Uint8Array.from(
    { length: ranges.count },
    (_, i) => ranges.replicas?.[i] || plan.replicas,
  );
  const chains = plan.chains.map((chain) => chain.slice());
  return new ClusterState(
    plan.drives.map((drive) => ({ ...drive, isOpen: true })),
    chains,
    demand,
    lengths,
  );
}

function roomFor(
  state: ClusterState,
  copy: number,
  isLost: (d: number) => boolean,
  from: number,
): number {
  const drives = state.drives.length;
  for (let step = 0; step < drives; step++) {
    const d = (from + step) % drives;
    if (isLost(d) || state.clashes(copy, d)) continue;
    const fits = state.loads.every(
      (load, r) => load[d]! + state.demand(r, copy) <= state.drives[d]!.capacity[r]!,
    );
    if (fits) return d;
  }
  return -1;
}

function lose(
  state: ClusterState,
  copies: number[],
  name: string,
  isLost: (d: number) => boolean,
): Survival {
  copies.sort((a, b) => state.demand(0, b) - state.demand(0, a) || a - b);
  const undo: [number, number][] = [];
  let at = 0;
  let homeless = 0;
  for (const copy of copies) {
    const before = state.driveOf(copy);
    state.move(copy, -1);
    undo.push([copy, before]);
    const d = roomFor(state, copy, isLost, at);
    if (d < 0) {
      homeless++;
      break;
    }
    state.move(copy, d);
    at = d + 1;
  }
  for (const [copy, before] of undo.reverse()) state.move(copy, before);
  const isSafe = homeless === 0;
  return {
    lost: name,
    isSafe,
    words: isSafe
      ? `without ${name} the other drives can take over all ${copies.length} ranges`
      : `without ${name} not all of its ${copies.length} ranges find a place; plan with more headroom or drives`,
  };
}

/** Loses every drive, or every zone, in turn; full capacity may be used in the emergency, headroom included. */
export function surviveLosses(plan: Plan, ranges: Ranges, unit: 'drive' | 'zone'): Survival[] {
  const state = freshState(plan, ranges);
  const lists = state.copiesByDrive();
  if (unit === 'drive') {
    return plan.drives.map((drive, d) => lose(state, lists[d]!, drive.id, (other) => other === d));
  }
  const zones = [...new Set(plan.drives.map((drive) => drive.zone))];
  return zones.map((zone) => {
    const isLost = (d: number): boolean => plan.drives[d]!.zone === zone;
    const copies = plan.drives.flatMap((_, d) => (isLost(d) ? lists[d]! : []));
    return lose(state, copies, `zone ${zone}`, isLost);
  });
}
