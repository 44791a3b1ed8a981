// Writes to a head that is gone: they wait for the new chain, by push or by a few questions, and are applied
// once, whoever had begun them.

import { messages, OperationCode, OperationFlag, packValue } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import type { FakeDrive } from '../fakes/fake-drive.ts';
import { until, withCluster } from '../fakes/with-cluster.ts';

const test = suite('a head that is gone');
const isWrite = ({ code }: { code: number }): boolean => code >= OperationCode.put;

/** One range whose head is drive 1 and whose second member is drive 2. */
function chained(cluster: FakeCluster): readonly [FakeDrive, FakeDrive] {
  const record = rangeRecord({ id: 1, drives: ['drive-1', 'drive-2'] });
  cluster.meta.records = [record];
  cluster.install([record]);
  return cluster.drives as unknown as readonly [FakeDrive, FakeDrive];
}

/** The second member is the head now. */
function takeOver(cluster: FakeCluster): void {
  const record = rangeRecord({ id: 1, epoch: 2, version: 5, drives: ['drive-2'] });
  cluster.install([record]);
  cluster.meta.change([record]);
}

test(
  'what waits for it goes to the new head when the push comes',
  withCluster({ drives: 2 }, async (cluster) => {
    const [head, next] = chained(cluster);
    const kv = await cluster.connect();
    await kv.put('k', 1);
    await head.stop();
    const puts = Array.from({ length: 500 }, (_, n) => kv.put(`k${n}`, n));
    await until(() => kv.stats().connectFailures > 0);
    const before = kv.stats().metaRequests;
    takeOver(cluster);
    await Promise.all(puts);
    assert.is(await kv.increment('n', 1), 1n);
    assert.ok(next.operations >= 500);
    assert.is(kv.stats().failures, 0);
    assert.ok(kv.stats().metaRequests - before <= 2);
  }),
);

test(
  'what it still owes is sent to the new head under its number, and applied once',
  withCluster({ drives: 2 }, async (cluster) => {
    const [head, next] = chained(cluster);
    const kv = await cluster.connect({ timeoutMs: 6_000 });
    await kv.put('warm', 1);
    // It does the first increment and none of the others, and says nothing: its power is gone.
    let isDone = false;
    head.isSilent = (operation) => isWrite(operation) && isDone;
    head.swallow = (operation) => {
      if (!isWrite(operation)) return false;
      isDone = true;
      return true;
    };
    const flags: number[] = [];
    next.refuse = (operation) => {
      if (isWrite(operation)) flags.push(operation.flags);
      return undefined;
    };
    const counted = Promise.all([1, 2, 3].map(() => kv.increment('n', 1)));
    await until(() => isDone);
    takeOver(cluster);
    const sums = (await counted).sort();
    assert.equal(sums, [1n, 2n, 3n]);
    assert.equal(flags, [OperationFlag.retry, OperationFlag.retry, OperationFlag.retry]);
    assert.is(await kv.get('n'), 3n);
    assert.is(kv.stats().failures, 0);
    assert.is(kv.stats().inFlight, 3, 'the old head still owes its answers');
  }),
);

test(
  'an old head that is alive answers itself: nothing is taken back from it',
  withCluster({ drives: 2 }, async (cluster) => {
    const [head] = chained(cluster);
    const kv = await cluster.connect();
    await kv.put('warm', 1);
    head.delayMs = 100;
    const put = kv.put('k', 1);
    await until(() => head.operations === 2);
    takeOver(cluster);
    await put;
    assert.is(kv.stats().resentWrites, 0);
    assert.equal(head.cancelled, []);
  }),
);

test(
  'a push that got lost is made good by a few questions, however many calls wait',
  withCluster({ drives: 2 }, async (cluster) => {
    const [head] = chained(cluster);
    const kv = await cluster.connect({ timeoutMs: 7_000 });
    await kv.put('k', 1);
    await head.stop();
    cluster.meta.isPushing = false;
    const puts = Array.from({ length: 2_000 }, (_, n) => kv.put(`k${n}`, n));
    await until(() => kv.stats().connectFailures > 0);
    cluster.meta.requests = [];
    takeOver(cluster);
    await Promise.all(puts);
    assert.ok(cluster.meta.requests.length <= 4, `${cluster.meta.requests}`);
    assert.ok(cluster.meta.requests.every((request) => request === 'fetchChanges'));
    assert.ok(kv.stats().connectFailures < 40, `${kv.stats().connectFailures} attempts`);
  }),
);

test('"you are current" is one small answer', () => {
  const answer = messages.changesAnswer.encode({
    keyspace: 1 as never,
    since: 123_456 as never,
    version: 123_456 as never,
    records: [],
    addresses: [],
    hasMore: false,
    tooOld: false,
  });
  assert.ok(packValue(answer).length < 100, `${packValue(answer).length} bytes`);
});

test.run();
