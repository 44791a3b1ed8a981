// Placement of a hash keyspace: the hash space is cut evenly into many ranges (virtual nodes), and each
// range goes to the drives that win its draw.
//
// The draw is rendezvous hashing: every drive has a score for every range, from its name alone, and
// the highest win. A drive that joins takes only the ranges where it now wins, about 1/N of them; when
// one leaves only its own move. Plain draws are uneven with few ranges, so no drive is given more
// than its share and a little: a full drive is passed over (bounded loads).

import { type Member, PLACEMENT_BYTES, writeKeyHash } from '@piton/protocol';
import { makeChain, type PlacementDrive, Tally, takeDistinctZones } from './chains.ts';

export const RANGES_PER_DRIVE: number = 8;
export const VIRTUAL_RANGES_MAX: number = 512;
/** How much more than its share a drive may be given. Less is more even, and moves more at a join. */
const OVERLOAD = 1.15;

export function virtualRangeCount(driveCount: number): number {
  return Math.min(VIRTUAL_RANGES_MAX, RANGES_PER_DRIVE * Math.max(1, driveCount));
}

/** The borders between `count` equal parts of the hash space: count - 1 keys of eight bytes. */
export function hashBorders(count: number): Uint8Array[] {
  const borders: Uint8Array[] = [];
  for (let position = 1; position < count; position++) {
    const border = Buffer.alloc(PLACEMENT_BYTES);
    border.writeBigUInt64BE((BigInt(position) << 64n) / BigInt(count));
    borders.push(new Uint8Array(border));
  }
  return borders;
}

/** Uniform in 0 to 1 (excluded), from the names alone. */
function draw(seed: string, position: number, drive: string): number {
  const hash = Buffer.alloc(PLACEMENT_BYTES);
  writeKeyHash(Buffer.from(`${seed}\0${position}\0${drive}`), hash, 0);
  return (hash.readUInt32BE(0) + 0.5) / 2 ** 32;
}

/** With this score a drive wins in proportion to its weight. */
function score(seed: string, position: number, { id, weight }: PlacementDrive): number {
  return -weight / Math.log(draw(seed, position, id));
}

/** Chains for the `count` parts of the hash space. `seed` makes keyspaces fall differently. */
export function planVirtualNodes(
  count: number,
  replicas: number,
  drives: readonly PlacementDrive[],
  seed: string,
): Member[][] {
  const tallies = drives.map((drive) => new Tally({ ...drive, ranges: 0 }));
  const weights = drives.reduce((sum, { weight }) => sum + weight, 0);
  const mostOf = (tally: Tally): number =>
    Math.ceil((OVERLOAD * count * replicas * tally.drive.weight) / weights);
  const chains: Member[][] = [];
  for (let position = 0; position < count; position++) {
    const scored = tallies.map((tally) => ({ tally, score: score(seed, position, tally.drive) }));
    scored.sort((a, b) => b.score - a.score);
    const order = scored.map(({ tally }) => tally);
    const open = order.filter((tally) => tally.ranges < mostOf(tally));
    const full = order.filter((tally) => tally.ranges >= mostOf(tally));
    chains.push(makeChain(takeDistinctZones([...open, ...full], replicas)));
  }
  return chains;
}
