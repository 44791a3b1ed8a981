// A drive dies and nobody starts it again: whatever its role, writes go on without it, nothing that was
// acknowledged is lost, nothing stale is read, and the other drives get its copies.

import { type AdminClient, type Cluster, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { areWhole, isServing, rangesOf, untilRanges, untilWatched } from '../../src/chains.ts';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('one drive dies');
const LIMIT_MS = 90_000;
const CALL_MS = 30_000;
const LEASE_MS = 1_000;

interface Scene {
  readonly cluster: Cluster;
  readonly admin: AdminClient;
  readonly kv: KVClient;
  readonly traffic: Traffic;
}

async function withScene(
  options: { drives: number; replicas: number; repairAfterMs: number },
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  await using cluster = await startCluster({ ...options, leaseMs: LEASE_MS, inProcess: true });
  await using admin = cluster.admin();
  await untilWatched(admin);
  const metadata = [cluster.metaAddress];
  await using kv = await KVClient.connect({ metadata, timeoutMs: CALL_MS });
  const traffic = new Traffic(kv);
  await traffic.prepare();
  traffic.start();
  await run({ cluster, admin, kv, traffic });
  const report = await traffic.stop();
  assert.equal(report.failures, []);
  assert.equal(report.violations, []);
  assert.is(kv.stats().fullFetches, 1);
}

for (const [position, role] of ['head', 'middle', 'tail'].entries()) {
  test(
    `the ${role} is killed and stays away: traffic goes on, and another drive takes its place`,
    deadline(LIMIT_MS, () =>
      withScene({ drives: 4, replicas: 3, repairAfterMs: 500 }, async (scene) => {
        const { cluster, admin, traffic } = scene;
        const [range] = await rangesOf(admin);
        const victim = range?.chain[position]?.drive as string;
        await traffic.progress(200);
        await cluster.kill(victim);
        // All traffic is on this one range: it goes on only without the dead drive.
        await traffic.progress(500);
        await untilRanges(
          admin,
          (all) => areWhole(all, 3) && !all.some((r) => isServing(r, victim)),
        );
        await traffic.progress(300);
      }),
    ),
  );
}

test(
  'a drive that comes back after its removal serves again, with what it missed',
  deadline(LIMIT_MS, () =>
    withScene({ drives: 3, replicas: 3, repairAfterMs: 60_000 }, async (scene) => {
      const { cluster, admin, traffic } = scene;
      const [range] = await rangesOf(admin);
      const victim = range?.chain[0]?.drive as string;
      await cluster.kill(victim);
      await untilRanges(admin, ([only]) => only !== undefined && !isServing(only, victim));
      await traffic.progress(500);
      await cluster.restart(victim);
      const [after] = await untilRanges(admin, (all) => areWhole(all, 3));
      assert.is(after?.chain.at(-1)?.drive, victim, 'it enters at the tail');
      await traffic.progress(300);
    }),
  ),
);

test(
  'a drive that comes back just while it is removed: whoever wins, nothing is lost',
  deadline(LIMIT_MS, () =>
    withScene({ drives: 3, replicas: 3, repairAfterMs: 60_000 }, async (scene) => {
      const { cluster, admin, traffic } = scene;
      // Around the moment at which the lease has run out, and the chains are changed.
      for (const delayMs of [300, 900, 1_050, 1_150, 1_250]) {
        const [range] = await untilRanges(admin, (all) => areWhole(all, 3));
        const victim = range?.chain[1]?.drive as string;
        await cluster.kill(victim);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        await cluster.restart(victim);
        await traffic.progress(200);
      }
      await untilRanges(admin, (all) => areWhole(all, 3));
      await traffic.progress(200);
    }),
  ),
);

test(
  'the metadata server is killed while it takes a drive out: its next life goes on',
  deadline(LIMIT_MS, () =>
    withScene({ drives: 4, replicas: 3, repairAfterMs: 500 }, async (scene) => {
      const { cluster, admin, traffic } = scene;
      const [range] = await rangesOf(admin);
      const victim = range?.chain[2]?.drive as string;
      await cluster.kill(victim);
      await new Promise((resolve) => setTimeout(resolve, 1.1 * LEASE_MS));
      await cluster.killMeta();
      await cluster.restartMeta();
      await untilRanges(admin, (all) => areWhole(all, 3) && !all.some((r) => isServing(r, victim)));
      await traffic.progress(500);
    }),
  ),
);

test(
  'many ranges: all of them go on, and all other drives take part in the repair',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({
      ...{ drives: 5, replicas: 3, partitioning: 'hash', inProcess: true },
      ...{ leaseMs: LEASE_MS, repairAfterMs: 500 },
    });
    await using admin = cluster.admin();
    await untilWatched(admin);
    const metadata = [cluster.metaAddress];
    await using kv = await KVClient.connect({ metadata, timeoutMs: CALL_MS });
    const traffic = new Traffic(kv);
    await traffic.prepare();
    traffic.start();
    const before = await rangesOf(admin);
    await cluster.kill('drive-2');
    const after = await untilRanges(
      admin,
      (all) => areWhole(all, 3) && !all.some((range) => isServing(range, 'drive-2')),
    );
    const takers = new Set<string>();
    for (const range of before) {
      const now = after.find(({ id }) => id === range.id);
      for (const { drive } of now?.chain ?? []) if (!isServing(range, drive)) takers.add(drive);
    }
    assert.equal([...takers].sort(), ['drive-1', 'drive-3', 'drive-4', 'drive-5']);
    await traffic.progress(500);
    const report = await traffic.stop();
    assert.equal(report.failures, []);
    assert.equal(report.violations, []);
  }),
);

test.run();
