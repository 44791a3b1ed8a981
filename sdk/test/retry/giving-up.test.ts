// Deadlines, aborts, trouble that does not end: what a caller gets, and what is freed.

import { OperationCode, Status } from '@piton/protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { KVError } from '../../src/index.ts';
import { type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import type { FakeDrive } from '../fakes/fake-drive.ts';
import { errorOf, until, withCluster } from '../fakes/with-cluster.ts';

const drive = (cluster: FakeCluster): FakeDrive => cluster.drives[0] as FakeDrive;
const now = (): number => performance.now();

test(
  'deadline: kept to within some ms, for short and long budgets side by side',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.get('warm');
    drive(cluster).isSilent = () => true;
    const from = now();
    const took = [400, 20, 150, 60].map(async (timeoutMs) => {
      const error = await errorOf(client.get('k', { timeoutMs }));
      assert.is(error['code'], 'KV_TIMEOUT');
      return now() - from - timeoutMs;
    });
    for (const late of await Promise.all(took)) assert.ok(late > -2 && late < 120, `${late} ms`);
    assert.is(client.stats().failures, 4);
  }),
);

test(
  'deadline: the drive is told the time that is left, and that the call was given up',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const budgets: number[] = [];
    drive(cluster).isSilent = ({ budgetMs }) => budgets.push(budgetMs) > 0;
    await errorOf(client.get('k', { timeoutMs: 120 }));
    assert.ok((budgets[0] as number) <= 120 && (budgets[0] as number) > 60);
    await until(() => drive(cluster).cancelled.length === 1);
  }),
);

test(
  'credit: what was given up keeps its place until the drive answers',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({ limits: { maxInFlightPerDrive: 2 } });
    await client.get('warm');
    drive(cluster).isSilent = () => true;
    const given = [1, 2, 3].map(() => errorOf(client.get('k', { timeoutMs: 60 })));
    const errors = await Promise.all(given);
    assert.equal(
      errors.map(({ message }) => /not sent/.test(message)),
      [false, false, true],
    );
    assert.is(client.stats().inFlight, 2);
    assert.is(drive(cluster).operations, 3);
    drive(cluster).isSilent = undefined;
    drive(cluster).dropConnections();
    await until(() => client.stats().inFlight === 0);
    assert.is(await client.get('k'), undefined);
  }),
);

test(
  'drive down: calls fail at their deadline, not applied, with what was tried',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.put('k', 1);
    await drive(cluster).stop();
    const from = now();
    const error = await errorOf(client.put('k', 2, { timeoutMs: 200 }));
    assert.ok(now() - from >= 195);
    assert.equal([error['code'], error['outcome']], ['KV_NODE_UNAVAILABLE', 'not-applied']);
    assert.is(error['retryable'], true);
    assert.match(String(error.cause), /ECONNREFUSED/);
    assert.ok(client.stats().connectFailures < 30, 'attempts are paused between');
  }),
);

test(
  'an address map that throws fails the call, not the process',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({
      addressMap: () => {
        throw new Error('no such place');
      },
    });
    const error = await errorOf(client.get('k', { timeoutMs: 100 }));
    assert.is(error['code'], 'KV_NODE_UNAVAILABLE');
    assert.match(String(error.cause), /no such place/);
  }),
);

test(
  'abort: before, while it waits, and when it was sent',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    const reason = new Error('enough');
    const before = await errorOf(client.put('k', 1, { signal: AbortSignal.abort(reason) }));
    assert.equal([before['code'], before['outcome']], ['KV_ABORTED', 'not-applied']);
    assert.is(before.cause, reason);
    const stop = new AbortController();
    const waiting = errorOf(client.put('k', 1, { signal: stop.signal }));
    stop.abort();
    assert.equal([(await waiting)['outcome'], drive(cluster).operations], ['not-applied', 0]);
    drive(cluster).isSilent = () => true;
    const late = new AbortController();
    const sent = errorOf(client.put('k', 1, { signal: late.signal }));
    await until(() => drive(cluster).operations === 1);
    late.abort();
    assert.equal([(await sent)['code'], (await sent)['outcome']], ['KV_ABORTED', 'unknown']);
    await until(() => drive(cluster).cancelled.length === 1);
  }),
);

test(
  'abort: one signal for very many calls leaves no listener and no memory behind',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect<Uint8Array>({ codec: 'binary' });
    await client.get('warm');
    await drive(cluster).stop();
    const value = new Uint8Array(10_000);
    const stop = new AbortController();
    let listeners = 0;
    const { signal } = stop;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...given: Parameters<typeof add>): void => {
      listeners++;
      add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>): void => {
      listeners--;
      remove(...given);
    };
    const options = { signal, timeoutMs: 60_000 };
    const calls = Array.from({ length: 5_000 }, (_, n) =>
      errorOf(client.put(`k${n}`, value, options)),
    );
    assert.is(client.stats().queued, 5_000);
    assert.ok(client.stats().queuedBytes > 50_000_000);
    stop.abort();
    await Promise.all(calls);
    assert.equal([client.stats().queued, client.stats().queuedBytes, listeners], [0, 0, 0]);
  }),
);

test(
  'abort: one signal for calls of every kind makes no warning of a leak, and ends them all',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.put('k', 1);
    const warnings: string[] = [];
    const hear = ({ name }: Error): number => warnings.push(name);
    process.on('warning', hear);
    const stop = new AbortController();
    const { signal } = stop;
    const each = Array.from({ length: 30 }, (_, n) => n);
    drive(cluster).isSilent = () => true;
    drive(cluster).isSilentToRequests = true;
    const unknown = await errorOf(client.put('lost', 1, { timeoutMs: 50 }));
    const calls = each.flatMap((n) => [
      errorOf(client.get(`k${n}`, { signal })),
      errorOf(client.getMany([`a${n}`, `b${n}`], { signal })),
      errorOf(client.scan({}, { signal }).pages().next()),
      errorOf(client.resolveOutcome(unknown['requestId'] as string, { signal })),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    for (const { code } of (await Promise.all(calls)) as unknown as KVError[]) {
      assert.is(code, 'KV_ABORTED');
    }
    const aborted = await errorOf(client.get('k', { signal }));
    assert.is(aborted['code'], 'KV_ABORTED');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', hear);
    assert.equal(warnings, []);
  }),
);

test(
  'a drive that closes every connection is tried with pauses, until the deadline',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    drive(cluster).dropAfter = () => true;
    const error = (await errorOf(client.get('k', { timeoutMs: 500 }))) as unknown as KVError;
    assert.is(error.code, 'KV_NODE_UNAVAILABLE');
    assert.is(error.attempts.at(-1)?.cause, 'connectionLost');
    assert.ok(client.stats().connects < 20, `${client.stats().connects} connections`);
  }),
);

test(
  'overload: waits as long as the drive asks, then succeeds; the cause is in the error',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    let refusals = 0;
    drive(cluster).refuse = () =>
      refusals++ < 2 ? { status: Status.overloaded, detail: { retryAfterMs: 40 } } : undefined;
    const from = now();
    await client.put('k', 1);
    assert.ok(now() - from >= 80);
    drive(cluster).refuse = () => ({ status: Status.overloaded, detail: { retryAfterMs: 30 } });
    const error = (await errorOf(client.put('k', 1, { timeoutMs: 200 }))) as unknown as KVError;
    assert.equal([error.code, error.outcome], ['KV_OVERLOADED', 'not-applied']);
    assert.is(error.retryAfterMs, 30);
    assert.ok(error.attempts.length > 1 && error.attempts.length <= 8);
    assert.equal(error.attempts[0], {
      drive: 'drive-1',
      epoch: 1,
      sent: true,
      status: 'overloaded',
      cause: 'overloaded',
    });
  }),
);

test(
  'a slow range delays nothing but itself',
  withCluster({ cuts: [new Uint8Array(Buffer.from('h'))] }, async (cluster) => {
    const client = await cluster.connect();
    drive(cluster).refuse = ({ rangeId }) =>
      rangeId === 1 ? { status: Status.rangeUnavailable } : undefined;
    const slow = errorOf(client.put('a', 1, { timeoutMs: 500 }));
    const from = now();
    for (let n = 0; n < 50; n++) await client.put(`z${n}`, n);
    assert.ok(now() - from < 400);
    assert.is((await slow)['code'], 'KV_RANGE_UNAVAILABLE');
  }),
);

test(
  'routes that go round in circles end with KV_STALE_INDEX',
  withCluster({ drives: 2 }, async (cluster) => {
    const client = await cluster.connect();
    let epoch = 1;
    for (const one of cluster.drives) {
      one.refuse = () => {
        epoch++;
        const drives = [`drive-${(epoch % 2) + 1}`];
        const records = [rangeRecord({ id: 1, epoch, version: epoch, drives })];
        return { status: Status.staleIndex, detail: { records } };
      };
    }
    const error = await errorOf(client.put('a', 1));
    assert.equal([error['code'], error['outcome']], ['KV_STALE_INDEX', 'not-applied']);
    assert.ok(epoch < 100);
  }),
);

/** What a drive answers, and what the caller gets for it. */
const REFUSALS: readonly (readonly [number, string, string])[] = [
  [Status.expired, 'KV_TIMEOUT', 'not-applied'],
  [Status.keyTooLarge, 'KV_KEY_TOO_LARGE', 'not-applied'],
  [Status.valueTooLarge, 'KV_VALUE_TOO_LARGE', 'not-applied'],
  [Status.invalidArgument, 'KV_INVALID_ARGUMENT', 'not-applied'],
  [Status.notANumber, 'KV_NOT_A_NUMBER', 'not-applied'],
  [Status.numberOverflow, 'KV_NUMBER_OVERFLOW', 'not-applied'],
  [Status.noSpace, 'KV_NO_SPACE', 'not-applied'],
  [Status.checksum, 'KV_CHECKSUM', 'not-applied'],
  [Status.storeFailed, 'KV_STORE_FAILED', 'unknown'],
  [Status.internal, 'KV_INTERNAL', 'unknown'],
  [Status.malformed, 'KV_PROTOCOL', 'not-applied'],
  [Status.noSuchKeyspace, 'KV_NO_KEYSPACE', 'not-applied'],
  [Status.wrongCluster, 'KV_WRONG_CLUSTER', 'not-applied'],
  [Status.sessionExpired, 'KV_OUTCOME_UNKNOWN', 'unknown'],
  [251, 'KV_PROTOCOL', 'not-applied'],
];

for (const [status, code, outcome] of REFUSALS) {
  test(
    `refusal ${status}: a write gets ${code}, ${outcome}`,
    withCluster({}, async (cluster) => {
      const client = await cluster.connect();
      drive(cluster).refuse = () => ({ status, detail: { message: 'what the drive says' } });
      const error = await errorOf(client.put('k', 1));
      assert.equal([error['code'], error['outcome']], [code, outcome]);
      assert.match(error.message, /put: what the drive says \(range 1, epoch 1, drive drive-1\)/);
      const read = await errorOf(client.get('k'));
      assert.equal([read['code'], read['outcome']], [code, 'not-applied']);
    }),
  );
}

test(
  'a drive that stops says so, and the call goes on when it is back',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    let count = 0;
    drive(cluster).refuse = () => (count++ < 3 ? { status: Status.stopping } : undefined);
    await client.put('k', 1);
    drive(cluster).refuse = () => ({ status: Status.stopping });
    const error = await errorOf(client.put('k', 1, { timeoutMs: 100 }));
    assert.is(error['code'], 'KV_NODE_UNAVAILABLE');
  }),
);

test(
  'a value that cannot be decoded fails its own call only',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect();
    await client.put('k', 1);
    await client.put('other', 2);
    const stored = cluster.store.entries.get('k') as { valueTag: number };
    stored.valueTag = 3;
    const [broken, fine] = await Promise.allSettled([client.get('k'), client.get('other')]);
    assert.is(broken.status === 'rejected' && broken.reason.code, 'KV_DECODE');
    assert.is(fine.status === 'fulfilled' && fine.value, 2);
  }),
);

test(
  'timeouts do not cost memory: many deadlines pass and nothing is left',
  withCluster({}, async (cluster) => {
    const client = await cluster.connect({ limits: { maxInFlightPerDrive: 16_384 } });
    drive(cluster).isSilent = ({ code }) => code === OperationCode.has;
    const calls = Array.from({ length: 10_000 }, (_, n) =>
      errorOf(client.has(`k${n}`, { timeoutMs: 50 + (n % 50) })),
    );
    await Promise.all(calls);
    assert.is(client.stats().queued, 0);
    await until(() => drive(cluster).cancelled.length === drive(cluster).operations);
    assert.is(await client.get('k'), undefined);
  }),
);

test.run();
