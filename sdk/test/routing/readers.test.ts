// Reads over the members of a chain: away from who is silent, refusing or gone, and never failing while
// somebody can answer. Who is preferred among those that can: choose-reader.test.ts.

import { OperationCode, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClientOptions, KVClient } from '../../src/index.ts';
import { type FakeCluster, rangeRecord } from '../fakes/fake-cluster.ts';
import type { FakeDrive, FakeOperation, Refusal } from '../fakes/fake-drive.ts';
import { errorOf, until, withCluster } from '../fakes/with-cluster.ts';

const test = suite('reads over members');
const KEYS: readonly string[] = Array.from({ length: 300 }, (_, n) => `k${n}`);
const isRead = ({ code }: { code: number }): boolean => code < OperationCode.put;

/** One range on three drives. */
function chained(cluster: FakeCluster): readonly FakeDrive[] {
  const record = rangeRecord({ id: 1, drives: ['drive-1', 'drive-2', 'drive-3'] });
  cluster.meta.records = [record];
  cluster.install([record]);
  return cluster.drives;
}

/** A client that is connected to all members. */
async function connected(
  cluster: FakeCluster,
  options: Partial<ClientOptions> = {},
): Promise<KVClient> {
  const kv = await cluster.connect(options);
  while (kv.stats().connections < 1 + cluster.drives.length) await kv.getMany(KEYS);
  return kv;
}

const counts = (cluster: FakeCluster): number[] =>
  cluster.drives.map(({ operations }) => operations);

/** What each drive was asked since the counts before. */
function since(cluster: FakeCluster, before: readonly number[]): number[] {
  return counts(cluster).map((count, at) => count - (before[at] ?? 0));
}

for (const [what, refusal] of [
  ['has no lease', { status: Status.rangeUnavailable, detail: { retryAfterMs: 20 } }],
  ['is behind', { status: Status.aheadOfDrive }],
  ['is overloaded', { status: Status.overloaded, detail: { retryAfterMs: 20 } }],
  ['is stopping', { status: Status.stopping }],
  ['has damaged records', { status: Status.checksum }],
  ['has a failed store', { status: Status.storeFailed }],
  ['says that it is no member and knows nothing newer', { status: Status.staleIndex }],
] as readonly (readonly [string, Refusal])[]) {
  test(
    `a member that ${what} is left alone; the others answer`,
    withCluster({ drives: 3 }, async (cluster) => {
      const [, refusing] = chained(cluster) as [FakeDrive, FakeDrive, FakeDrive];
      const kv = await connected(cluster);
      await kv.put('k1', 'v');
      refusing.refuse = (operation) => (isRead(operation) ? refusal : undefined);
      assert.is((await kv.getMany(KEYS))[1], 'v');
      const before = counts(cluster);
      await kv.getMany(KEYS);
      const [, refused = 0] = since(cluster, before);
      assert.ok(refused < 20, `${refused} reads went there again`);
      for (let n = 0; n < 20; n++) assert.is(await kv.get('k1'), 'v');
      refusing.refuse = undefined;
      const back = refusing.operations;
      while (refusing.operations <= back + 30) await kv.getMany(KEYS.slice(0, 30));
      assert.is(kv.stats().failures, 0);
    }),
  );
}

test(
  'reads are refused by all members: they rest, and end with the cause at their deadline',
  withCluster({ drives: 3 }, async (cluster) => {
    for (const drive of chained(cluster)) {
      drive.refuse = (operation) =>
        isRead(operation) ? { status: Status.rangeUnavailable } : undefined;
    }
    const kv = await cluster.connect();
    const before = counts(cluster);
    const error = await errorOf(kv.get('k', { timeoutMs: 300 }));
    assert.is(error['code'], 'KV_RANGE_UNAVAILABLE');
    const asked = since(cluster, before);
    assert.ok(
      asked.every((count) => count > 0),
      `${asked}: everybody was asked`,
    );
    const sum = asked.reduce((a, b) => a + b);
    assert.ok(sum < 60, `${sum} tries in 300 ms`);
    const damaged = cluster.drives;
    for (const drive of damaged) drive.refuse = () => ({ status: Status.checksum });
    assert.is((await errorOf(kv.get('k')))['code'], 'KV_CHECKSUM');
  }),
);

test(
  'a member that is gone costs nothing, and is found again when it is back',
  withCluster({ drives: 3 }, async (cluster) => {
    const [, gone] = chained(cluster) as [FakeDrive, FakeDrive, FakeDrive];
    const kv = await connected(cluster);
    await kv.put('k1', 'v');
    const port = Number(gone.address.split(':')[1]);
    await gone.stop();
    assert.is((await kv.getMany(KEYS))[1], 'v');
    assert.is((await kv.getMany(KEYS))[1], 'v');
    await gone.start(port);
    const before = gone.operations;
    while (gone.operations === before) await kv.getMany(KEYS.slice(0, 30));
    assert.is(kv.stats().failures, 0);
  }),
);

test(
  'a client that starts while a member cannot be reached reads from the others',
  withCluster({ drives: 3 }, async (cluster) => {
    const [gone] = chained(cluster) as [FakeDrive, FakeDrive, FakeDrive];
    await gone.stop();
    const kv = await cluster.connect();
    assert.equal(await kv.getMany(KEYS.slice(0, 50)), new Array(50).fill(undefined));
    assert.is(kv.stats().failures, 0);
  }),
);

test(
  'what a silent member owes is asked of another one, long before the deadline',
  withCluster({ drives: 3 }, async (cluster) => {
    const [, silent] = chained(cluster) as [FakeDrive, FakeDrive, FakeDrive];
    const kv = await connected(cluster, { timeoutMs: 7_000 });
    await kv.put('k1', 'v');
    silent.isSilent = isRead;
    const from = performance.now();
    assert.is((await kv.getMany(KEYS))[1], 'v');
    assert.ok(performance.now() - from < 4_000, 'not at the deadline');
    await until(() => silent.cancelled.length > 0);
    const before = counts(cluster);
    assert.is((await kv.getMany(KEYS))[1], 'v');
    assert.is(since(cluster, before)[1], 0, 'it is not asked before it has answered');
  }),
);

test(
  'scans go to any member, and on to the next when one refuses',
  withCluster({ drives: 3 }, async (cluster) => {
    const drives = chained(cluster);
    const kv = await cluster.connect();
    await kv.putMany(KEYS.map((key) => [key, key] as const));
    const scanned = new Set<string>();
    for (const drive of drives) drive.beforeScan = () => scanned.add(drive.id);
    for (let client = 0; client < 12 && scanned.size < 3; client++) {
      const other = await cluster.connect();
      for await (const page of other.scan({ prefix: 'k' }).pages()) assert.ok(page.length > 0);
    }
    assert.is(scanned.size, 3, 'each client has its own');
    for (const drive of drives.slice(0, 2)) {
      drive.refuseScan = () => ({ status: Status.rangeUnavailable });
    }
    let found = 0;
    for await (const page of kv.scan({ prefix: 'k' }, { pageSize: 50 }).pages())
      found += page.length;
    assert.is(found, KEYS.length);
    assert.is(kv.stats().failures, 0);
  }),
);

test(
  "reads: 'tail' asks the tail only, and waits for it",
  withCluster({ drives: 3 }, async (cluster) => {
    const [, , tail] = chained(cluster) as [FakeDrive, FakeDrive, FakeDrive];
    const kv = await cluster.connect({ reads: 'tail' });
    let refusals = 3;
    tail.refuse = (operation: FakeOperation) =>
      isRead(operation) && refusals-- > 0 ? { status: Status.rangeUnavailable } : undefined;
    assert.is(await kv.get('k'), undefined);
    assert.equal(counts(cluster), [0, 0, 4]);
    const error = await errorOf(cluster.connect({ reads: 'head' as never }));
    assert.match(error.message, /'any' or 'tail'/);
  }),
);

test.run();
