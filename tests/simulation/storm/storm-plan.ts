// A storm: one particular sequence of faults, with its times and its victims drawn from the seed. A drive
// stops for longer than its lease and is taken out; the metadata server dies in the middle of that, or in the
// middle of bringing the drive back; while it is away other drives are cut off or full; right after it is back
// drives die and ranges are cut. Each of these finds little alone. In an ordinary run they hardly ever meet.

import { Partitioning, seededRandom } from '@piton/protocol';

export interface StormStep {
  readonly atMs: number;
  readonly what: StormDeed;
  /** Of drives, by their place; of those that are not struck in the same way already. */
  readonly victim: number;
  readonly lastsMs: number;
}

export const STORM_DEEDS = [
  'pause',
  'cut-inward',
  'isolate',
  'disk-full',
  'slow-disk',
  'crash',
  'power-cut',
  'meta-pause',
  'meta-crash',
  'meta-crash-at-step',
  'split',
  'move',
] as const;
export type StormDeed = (typeof STORM_DEEDS)[number];

export interface StormPlan {
  readonly seed: number;
  readonly drives: number;
  readonly replicas: number;
  readonly partitioning: Partitioning;
  readonly leaseMs: number;
  readonly repairAfterMs: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly thinkMs: number;
  readonly workers: number;
  readonly steps: readonly StormStep[];
  readonly endMs: number;
}

const PLAN_SALT = 0x2f6e_2b1d;
const CALM_MS = 2_000;

export function stormFor(seed: number): StormPlan {
  const random = seededRandom((seed ^ PLAN_SALT) >>> 0);
  const between = (lowest: number, highest: number): number =>
    lowest + random() * (highest - lowest);
  const chance = (share: number): boolean => random() < share;
  const leaseMs = chance(0.5) ? 3_000 : 1_000;
  const drives = chance(0.7) ? 5 : 4;
  const order = shuffled(drives, random);
  const victimAt = (place: number): number => order[place % drives] as number;
  const steps: StormStep[] = [];
  const step = (what: StormDeed, atMs: number, lastsMs: number, victim = 0): void => {
    steps.push({ what, atMs, lastsMs, victim });
  };
  const pausedAtMs = between(1_000, 2_000);
  const pauseMs = leaseMs * between(1, 2.2);
  step('pause', pausedAtMs, pauseMs, victimAt(0));
  if (chance(0.5)) {
    step('cut-inward', pausedAtMs - between(0, 1_500), leaseMs * between(0.3, 2), victimAt(1));
  }
  if (chance(0.3)) step('meta-pause', pausedAtMs + between(0.5, 2) * leaseMs, between(100, 1_500));
  const metaDownAtMs = pausedAtMs + between(0.7 * leaseMs, pauseMs + leaseMs);
  const metaDownMs = leaseMs * between(0.3, 4);
  if (chance(0.5)) step('meta-crash', metaDownAtMs, metaDownMs);
  else step('meta-crash-at-step', metaDownAtMs, metaDownMs);
  const duringMs = (): number => metaDownAtMs + metaDownMs * random();
  if (chance(0.4)) step('isolate', duringMs(), leaseMs * between(0.2, 1), victimAt(2));
  if (chance(0.4))
    step('disk-full', duringMs(), between(500, 4_000), victimAt(chance(0.5) ? 0 : 2));
  if (chance(0.3)) step('crash', duringMs(), between(100, 3_000), victimAt(3));
  const backAtMs = metaDownAtMs + metaDownMs;
  const deadly = (): StormDeed => (chance(0.3) ? 'power-cut' : 'crash');
  if (chance(0.7)) step('split', backAtMs + between(0, 1_500), 0);
  if (chance(0.5)) step('move', backAtMs + between(0, 2_000), 0);
  // Two die soon after each other, the first perhaps with writes that its device was too slow for.
  if (chance(0.5)) step('slow-disk', backAtMs - 500, 2_500, victimAt(3));
  if (chance(0.8)) step(deadly(), backAtMs + between(0, 1_500), between(500, 9_000), victimAt(3));
  if (chance(0.6)) step(deadly(), backAtMs + between(500, 4_000), between(500, 8_000), victimAt(1));
  if (chance(0.3))
    step('pause', backAtMs + between(0, 3_000), leaseMs * between(0.5, 2), victimAt(2));
  if (chance(0.3)) step('meta-crash-at-step', backAtMs + between(500, 5_000), between(500, 3_000));
  const endMs = Math.max(...steps.map(({ atMs, lastsMs }) => atMs + lastsMs)) + CALM_MS;
  return {
    seed,
    drives,
    replicas: 3,
    partitioning: chance(0.3) ? Partitioning.hash : Partitioning.range,
    leaseMs,
    repairAfterMs: chance(0.5) ? 10_000 : 1_000,
    latencyMs: chance(0.5) ? 0.2 : 2,
    jitterMs: chance(0.7) ? 0.5 : 10,
    thinkMs: between(40, 150),
    workers: 8,
    steps: steps.sort((a, b) => a.atMs - b.atMs),
    endMs,
  };
}

function shuffled(count: number, random: () => number): number[] {
  const order = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [order[at], order[other]] = [order[other] as number, order[at] as number];
  }
  return order;
}
