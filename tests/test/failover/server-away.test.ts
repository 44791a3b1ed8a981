// Drives die while the metadata server is away. Nobody can take them out meanwhile; once it is back that
// must not take long. In virtual time: nothing of it depends on the machine.

import { Partitioning } from '@piton/protocol';
import type { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SimCluster } from '../../simulation/cluster/sim-cluster.ts';
import { rangesOf } from '../../src/chains.ts';
import { deadline } from '../deadline.ts';

const test = suite('drives die while the metadata server is away');
const LIMIT_MS = 60_000;
const VIRTUAL_MS_MAX = 600_000;
const LEASE_MS = 3_000;
const KEY = 'key';

interface Scene {
  readonly cluster: SimCluster;
  readonly kv: KVClient<string>;
  /** Members of the only range, in order. */
  readonly chain: readonly string[];
}

async function play(drives: number, act: (scene: Scene) => Promise<void>): Promise<void> {
  const drive = { zone: '', segmentBytes: 256 * 1024, checkpointBytes: 65_536 };
  const cluster = new SimCluster({
    seed: 7,
    drives: Array.from({ length: drives }, () => drive),
    meta: {
      ...{ replicas: 3, partitioning: Partitioning.range, drivesExpected: drives },
      ...{ leaseMs: LEASE_MS, repairAfterMs: 60_000 },
    },
    ...{ clients: 1, latencyMs: 0.2, jitterMs: 0.5, keepsLog: process.env.SIM_LOG !== undefined },
  });
  const run = async (): Promise<void> => {
    await cluster.start();
    const kv = cluster.client('c1');
    await kv.put(KEY, 'before');
    await cluster.sleep(5_000);
    const [range] = await rangesOf(cluster.admin);
    await act({ cluster, kv, chain: (range?.chain ?? []).map(({ drive }) => drive) });
    await kv.close();
  };
  try {
    await cluster.world.until(run(), VIRTUAL_MS_MAX);
  } finally {
    for (const line of cluster.log.lines) console.log(line);
  }
}

/** How long it takes from now until a write is done, begun before. */
async function untilWritten({ cluster, kv }: Scene, writing: Promise<unknown>): Promise<number> {
  const sinceMs = cluster.world.nowMs;
  await writing;
  await kv.get(KEY, { timeoutMs: 100_000 });
  return cluster.world.nowMs - sinceMs;
}

const put = ({ kv }: Scene): Promise<unknown> => kv.put(KEY, 'after', { timeoutMs: 200_000 });

for (const [positions, who] of [
  [[0], 'the head'],
  [[1], 'the middle'],
  [[2], 'the tail'],
  [[0, 1], 'head and middle'],
  [[1, 2], 'middle and tail'],
] as const) {
  for (const drives of [3, 5]) {
    test(
      `${who} of ${drives} drives: writes go on soon after the server is back`,
      deadline(LIMIT_MS, () =>
        play(drives, async (scene) => {
          const { cluster, chain } = scene;
          cluster.meta.crash(false);
          await cluster.sleep(1_000);
          for (const at of positions) cluster.drive(chain[at] as string).crash(false);
          const writing = put(scene);
          await cluster.sleep(30_000);
          cluster.meta.start();
          const tookMs = await untilWritten(scene, writing);
          // With two of three dead a majority of the witnesses needs what the server granted before it died to end.
          const leases = positions.length === drives - 1 ? 1.25 : 0.75;
          assert.ok(tookMs <= leases * LEASE_MS, `it took ${tookMs} ms`);
        }),
      ),
    );
  }
}

test(
  'everything loses its power, and one drive does not come back',
  deadline(LIMIT_MS, () =>
    play(5, async (scene) => {
      const { cluster, chain } = scene;
      for (const { name } of cluster.drives) cluster.drive(name).crash(true);
      cluster.meta.crash(true);
      await cluster.sleep(2_000);
      const writing = put(scene);
      cluster.meta.start();
      for (const { name } of cluster.drives) if (name !== chain[1]) cluster.drive(name).start();
      const tookMs = await untilWritten(scene, writing);
      assert.ok(tookMs <= 2.5 * LEASE_MS, `it took ${tookMs} ms`);
    }),
  ),
);

test(
  'a drive that was started while the server was away serves soon after it is back',
  deadline(LIMIT_MS, () =>
    play(3, async (scene) => {
      const { cluster, chain } = scene;
      cluster.meta.crash(false);
      for (const name of chain) cluster.drive(name).crash(false);
      await cluster.sleep(1_000);
      for (const name of chain) cluster.drive(name).start();
      const writing = put(scene);
      await cluster.sleep(40_000);
      cluster.meta.start();
      const tookMs = await untilWritten(scene, writing);
      assert.ok(tookMs <= LEASE_MS / 2, `it took ${tookMs} ms`);
    }),
  ),
);

test(
  'a drive that comes back in time is not taken for dead by a server that has just started',
  deadline(LIMIT_MS, () =>
    play(5, async (scene) => {
      const { cluster, chain } = scene;
      const [, middle] = chain as [string, string];
      cluster.meta.crash(false);
      await cluster.sleep(20_000);
      // The others hear it; only this server cannot, for a while.
      cluster.world.cut(middle, 'meta');
      cluster.meta.start();
      await cluster.sleep(3 * LEASE_MS);
      cluster.world.heal(middle, 'meta');
      await cluster.sleep(LEASE_MS);
      const [range] = await rangesOf(cluster.admin);
      assert.ok(
        range?.chain.every(({ state }) => state === 'serving'),
        'it has kept its ranges',
      );
    }),
  ),
);

test.run();
