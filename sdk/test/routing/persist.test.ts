// The index in a file: a client starts with it while no metadata server answers, goes on from its version, and is
// not led astray by a file that is old, damaged, or of something else.

import { channel } from 'node:diagnostics_channel';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClusterId, nodeEnvironment } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClientOptions, KVClient } from '../../src/index.ts';
import { BadIndexError, decodeIndex, encodeIndex } from '../../src/routing/saved-index.ts';
import { bytes, type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import { errorOf, withCluster } from '../fakes/with-cluster.ts';

const test = suite('a persisted index');
const OTHER = 'fedcba98-89ab-4cde-8f01-23456789abcd' as ClusterId;

/** A test with a cluster and the path of a file in a folder of its own. */
function withFile(
  run: (cluster: FakeCluster, file: string, folder: string) => Promise<void>,
): () => Promise<void> {
  return withCluster({ drives: 2, cuts: [bytes('m')] }, async (cluster) => {
    const folder = await mkdtemp(join(tmpdir(), 'piton-index-'));
    try {
      await run(cluster, join(folder, 'index'), folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

const persisted = (file: string): Partial<ClientOptions> => ({ index: { persist: file } });

/** Leaves a file behind, as a client does that has lived. */
async function live(cluster: FakeCluster, file: string): Promise<void> {
  const client = await cluster.connect(persisted(file));
  await client.put('a', 1);
  await client.put('z', 26);
  await client.close();
}

async function readBoth(client: KVClient): Promise<void> {
  assert.equal(await client.getMany(['a', 'z']), [1, 26]);
}

/** What is told about files while something runs. */
async function told(run: () => Promise<void>): Promise<string[]> {
  const events: string[] = [];
  const take = (event: unknown): void => {
    events.push((event as { what: string }).what);
  };
  const files = channel('kvclient:index.file');
  files.subscribe(take);
  try {
    await run();
  } finally {
    files.unsubscribe(take);
  }
  return events;
}

test(
  'a client starts with its file while no metadata server answers, reads and writes',
  withFile(async (cluster, file, folder) => {
    await live(cluster, file);
    assert.equal(await readdir(folder), ['index'], 'nothing is left beside it');
    const { address } = cluster.meta;
    await cluster.meta.stop();
    const options = { ...cluster.options(persisted(file)), metadata: [address] };
    const { KVClient } = await import('../../src/index.ts');
    const client = await KVClient.connect(options);
    await readBoth(client);
    await client.put('b', 2);
    assert.is(client.stats().isMetaConnected, false);
    assert.is(client.stats().fullFetches, 0);
    await client.close();
    const without = await errorOf(KVClient.connect({ ...options, index: {}, timeoutMs: 200 }));
    assert.is(without['code'], 'KV_META_UNAVAILABLE');
  }),
);

test(
  'it goes on from the version of the file: only what has changed is fetched',
  withFile(async (cluster, file) => {
    await live(cluster, file);
    const record = rangeRecord({
      id: 2,
      start: bytes('m'),
      epoch: 2,
      version: 5,
      drives: ['drive-1'],
    });
    cluster.meta.change([record]);
    cluster.install([record]);
    cluster.meta.requests = [];
    const client = await cluster.connect(persisted(file));
    await readBoth(client);
    while (client.stats().indexVersion < 5) await client.get('a');
    assert.is(client.stats().fullFetches, 0);
    assert.equal(cluster.meta.requests, ['listKeyspaces', 'watchIndex']);
    await client.close();
    const saved = await decodeIndex(await readFile(file), nodeEnvironment.clock);
    assert.is(saved.version, 5);
    assert.is(saved.records.find(({ id }) => Number(id) === 2)?.epoch, 2);
  }),
);

test(
  'a file from before the change log is replaced by one fetch of everything',
  withFile(async (cluster, file) => {
    await live(cluster, file);
    cluster.meta.version = 10;
    cluster.meta.oldest = 9;
    const client = await cluster.connect(persisted(file));
    while (client.stats().indexVersion < 10) await readBoth(client);
    assert.is(client.stats().fullFetches, 1);
  }),
);

for (const [what, spoil] of [
  ['cut off', (file: Buffer) => file.subarray(0, file.length - 3)],
  ['empty', () => Buffer.alloc(0)],
  ['something else', () => Buffer.from('{"json": true}'.repeat(10))],
  [
    'of another format',
    (file: Buffer) => Buffer.concat([file.subarray(0, 7), Buffer.of(9), file.subarray(8)]),
  ],
  [
    'damaged in one bit',
    (file: Buffer) => {
      const copy = Buffer.from(file);
      copy[copy.length - 5] = (copy[copy.length - 5] as number) ^ 1;
      return copy;
    },
  ],
] as const) {
  test(
    `a file that is ${what} is as good as none, and is replaced`,
    withFile(async (cluster, file) => {
      await live(cluster, file);
      await writeFile(file, spoil(await readFile(file)));
      const events = await told(async () => {
        const client = await cluster.connect(persisted(file));
        await readBoth(client);
        assert.is(client.stats().fullFetches, 1);
        await client.close();
      });
      assert.equal(events, ['refused', 'saved']);
      const { records } = await decodeIndex(await readFile(file), nodeEnvironment.clock);
      assert.is(records.length, 2);
    }),
  );
}

test(
  'a file of another cluster at the same address is thrown away when the metadata server is reached',
  withFile(async (cluster, file) => {
    await live(cluster, file);
    const saved = await decodeIndex(await readFile(file), nodeEnvironment.clock);
    const wrong = saved.records.map((record) => ({
      ...record,
      epoch: 99 as never,
      chain: record.chain.map((member) => ({ ...member, drive: 'drive-9' as never })),
    }));
    const foreign = { ...saved, cluster: OTHER, version: 1_000, records: wrong };
    await writeFile(file, await encodeIndex(foreign, nodeEnvironment.clock));
    const client = await cluster.connect(persisted(file));
    await readBoth(client);
    assert.is(client.stats().fullFetches, 1);
    assert.is((await client.locate('a')).epoch, 1);
    await client.close();
    const after = await decodeIndex(await readFile(file), nodeEnvironment.clock);
    assert.is(after.cluster, saved.cluster);
  }),
);

test(
  'a keyspace that was made anew under its name, or another name, is not taken from the file',
  withFile(async (cluster, file) => {
    await live(cluster, file);
    const saved = await decodeIndex(await readFile(file), nodeEnvironment.clock);
    const other = { ...saved, keyspace: { ...saved.keyspace, partitioning: 'hash' as const } };
    await writeFile(file, await encodeIndex(other, nodeEnvironment.clock));
    const client = await cluster.connect(persisted(file));
    while (client.stats().fullFetches === 0) await client.get('nothing').catch(() => {});
    await readBoth(client);
    await client.close();
    const named = { ...saved, keyspace: { ...saved.keyspace, name: 'elsewhere' } };
    await writeFile(file, await encodeIndex(named, nodeEnvironment.clock));
    const events = await told(async () => {
      await (await cluster.connect(persisted(file))).close();
    });
    assert.equal(events, ['refused', 'saved']);
  }),
);

test(
  'a file that cannot be written disturbs nobody',
  withFile(async (cluster, _file, folder) => {
    const events = await told(async () => {
      const client = await cluster.connect(persisted(join(folder, 'no such folder', 'index')));
      await client.put('a', 1);
      assert.is(await client.get('a'), 1);
      await client.close();
    });
    assert.equal(events, ['failed']);
    const error = await errorOf(cluster.connect({ index: { persist: 7 as never } }));
    assert.match(error.message, /the path of a file/);
  }),
);

test('a large index is packed and unpacked in parts, and comes back as it was', async () => {
  const records = Array.from({ length: 2_500 }, (_, n) =>
    rangeRecord({
      id: n + 1,
      start: n === 0 ? new Uint8Array(0) : bytes(String(n).padStart(6, '0')),
      end: n === 2_499 ? undefined : bytes(String(n + 1).padStart(6, '0')),
      drives: [`drive-${n % 7}`, `drive-${(n + 1) % 7}`],
    }),
  );
  const keyspace = { id: 1, name: 'default', partitioning: 'range', replicas: 2 } as never;
  const index = { cluster: OTHER, keyspace, version: 7, isWhole: true, addresses: [], records };
  const { clock } = nodeEnvironment;
  const encoded = await encodeIndex(index, clock);
  assert.equal(await decodeIndex(encoded, clock), index);
  let refusal: unknown;
  await decodeIndex(encoded.subarray(1), clock).catch((error: unknown) => {
    refusal = error;
  });
  assert.instance(refusal, BadIndexError);
});

test.run();
