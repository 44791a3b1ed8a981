// Several drives die, at once or one after the other, up to all of them: what was acknowledged comes back
// with whoever has it, and never anything older.

import { type AdminClient, type Cluster, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  areWhole,
  chainText,
  isServing,
  rangesOf,
  untilRanges,
  untilWatched,
} from '../../src/chains.ts';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('several drives die');
const LIMIT_MS = 90_000;
const CALL_MS = 60_000;
const LEASE_MS = 1_000;

async function membersOf(admin: AdminClient): Promise<string[]> {
  const [range] = await rangesOf(admin);
  return range?.chain.map(({ drive }) => drive) ?? [];
}

const untilChain = (admin: AdminClient, text: string) =>
  untilRanges(admin, ([range]) => range !== undefined && chainText(range) === text);

async function start(drives: number, replicas: number): Promise<[Cluster, AdminClient, KVClient]> {
  const cluster = await startCluster({
    ...{ drives, replicas, leaseMs: LEASE_MS, inProcess: true },
    repairAfterMs: 600_000,
  });
  const metadata = [cluster.metaAddress];
  const kv = await KVClient.connect({ metadata, timeoutMs: CALL_MS });
  const admin = cluster.admin();
  await untilWatched(admin);
  return [cluster, admin, kv];
}

test(
  'two of three members die at once: the third goes on alone, and takes them in again',
  deadline(LIMIT_MS, async () => {
    const [cluster, admin, kv] = await start(5, 3);
    try {
      const traffic = new Traffic(kv);
      await traffic.prepare();
      traffic.start();
      const [head, middle, tail] = (await membersOf(admin)) as [string, string, string];
      await Promise.all([cluster.kill(head), cluster.kill(tail)]);
      await untilRanges(admin, ([range]) => range !== undefined && !isServing(range, head));
      await traffic.progress(500);
      const [range] = await untilRanges(
        admin,
        ([one]) => one !== undefined && !isServing(one, tail),
      );
      assert.is(range?.chain[0]?.drive, middle);
      await Promise.all([cluster.restart(head), cluster.restart(tail)]);
      await untilRanges(admin, (all) => areWhole(all, 3));
      await traffic.progress(300);
      const report = await traffic.stop();
      assert.equal(report.failures, []);
      assert.equal(report.violations, []);
    } finally {
      admin.close();
      await kv.close();
      await cluster.stop();
    }
  }),
);

test(
  'a member dies while another one is being copied to: both are dealt with',
  deadline(LIMIT_MS, async () => {
    const [cluster, admin, kv] = await start(4, 3);
    try {
      const traffic = new Traffic(kv);
      await traffic.prepare();
      traffic.start();
      const [head, middle, tail] = (await membersOf(admin)) as [string, string, string];
      await cluster.kill(middle);
      await untilChain(admin, `${head} ${tail} ${middle}-`);
      await cluster.restart(middle);
      await cluster.kill(tail);
      await untilRanges(admin, ([range]) => range !== undefined && !isServing(range, tail));
      await traffic.progress(300);
      await cluster.restart(tail);
      await untilRanges(admin, (all) => areWhole(all, 3));
      await traffic.progress(300);
      const report = await traffic.stop();
      assert.equal(report.failures, []);
      assert.equal(report.violations, []);
    } finally {
      admin.close();
      await kv.close();
      await cluster.stop();
    }
  }),
);

test(
  'the last one in sync dies and an older member comes back first: the range waits for the last one',
  deadline(LIMIT_MS, async () => {
    const [cluster, admin, kv] = await start(3, 2);
    try {
      await kv.put('key', 'old');
      const [head, tail] = (await membersOf(admin)) as [string, string];
      await cluster.kill(tail);
      await untilChain(admin, `${head} ${tail}-`);
      await kv.put('key', 'new');
      await cluster.kill(head);
      await untilChain(admin, `${head}! ${tail}-`);
      await cluster.restart(tail);
      // Shown as waiting: its drive is here, and nobody can bring it up to date.
      await untilChain(admin, `${head}! ${tail}~`);
      await kv.get('key', { timeoutMs: 2_000 }).then(
        (value) => assert.unreachable(`the old member answered ${value}`),
        () => {},
      );
      await cluster.restart(head);
      assert.is(await kv.get('key'), 'new');
      await untilRanges(admin, (all) => areWhole(all, 2));
      await kv.put('key', 'newer');
      assert.is(await kv.get('key'), 'newer');
    } finally {
      admin.close();
      await kv.close();
      await cluster.stop();
    }
  }),
);

test(
  'all members die at once: the tail has all that was seen, and goes on alone when it comes back first',
  deadline(LIMIT_MS, async () => {
    const [cluster, admin, kv] = await start(4, 3);
    try {
      const traffic = new Traffic(kv);
      await traffic.prepare();
      traffic.start();
      await traffic.progress(300);
      const [head, middle, tail] = (await membersOf(admin)) as [string, string, string];
      await Promise.all([head, middle, tail].map((id) => cluster.kill(id)));
      await new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS));
      await cluster.restart(tail);
      await untilRanges(admin, ([range]) => range !== undefined && range.chain[0]?.drive === tail);
      await traffic.progress(300);
      await Promise.all([head, middle].map((id) => cluster.restart(id)));
      await untilRanges(admin, (all) => areWhole(all, 3));
      await traffic.progress(300);
      const report = await traffic.stop();
      assert.equal(report.failures, []);
      assert.equal(report.violations, []);
    } finally {
      admin.close();
      await kv.close();
      await cluster.stop();
    }
  }),
);

test(
  'everything dies, and comes back in another order: nothing is lost',
  deadline(LIMIT_MS, async () => {
    const [cluster, admin, kv] = await start(3, 3);
    try {
      const traffic = new Traffic(kv);
      await traffic.prepare();
      const [head, middle, tail] = (await membersOf(admin)) as [string, string, string];
      await Promise.all([head, middle, tail].map((id) => cluster.kill(id)));
      await cluster.killMeta();
      await cluster.restartMeta();
      for (const id of [tail, head, middle]) await cluster.restart(id);
      await untilRanges(admin, (all) => areWhole(all, 3));
      traffic.start();
      await traffic.progress(300);
      const report = await traffic.stop();
      assert.equal(report.failures, []);
      assert.equal(report.violations, []);
    } finally {
      admin.close();
      await kv.close();
      await cluster.stop();
    }
  }),
);

test.run();
