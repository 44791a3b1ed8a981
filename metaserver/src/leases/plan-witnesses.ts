// Who should be the witnesses of a drive. Pure: the same picture gives the same set.
//
// The smallest odd set whose majority survives one loss (two in larger clusters), with the metadata
// server in it wherever there is another drive (docs/decisions/0008). What is in use stays in use:
// only witnesses that are gone are replaced, and new ones are taken where they have the least to do, in
// other zones where that costs little. The size follows the drives that can be counted on, so
// that a cluster that shrank to two or one still renews its leases.

import { createHash } from 'node:crypto';
import type { DriveId, WitnessSet } from '@piton/protocol';

export interface WitnessCandidate {
  readonly drive: DriveId;
  readonly zone: string;
  /** Drives that it is a witness of. */
  watchedCount: number;
}

export type PlannedSet = Omit<WitnessSet, 'generation'>;

/** A second witness in one zone is as bad as this many more drives to watch. */
const ZONE_WEIGHT = 4;

function othersFor(driveCount: number): number {
  if (driveCount < 3) return driveCount - 1;
  return driveCount < 5 ? 2 : 4;
}

/**
 * `present`: drives that are connected, with or without this one. `mayReturn`: whether a witness that is
 * not may be back soon; it keeps its place.
 */
export function planWitnesses(
  drive: DriveId,
  current: WitnessSet | undefined,
  present: ReadonlyMap<DriveId, WitnessCandidate>,
  mayReturn: (witness: DriveId) => boolean,
): PlannedSet {
  const kept = (current?.drives ?? []).filter((id) => id !== drive);
  const waitedFor = kept.filter((id) => !present.has(id) && mayReturn(id));
  const othersPresent = present.size - (present.has(drive) ? 1 : 0);
  const driveCount = 1 + othersPresent + waitedFor.length;
  const wanted = othersFor(driveCount);
  // Who is here comes first when the set gets smaller.
  const chosen = [...kept.filter((id) => present.has(id)), ...waitedFor].slice(0, wanted);
  while (chosen.length < wanted) chosen.push(next(drive, present, chosen));
  if (driveCount <= 2) chosen.push(drive);
  return { hasMetadataServer: driveCount > 1, drives: chosen.sort() };
}

function next(
  drive: DriveId,
  present: ReadonlyMap<DriveId, WitnessCandidate>,
  chosen: readonly DriveId[],
): DriveId {
  const zones = chosen.map((id) => present.get(id)?.zone);
  let best: DriveId | undefined;
  let bestCost = Infinity;
  for (const { drive: id, zone, watchedCount } of present.values()) {
    if (id === drive || chosen.includes(id)) continue;
    const cost = watchedCount + ZONE_WEIGHT * zones.filter((other) => other === zone).length;
    const isBetter =
      best === undefined || cost < bestCost || (cost === bestCost && isNearer(drive, id, best));
    if (!isBetter) continue;
    best = id;
    bestCost = cost;
  }
  if (best === undefined) throw new Error('witnesses: fewer drives than were counted');
  return best;
}

/** Breaks ties, the same way each time, and otherwise for each drive. */
function isNearer(drive: DriveId, a: DriveId, b: DriveId): boolean {
  const place = (id: DriveId): string => createHash('sha1').update(`${drive} ${id}`).digest('hex');
  return place(a) < place(b);
}

export function isSameSet(a: PlannedSet, b: PlannedSet): boolean {
  return (
    a.hasMetadataServer === b.hasMetadataServer &&
    a.drives.length === b.drives.length &&
    a.drives.every((drive) => b.drives.includes(drive))
  );
}
