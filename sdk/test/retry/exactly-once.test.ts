import { OperationCode, OperationFlag, Status } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bytes, type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import type { FakeDrive, FakeOperation } from '../fakes/fake-drive.ts';
import { errorOf, until, withCluster } from '../fakes/with-cluster.ts';

const drive = (cluster: FakeCluster, number = 1): FakeDrive =>
  cluster.drives[number - 1] as FakeDrive;

test(
  'exactly once: the connection ends after every tenth write, and counters still add up',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    let count = 0;
    drive(cluster).dropAfter = ({ flags }) =>
      (flags & OperationFlag.retry) === 0 && ++count % 10 === 0;
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        Array.from({ length: 40 }, (_, n) => client.increment(`counter${n % 4}`, 1)),
      );
    }
    const counters = [0, 1, 2, 3].map((n) => `counter${n}`);
    assert.equal(await client.getMany(counters), [50n, 50n, 50n, 50n]);
    assert.ok(client.stats().resentWrites > 0);
    assert.is(client.stats().failures, 0);
  }),
);

test(
  'exactly once: a conditional write that was applied before the connection ended succeeds',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const { version } = await client.put('k', 1);
    let drops = 0;
    drive(cluster).dropAfter = () => drops++ === 0;
    const next = await client.put('k', 2, { ifVersion: version });
    assert.is(next.version, version + 1);
    drops = 0;
    assert.equal(await client.delete('k', { ifVersion: next.version }), { existed: true });
  }),
);

test(
  'exactly once: a retry says that it is one, and keeps session and number over a move',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const client = await cluster.connect();
    await client.put('z', 0);
    const seen: { flags: number; writeNumber: number }[] = [];
    const note = ({ flags, writeNumber }: FakeOperation): undefined => {
      seen.push({ flags, writeNumber });
    };
    drive(cluster, 1).refuse = note;
    drive(cluster, 2).refuse = note;
    drive(cluster, 1).dropAfter = () => {
      cluster.install([
        rangeRecord({ id: 1, end: bytes('h'), epoch: 2, version: 2, drives: ['drive-2'] }),
      ]);
      return true;
    };
    assert.is(await client.increment('a', 5), 5n);
    assert.is(seen.length, 3, 'dropped, stale, answered');
    assert.equal(
      seen.map(({ flags }) => (flags & OperationFlag.retry) !== 0),
      [false, true, true],
    );
    assert.is(new Set(seen.map(({ writeNumber }) => writeNumber)).size, 1);
    assert.is(cluster.store.sessions.size, 2);
  }),
);

test(
  'outcome unknown at the drive: asked again under the same number',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const numbers: number[] = [];
    drive(cluster).refuse = ({ writeNumber }) => {
      numbers.push(writeNumber);
      return numbers.length < 3 ? { status: Status.outcomeUnknown } : undefined;
    };
    assert.is(await client.increment('a', 1), 1n);
    assert.equal(numbers, [1, 1, 1]);
  }),
);

test(
  'session expired: the outcome is unknown, never a second application, and later writes work',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.put('a', 1);
    drive(cluster).refuse = () => ({ status: Status.sessionExpired });
    const error = await errorOf(client.increment('c', 1));
    assert.equal([error['code'], error['outcome']], ['KV_OUTCOME_UNKNOWN', 'unknown']);
    drive(cluster).refuse = undefined;
    assert.is(await client.increment('c', 1), 1n);
    const sessions = [...cluster.store.sessions.keys()].map((name) => name.split('.')[0]);
    assert.is(new Set(sessions).size, 2);
  }),
);

test(
  'outcomes: not applied before it was sent, unknown after, settled by a later answer',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const { version } = await client.put('k', 1);
    drive(cluster).isSilent = ({ code }) => code >= OperationCode.put;
    const silent = await errorOf(client.put('k', 2, { timeoutMs: 100 }));
    assert.equal([silent['code'], silent['outcome']], ['KV_TIMEOUT', 'unknown']);
    const read = await errorOf(client.get('k', { timeoutMs: 100 }).then(() => Promise.reject()));
    assert.is(read, undefined, 'reads are answered');
    drive(cluster).isSilent = undefined;
    let drops = 0;
    drive(cluster).dropAfter = () => drops++ === 0;
    drive(cluster).refuse = () => (drops > 0 ? { status: Status.noSpace } : undefined);
    const full = await errorOf(client.put('k', 3));
    assert.equal([full['code'], full['outcome']], ['KV_NO_SPACE', 'unknown']);
    drops = 0;
    drive(cluster).refuse = () =>
      drops > 0 ? { status: Status.versionMismatch, detail: { version: 9 } } : undefined;
    const mismatch = await errorOf(client.put('k', 4, { ifVersion: version + 1 }));
    assert.equal(
      [mismatch['code'], mismatch['outcome'], mismatch['version']],
      ['KV_VERSION_MISMATCH', 'not-applied', 9],
    );
    drops = 1;
    drive(cluster).refuse = () => ({ status: Status.noSpace });
    const never = await errorOf(client.put('k', 5));
    assert.equal([never['code'], never['outcome']], ['KV_NO_SPACE', 'not-applied']);
  }),
);

test(
  'resolveOutcome: the request id of an error finds out what became of the write',
  withCluster({ partitioning: 'hash' }, async (cluster) => {
    const client = await cluster.connect();
    drive(cluster).dropAfter = ({ code }) => code === OperationCode.put;
    drive(cluster).refuse = ({ flags }) =>
      (flags & OperationFlag.retry) !== 0 ? { status: Status.rangeUnavailable } : undefined;
    const error = await errorOf(client.put('k', 1, { timeoutMs: 200 }));
    assert.equal([error['code'], error['outcome']], ['KV_RANGE_UNAVAILABLE', 'unknown']);
    assert.not.match(JSON.stringify(error), /requestId/);
    drive(cluster).dropAfter = undefined;
    drive(cluster).refuse = undefined;
    const requestId = error['requestId'] as string;
    assert.equal(await client.resolveOutcome(requestId), { outcome: 'applied', version: 1 });
    const other = await cluster.connect();
    const unknown = requestId.replace(/\.1\./, '.2.');
    assert.equal(await other.resolveOutcome(unknown), { outcome: 'not-applied' });
    await client.put('k', 2);
    assert.equal(drive(cluster).resolved, [1, 2]);
  }),
);

test(
  'sessions: a write that hangs at one drive does not stop the numbers of another',
  withCluster({ drives: 2, cuts: [bytes('h')] }, async (cluster) => {
    const client = await cluster.connect();
    await client.getMany(['a', 'z']);
    drive(cluster, 1).isSilent = () => true;
    const hanging = errorOf(client.put('a', 1, { timeoutMs: 2_500 }));
    let lowest = 0;
    drive(cluster, 2).refuse = ({ lowestOutstanding }) => {
      lowest = lowestOutstanding;
      return undefined;
    };
    const entries = Array.from({ length: 20_000 }, (_, n) => [`z${n % 100}`, n] as const);
    const outcomes = await client.putMany(entries);
    assert.ok(outcomes.every(({ status }) => status === 'fulfilled'));
    assert.ok(lowest > 15_000, `lowest outstanding ${lowest}`);
    assert.is((await hanging)['outcome'], 'unknown');
  }),
);

test(
  'sessions: a full window makes writes wait, not reads, and goes on when it opens',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({ limits: { maxInFlightPerDrive: 16_384 } });
    let isFirst = true;
    drive(cluster).isSilent = ({ code }) => {
      if (code < OperationCode.put || !isFirst) return false;
      isFirst = false;
      return true;
    };
    const hanging = errorOf(client.put('first', 0, { timeoutMs: 2_500 }));
    const entries = Array.from({ length: 17_000 }, (_, n) => [`k${n % 100}`, n] as const);
    const writes = client.putMany(entries);
    await until(() => cluster.store.sessions.size > 16_000 && client.stats().inFlight <= 2);
    assert.is(await client.get('none'), undefined, 'reads go on');
    assert.is((await hanging)['outcome'], 'unknown');
    assert.ok((await writes).every(({ status }) => status === 'fulfilled'));
  }),
);

test.run();
