// How the index reaches clients: pages, look-ups, changes, pushes, and many watchers at once.

import {
  type Changes,
  type IndexVersion,
  indexVersion,
  messages,
  Partitioning,
  RangeIndex,
  type RangeRecord,
  type RefusedError,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { key, type TestCluster, withCluster } from './support/cluster.ts';
import { deadline, eventually } from './support/deadline.ts';
import { connectClient, type FakeClient } from './support/fake-client.ts';

const test = suite('index news');

const keysOf = (count: number, bytes = 4): Uint8Array[] =>
  Array.from({ length: count }, (_, n) => {
    const made = Buffer.alloc(bytes, 120);
    made.write(String(n).padStart(4, '0'));
    return new Uint8Array(made);
  });

async function cutKeyspace(cluster: TestCluster, parts: number, bytes?: number) {
  await cluster.client.keyspaceWhenReady();
  return cluster.client.create('cut', Partitioning.range, 1, keysOf(parts - 1, bytes));
}

function checkWhole(records: readonly RangeRecord[], count: number): void {
  assert.is(records.length, count);
  assert.is(records[0]?.start.length, 0);
  assert.is(records.at(-1)?.end, undefined);
  records.slice(1).forEach((record, position) => {
    assert.equal(record.start, records[position]?.end);
  });
}

test(
  'pages join without a gap, whatever their size, also with the longest keys',
  deadline(15_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const small = await cutKeyspace(cluster, 300);
      checkWhole(await cluster.client.records(small.id, 7), 300);
      checkWhole(await cluster.client.records(small.id, 2_000), 300);
      const wide = await cluster.client.create(
        'wide',
        Partitioning.range,
        1,
        keysOf(149, 4_104).slice(0, 149),
      );
      const first = await cluster.client.page(wide.id, key(''), 2_000);
      assert.ok(first.records.length < 150, 'cut by bytes');
      checkWhole(await cluster.client.records(wide.id), 150);
      assert.ok(first.addresses.length > 0);
    });
  }),
);

test(
  'a look-up answers each range once, with the addresses of its drives',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const { id } = await cutKeyspace(cluster, 10);
      const keys = ['0003', '0003a', '0007', '', 'zz'].map(key);
      const page = await cluster.client.ask(
        messages.lookupRange,
        { keyspace: id, keys },
        messages.indexPage,
      );
      assert.is(page.records.length, 4);
      assert.ok(page.addresses.length >= 1);
      assert.is(page.next, undefined);
    });
  }),
);

test(
  'changes since a version bring an old picture up to date, page by page',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const { client } = cluster;
      const { id } = await cutKeyspace(cluster, 40);
      const picture = new RangeIndex();
      picture.replaceAll(await client.records(id));
      const { version } = await client.changes(id, 0);
      const current = await client.changes(id, version);
      assert.equal([current.records, current.addresses, current.hasMore], [[], [], false]);
      for (const text of ['0005m', '0011m', '0011t']) {
        assert.is((await client.ended(await client.split(id, key(text)))).state, 'done');
      }
      const changes = await client.changes(id, version);
      assert.is(changes.records.length, 5, 'each range once, in its newest form');
      assert.is(changes.tooOld, false);
      for (const record of changes.records) picture.insert(record);
      assert.equal([...picture.records()], await client.records(id));
      const versions = changes.records.map((record) => record.version);
      assert.equal(
        versions,
        [...versions].sort((a, b) => a - b),
      );
    });
  }),
);

test(
  'a client that missed more than is kept is told to fetch the whole index; one from the future too',
  deadline(10_000, async () => {
    await withCluster(1, { changesMax: 5 }, async (cluster) => {
      const { id } = await cutKeyspace(cluster, 20);
      const old = await cluster.client.changes(id, 1);
      assert.equal([old.tooOld, old.records.length], [true, 0]);
      const future = await cluster.client.changes(id, 1_000_000);
      assert.is(future.tooOld, true);
      const now = await cluster.client.changes(id, old.version);
      assert.is(now.tooOld, false);
    });
  }),
);

test(
  'changes are the same after a restart',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const { id } = await cutKeyspace(cluster, 10);
      const { version } = await cluster.client.changes(id, 0);
      await cluster.client.ended(await cluster.client.split(id, key('0005m')));
      const before = await cluster.client.changes(id, version);
      await cluster.restart();
      const client = await connectClient(cluster.meta.address);
      assert.equal(await client.changes(id, version), before);
      client.close();
    });
  }),
);

test(
  'unknown keyspaces are refused in every question',
  deadline(10_000, async () => {
    await withCluster(1, {}, async ({ client }) => {
      const keyspace = (await client.keyspaceWhenReady()).id;
      const nowhere = (keyspace + 50) as typeof keyspace;
      const since = indexVersion(0);
      const questions = [
        () => client.page(nowhere, key(''), 10),
        () => client.changes(nowhere, 0),
        () => client.watch(nowhere, since),
        () =>
          client.ask(
            messages.lookupRange,
            { keyspace: nowhere, keys: [key('a')] },
            messages.indexPage,
          ),
      ];
      for (const ask of questions) {
        try {
          await ask();
          assert.unreachable();
        } catch (error) {
          assert.is((error as RefusedError).status, Status.noSuchKeyspace);
        }
      }
    });
  }),
);

/** Applies pushes as a client would: only when they continue what it has. */
class Follower {
  readonly client: FakeClient;
  readonly picture: RangeIndex = new RangeIndex();
  version: IndexVersion;

  constructor(client: FakeClient, records: readonly RangeRecord[], version: IndexVersion) {
    this.client = client;
    this.picture.replaceAll(records);
    this.version = version;
  }

  follow(): void {
    for (const news of this.client.news.splice(0)) this.take(news);
  }

  take(news: Changes): void {
    assert.ok(news.since <= this.version, 'news has no gap');
    for (const record of news.records) this.picture.insert(record);
    this.version = news.version;
  }
}

test(
  'news is pushed to every watcher, without a gap, and to no one else',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const { client } = cluster;
      const { id } = await cutKeyspace(cluster, 5);
      const other = await client.keyspace('default');
      const followers: Follower[] = [];
      for (let count = 0; count < 3; count++) {
        const watcher = await connectClient(cluster.meta.address);
        const { version } = await client.changes(id, 0);
        await watcher.watch(id, version);
        followers.push(new Follower(watcher, await client.records(id), version));
      }
      const stranger = await connectClient(cluster.meta.address);
      await stranger.watch(other.id, indexVersion(0));
      for (const text of ['0001a', '0002a', '0002b', '0003z']) {
        await client.ended(await client.split(id, key(text)));
      }
      const expected = await client.records(id);
      await eventually(() => {
        for (const follower of followers) follower.follow();
        return followers.every(({ picture }) => picture.size === expected.length);
      });
      for (const { picture } of followers) assert.equal([...picture.records()], expected);
      assert.is(stranger.news.length, 0);
      for (const connected of [stranger, ...followers.map((f) => f.client)]) connected.close();
    });
  }),
);

test(
  'a drive that listens elsewhere is news to watchers',
  deadline(10_000, async () => {
    await withCluster(1, {}, async ({ client, drive }) => {
      const { id } = await client.keyspaceWhenReady();
      await client.watch(id, (await client.changes(id, 0)).version);
      drive('d1').incarnation = 2;
      await drive('d1').register({ address: '127.0.0.1:6543' });
      await eventually(() => client.news.length > 0);
      assert.is(client.news[0]?.addresses[0]?.address, '127.0.0.1:6543');
    });
  }),
);

test(
  'five hundred watchers that come at once are answered, and told news, in no time',
  deadline(20_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const { id } = await cutKeyspace(cluster, 200);
      const { version } = await cluster.client.changes(id, 0);
      const watchers = await Promise.all(
        Array.from({ length: 500 }, () => connectClient(cluster.meta.address)),
      );
      const before = performance.now();
      const answers = await Promise.all(watchers.map((watcher) => watcher.watch(id, version)));
      const answeredMs = performance.now() - before;
      assert.ok(answers.every(({ records }) => records.length === 0));
      assert.ok(answeredMs < 2_000, `${answeredMs} ms for 500 that are current`);
      await cluster.client.ended(await cluster.client.split(id, key('0005m')));
      await eventually(() => watchers.every(({ news }) => news.length > 0));
      assert.ok(watchers.every(({ news }) => news[0]?.records.length === 2));
      for (const watcher of watchers) watcher.close();
    });
  }),
);

test.run();
