// A server that stops behind a durable step of an operation goes on from there; and who registers in between gains
// nothing too early. Real drives, and every fault point: tests/test/simulation/steps.test.ts.

import { MemberState, Partitioning, type RangeRecord, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FaultPoint } from '../src/index.ts';
import { key, type TestCluster, withCluster } from './support/cluster.ts';
import { deadline } from './support/deadline.ts';
import { connectClient } from './support/fake-client.ts';
import { drivesIn, firstRecord, outside, statusOf } from './support/first-range.ts';
import { stopAt } from './support/stop-at.ts';

const test = suite('operations after a restart');

/** Fault points that a move, a split and a new keyspace pass on their way. */
const POINTS: readonly FaultPoint[] = [
  'move.accepted',
  'move.persisted',
  'move.syncing',
  'move.copied',
  'move.handoverPersisted',
  'move.losersTold',
  'move.installed',
  'move.published',
  'split.accepted',
  'split.persisted',
  'split.cut',
  'createKeyspace.accepted',
  'createKeyspace.planned',
  'createKeyspace.installed',
];

/** Starts what passes the point, waits until it is there, restarts the server, and lets it go on. */
async function crashAt(cluster: TestCluster, point: FaultPoint, reached: Promise<void>) {
  const before = await firstRecord(cluster);
  const { client } = cluster;
  const source = drivesIn(before)[0] as string;
  const target = outside(cluster, before);
  const kind = point.split('.')[0] as string;
  if (kind === 'move') await client.move(before.keyspace, key('a'), source, target);
  else if (kind === 'split') await client.split(before.keyspace, key('m'));
  else client.create('more', Partitioning.hash, 2).catch(() => {});
  await reached;
  return { before, source, target, kind };
}

for (const point of POINTS) {
  test(
    `a server that stops at ${point} goes on from there`,
    deadline(10_000, async () => {
      const stop = stopAt(point);
      let isArmed = false;
      const faultPoint = (at: FaultPoint): void => {
        if (isArmed) stop.faultPoint(at);
      };
      await withCluster(2, { replicas: 1, faultPoint }, async (cluster) => {
        await firstRecord(cluster);
        isArmed = true;
        const { before, source, target, kind } = await crashAt(cluster, point, stop.reached);
        await cluster.restart({ faultPoint: () => {} });
        await Promise.all(cluster.drives.map((drive) => drive.register()));
        const client = await connectClient(cluster.meta.address);
        await client.ended(2);
        if (kind === 'move') {
          const [after] = await client.records(before.keyspace);
          assert.equal(drivesIn(after as RangeRecord), [target]);
          assert.is(after?.epoch, 3);
          assert.ok(!cluster.drive(source).records.has(before.id));
        } else if (kind === 'split') {
          const records = await client.records(before.keyspace);
          assert.is(records.length, 2);
          assert.equal(cluster.drive(source).records.get(before.id)?.end, key('m'));
        } else if (point === 'createKeyspace.accepted') {
          assert.is(await statusOf(client.keyspace('more')), Status.noSuchKeyspace);
        } else {
          const { id } = await client.keyspace('more');
          assert.is((await client.records(id)).length, 16);
        }
        client.close();
      });
    }),
  );
}

test(
  'a drive that registers between the steps of a handover gains nothing before others have lost it',
  deadline(10_000, async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrive = (): void => {};
    const reached = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const faultPoint = async (at: FaultPoint): Promise<void> => {
      if (at !== 'move.handoverPersisted') return;
      arrive();
      await held;
    };
    await withCluster(2, { replicas: 1, faultPoint }, async (cluster) => {
      const before = await firstRecord(cluster);
      const source = cluster.drive(drivesIn(before)[0] as string);
      const target = cluster.drive(outside(cluster, before));
      const { client } = cluster;
      const operation = await client.move(before.keyspace, key('a'), source.id, target.id);
      await reached;
      const told = await target.register();
      assert.is(told.records[0]?.epoch, 2);
      assert.is(told.records[0]?.chain[1]?.state, MemberState.syncing);
      const lost = await source.register();
      assert.is(lost.records.length, 0, 'the old tail is told of its loss at once');
      release();
      assert.is((await client.ended(operation)).state, 'done');
      assert.is(target.records.get(before.id)?.epoch, 3);
    });
  }),
);

test.run();
