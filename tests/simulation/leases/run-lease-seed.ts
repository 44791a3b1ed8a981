// One run that looks at nothing but leases: a cluster under chaos, and after every single event the question
// whether some drive could answer from its state although its fence is complete.
//
// At the end everything is put right, and every drive must have its lease again: without that, a lease that
// nobody ever gets would be a safe one.

import type { CatalogNews } from '@piton/metaserver';
import { Partitioning } from '@piton/protocol';
import { SimCluster } from '../cluster/sim-cluster.ts';
import { LeaseChaos } from './lease-chaos.ts';

export interface LeaseResult {
  readonly seed: number;
  /** Undefined: nothing is wrong. */
  readonly violation: string | undefined;
  /** Fences that became complete, and of these: while the process of the drive was alive. */
  readonly fences: number;
  readonly fencesOfLiving: number;
  readonly fencesAsked: number;
  /** Moments at which a drive had a lease, summed over drives, in leases. */
  readonly leased: number;
  readonly events: number;
}

const LEASE_MS = 400;
const CHAOS_LEASES = 80;
const PEACE_LEASES = 60;
/** No keyspace is made: nothing but leases is of interest. */
const DRIVES_EXPECTED = 1_000;

function makeCluster(seed: number): SimCluster {
  const driveCount = 1 + (seed % 7);
  const shape = { zone: '', segmentBytes: 65_536, checkpointBytes: 65_536 };
  return new SimCluster({
    seed,
    drives: Array.from({ length: driveCount }, () => shape),
    meta: {
      replicas: 1,
      partitioning: Partitioning.range,
      drivesExpected: DRIVES_EXPECTED,
      leaseMs: LEASE_MS,
    },
    clients: 0,
    latencyMs: 1,
    jitterMs: 4,
    keepsLog: false,
  });
}

/** The numbers of fences that are complete, as the catalog says. */
class CompleteFences {
  readonly byDrive: Map<string, number> = new Map();
  /** Drives that are fenced now: not even the newest number gives them anything. */
  readonly standing: Set<string> = new Set();
  count = 0;
  ofLiving = 0;
  readonly #isAlive: (drive: string) => boolean;

  constructor(isAlive: (drive: string) => boolean) {
    this.#isAlive = isAlive;
  }

  take({ changes }: CatalogNews): void {
    for (const { key, value } of changes) {
      if (!key.startsWith('drive/') || value === undefined) continue;
      const { id, fence, isFenceComplete } = JSON.parse(value);
      if (isFenceComplete) this.standing.add(id);
      else this.standing.delete(id);
      if (!isFenceComplete || fence === this.byDrive.get(id)) continue;
      this.byDrive.set(id, fence);
      this.count++;
      if (this.#isAlive(id)) this.ofLiving++;
    }
  }
}

export async function runLeaseSeed(seed: number): Promise<LeaseResult> {
  const cluster = makeCluster(seed);
  const { world, drives, meta } = cluster;
  const chaos = new LeaseChaos(cluster, LEASE_MS);
  const fences = new CompleteFences((name) => cluster.drive(name).drive !== undefined);
  meta.watchCatalog((news) => fences.take(news));
  let violation: string | undefined;
  let leased = 0;
  let lookedAtMs = 0;
  const look = (): boolean => {
    const passedMs = world.nowMs - lookedAtMs;
    lookedAtMs = world.nowMs;
    for (const { name, drive } of drives) {
      if (drive === undefined || drive.lease.msLeft === 0) continue;
      leased += passedMs / LEASE_MS;
      const complete = fences.byDrive.get(name) ?? 0;
      const own = drive.lease.fence ?? 0;
      if (own > complete || (own === complete && !fences.standing.has(name))) continue;
      violation = `at ${world.nowMs.toFixed(1)} ms ${name} has ${drive.lease.msLeft.toFixed(1)} ms under number ${own}; fence ${complete} is complete`;
      return true;
    }
    return false;
  };
  chaos.begin();
  await world.run(look, CHAOS_LEASES * LEASE_MS);
  chaos.end();
  const isWell = (): boolean => drives.every(({ drive }) => (drive?.lease.msLeft ?? 0) > 0);
  if (violation === undefined) {
    await world.run(() => look() || isWell(), PEACE_LEASES * LEASE_MS);
    if (violation === undefined && !isWell()) {
      const without = drives.filter(({ drive }) => (drive?.lease.msLeft ?? 0) === 0);
      violation = `in peace, but without a lease: ${without.map(({ name }) => name).join(' ')}`;
    }
  }
  return {
    seed,
    violation,
    fences: fences.count,
    fencesOfLiving: fences.ofLiving,
    fencesAsked: chaos.fencesAsked,
    leased,
    events: world.eventCount,
  };
}
