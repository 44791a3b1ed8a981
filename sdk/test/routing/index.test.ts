import type { DriveAddress, RangeRecord } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytes, type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import type { FakeDrive } from '../fakes/fake-drive.ts';
import { errorOf, until, withCluster } from '../fakes/with-cluster.ts';

const CUTS = [bytes('h'), bytes('p')];
const drive = (cluster: FakeCluster, number: number): FakeDrive =>
  cluster.drives[number - 1] as FakeDrive;

/** Range 1 (up to h) goes from drive 1 to drive 2. */
function moveFirst(cluster: FakeCluster, epoch = 2, to = 'drive-2'): RangeRecord {
  const record = rangeRecord({ id: 1, end: bytes('h'), epoch, version: epoch, drives: [to] });
  cluster.install([record]);
  return record;
}

test(
  'stale index: the error heals the route; one hit, the rest are stale replies',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect();
    await client.getMany(['a', 'i']);
    moveFirst(cluster);
    const before = client.stats();
    const calls = Array.from({ length: 20 }, (_, n) => client.put(`a${n}`, n));
    await Promise.all(calls);
    const after = client.stats();
    assert.is(after.staleIndexHits - before.staleIndexHits, 1);
    assert.is(after.staleReplies - before.staleReplies, 19);
    assert.is(after.metaRequests, before.metaRequests);
    assert.is(after.fullFetches, 1);
    await client.get('a1');
    assert.is(client.stats().staleIndexHits, after.staleIndexHits);
  }),
);

test(
  'stale index: one reply heals a split into many',
  withCluster({ drives: 2 }, async (cluster) => {
    const client = await cluster.connect();
    await client.get('a');
    const records = Array.from({ length: 20 }, (_, n) =>
      rangeRecord({
        id: n + 1,
        start: n === 0 ? bytes('') : bytes(String.fromCharCode(97 + n)),
        end: n === 19 ? undefined : bytes(String.fromCharCode(98 + n)),
        epoch: 2,
        version: 2,
        drives: ['drive-2'],
      }),
    );
    cluster.install(records);
    const staleOf = (): { status: number; detail: object } => ({
      status: 100,
      detail: { records, addresses: cluster.meta.addresses },
    });
    drive(cluster, 1).refuse = staleOf;
    const keys = records.map(({ start }) => `${Buffer.from(start)}x`);
    await Promise.all(keys.map((key) => client.put(key, key)));
    assert.is(client.stats().staleIndexHits, 1);
    assert.is(client.ranges().length, 20);
    assert.is(client.stats().metaRequests, 3, 'only those of the connect');
  }),
);

test(
  'push: what the metadata server tells is used before any drive has to refuse',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect();
    await client.put('a', 1);
    cluster.meta.change([moveFirst(cluster)]);
    await until(() => client.stats().indexVersion === 2);
    await client.put('a', 2);
    const { staleIndexHits, newsPushed, fullFetches, deltaFetches } = client.stats();
    assert.equal([staleIndexHits, newsPushed, fullFetches, deltaFetches], [0, 1, 1, 1]);
  }),
);

test(
  'push: a gap in the news is asked for',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect();
    cluster.meta.isPushing = false;
    cluster.meta.change([moveFirst(cluster, 2)]);
    cluster.meta.change([moveFirst(cluster, 3, 'drive-3')]);
    cluster.meta.push(2);
    await until(() => client.stats().indexVersion === 3);
    assert.is((await client.locate('a')).chain[0]?.drive, 'drive-3');
    assert.is(client.stats().fullFetches, 1);
  }),
);

test(
  'news on replies: taken without a refusal, and not sent twice',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const client = await cluster.connect();
    await client.get('a');
    const record = rangeRecord({
      id: 2,
      start: bytes('h'),
      epoch: 5,
      version: 9,
      drives: ['drive-1'],
    });
    cluster.install([record]);
    const { addresses } = cluster.meta;
    drive(cluster, 1).news = { since: 1, version: 9, records: [record], addresses } as never;
    await client.get('a');
    assert.is(client.stats().newsOnReplies, 1);
    assert.is((await client.locate('z')).epoch, 5);
    await client.get('a');
    assert.is(client.stats().newsOnReplies, 1);
    await client.put('z', 1);
    assert.is(client.stats().staleIndexHits, 0);
    assert.is(client.stats().indexVersion, 1, 'news of a drive are not all changes of the index');
  }),
);

test(
  'older never replaces newer: a late record changes nothing',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const client = await cluster.connect();
    const newer = moveFirst(cluster, 7);
    cluster.meta.change([newer]);
    await until(() => client.stats().indexVersion === 7);
    const old = rangeRecord({
      id: 1,
      end: bytes('h'),
      epoch: 2,
      version: 2,
      drives: ['drive-1'],
    });
    drive(cluster, 2).news = {
      since: 1,
      version: 99,
      records: [old],
      addresses: [],
    } as never;
    await client.get('a');
    assert.is((await client.locate('a')).epoch, 7);
    assert.is(client.stats().newsOnReplies, 0);
  }),
);

test(
  'drive behind the client: waits, does not touch the cache, and gets its answer',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const client = await cluster.connect();
    const record = rangeRecord({
      id: 1,
      end: bytes('h'),
      epoch: 4,
      version: 4,
      drives: ['drive-1'],
    });
    cluster.meta.change([record]);
    await until(() => client.stats().indexVersion === 4);
    const written = client.put('a', 1);
    await until(() => client.stats().retries > 1);
    cluster.install([record]);
    await written;
    assert.is(client.stats().staleIndexHits, 0);
    assert.is((await client.locate('a')).epoch, 4);
  }),
);

test(
  'stale without a cure: the metadata server is asked, with pauses, not in a storm',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const client = await cluster.connect();
    await client.get('a');
    cluster.meta.isPushing = false;
    cluster.meta.change([moveFirst(cluster)]);
    drive(cluster, 1).refuse = () => ({ status: 100 });
    drive(cluster, 1).records = [];
    await client.put('a', 1);
    const { lookups, staleReplies, staleIndexHits } = client.stats();
    assert.is(lookups, 1);
    assert.is(staleIndexHits, 0);
    assert.ok(staleReplies <= 3);
  }),
);

test(
  'partial cache: holes are looked up once, together, and the least used make room',
  withCluster({ drives: 2, cuts: letters() }, async (cluster) => {
    const client = await cluster.connect({ index: { maxRanges: 5 } });
    assert.is(client.stats().isIndexWhole, false);
    assert.is(client.stats().ranges, 5);
    const keys = ['m', 'n', 'o'].flatMap((letter) =>
      Array.from({ length: 50 }, (_, n) => `${letter}${n}`),
    );
    await Promise.all(keys.map((key) => client.put(key, key)));
    assert.equal(await client.getMany(keys), keys);
    assert.is(client.stats().lookups, 1);
    assert.is(client.stats().ranges, 5);
    for (const letter of 'bcdefghijklmnopqrstuvwxyz') await client.get(letter);
    assert.is(client.stats().ranges, 5);
    assert.is(client.stats().fullFetches, 1);
  }),
);

test(
  'partial cache: pushed records replace what is cached, and nothing else comes in',
  withCluster({ drives: 2, cuts: letters() }, async (cluster) => {
    const client = await cluster.connect({ index: { maxRanges: 5 } });
    const known = client.ranges()[1];
    const change = (id: number, start: string, end: string): RangeRecord =>
      rangeRecord({
        id,
        start: bytes(start),
        end: bytes(end),
        epoch: 2,
        version: 2,
        drives: ['drive-1'],
      });
    cluster.meta.change([change(2, 'b', 'c'), change(20, 't', 'u')]);
    await until(() => client.stats().indexVersion === 2);
    assert.is(known?.epoch, 1);
    assert.is(client.ranges()[1]?.epoch, 2);
    assert.is(client.stats().ranges, 5);
  }),
);

test(
  'hole in a whole cache: a thousand calls cost one look-up',
  withCluster({ cuts: [bytes('h')] }, async (cluster) => {
    cluster.meta.records = cluster.meta.records.slice(0, 1);
    const client = await cluster.connect();
    cluster.meta.records = [rangeRecord({ id: 2, start: bytes('h'), drives: ['drive-1'] })];
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => client.put(`z${n}`, n)));
    assert.is(client.stats().lookups, 1);
    assert.equal(cluster.meta.lookedUp, [1]);
  }),
);

test(
  'no range for a key: KV_RANGE_UNAVAILABLE at the deadline, with few look-ups',
  withCluster({ cuts: [bytes('h')] }, async (cluster) => {
    cluster.meta.records = cluster.meta.records.slice(0, 1);
    const client = await cluster.connect();
    const error = await errorOf(client.put('z', 1, { timeoutMs: 300 }));
    assert.equal([error['code'], error['outcome']], ['KV_RANGE_UNAVAILABLE', 'not-applied']);
    assert.ok(client.stats().lookups < 12, `${client.stats().lookups} look-ups`);
    assert.is((await errorOf(client.locate('z'))).code, 'KV_RANGE_UNAVAILABLE');
  }),
);

test(
  'metadata server gone: traffic goes on, moves heal, and it is resumed by version',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect();
    await client.getMany(['a', 'i', 'q']);
    const port = Number(cluster.meta.address.split(':')[1]);
    await cluster.meta.stop();
    await until(() => !client.stats().isMetaConnected);
    await client.put('a', 1);
    const moved = moveFirst(cluster);
    await client.put('a', 2);
    assert.is(client.stats().staleIndexHits, 1);
    cluster.meta.change([moved]);
    await cluster.meta.start(port);
    await until(() => client.stats().indexVersion === 2);
    const { fullFetches, deltaFetches } = client.stats();
    assert.equal([fullFetches, deltaFetches], [1, 2]);
    cluster.meta.change([moveFirst(cluster, 3, 'drive-3')]);
    await until(() => client.stats().indexVersion === 3);
  }),
);

test(
  'metadata server with a short memory: then, and only then, the index is fetched again',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect();
    const port = Number(cluster.meta.address.split(':')[1]);
    await cluster.meta.stop();
    await until(() => !client.stats().isMetaConnected);
    cluster.meta.change([moveFirst(cluster, 5)]);
    cluster.meta.oldest = 5;
    await cluster.meta.start(port);
    await until(() => client.stats().indexVersion === 5);
    assert.is(client.stats().fullFetches, 2);
    assert.is((await client.locate('a')).epoch, 5);
  }),
);

test(
  'hole while the metadata server is gone: KV_META_UNAVAILABLE at the deadline',
  withCluster({ cuts: [bytes('h')] }, async (cluster) => {
    cluster.meta.records = cluster.meta.records.slice(0, 1);
    const client = await cluster.connect();
    await cluster.meta.stop();
    await until(() => !client.stats().isMetaConnected);
    const error = await errorOf(client.get('z', { timeoutMs: 200 }));
    assert.is(error['code'], 'KV_META_UNAVAILABLE');
  }),
);

test(
  'steady state: no request to the metadata server',
  withCluster({ drives: 3, cuts: CUTS }, async (cluster) => {
    const client = await cluster.connect();
    const { metaRequests } = client.stats();
    for (let round = 0; round < 50; round++) await client.getMany(['a', 'i', 'q']);
    assert.is(client.stats().metaRequests, metaRequests);
  }),
);

test(
  'addresses: a drive that came back elsewhere is found, and the map is used',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.put('a', 1);
    await drive(cluster, 1).stop();
    await drive(cluster, 1).start();
    const waiting = client.get('a');
    cluster.publishAddresses(2);
    cluster.meta.version = 2;
    cluster.meta.push(1);
    assert.is(await waiting, 1);
    const real = drive(cluster, 1).address;
    cluster.meta.addresses = [
      { drive: 'drive-1', address: 'pi.local:1', incarnation: 3 } as DriveAddress,
    ];
    const mapped = await cluster.connect({ addressMap: { 'pi.local:1': real } });
    assert.is(await mapped.get('a'), 1);
    const asked = await cluster.connect({ addressMap: () => real });
    assert.is(await asked.get('a'), 1);
  }),
);

test(
  'addresses: another drive at the address of this one is never served by',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const [first, second] = cluster.meta.addresses as DriveAddress[];
    cluster.meta.addresses = [
      { ...(first as DriveAddress), address: (second as DriveAddress).address },
      second as DriveAddress,
    ];
    const client = await cluster.connect();
    const error = await errorOf(client.put('a', 1, { timeoutMs: 200 }));
    assert.equal([error['code'], error['outcome']], ['KV_NODE_UNAVAILABLE', 'not-applied']);
    assert.is(cluster.store.entries.size, 0);
    await client.put('z', 1);
  }),
);

test(
  'chains: writes go to the head, reads to any that serves, or to the last one',
  withCluster({ drives: 3 }, async (cluster) => {
    const record = rangeRecord({ id: 1, drives: ['drive-1', 'drive-2', 'drive-3'] });
    const chain = [...record.chain.slice(0, 2), { ...record.chain[2], state: 2 }];
    const syncing = { ...record, chain } as RangeRecord;
    cluster.meta.records = [syncing];
    cluster.install([{ ...record, chain: record.chain.slice(0, 2) }]);
    const client = await cluster.connect({ reads: 'tail' });
    await client.put('a', 1);
    assert.is(await client.get('a'), 1);
    assert.equal(
      cluster.drives.map(({ operations }) => operations),
      [1, 1, 0],
    );
    const spread = await cluster.connect();
    const keys = Array.from({ length: 200 }, (_, n) => `k${n}`);
    // Who is connected first gets everything, and who has just been slow gets less.
    const counts = (): number[] => cluster.drives.map(({ operations }) => operations);
    while (counts().filter((count) => count > 50).length < 2) await spread.getMany(keys);
    const syncing1 = counts()[2];
    assert.is(syncing1, 0);
    const { chain: shown } = await client.locate('a');
    assert.equal(
      shown.map(({ state }) => state),
      ['serving', 'serving', 'syncing'],
    );
  }),
);

test(
  'hash keyspace: keys are placed by their hash, and come back as they were',
  withCluster(
    { drives: 2, partitioning: 'hash', cuts: [new Uint8Array([128])] },
    async (cluster) => {
      const client = await cluster.connect();
      const keys = Array.from({ length: 100 }, (_, n) => `key${n}`);
      await client.putMany(keys.map((key) => [key, key]));
      assert.equal(await client.getMany(keys), keys);
      assert.ok(cluster.drives.every(({ operations }) => operations > 50));
      assert.is((await client.getEntry('key1'))?.key, 'key1');
      const stored = [...cluster.store.entries.values()][0];
      assert.is(stored?.key.length, 12);
    },
  ),
);

function letters(): Uint8Array[] {
  return [...'bcdefghijklmnopqrstuvwxyz'].map(bytes);
}

test.run();
