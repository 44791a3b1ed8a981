// For every fault point of the metadata server: what has to go on in a cluster so that the point is passed. The type
// of the table keeps it whole: a point that is new and has no scene does not compile.

import type { FaultPoint } from '@piton/metaserver';
import type { FaultName } from '../faults/registry.ts';
import { planFor, type SeedPlan } from '../seed/plan.ts';
import type { ChangeKind } from '../workload/changes.ts';
import type { DeathPlan } from './deaths.ts';

export interface Scene {
  readonly changes: readonly ChangeKind[];
  readonly faults?: readonly FaultName[];
  /** A drive dies soon after this point. */
  readonly unrestAt?: FaultPoint;
}

const PEACE: Scene = { changes: [] };
const SPLIT: Scene = { changes: ['split'] };
const BROKEN_SPLIT: Scene = { changes: ['split'], unrestAt: 'split.persisted' };
const MOVE: Scene = { changes: ['move'] };
const BROKEN_MOVE: Scene = { changes: ['move', 'cancel'], unrestAt: 'move.syncing' };
const DEATHS: Scene = { changes: ['split'], faults: ['crash'] };
const BROKEN_REPAIR: Scene = { changes: [], faults: ['crash'], unrestAt: 'repair.syncing' };
const DRAIN: Scene = { changes: ['drain', 'cancel-drain'] };
const REBALANCE: Scene = { changes: ['split', 'join', 'rebalance'] };
const MERGE: Scene = { changes: ['split', 'merge'] };
const BROKEN_MERGE: Scene = {
  changes: ['split', 'merge', 'merge', 'cancel'],
  unrestAt: 'merge.persisted',
};
const BROKEN_JOIN: Scene = { changes: ['split', 'merge'], unrestAt: 'merge.headMerged' };

export const SCENES: Readonly<Record<FaultPoint, Scene>> = {
  'createKeyspace.accepted': PEACE,
  'createKeyspace.planned': PEACE,
  'createKeyspace.installed': PEACE,
  'split.accepted': SPLIT,
  'split.persisted': SPLIT,
  'split.cut': SPLIT,
  'split.directPersisted': BROKEN_SPLIT,
  'split.directTold': BROKEN_SPLIT,
  'split.backPersisted': BROKEN_SPLIT,
  'split.backTold': BROKEN_SPLIT,
  'move.accepted': MOVE,
  'move.persisted': MOVE,
  'move.syncing': MOVE,
  'move.copied': MOVE,
  'move.handoverPersisted': MOVE,
  'move.losersTold': MOVE,
  'move.installed': MOVE,
  'move.published': MOVE,
  'move.abortPersisted': BROKEN_MOVE,
  'repair.accepted': DEATHS,
  'repair.persisted': DEATHS,
  'repair.syncing': DEATHS,
  'repair.copied': DEATHS,
  'repair.handoverPersisted': DEATHS,
  'repair.losersTold': DEATHS,
  'repair.installed': DEATHS,
  'repair.published': DEATHS,
  'repair.abortPersisted': BROKEN_REPAIR,
  'removal.persisted': DEATHS,
  'removal.losersTold': DEATHS,
  'removal.installed': DEATHS,
  'removal.published': DEATHS,
  'drain.accepted': DRAIN,
  'drain.moveBegun': DRAIN,
  'drain.emptied': DRAIN,
  'drain.cancelled': DRAIN,
  'rebalance.accepted': REBALANCE,
  'rebalance.moveBegun': REBALANCE,
  'rebalance.ended': REBALANCE,
  'merge.accepted': MERGE,
  'merge.persisted': MERGE,
  'merge.headMerged': MERGE,
  'merge.joining': MERGE,
  'merge.joinPersisted': BROKEN_JOIN,
  'merge.joined': MERGE,
  'merge.backPersisted': BROKEN_MERGE,
  'merge.backTold': BROKEN_MERGE,
};

const SPAN_MS = 4_000;
const OPERATIONS = 60;

/** A short run with a scene and a death in it. */
export function planForScene(seed: number, scene: Scene, death: DeathPlan): SeedPlan {
  const plan = planFor(seed, { operations: OPERATIONS });
  const drives = Array.from({ length: 4 }, (_, at) => plan.drives[at] ?? plan.drives[0]);
  return {
    ...plan,
    drives: drives as SeedPlan['drives'],
    spares: (plan.drives[0] === undefined ? [] : [plan.drives[0]]) as SeedPlan['drives'],
    replicas: 3,
    leaseMs: 1_000,
    repairAfterMs: 300,
    patienceMs: 2_000,
    balances: false,
    thinkMs: (SPAN_MS * plan.clients * plan.workersPerClient) / OPERATIONS,
    losesDrive: false,
    changes: { everyMs: 350, kinds: scene.changes, rangesMax: 6, openDrivesMin: 3 },
    faults: { names: scene.faults ?? [], everyMs: 700, atOnceMax: 1 },
    death: { ...death, unrestAt: scene.unrestAt },
  };
}
