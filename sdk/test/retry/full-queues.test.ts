// Queues that are full: who is refused, who stands in line, and that the counts come back to nothing.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KVError } from '../../src/index.ts';
import type { FakeCluster } from '../fakes/fake-cluster.ts';
import type { FakeDrive } from '../fakes/fake-drive.ts';
import { errorOf, withCluster } from '../fakes/with-cluster.ts';

const drive = (cluster: FakeCluster): FakeDrive => cluster.drives[0] as FakeDrive;

test(
  'drive down: the queue is bounded by count and by bytes, and empties at the deadlines',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect<Uint8Array>({
      codec: 'binary',
      limits: { maxQueued: 100, maxQueuedBytes: 10_000 },
    });
    await drive(cluster).stop();
    const codesOf = async (count: number, bytes: number): Promise<Record<string, number>> => {
      const value = new Uint8Array(bytes);
      const codes: Record<string, number> = {};
      const calls = Array.from({ length: count }, (_, n) =>
        errorOf(client.put(`k${n}`, value, { timeoutMs: 100 })),
      );
      assert.ok(client.stats().queued <= 100 && client.stats().queuedBytes <= 10_000);
      for (const error of await Promise.all(calls)) {
        const { code, outcome } = error as unknown as KVError;
        assert.is(outcome, 'not-applied');
        codes[code] = (codes[code] ?? 0) + 1;
      }
      return codes;
    };
    assert.equal(await codesOf(150, 1), { KV_QUEUE_FULL: 50, KV_NODE_UNAVAILABLE: 100 });
    assert.equal(await codesOf(20, 950), { KV_QUEUE_FULL: 10, KV_NODE_UNAVAILABLE: 10 });
    assert.equal([client.stats().queued, client.stats().queuedBytes], [0, 0]);
  }),
);

test(
  "whenFull 'wait': calls stand in line and are done in turn, within their budget",
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({
      limits: { maxQueued: 10, maxInFlightPerDrive: 5, whenFull: 'wait' },
    });
    const calls = Array.from({ length: 20 }, (_, n) => client.put(`k${n}`, n));
    const over = await errorOf(client.put('over', 1));
    assert.is(over['code'], 'KV_QUEUE_FULL', 'the line is bounded as well');
    await Promise.all(calls);
    drive(cluster).isSilent = () => true;
    const late = Array.from({ length: 20 }, () => errorOf(client.get('k', { timeoutMs: 80 })));
    const codes = (await Promise.all(late)).map((error) => error['code']);
    assert.equal(new Set(codes), new Set(['KV_TIMEOUT', 'KV_QUEUE_FULL']));
    assert.is(client.stats().queued, 0);
  }),
);

test(
  "whenFull 'wait': what was sent makes place at once, also before the line has moved up",
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({ limits: { maxQueued: 10, whenFull: 'wait' } });
    await client.get('warm');
    const put = (n: number): Promise<unknown> => client.put(`k${n}`, n);
    const first = Array.from({ length: 20 }, (_, n) => put(n));
    // One turn: the room is on its way to the drive, the line is still a line.
    await Promise.resolve();
    while (client.stats().inFlight < 10) await new Promise((resolve) => setImmediate(resolve));
    const second = Array.from({ length: 10 }, (_, n) => put(20 + n));
    await Promise.all([...first, ...second]);
    assert.is(client.stats().queued, 0);
  }),
);

test(
  'many keys at a silent drive: every key gets its outcome, and the counts come back to nothing',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.get('warm');
    drive(cluster).isSilent = () => true;
    const entries = Array.from({ length: 5_000 }, (_, n) => [`k${n}`, n] as const);
    const outcomes = await client.putMany(entries, { timeoutMs: 80 });
    const codes = outcomes.map((o) => (o.status === 'rejected' ? o.reason.code : 'fine'));
    assert.is(codes.length, 5_000);
    assert.ok(codes.every((code) => code === 'KV_TIMEOUT'));
    const { queued, queuedBytes, failures } = client.stats();
    assert.equal([queued, queuedBytes, failures], [0, 0, 5_000]);
  }),
);

test.run();
