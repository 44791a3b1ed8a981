// The drives a packing may use: a list of machines, or a type without limit.
//
// A drained drive is no candidate. Where replicas must be apart but no zones are named, drives are dealt into as many artificial
// zones as useful: each drive its own while there are few, since that leaves the most freedom, else sixteen groups.

import { type Drive, type DriveSet, type DriveType, usableCapacity } from '../model/drives.ts';

const ARTIFICIAL_ZONES_MAX = 16;

export interface Candidate {
  readonly id: string;
  readonly zone: string;
  readonly capacity: readonly number[];
  readonly usable: readonly number[];
  readonly maxRanges: number;
  readonly cost: number;
}

export class Candidates {
  readonly list: readonly Candidate[];
  /** A drive type to be taken as often as needed, up to `typeMax`. */
  readonly type: Candidate | undefined;
  readonly typeMax: number;

  constructor(list: readonly Candidate[], type: Candidate | undefined, typeMax: number) {
    this.list = list;
    this.type = type;
    this.typeMax = typeMax;
  }

  isFinite(): boolean {
    return this.type === undefined;
  }

  largest(r: number): number {
    const start = this.type?.usable[r] ?? 0;
    return this.list.reduce((most, drive) => Math.max(most, drive.usable[r]!), start);
  }

  /** Usable capacities that occur, each once. */
  kinds(): (readonly number[])[] {
    const seen = new Map<string, readonly number[]>();
    if (this.type !== undefined) seen.set(this.type.usable.join(), this.type.usable);
    for (const { usable } of this.list) seen.set(usable.join(), usable);
    return [...seen.values()];
  }

  finite(): (readonly number[])[] {
    return this.list.map((drive) => drive.usable);
  }

  /** How much of the data this zone should get, relative to the others. */
  weight(): number {
    if (this.type !== undefined) return 1;
    return this.list.reduce((sum, drive) => sum + drive.usable[0]!, 0);
  }

  get areEqual(): boolean {
    const first = this.list[0];
    return this.list.every(
      (drive) =>
        drive.maxRanges === first?.maxRanges &&
        drive.usable.every((value, r) => value === first.usable[r]),
    );
  }
}

function toCandidate(
  source: Drive | DriveType,
  id: string,
  headroom: readonly number[],
): Candidate {
  const { zone, capacity, maxRanges, cost } = source;
  const usable = Array.from(usableCapacity(capacity, headroom));
  return { id, zone, capacity, usable, maxRanges, cost };
}

/** The cheapest unlimited type by cost for the resource it offers least of; counted types become named drives. */
export function candidatesOf(
  drives: DriveSet,
  headroom: readonly number[],
  drivesMax: number = Number.POSITIVE_INFINITY,
): Candidates {
  const list = drives.drives
    .filter((drive) => drive.state !== 'drain')
    .map((drive) => toCandidate(drive, drive.id, headroom));
  for (const type of drives.types) {
    for (let n = 1; n <= (type.count ?? 0); n++) {
      list.push(toCandidate(type, `${type.model}-${n}`, headroom));
    }
  }
  const unlimited = drives.types.filter((type) => type.count === null);
  const price = (type: DriveType): number =>
    type.cost / Math.min(...type.capacity.map((value, r) => value / unlimited[0]!.capacity[r]!));
  const best = [...unlimited].sort((a, b) => price(a) - price(b))[0];
  const type = best === undefined ? undefined : toCandidate(best, best.model, headroom);
  return new Candidates(list, type, drivesMax);
}

function byZone(candidates: Candidates): Map<string, Candidate[]> {
  const zones = new Map<string, Candidate[]>();
  for (const drive of candidates.list) {
    const zone = zones.get(drive.zone) ?? [];
    zone.push(drive);
    zones.set(drive.zone, zone);
  }
  return zones;
}

/** One set of candidates per zone, so that replicas in different zones are on different drives. */
export function splitByZone(candidates: Candidates, replicas: number): Candidates[] {
  const { type, typeMax } = candidates;
  if (type !== undefined) {
    return Array.from({ length: replicas }, (_, z) => {
      const zoned = { ...type, id: `${type.id}-z${z + 1}`, zone: `z${z + 1}` };
      return new Candidates([], zoned, Math.floor(typeMax / replicas));
    });
  }
  const zones = byZone(candidates);
  if (zones.size > 1 || candidates.list[0]?.zone !== '') {
    return [...zones.values()].map((list) => new Candidates(list, undefined, typeMax));
  }
  const count = Math.min(candidates.list.length, Math.max(replicas, ARTIFICIAL_ZONES_MAX));
  return Array.from(
    { length: count },
    (_, z) =>
      new Candidates(
        candidates.list.filter((_drive, k) => k % count === z),
        undefined,
        typeMax,
      ),
  );
}
