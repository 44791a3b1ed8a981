// Members die while their range is being cut or moved: the change is carried on or taken back, and traffic
// goes on with every acknowledged write.

import { type AdminClient, type Cluster, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { areWhole, rangesOf, untilRanges, untilWatched } from '../../src/chains.ts';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('deaths during changes');
const LIMIT_MS = 120_000;
const CALL_MS = 60_000;
const LEASE_MS = 1_000;
/** From the request to the kill: before, in the middle, and after the drives are told. */
const DELAYS_MS = [0, 4, 20];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Scene {
  readonly cluster: Cluster;
  readonly admin: AdminClient;
  readonly traffic: Traffic;
}

async function withScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  await using cluster = await startCluster({
    ...{ drives: 4, replicas: 3, leaseMs: LEASE_MS, repairAfterMs: 600_000, inProcess: true },
  });
  await using admin = cluster.admin();
  await untilWatched(admin);
  const metadata = [cluster.metaAddress];
  await using kv = await KVClient.connect({ metadata, timeoutMs: CALL_MS });
  const traffic = new Traffic(kv);
  await traffic.prepare();
  traffic.start();
  await run({ cluster, admin, traffic });
  await untilRanges(admin, (all) => areWhole(all, 3));
  const report = await traffic.stop();
  assert.equal(report.failures, []);
  assert.equal(report.violations, []);
}

async function ended(admin: AdminClient, operation: number): Promise<string> {
  for (;;) {
    const { state } = await admin.operation(operation, 1_000);
    if (state !== 'running') return state;
  }
}

for (const [position, role] of ['head', 'middle', 'tail'].entries()) {
  test(
    `the ${role} dies while its range is cut: the range ends in two halves`,
    deadline(LIMIT_MS, () =>
      withScene(async ({ cluster, admin, traffic }) => {
        const keyspace = await admin.keyspace('default');
        for (const [at, delayMs] of DELAYS_MS.entries()) {
          const all = await untilRanges(admin, (ranges) => areWhole(ranges, 3));
          const last = all.at(-1);
          const victim = last?.chain[position]?.drive as string;
          const key = Buffer.from(`traffic/${String(50 * (at + 1)).padStart(6, '0')}`);
          const operation = await admin.split(keyspace, key);
          await pause(delayMs);
          await cluster.kill(victim);
          assert.is(await ended(admin, operation), 'done');
          assert.is((await rangesOf(admin)).length, at + 2);
          await traffic.progress(100);
          await cluster.restart(victim);
        }
      }),
    ),
  );
}

for (const [position, role] of ['head', 'tail'].entries()) {
  test(
    `the ${role} dies while a copy is moved: the move ends one way or the other`,
    deadline(LIMIT_MS, () =>
      withScene(async ({ cluster, admin, traffic }) => {
        const keyspace = await admin.keyspace('default');
        for (const delayMs of DELAYS_MS) {
          const [range] = await untilRanges(admin, (ranges) => areWhole(ranges, 3));
          const chain = range?.chain.map(({ drive }) => drive) ?? [];
          const to = cluster.drives.find(({ id }) => !chain.includes(id))?.id as string;
          const from = chain[1] as string;
          const victim = chain[2 * position] as string;
          const operation = await admin.move(keyspace, Buffer.from('a'), from, to);
          await pause(delayMs);
          await cluster.kill(victim);
          await ended(admin, operation);
          await traffic.progress(100);
          await cluster.restart(victim);
        }
      }),
    ),
  );
}

test(
  'the target of a move dies: writes go on at once, and the chain is as before',
  deadline(LIMIT_MS, () =>
    withScene(async ({ cluster, admin, traffic }) => {
      const keyspace = await admin.keyspace('default');
      for (const delayMs of DELAYS_MS) {
        const [range] = await untilRanges(admin, (ranges) => areWhole(ranges, 3));
        const chain = range?.chain.map(({ drive }) => drive) ?? [];
        const to = cluster.drives.find(({ id }) => !chain.includes(id))?.id as string;
        const operation = await admin.move(keyspace, Buffer.from('a'), chain[0] as string, to);
        await pause(delayMs);
        await cluster.kill(to);
        await ended(admin, operation);
        await traffic.progress(100);
        await cluster.restart(to);
      }
    }),
  ),
);

test.run();
