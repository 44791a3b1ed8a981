// Levelling the drives, with fake drives that report what the test wants: plans and what they say, how they
// are carried out, what a join moves, cancelling, and a server that dies on the way.

import {
  Partitioning,
  type RangeId,
  type RangeRecord,
  type RefusedError,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Pace } from '../../src/balancer/pace.ts';
import type { FaultPoint } from '../../src/index.ts';
import type { ClusterState } from '../../src/state/cluster-state.ts';
import { type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline } from '../support/deadline.ts';
import { connectClient, type FakeClient } from '../support/fake-client.ts';
import { stopAt } from '../support/stop-at.ts';
import { beat, type Figure } from './figures.ts';

const test = suite('rebalance');
const HASH = { partitioning: Partitioning.hash, moveBytesPerSecond: 1e12 };
const MB = 1_000_000;
const HEAVY = 50 * MB;
const LIGHT = 5 * MB;

async function allRecords(client: FakeClient): Promise<RangeRecord[]> {
  const { id } = await client.keyspaceWhenReady();
  return client.records(id);
}

const chainsOf = (records: readonly RangeRecord[]): string =>
  records.map(({ chain }) => chain.map(({ drive }) => drive).join('>')).join(' ');

const headOf = (record: RangeRecord | undefined): string => record?.chain[0]?.drive as string;

/** The ranges whose head is d1 weigh ten times as much as the others. */
async function heavyOnFirst(cluster: TestCluster, of: (isHeavy: boolean) => Figure) {
  const heavy = new Set<RangeId>();
  for (const record of await allRecords(cluster.client)) {
    if (headOf(record) === 'd1') heavy.add(record.id);
  }
  const figures = () => beat(cluster, (range) => of(heavy.has(range)));
  await figures();
  return figures;
}

test(
  'a dry run tells the plan with reasons, before and after, and changes nothing',
  deadline(20_000, async () => {
    await withCluster(4, HASH, async (cluster) => {
      const { client } = cluster;
      await heavyOnFirst(cluster, (isHeavy) => ({ bytes: isHeavy ? HEAVY : LIGHT }));
      const before = chainsOf(await allRecords(client));
      const plan = await client.rebalance(true);
      assert.is(plan.operation, null);
      assert.ok(plan.before.bytes > 2, `${plan.before.bytes}`);
      assert.ok(plan.after.bytes < 1.25, `${plan.after.bytes}`);
      assert.ok(plan.moves.length > 0);
      for (const { from, to, why, bytes, reason } of plan.moves) {
        assert.ok(bytes > 0);
        if (reason === 'exchange') {
          assert.is(why, `makes room on ${from} for what comes from ${to}`);
          continue;
        }
        assert.is(from, 'd1');
        assert.is(reason, 'balance');
        assert.match(why, /d1 holds \d\.\d\d times its share of the bytes/);
      }
      assert.is(
        plan.bytesMoved,
        plan.moves.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      assert.ok(plan.bytesBound <= plan.bytesMoved && plan.bytesBound > 0.7 * plan.bytesMoved);
      assert.is(plan.drives.length, 4);
      assert.is(chainsOf(await allRecords(client)), before);
    });
  }),
);

test(
  'it is carried out as planned, and a second one finds nothing worth moving',
  deadline(20_000, async () => {
    await withCluster(4, HASH, async (cluster) => {
      const { client } = cluster;
      const figures = await heavyOnFirst(cluster, (isHeavy) => ({
        bytes: isHeavy ? HEAVY : LIGHT,
      }));
      const plan = await client.rebalance();
      const ended = await client.ended(plan.operation as number);
      assert.is(ended.state, 'done', ended.message);
      assert.match(ended.message, new RegExp(`^${plan.moves.length} copies moved`));
      const after = new Map((await allRecords(client)).map((record) => [record.id, record]));
      for (const { range, to } of plan.moves) assert.is(headOf(after.get(range)), to);
      await figures();
      const again = await client.rebalance();
      assert.is(again.operation, null);
      assert.is(again.moves.length, 0);
      assert.match(again.notes[0] ?? '', 'worth moving');
    });
  }),
);

test(
  'work counts as bytes do: the hot ranges of one drive are spread',
  deadline(20_000, async () => {
    await withCluster(4, HASH, async (cluster) => {
      const { client } = cluster;
      await heavyOnFirst(cluster, (isHeavy) => ({ bytes: MB, reads: isHeavy ? 2_000 : 100 }));
      const plan = await client.rebalance();
      assert.ok(plan.before.work > 2 && plan.after.work < 1.3, JSON.stringify(plan.after));
      const relief = plan.moves.find(({ reason }) => reason === 'balance');
      assert.match(relief?.why ?? '', 'times its share of the work');
      assert.is((await client.ended(plan.operation as number)).state, 'done');
    });
  }),
);

test(
  'a little work is no reason to move',
  deadline(20_000, async () => {
    await withCluster(4, HASH, async (cluster) => {
      await heavyOnFirst(cluster, (isHeavy) => ({ bytes: MB, reads: isHeavy ? 10 : 0 }));
      const plan = await cluster.client.rebalance(true);
      assert.ok(plan.moves.every(({ why }) => why.endsWith('of the bytes')));
      assert.is(plan.before.work, 1);
    });
  }),
);

test(
  'a drive that joins gets its share and nothing else moves',
  deadline(20_000, async () => {
    await withCluster(5, { ...HASH, replicas: 3 }, async (cluster) => {
      const { client } = cluster;
      const total = 3 * MB * (await allRecords(client)).length;
      await beat(cluster, () => ({ bytes: MB }));
      const first = await client.rebalance();
      if (first.operation !== null) await client.ended(first.operation);
      await cluster.addDrive({ id: 'd6' });
      await beat(cluster, () => ({ bytes: MB }));
      const plan = await client.rebalance();
      assert.ok(plan.moves.every(({ to }) => to === 'd6'));
      const least = total / 6;
      assert.ok(plan.bytesMoved <= 1.1 * least, `${plan.bytesMoved} of ${least}`);
      assert.ok(plan.bytesMoved >= 0.85 * least, `${plan.bytesMoved} of ${least}`);
      assert.is((await client.ended(plan.operation as number)).state, 'done');
      const records = await allRecords(client);
      const moved = records.filter(({ chain }) => chain.some(({ drive }) => drive === 'd6'));
      assert.is(moved.length, plan.moves.length);
    });
  }),
);

test(
  'zones: copies that share one are parted, and none are brought together',
  deadline(20_000, async () => {
    await withCluster(0, { ...HASH, replicas: 2, drivesExpected: 2 }, async (cluster) => {
      const { client } = cluster;
      await cluster.addDrive({ id: 'd1', zone: 'a' });
      await cluster.addDrive({ id: 'd2', zone: 'a' });
      await allRecords(client);
      await cluster.addDrive({ id: 'd3', zone: 'b' });
      await beat(cluster, () => ({ bytes: MB }));
      const plan = await client.rebalance();
      assert.ok(plan.moves.every(({ to }) => to === 'd3'));
      assert.match(plan.moves[0]?.why ?? '', 'in one zone');
      assert.is((await client.ended(plan.operation as number)).state, 'done');
      for (const { chain } of await allRecords(client)) {
        assert.ok(chain.some(({ drive }) => drive === 'd3'));
      }
    });
  }),
);

test(
  'one large change at a time; a cancel leaves what has moved, and every chain whole',
  deadline(20_000, async () => {
    await withCluster(4, HASH, async (cluster) => {
      const { client } = cluster;
      await heavyOnFirst(cluster, (isHeavy) => ({ bytes: isHeavy ? HEAVY : LIGHT }));
      const before = chainsOf(await allRecords(client));
      for (const drive of cluster.drives) drive.copies = false;
      const { operation } = await client.rebalance();
      let status: Status = Status.ok;
      await client.rebalance().catch((error: RefusedError) => {
        status = error.status;
      });
      assert.is(status, Status.conflictingOperation);
      await client.cancel(operation as number);
      const ended = await client.ended(operation as number);
      assert.is(ended.state, 'failed');
      assert.match(ended.message, 'cancelled; 0 copies had moved');
      assert.is(chainsOf(await allRecords(client)), before);
    });
  }),
);

test(
  'a drive that is drained meanwhile makes the plan out of date: no copy goes there',
  deadline(20_000, async () => {
    await withCluster(4, HASH, async (cluster) => {
      const { client } = cluster;
      await heavyOnFirst(cluster, (isHeavy) => ({ bytes: isHeavy ? HEAVY : LIGHT }));
      for (const drive of cluster.drives) drive.copies = false;
      const { operation } = await client.rebalance();
      const drain = await client.drain('d3');
      for (const drive of cluster.drives) {
        drive.copies = true;
        for (const record of drive.records.values()) drive.syncFinished(record).catch(() => {});
      }
      assert.is((await client.ended(drain)).state, 'done');
      assert.is((await client.ended(operation as number)).state, 'done');
      const records = await allRecords(client);
      assert.not.match(chainsOf(records), 'd3');
    });
  }),
);

for (const point of [
  'rebalance.accepted',
  'rebalance.moveBegun',
  'rebalance.ended',
] as const satisfies readonly FaultPoint[]) {
  test(
    `a server that stops at ${point} goes on from there`,
    deadline(20_000, async () => {
      const { faultPoint, reached } = stopAt(point);
      await withCluster(3, { ...HASH, replicas: 2, faultPoint }, async (cluster) => {
        const figures = await heavyOnFirst(cluster, (isHeavy) => ({
          bytes: isHeavy ? HEAVY : MB,
        }));
        const { operation } = await cluster.client.rebalance();
        await reached;
        await cluster.restart({ faultPoint: () => {} });
        await Promise.all(cluster.drives.map((drive) => drive.register()));
        await figures();
        const client = await connectClient(cluster.meta.address);
        try {
          const ended = await client.ended(operation as number);
          assert.is(ended.state, 'done', ended.message);
          for (const { chain } of await allRecords(client)) {
            assert.is(new Set(chain.map(({ drive }) => drive)).size, 2);
          }
        } finally {
          client.close();
        }
      });
    }),
  );
}

test('pace: a drive gives and takes no more than its rate over time, whatever the sizes', () => {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs } as ConstructorParameters<typeof Pace>[0];
  const d1 = 'd1' as never;
  const d2 = 'd2' as never;
  const state = { drives: new Map([[d1, { bandwidthBytesPerSecond: 2_000 }]]) };
  const pace = new Pace(clock, state as unknown as ClusterState, undefined);
  assert.ok(pace.tryTake([d1, d2], 5_000), 'a large one waits no longer than a small one');
  assert.not.ok(pace.tryTake([d1], 1), 'but the next one does');
  nowMs = 3_900;
  assert.not.ok(pace.tryTake([d1], 1));
  nowMs = 4_001;
  assert.ok(pace.tryTake([d1], 1));
  assert.ok(pace.tryTake([d2], 1e12), 'a drive that names no bandwidth is not paced');
});

test.run();
