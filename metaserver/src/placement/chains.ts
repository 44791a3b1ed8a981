// From chosen drives to a chain: distinct drives, in different zones as far as there are enough, and
// in an order that gives every drive its share of heads and tails (the head takes the writes, the tail
// commits them and answers reads).
//
// Pure: drives and counts in, chains out. Same input, same output.

import { type DriveId, type Member, MemberState } from '@piton/protocol';

export interface PlacementDrive {
  readonly id: DriveId;
  /** Drives of one zone may fail together; empty: unknown, like a zone of its own. */
  readonly zone: string;
  /** How much it should hold compared with others. */
  readonly weight: number;
  /** What it holds already. */
  readonly ranges: number;
  readonly heads: number;
  readonly tails: number;
  /** How busy or full it is now, 0 to 1; decides between drives that hold the same. */
  readonly load: number;
}

/** The counts that grow while a plan is made. */
export class Tally {
  readonly drive: PlacementDrive;
  ranges: number;
  heads: number;
  tails: number;

  constructor(drive: PlacementDrive) {
    this.drive = drive;
    this.ranges = drive.ranges;
    this.heads = drive.heads;
    this.tails = drive.tails;
  }
}

/**
 * Takes `count` drives from a list in order of preference: first such as bring a new zone, then the
 * others. Fewer when there are not enough.
 */
export function takeDistinctZones(preferred: readonly Tally[], count: number): Tally[] {
  const taken: Tally[] = [];
  const zones = new Set<string>();
  for (const tally of preferred) {
    if (taken.length === count) return taken;
    const { zone } = tally.drive;
    if (zone !== '' && zones.has(zone)) continue;
    zones.add(zone);
    taken.push(tally);
  }
  for (const tally of preferred) {
    if (taken.length === count) break;
    if (!taken.includes(tally)) taken.push(tally);
  }
  return taken;
}

function takeLowest(tallies: Tally[], amount: (tally: Tally) => number): Tally {
  let lowest = 0;
  tallies.forEach((tally, position) => {
    const best = tallies[lowest] as Tally;
    if (amount(tally) / tally.drive.weight < amount(best) / best.drive.weight) lowest = position;
  });
  return tallies.splice(lowest, 1)[0] as Tally;
}

/** Orders the members of one chain, and counts them. */
export function makeChain(chosen: readonly Tally[]): Member[] {
  const rest = [...chosen];
  const head = takeLowest(rest, (tally) => tally.heads);
  const tail = rest.length === 0 ? head : takeLowest(rest, (tally) => tally.tails);
  head.heads++;
  tail.tails++;
  for (const tally of chosen) tally.ranges++;
  const order = tail === head ? [head] : [head, ...rest, tail];
  return order.map(({ drive }) => ({ drive: drive.id, state: MemberState.serving }));
}

/** Chains for `count` ranges, each on the drives that hold the least for their weight. */
export function planSpread(
  count: number,
  replicas: number,
  drives: readonly PlacementDrive[],
): Member[][] {
  const tallies = drives.map((drive) => new Tally(drive));
  const chains: Member[][] = [];
  for (let position = 0; position < count; position++) {
    const fullness = (tally: Tally): number => tally.ranges / tally.drive.weight;
    tallies.sort(
      (a, b) =>
        fullness(a) - fullness(b) ||
        a.drive.load - b.drive.load ||
        (a.drive.id < b.drive.id ? -1 : 1),
    );
    chains.push(makeChain(takeDistinctZones(tallies, replicas)));
  }
  return chains;
}
