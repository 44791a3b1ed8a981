// What a registration does to a drive's rights: the part of its entry that leases are about.
//
// A registration ends a fence: the number stays, the drive is a member again, and is told every record
// that was persisted before. It runs in the serial order of state changes, so a record that is changed
// after it meets a member.
//
// A new life of the drive begins without a lease, and the process before it is dead (it held the lock of
// the data folder). So only then may older witness sets and longer leases be forgotten.

import { type Fence, fence, type RegisterDrive, type WitnessSet } from '@piton/protocol';
import { type DriveEntry, DriveState } from '../state/entries.ts';
import { isSameSet, type PlannedSet } from './plan-witnesses.ts';

export type Rights = Pick<
  DriveEntry,
  'state' | 'fence' | 'isFenceComplete' | 'leaseMs' | 'witnessSets'
>;

const FIRST_FENCE: Fence = fence(1);

export function rightsAfterRegistration(
  request: Pick<RegisterDrive, 'incarnation' | 'folderId'>,
  known: DriveEntry | undefined,
  leaseMs: number,
  plan: () => PlannedSet,
): Rights {
  const state = DriveState.member;
  const isFenceComplete = false;
  if (known === undefined) {
    const witnessSets = [{ ...plan(), generation: 1 }];
    return { state, fence: FIRST_FENCE, isFenceComplete, leaseMs, witnessSets };
  }
  const isSameFolder = request.folderId === known.folderId;
  // Another folder under this name: what is left of the old one gets no lease any more.
  const number = isSameFolder ? known.fence : nextFence(known);
  if (isSameFolder && request.incarnation === known.incarnation && known.witnessSets.length > 0) {
    const longest = Math.max(leaseMs, known.leaseMs);
    const { witnessSets } = known;
    return { state, fence: number, isFenceComplete, leaseMs: longest, witnessSets };
  }
  const newest = withSet(known.witnessSets, plan()).slice(-1);
  return { state, fence: number, isFenceComplete, leaseMs, witnessSets: newest };
}

/** Step one of a fence. */
export function fenced(entry: DriveEntry): DriveEntry {
  return { ...entry, state: DriveState.fenced, fence: nextFence(entry), isFenceComplete: false };
}

function nextFence(entry: DriveEntry): Fence {
  return fence(entry.fence + 1);
}

/** The sets with a planned one at the end; the same list when that one is there already. */
export function withSet(sets: readonly WitnessSet[], planned: PlannedSet): readonly WitnessSet[] {
  const newest = sets.at(-1);
  if (newest !== undefined && isSameSet(newest, planned)) return sets;
  return [...sets, { ...planned, generation: (newest?.generation ?? 0) + 1 }];
}

/** For people: where a drive stands. */
export const RightsView = {
  member: 'member',
  /** Its rights are being taken away. */
  fencing: 'fencing',
  fenced: 'fenced',
} as const;
export type RightsView = (typeof RightsView)[keyof typeof RightsView];

export function rightsViewOf({ state, isFenceComplete }: DriveEntry): RightsView {
  if (state === DriveState.member) return RightsView.member;
  return isFenceComplete ? RightsView.fenced : RightsView.fencing;
}

export function isSameRights(a: Rights, b: Rights): boolean {
  return (
    a.state === b.state &&
    a.fence === b.fence &&
    a.isFenceComplete === b.isFenceComplete &&
    a.leaseMs === b.leaseMs &&
    a.witnessSets.length === b.witnessSets.length &&
    a.witnessSets.every((set, at) => set.generation === b.witnessSets[at]?.generation)
  );
}
