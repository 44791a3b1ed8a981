import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ClusterId } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KVClient, KVError } from '../../src/index.ts';
import { deadline, errorOf, until, withCluster } from '../fakes/with-cluster.ts';

test(
  'connect: rejects when no metadata server answers, and leaves nothing behind',
  deadline(8_000, async () => {
    const error = await errorOf(KVClient.connect('piton://127.0.0.1:1/default'));
    assert.instance(error, KVError);
    assert.is(error['code'], 'KV_META_UNAVAILABLE');
    assert.is(error['retryable'], true);
  }),
);

test(
  'connect: rejects within its time when the metadata server is silent',
  withCluster({}, async (cluster) => {
    cluster.meta.isSilent = true;
    const error = await errorOf(KVClient.connect(cluster.options({ timeoutMs: 100 })));
    assert.is(error['code'], 'KV_TIMEOUT');
  }),
);

test(
  'connect: rejects when there is no such keyspace',
  withCluster({}, async (cluster) => {
    const error = await errorOf(KVClient.connect(cluster.options({ keyspace: 'other' })));
    assert.is(error['code'], 'KV_NO_KEYSPACE');
  }),
);

test(
  'connect: a drive is not a metadata server',
  withCluster({}, async (cluster) => {
    const metadata = [cluster.drives[0]?.address as string];
    const error = await errorOf(KVClient.connect({ metadata }));
    assert.is(error['code'], 'KV_META_UNAVAILABLE');
    assert.match(error.message, /expected a metadata server/);
  }),
);

test(
  'connect: goes on to the next address when the first is dead',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({ metadata: ['127.0.0.1:1', cluster.meta.address] });
    await client.put('a', 1);
    assert.is(await client.get('a'), 1);
  }),
);

test(
  'connect: a metadata server of another cluster is refused once the cluster is known',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const port = Number(cluster.meta.address.split(':')[1]);
    await cluster.meta.stop();
    await until(() => !client.stats().isMetaConnected);
    cluster.meta.cluster = 'ffffffff-89ab-4cde-8f01-23456789abcd' as ClusterId;
    await cluster.meta.start(port);
    const failures = client.stats().connectFailures;
    await until(() => client.stats().connectFailures > failures + 1);
    assert.is(client.stats().isMetaConnected, false);
    await client.put('a', 1);
    assert.is(await client.get('a'), 1, 'traffic goes on');
  }),
);

test(
  'new KVClient: connects at the first call',
  withCluster({}, async (cluster) => {
    const client = cluster.lazy();
    assert.is(cluster.meta.requests.length, 0);
    await client.put('a', 1);
    assert.is(await client.get('a'), 1);
    assert.is(client.stats().fullFetches, 1);
  }),
);

test(
  'new KVClient: calls wait for the metadata server and say so at their deadline',
  deadline(8_000, async () => {
    const client = new KVClient({ metadata: ['127.0.0.1:1'] });
    const error = await errorOf(client.put('a', 1, { timeoutMs: 100 }));
    assert.is(error['code'], 'KV_META_UNAVAILABLE');
    assert.is(error['outcome'], 'not-applied');
    assert.is((await errorOf(client.get(''))).code, 'KV_INVALID_ARGUMENT');
    await client.close();
  }),
);

test(
  'new KVClient: calls fail at once when the keyspace does not exist',
  withCluster({}, async (cluster) => {
    const client = cluster.lazy({ keyspace: 'other' });
    assert.is((await errorOf(client.get('a')))['code'], 'KV_NO_KEYSPACE');
  }),
);

test(
  'new KVClient: says KV_NOT_READY when the index is still under way',
  withCluster({}, async (cluster) => {
    cluster.meta.isSilent = true;
    const client = cluster.lazy();
    assert.is((await errorOf(client.get('a', { timeoutMs: 200 })))['code'], 'KV_NOT_READY');
  }),
);

test(
  'close: lets calls under way finish, refuses new ones, and is idempotent',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const written = client.put('a', 1);
    const closed = client.close();
    assert.is((await errorOf(client.get('a')))['code'], 'KV_CLOSED');
    assert.is((await written).version, 1);
    await closed;
    await client.close();
    assert.is((await errorOf(client.scan({}).pages().next()))['code'], 'KV_CLOSED');
    assert.is((await errorOf(client.locate('a')))['code'], 'KV_CLOSED');
    assert.is((await errorOf(client.putMany([['a', 1]])))['code'], 'KV_CLOSED');
    await until(() => cluster.drives[0]?.connections === 0);
  }),
);

test(
  'close: what does not finish in time fails with KV_CLOSED and the right outcome',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    (cluster.drives[0] as { isSilent: unknown }).isSilent = () => true;
    const write = errorOf(client.put('a', 1));
    const read = errorOf(client.get('a'));
    await client.close({ drainMs: 50 });
    assert.equal([(await write)['code'], (await write)['outcome']], ['KV_CLOSED', 'unknown']);
    assert.equal([(await read)['code'], (await read)['outcome']], ['KV_CLOSED', 'not-applied']);
  }),
);

test(
  'close: await using closes',
  withCluster({}, async (cluster) => {
    {
      await using client = await KVClient.connect(cluster.options());
      await client.put('a', 1);
    }
    await until(() => cluster.drives[0]?.connections === 0);
  }),
);

test(
  'ref false: an idle client does not keep its process alive',
  withCluster({}, async (cluster) => {
    const child = fileURLToPath(new URL('../fakes/idle-client.js', import.meta.url));
    const code = await new Promise((resolve) => {
      // Not through pipes: what nobody reads would keep this process.
      spawn(process.execPath, [child, cluster.meta.address], { stdio: 'inherit' }).on(
        'exit',
        resolve,
      );
    });
    assert.is(code, 0);
  }),
);

test.run();
