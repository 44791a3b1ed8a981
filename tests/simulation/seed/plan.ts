// What a seed stands for: the shape of the cluster, the work, the faults. Everything is drawn from the
// seed alone, so that a seed and a version of the code always give the same run.
//
// Limits are drawn small, and each run gets only some of the faults: a run with all of them at once rarely
// gets far enough to be interesting.

import { Partitioning, seededRandom } from '@piton/protocol';
import type { DriveShape } from '../cluster/sim-drive.ts';
import type { FaultPlan } from '../faults/injector.ts';
import { FAULT_NAMES, type FaultName } from '../faults/registry.ts';
import type { DeathPlan } from '../steps/deaths.ts';
import { CHANGE_KINDS, type ChangesPlan } from '../workload/changes.ts';
import { pickAny } from '../workload/keys.ts';

export interface SeedPlan {
  readonly seed: number;
  readonly drives: readonly DriveShape[];
  readonly spares: readonly DriveShape[];
  readonly replicas: number;
  readonly partitioning: Partitioning;
  readonly leaseMs: number;
  readonly repairAfterMs: number;
  readonly patienceMs: number;
  readonly balances: boolean;
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly clients: number;
  readonly workersPerClient: number;
  /** Of all workers together. */
  readonly operations: number;
  readonly thinkMs: number;
  readonly valueKeys: number;
  readonly counterKeys: number;
  readonly hasScans: boolean;
  readonly hasAborts: boolean;
  /** One drive is lost for ever at the end. */
  readonly losesDrive: boolean;
  readonly changes: ChangesPlan;
  readonly faults: FaultPlan;
  /** A process dies in one chosen moment, beside the faults. */
  readonly death?: DeathPlan;
}

export interface PlanWishes {
  readonly operations?: number | undefined;
  /** Only these; undefined: as the seed says. */
  readonly faults?: readonly FaultName[] | undefined;
}

export const OPERATIONS_USUAL = 300;
/** Not mixed up with the numbers that the run itself draws. */
const PLAN_SALT = 0x51ed_270b;
const DEVICE_SALT = 0x2f6e_2b1d;
const DEAF_SALT = 0x7b1c_95e3;
/** What is under way at a machine with a slow card meets much that others are done with in no time. */
const SLOW_DEVICE_SHARE = 0.3;
const SLOW_DEVICES_MS = [10, 50, 250];
/** Runs in which clients do not hear what was done; with one copy a range has another head after each move. */
const DEAF_SHARE = 0.2;
const DEAF_ALONE_SHARE = 0.5;

export function planFor(seed: number, wishes: PlanWishes = {}): SeedPlan {
  const random = seededRandom((seed ^ PLAN_SALT) >>> 0);
  const whole = (lowest: number, highest: number): number =>
    lowest + Math.floor(random() * (highest - lowest + 1));
  const chance = (share: number): boolean => random() < share;
  const driveCount = whole(3, 6);
  const clients = whole(2, 3);
  const workersPerClient = whole(1, 3);
  const operations = wishes.operations ?? OPERATIONS_USUAL;
  const spanMs = whole(4_000, 25_000);
  const deaf = deafClients(seed);
  const drawnReplicas = chance(0.6) ? 3 : whole(1, 3);
  const replicas = deaf.isAlone ? 1 : drawnReplicas;
  const slow = slowDevice(seed, driveCount);
  const makeDrives = (count: number): DriveShape[] =>
    Array.from({ length: count }, (_, at) => ({
      ...(at === slow.drive ? { deviceMs: slow.deviceMs } : {}),
      zone: chance(0.5) ? `z${at % 3}` : '',
      segmentBytes: pickAny([32, 64, 256], random) * 1_024,
      checkpointBytes: pickAny([4_096, 16_384, 65_536], random),
    }));
  return {
    seed,
    drives: makeDrives(driveCount),
    spares: makeDrives(whole(0, 2)),
    replicas,
    partitioning: chance(0.15) ? Partitioning.hash : Partitioning.range,
    leaseMs: pickAny([1_000, 3_000, 3_000], random),
    repairAfterMs: pickAny([300, 2_000, 10_000], random),
    patienceMs: pickAny([2_000, 30_000], random),
    balances: chance(0.25),
    latencyMs: pickAny([0.05, 0.2, 2], random),
    jitterMs: pickAny([0.05, 0.5, 5, 30], random),
    clients,
    workersPerClient,
    operations,
    thinkMs: (spanMs * clients * workersPerClient) / operations,
    valueKeys: whole(3, 12),
    counterKeys: whole(1, 3),
    hasScans: chance(0.8),
    hasAborts: chance(0.5),
    losesDrive: chance(0.3),
    changes: {
      everyMs: whole(300, 3_000),
      kinds: CHANGE_KINDS.filter(() => chance(0.6)),
      rangesMax: whole(2, 8),
      openDrivesMin: replicas + whole(0, 1),
    },
    faults: {
      names: chooseFaults(wishes.faults, random, deaf.isThere),
      everyMs: whole(200, 3_000),
      atOnceMax: whole(1, 3),
    },
  };
}

/** In some runs: one drive, and the spare of the same number, with a device that is always slow. */
function slowDevice(seed: number, drives: number): { drive: number | undefined; deviceMs: number } {
  const random = seededRandom((seed ^ DEVICE_SALT) >>> 0);
  const hasOne = random() < SLOW_DEVICE_SHARE;
  const drive = Math.floor(random() * drives);
  return { drive: hasOne ? drive : undefined, deviceMs: pickAny(SLOW_DEVICES_MS, random) };
}

function deafClients(seed: number): { isThere: boolean; isAlone: boolean } {
  const random = seededRandom((seed ^ DEAF_SALT) >>> 0);
  const isThere = random() < DEAF_SHARE;
  return { isThere, isAlone: isThere && random() < DEAF_ALONE_SHARE };
}

function chooseFaults(
  wished: readonly FaultName[] | undefined,
  random: () => number,
  isDeaf: boolean,
): readonly FaultName[] {
  const share = random();
  // Drawn for each, wished or not: the rest of the plan must not depend on the wish.
  const drawn = FAULT_NAMES.filter((name) => name !== 'deaf-client' && random() < share);
  return wished ?? (isDeaf ? [...drawn, 'deaf-client'] : drawn);
}
