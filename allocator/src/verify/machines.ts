// Which drives exist, and what each may hold: the drives file read once more, from the verifier's point of view.

import type { DriveSet } from '../model/drives.ts';

export interface Machine {
  readonly zone: string;
  readonly capacity: readonly number[];
  /** Index entries at most; 0 for any number. */
  readonly maxRanges: number;
}

/** What is left of a capacity when a share of it stays free, in whole units. */
export function afterHeadroom(capacity: number, share: number): number {
  return Math.floor(share === 0 ? capacity : capacity * (1 - share));
}

/** A type's machines are numbered from 1, without leading zeros: a machine must not have two names. */
const NUMBERED = /^(.+?)(?:-(z[1-9][0-9]*))?-([1-9][0-9]*)$/;

/** Finds a machine by its id; drained ones and those beyond a type's count do not exist. */
export function machinesOf(set: DriveSet): (id: string) => Machine | undefined {
  const listed = new Map<string, Machine>();
  for (const drive of set.drives) if (drive.state !== 'drain') listed.set(drive.id, drive);
  return (id) => {
    const known = listed.get(id);
    if (known !== undefined) return known;
    const [, model, zone, number] = NUMBERED.exec(id) ?? [];
    const type = set.types.find((candidate) => candidate.model === model);
    if (type === undefined) return undefined;
    if (type.count !== null && (zone !== undefined || Number(number) > type.count))
      return undefined;
    return { zone: zone ?? type.zone, capacity: type.capacity, maxRanges: type.maxRanges };
  };
}

/** Capacities, after headroom, of every machine that there is; undefined where a type is unlimited. */
export function inventory(
  set: DriveSet,
  headroom: readonly number[],
): (readonly number[])[] | undefined {
  if (set.types.some((type) => type.count === null)) return undefined;
  const whole = [
    ...set.drives.filter((drive) => drive.state !== 'drain'),
    ...set.types.flatMap((type) => Array.from({ length: type.count ?? 0 }, () => type)),
  ];
  return whole.map(({ capacity }) => capacity.map((c, r) => afterHeadroom(c, headroom[r] ?? 0)));
}
