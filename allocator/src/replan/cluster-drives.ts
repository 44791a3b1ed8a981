// The drives of a re-planning: those that are listed, and those that the placement names beside them. A drive that is
// neither listed nor of a known type may lose copies but gets none.

import { usableCapacity } from '../model/drives.ts';
import type { PlanInput } from '../plan/types.ts';
import type { ClusterDrive } from './state.ts';

export function clusterDrives(
  input: PlanInput,
  headroom: readonly number[],
  known: Set<string>,
): ClusterDrive[] {
  const drives: ClusterDrive[] = input.drives.drives.map((drive) => ({
    id: drive.id,
    zone: drive.zone,
    capacity: drive.capacity,
    usable: Array.from(usableCapacity(drive.capacity, headroom)),
    cost: drive.cost,
    isOpen: drive.state !== 'drain',
  }));
  const listed = new Set(drives.map((drive) => drive.id));
  for (const id of known) {
    if (listed.has(id)) continue;
    const type = input.drives.types.find((candidate) => id.startsWith(`${candidate.model}-`));
    const zone = /-(z[0-9]+)-[0-9]+$/.exec(id)?.[1] ?? type?.zone ?? '';
    const capacity = type?.capacity ?? input.drives.resources.map(() => 0);
    const usable = Array.from(usableCapacity(capacity, headroom));
    drives.push({ id, zone, capacity, usable, cost: type?.cost ?? 0, isOpen: type !== undefined });
  }
  return drives;
}
