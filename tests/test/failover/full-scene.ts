// A cluster in virtual time, some drives of which are smaller than what is written to it.

import { Partitioning } from '@piton/protocol';
import { KVError } from '@piton/sdk';
import * as assert from 'uvu/assert';
import { SimCluster } from '../../simulation/cluster/sim-cluster.ts';

const VIRTUAL_MS_MAX = 900_000;
export const LEASE_MS = 3_000;
export const VALUE: string = 'x'.repeat(20_000);

export interface Shape {
  readonly drives: number;
  readonly replicas: number;
  /** Capacities of the small drives, by their position among all. */
  readonly small: Readonly<Record<number, number>>;
}

/** Lets `act` run in a cluster that is up. */
export function play(
  { drives, replicas, small }: Shape,
  act: (cluster: SimCluster) => Promise<void>,
): Promise<void> {
  const drive = { zone: '', segmentBytes: 64 * 1024, checkpointBytes: 65_536 };
  const cluster = new SimCluster({
    seed: 11,
    drives: Array.from({ length: drives }, (_, at) => {
      const capacityBytes = small[at];
      return capacityBytes === undefined ? drive : { ...drive, capacityBytes };
    }),
    meta: {
      ...{ replicas, partitioning: Partitioning.range, drivesExpected: drives },
      ...{ leaseMs: LEASE_MS, repairAfterMs: 2_000 },
    },
    ...{ clients: 1, latencyMs: 0.2, jitterMs: 0.5, keepsLog: process.env.SIM_LOG !== undefined },
  });
  const run = async (): Promise<void> => {
    await cluster.start();
    await act(cluster);
  };
  const printLog = (): void => {
    for (const line of cluster.log.lines) console.log(line);
  };
  return cluster.world.until(run(), VIRTUAL_MS_MAX).finally(printLog);
}

export const keyOf = (number: number): string => `key ${String(number).padStart(4, '0')}`;

/** The only refusal that may come is that there is no room, and then nothing was done. */
export function assertNoSpace(error: unknown): void {
  assert.ok(error instanceof KVError, String(error));
  assert.equal([error.code, error.outcome], ['KV_NO_SPACE', 'not-applied'], error.message);
}

/** Writes until it is done. Returns how long it took. */
export async function writeWhenRoom(
  cluster: SimCluster,
  put: () => Promise<unknown>,
): Promise<number> {
  const begunMs = cluster.world.nowMs;
  for (;;) {
    try {
      await put();
      return cluster.world.nowMs - begunMs;
    } catch (error) {
      assertNoSpace(error);
      await cluster.sleep(100);
    }
  }
}
