// Splits and moves under load, with three copies: no failed operation, no wrong answer, and no more
// stale routes than ranges that moved.

import { type AdminClient, type Cluster, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('changes under load');
const LIMIT_MS = 60_000;
const LOOK_MS = 20;

async function cut(admin: AdminClient, key: string): Promise<void> {
  const keyspace = await admin.keyspace('default');
  await admin.waitFor(await admin.split(keyspace, Buffer.from(key)));
}

/**
 * The chain of a range as the metadata server knows it, when all of it serves and nobody has the range in hand. A client
 * may know an older one; and on a busy machine a member may have been away for a moment.
 */
async function chainAtRest(admin: AdminClient, key: string): Promise<readonly string[]> {
  const keyspace = await admin.keyspace('default');
  const hex = Buffer.from(key).toString('hex');
  for (;;) {
    const ranges = await admin.ranges(keyspace);
    const range = ranges.find(({ start, end }) => start.hex <= hex && (!end || hex < end.hex));
    const isWhole = range?.chain.every(({ state }) => state === 'serving') === true;
    if (range?.operation === null && isWhole && range.chain.length === keyspace.replicas) {
      return range.chain.map(({ drive }) => drive);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Moves the copy at `place` of the chain to the drive that has none. */
async function moveCopy(
  cluster: Cluster,
  admin: AdminClient,
  key: string,
  place: number,
): Promise<void> {
  const chain = await chainAtRest(admin, key);
  const to = cluster.drives.find(({ id }) => !chain.includes(id))?.id as string;
  const keyspace = await admin.keyspace('default');
  const from = chain[place] as string;
  await admin.waitFor(await admin.move(keyspace, Buffer.from(key), from, to));
}

test(
  'splits and moves of head, middle and tail: nothing fails, at most one stale hit a moved range',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 4, replicas: 3, inProcess: true });
    await using admin = cluster.admin();
    await using kv = await KVClient.connect(cluster.url);
    const traffic = new Traffic(kv);
    await traffic.prepare();
    traffic.start();
    await cut(admin, 'traffic/000060');
    await cut(admin, 'traffic/000120');
    await traffic.progress(500);
    const before = kv.stats();
    for (const [place, key] of ['traffic/000000', 'traffic/000060', 'traffic/000120'].entries()) {
      await moveCopy(cluster, admin, key, place);
      await traffic.progress(500);
    }
    const report = await traffic.stop();
    const after = kv.stats();
    assert.equal(report.failures, []);
    assert.equal(report.violations, []);
    const hits = after.staleIndexHits - before.staleIndexHits;
    assert.ok(hits <= 3, `${hits} stale-index hits for 3 moved ranges`);
    assert.is(after.fullFetches, before.fullFetches);
    assert.is(kv.ranges().length, 3);
  }),
);

test(
  'in steady state the metadata server is not asked anything',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 3, replicas: 3, inProcess: true });
    await using kv = await KVClient.connect(cluster.url);
    const traffic = new Traffic(kv);
    await traffic.prepare();
    const before = kv.stats();
    traffic.start();
    await traffic.progress(3_000);
    const report = await traffic.stop();
    assert.equal(report.failures, []);
    const { metaRequests, staleIndexHits, retries } = kv.stats();
    assert.is(metaRequests, before.metaRequests);
    assert.is(staleIndexHits, before.staleIndexHits);
    assert.is(retries, before.retries);
  }),
);

test(
  'a client that slept through several changes finds its way with one full fetch in all',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 4, replicas: 3, inProcess: true });
    await using admin = cluster.admin();
    await using kv = await KVClient.connect(cluster.url);
    await kv.put('a', 1);
    await kv.put('z', 26);
    await cluster.killMeta();
    await cluster.restartMeta();
    await cut(admin, 'm');
    for (const key of ['a', 'z']) await moveCopy(cluster, admin, key, 0);
    assert.is(await kv.get('a'), 1);
    assert.is(await kv.get('z'), 26);
    await kv.put('a', 2);
    assert.is(kv.stats().fullFetches, 1);
  }),
);

test(
  'a scan during splits and moves yields every key exactly once, in order, both ways',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 4, replicas: 3, inProcess: true });
    await using admin = cluster.admin();
    await using kv = await KVClient.connect(cluster.url);
    const keys = Array.from({ length: 6_000 }, (_, at) => `k/${String(at).padStart(5, '0')}`);
    await kv.putMany(keys.map((key) => [key, key] as const));
    const changing = (async () => {
      for (const at of ['02000', '04000', '01000', '05000']) await cut(admin, `k/${at}`);
      for (const [turn, at] of ['00000', '02000', '04500'].entries()) {
        await moveCopy(cluster, admin, `k/${at}`, turn);
      }
    })();
    let isChanging = true;
    changing.finally(() => {
      isChanging = false;
    });
    for (let round = 0; round < 2 || isChanging; round++) {
      const reverse = round % 2 === 1;
      const found: string[] = [];
      for await (const { key, value } of kv.scan({ prefix: 'k/' }, { reverse })) {
        if (key !== value) throw new Error(`${String(key)} has the value of ${String(value)}`);
        found.push(key as string);
      }
      assert.equal(found, reverse ? [...keys].reverse() : keys);
    }
    await changing;
  }),
);

test(
  'a hash keyspace spreads over all drives, and a scan of a prefix visits each key once',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({
      drives: 4,
      replicas: 2,
      partitioning: 'hash',
      inProcess: true,
    });
    await using kv = await KVClient.connect(cluster.url);
    const keys = Array.from({ length: 1_000 }, (_, at) => `user/${at}`);
    await kv.putMany([...keys, 'other/1'].map((key) => [key, key] as const));
    const heads = new Set(kv.ranges().map(({ chain }) => chain[0]?.drive));
    assert.is(heads.size, 4);
    const found: string[] = [];
    for await (const { key } of kv.scan({ prefix: 'user/' })) found.push(key as string);
    assert.equal(found.sort(), keys.sort());
    assert.equal(await kv.getMany(['user/7', 'other/1', 'none']), ['user/7', 'other/1', undefined]);
  }),
);

test.run();
