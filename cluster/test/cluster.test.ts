// What startCluster promises, over both ways of running programs.

import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Cluster, startCluster } from '../src/cluster.ts';
import { deadline } from './deadline.ts';

const LIMIT_MS = 60_000;

async function failureOf(run: Promise<unknown>): Promise<Error> {
  try {
    await run;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a failure');
}

/** Writes, restarts what `change` restarts, and reads: with the addresses it had before. */
async function survives(cluster: Cluster, change: () => Promise<void>): Promise<void> {
  await using kv = await KVClient.connect(cluster.url);
  await kv.put('before', 'kept');
  const addresses = cluster.drives.map(({ address }) => address);
  const { metaAddress } = cluster;
  await change();
  assert.is(cluster.metaAddress, metaAddress);
  assert.equal(
    cluster.drives.map(({ address }) => address),
    addresses,
  );
  assert.is(await kv.get('before'), 'kept');
  await kv.put('after', 'too');
}

for (const inProcess of [true, false]) {
  const test = suite(inProcess ? 'cluster in process' : 'cluster of processes');

  test(
    'is ready when it has started: all drives, the default keyspace, the cuts asked for',
    deadline(LIMIT_MS, async () => {
      await using cluster = await startCluster({
        drives: 3,
        replicas: 2,
        splitKeys: ['p', 'h'],
        inProcess,
      });
      assert.equal(
        cluster.drives.map(({ id, isRunning }) => [id, isRunning]),
        [
          ['drive-1', true],
          ['drive-2', true],
          ['drive-3', true],
        ],
      );
      assert.is(
        cluster.drives.every(({ pid }) => (pid === undefined) === inProcess),
        true,
      );
      await using kv = await KVClient.connect(cluster.url);
      const ranges = kv.ranges();
      assert.equal(
        ranges.map(({ start }) => Buffer.from(start).toString()),
        ['', 'h', 'p'],
      );
      assert.is(new Set(ranges.map(({ chain }) => chain[0]?.drive)).size, 3);
      const answer = await fetch(`http://${cluster.httpAddress}/healthz`);
      assert.is(answer.status, 200);
      await answer.arrayBuffer();
    }),
  );

  test(
    'a temporary folder is gone after stop, and everything has ended',
    deadline(LIMIT_MS, async () => {
      const cluster = await startCluster({ drives: 1, inProcess });
      await Promise.all([cluster.stop(), cluster.stop()]);
      assert.is(await stat(cluster.dataDir).catch(() => undefined), undefined);
      assert.is(cluster.isMetaRunning, false);
      assert.is(
        cluster.drives.some(({ isRunning }) => isRunning),
        false,
      );
      assert.match((await failureOf(cluster.restartMeta())).message, /has been stopped/);
    }),
  );

  test(
    'a killed drive and a killed metadata server come back on their addresses with their data',
    deadline(LIMIT_MS, async () => {
      await using cluster = await startCluster({ drives: 2, replicas: 2, inProcess });
      await survives(cluster, async () => {
        await cluster.kill('drive-1');
        assert.is(cluster.drives[0]?.isRunning, false);
        await cluster.restart('drive-1');
      });
      await survives(cluster, async () => {
        await cluster.killMeta();
        assert.is(cluster.isMetaRunning, false);
        await cluster.restartMeta();
      });
      await survives(cluster, () => cluster.restart('drive-2'));
    }),
  );

  test(
    'a drive that is added can take a range',
    deadline(LIMIT_MS, async () => {
      await using cluster = await startCluster({ drives: 1, inProcess });
      await using kv = await KVClient.connect(cluster.url);
      await kv.put('key', 'value');
      const added = await cluster.addDrive();
      assert.is(added.id, 'drive-2');
      await using admin = cluster.admin();
      const keyspace = await admin.keyspace('default');
      const key = Buffer.from('key');
      await admin.waitFor(await admin.move(keyspace, key, 'drive-1', 'drive-2'));
      assert.is(await kv.get('key'), 'value');
      assert.is((await kv.locate('key')).chain[0]?.drive, 'drive-2');
      const drives = await admin.drives();
      assert.equal(
        drives.map(({ id, ranges }) => [id, ranges]),
        [
          ['drive-1', 0],
          ['drive-2', 1],
        ],
      );
    }),
  );

  test(
    'a drive that is not there is named together with those that are',
    deadline(LIMIT_MS, async () => {
      await using cluster = await startCluster({ drives: 1, inProcess });
      const error = await failureOf(cluster.kill('drive-7'));
      assert.match(error.message, /no drive "drive-7" in this cluster; there are: drive-1/);
    }),
  );

  test(
    'a port that is taken: the start fails, says why, and leaves nothing behind',
    deadline(LIMIT_MS, async () => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const { port } = taken.address() as { port: number };
      const base = await mkdtemp(join(tmpdir(), 'piton-test-'));
      try {
        const error = await failureOf(startCluster({ inProcess, port, dataDir: base }));
        assert.match(error.message, /EADDRINUSE|in use/i);
        assert.ok(!(await readdir(base)).includes('drive-1'), 'no drive was started');
      } finally {
        await new Promise((resolve) => taken.close(resolve));
        await rm(base, { recursive: true });
      }
    }),
  );

  test(
    'a folder that is kept brings everything back, also drives beyond the number asked for',
    deadline(LIMIT_MS, async () => {
      const dataDir = await mkdtemp(join(tmpdir(), 'piton-test-'));
      try {
        const first = await startCluster({ drives: 2, replicas: 2, dataDir, inProcess });
        await using kv = await KVClient.connect(first.url);
        await kv.put('kept', { over: 'a restart' });
        await kv.close();
        await first.stop();
        await using second = await startCluster({ drives: 1, dataDir, inProcess });
        assert.is(second.drives.length, 2);
        await using again = await KVClient.connect(second.url);
        assert.equal(await again.get('kept'), { over: 'a restart' });
      } finally {
        await rm(dataDir, { recursive: true, force: true, maxRetries: 3 });
      }
    }),
  );

  test.run();
}

const test = suite('cluster of processes: crashes');

test(
  'a program that ends by itself is told once, with its name',
  deadline(LIMIT_MS, async () => {
    const exits: [string, string | null][] = [];
    let told = (): void => {};
    const exited = new Promise<void>((resolve) => {
      told = resolve;
    });
    await using cluster = await startCluster({
      drives: 2,
      onExit({ name, signal }) {
        exits.push([name, signal]);
        told();
      },
    });
    process.kill(cluster.drives[1]?.pid as number, 'SIGKILL');
    await exited;
    await cluster.kill('drive-1');
    assert.equal(exits, [['drive-2', 'SIGKILL']]);
  }),
);

test(
  'what was acknowledged before kill -9 of everything at once is there afterwards',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 3, replicas: 3 });
    await using kv = await KVClient.connect({
      metadata: [cluster.metaAddress],
      timeoutMs: 30_000,
    });
    const acknowledged: number[] = [];
    let isRunning = true;
    const writing = (async () => {
      for (let number = 0; isRunning; number++) {
        await kv.put(`n/${number}`, number);
        acknowledged.push(number);
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 400));
    const ids = cluster.drives.map(({ id }) => id);
    await Promise.all([...ids.map((id) => cluster.kill(id)), cluster.killMeta()]);
    isRunning = false;
    const count = acknowledged.length;
    await cluster.restartMeta();
    await Promise.all(ids.map((id) => cluster.restart(id)));
    await writing;
    assert.ok(count > 10, `only ${count} writes before the kill`);
    const values = await kv.getMany(acknowledged.map((number) => `n/${number}`));
    assert.equal(values, acknowledged);
  }),
);

test.run();
