// Moments in which a process may die, by name, so that a run can be asked for again:
//
//   move.copied          the server, at this fault point
//   commit:17            the server, behind the 17th commit of its catalog, whatever that wrote
//   flush:2:31           the third drive, behind its 31st flush
//
// each with `+all` behind it when all drives lose their power as well. Fault points have scenes that reach them;
// commits and flushes are counted through one run in which everything changes.

import { FAULT_POINTS, type FaultPoint } from '@piton/metaserver';
import type { SeedPlan } from '../seed/plan.ts';
import { CHANGE_KINDS } from '../workload/changes.ts';
import type { DeathPlan } from './deaths.ts';
import { planForScene, SCENES, type Scene } from './scenes.ts';

export const ALL_SUFFIX = '+all';
const EVERYTHING: Scene = { changes: CHANGE_KINDS, faults: ['crash'] };

/** Undefined: there is no such moment. */
export function deathAt(moment: string): DeathPlan | undefined {
  const takesDrives = moment.endsWith(ALL_SUFFIX);
  const name = takesDrives ? moment.slice(0, -ALL_SUFFIX.length) : moment;
  if (isPoint(name)) return { point: name, takesDrives };
  const [kind, first, second] = name.split(':');
  if (kind === 'commit' && isCount(first)) return { commit: Number(first), takesDrives };
  if (kind !== 'flush' || !isCount(second) || !/^\d$/.test(first ?? '')) return undefined;
  return { flush: { drive: Number(first), count: Number(second) }, takesDrives };
}

function isPoint(name: string): name is FaultPoint {
  return (FAULT_POINTS as readonly string[]).includes(name);
}

function isCount(text: string | undefined): boolean {
  return text !== undefined && /^[1-9]\d{0,6}$/.test(text);
}

export function planForMoment(seed: number, moment: string): SeedPlan {
  const death = deathAt(moment);
  if (death === undefined) throw new Error(`there is no moment ${moment}`);
  const scene = death.point === undefined ? EVERYTHING : SCENES[death.point];
  return planForScene(seed, scene, death);
}

/** As `planForMoment`, and nobody dies. */
export function planForNothing(seed: number): SeedPlan {
  return planForScene(seed, EVERYTHING, {});
}
