// Drives and the metadata server that go away and come back, seen by an application.

import { startCluster } from '@piton/cluster';
import { KVClient, type KVError } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('outages');
const LIMIT_MS = 60_000;
const PATIENT_MS = 30_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test(
  'each drive in turn is killed and restarted under load: no failure, no wrong answer',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 3, replicas: 3, inProcess: true });
    const metadata = [cluster.metaAddress];
    await using kv = await KVClient.connect({ metadata, timeoutMs: PATIENT_MS });
    const traffic = new Traffic(kv);
    await traffic.prepare();
    traffic.start();
    for (const { id } of cluster.drives) {
      await cluster.kill(id);
      await cluster.restart(id);
      await traffic.progress(300);
    }
    const report = await traffic.stop();
    assert.equal(report.failures, []);
    assert.equal(report.violations, []);
    assert.is(kv.stats().fullFetches, 1);
  }),
);

test(
  'without the metadata server traffic goes on; after its restart changes are possible again',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 3, replicas: 3, inProcess: true });
    await using kv = await KVClient.connect(cluster.url);
    const traffic = new Traffic(kv);
    await traffic.prepare();
    traffic.start();
    await cluster.killMeta();
    await traffic.progress(2_000);
    await cluster.restartMeta();
    await using admin = cluster.admin();
    const keyspace = await admin.keyspace('default');
    await admin.waitFor(await admin.split(keyspace, Buffer.from('traffic/000100')));
    await traffic.progress(500);
    const report = await traffic.stop();
    assert.equal(report.failures, []);
    assert.equal(report.violations, []);
    // Each drive comes back after a pause of its own; the deadline of the test is the limit.
    while ((await admin.drives()).some(({ state }) => state !== 'up')) await pause(20);
  }),
);

test(
  'increments come out exact through kills and restarts',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 3, replicas: 3, inProcess: true });
    const metadata = [cluster.metaAddress];
    await using kv = await KVClient.connect({ metadata, timeoutMs: PATIENT_MS });
    let done = 0;
    let isRunning = true;
    const counting = Array.from({ length: 8 }, async () => {
      while (isRunning) {
        await kv.increment('counter', 1);
        done++;
      }
    });
    for (const { id } of cluster.drives) {
      const from = done;
      while (done < from + 50) await pause(5);
      await cluster.kill(id);
      await cluster.restart(id);
    }
    isRunning = false;
    await Promise.all(counting);
    assert.ok(done > 150);
    assert.is(await kv.get('counter'), BigInt(done));
  }),
);

test(
  'a drive that is down: the queue is bounded, calls end at their time with the right outcome',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 1, inProcess: true });
    await using kv = await KVClient.connect({
      metadata: [cluster.metaAddress],
      timeoutMs: 1_000,
      limits: { maxQueued: 100 },
    });
    await kv.put('ready', true);
    await cluster.kill('drive-1');
    const startedAt = performance.now();
    const outcomes = new Map<string, string>();
    const calls = Array.from({ length: 300 }, async (_, number) => {
      const key = `down/${number}`;
      await kv.put(key, number).catch(({ code, outcome }: KVError) => {
        outcomes.set(key, `${code} ${outcome}`);
      });
    });
    const { queued, inFlight } = kv.stats();
    assert.ok(queued + inFlight <= 100, `${queued} queued, ${inFlight} in flight`);
    await Promise.all(calls);
    const elapsedMs = performance.now() - startedAt;
    assert.ok(elapsedMs < 3_000, `calls of 1 s ended after ${elapsedMs} ms`);
    assert.is(outcomes.size, 300);
    const full = [...outcomes.values()].filter((one) => one === 'KV_QUEUE_FULL not-applied');
    assert.ok(full.length >= 200, `${full.length} were refused at once`);
    assert.is(kv.stats().queued, 0);
    assert.is(kv.stats().queuedBytes, 0);
    await cluster.restart('drive-1');
    for (const [key, outcome] of outcomes) {
      const found = await kv.get(key);
      const mayBeThere = outcome.endsWith(' unknown');
      assert.ok(found === undefined || mayBeThere, `${key} is there: ${outcome}`);
    }
  }),
);

test(
  'aborted and timed-out calls let go of what they held, and the client goes on',
  deadline(LIMIT_MS, async () => {
    await using cluster = await startCluster({ drives: 1, inProcess: true });
    await using kv = await KVClient.connect(cluster.url);
    await kv.put('key', 'value');
    await cluster.kill('drive-1');
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = Array.from({ length: 50 }, (_, at) => kv.get(`key/${at}`, { signal }));
    const late = Array.from({ length: 50 }, (_, at) => kv.get(`key/${at}`, { timeoutMs: 200 }));
    controller.abort();
    const codes = (calls: PromiseSettledResult<unknown>[]): string[] => [
      ...new Set(calls.map((call) => (call as { reason?: KVError }).reason?.code ?? 'fine')),
    ];
    assert.equal(codes(await Promise.allSettled(aborted)), ['KV_ABORTED']);
    for (const code of codes(await Promise.allSettled(late))) {
      assert.ok(['KV_TIMEOUT', 'KV_NODE_UNAVAILABLE'].includes(code), code);
    }
    const { queued, queuedBytes, inFlight } = kv.stats();
    assert.equal([queued, queuedBytes, inFlight], [0, 0, 0]);
    await cluster.restart('drive-1');
    assert.is(await kv.get('key'), 'value');
  }),
);

test.run();
