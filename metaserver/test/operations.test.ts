// Splits, moves and new keyspaces with fake drives: what is persisted before what is told, in which
// order drives are told, and how an operation that cannot be done is undone.
// A server that stops in between: operations-resumed.test.ts.

import { type DriveId, MemberState, Partitioning, type RangeRecord, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { key, withCluster } from './support/cluster.ts';
import { deadline, eventually } from './support/deadline.ts';
import { drivesIn, firstRecord, outside, statusOf } from './support/first-range.ts';

const test = suite('operations');

test(
  'split: both halves keep the chain and get the next epoch, the head is told once',
  deadline(10_000, async () => {
    await withCluster(3, { replicas: 3 }, async (cluster) => {
      const before = await firstRecord(cluster);
      const { client } = cluster;
      const ended = await client.ended(await client.split(before.keyspace, key('m')));
      assert.is(ended.state, 'done');
      assert.is(ended.records.length, 2);
      const [left, right] = await client.records(before.keyspace);
      assert.is(left?.id, before.id);
      assert.is(left?.epoch, 2);
      assert.is(right?.epoch, 2);
      assert.equal(left?.end, key('m'));
      assert.equal(right?.start, key('m'));
      assert.equal(right?.chain, before.chain);
      assert.ok((left?.version ?? 0) > before.version);
      assert.is(
        cluster.drive(drivesIn(before)[0] as string).commands.at(-1),
        `split ${before.id}@2`,
      );
    });
  }),
);

test(
  'split: who has missed the record before is told of it first, or nothing is begun',
  deadline(10_000, async () => {
    await withCluster(2, { replicas: 2, patienceMs: 300 }, async (cluster) => {
      const before = await firstRecord(cluster);
      const { client } = cluster;
      await client.ended(await client.split(before.keyspace, key('m')));
      const [left] = (await client.records(before.keyspace)) as [RangeRecord];
      const [head, tail] = drivesIn(left).map((id) => cluster.drive(id));
      if (head === undefined || tail === undefined) throw new Error('the chain is short');
      // As after an aborted move, which waits for nobody.
      head.records.set(left.id, before);
      tail.records.set(left.id, before);
      const isBehind = (): boolean => head.records.get(left.id)?.epoch !== left.epoch;
      head.refuses = (command) =>
        command.startsWith('split') && isBehind() ? Status.conflictingOperation : undefined;
      const ended = await client.ended(await client.split(before.keyspace, key('g')));
      assert.is(ended.state, 'done', ended.message);
      assert.is(tail.commands.at(-1), `install ${left.id}@${left.epoch}`);
      tail.refuses = () => Status.conflictingOperation;
      const failed = await client.ended(await client.split(before.keyspace, key('c')));
      assert.is(failed.state, 'failed');
      assert.match(failed.message, 'was not cut');
      assert.is((await client.records(before.keyspace)).length, 3);
    });
  }),
);

test(
  'split in the middle asks the tail, and fails when there is no middle',
  deadline(10_000, async () => {
    await withCluster(1, {}, async (cluster) => {
      const before = await firstRecord(cluster);
      const { client } = cluster;
      const empty = await client.ended(await client.split(before.keyspace, key('a'), false));
      assert.is(empty.state, 'failed');
      assert.match(empty.message, 'too few keys');
      cluster.drive('d1').middleKey = key('k');
      const ended = await client.ended(await client.split(before.keyspace, key('a'), false));
      assert.is(ended.state, 'done');
      assert.equal((await client.records(before.keyspace))[1]?.start, key('k'));
    });
  }),
);

test(
  'split: at a border it is refused, in an unknown keyspace too',
  deadline(10_000, async () => {
    await withCluster(1, {}, async (cluster) => {
      const before = await firstRecord(cluster);
      const { client } = cluster;
      assert.is(await statusOf(client.split(before.keyspace, key(''))), Status.invalidArgument);
      const nowhere = 99 as typeof before.keyspace;
      assert.is(await statusOf(client.split(nowhere, key('a'))), Status.noSuchKeyspace);
    });
  }),
);

test(
  'move: the target syncs behind the tail, then takes over; losers are told first',
  deadline(10_000, async () => {
    await withCluster(4, { replicas: 3 }, async (cluster) => {
      const before = await firstRecord(cluster);
      const [head, middle, tail] = drivesIn(before) as [string, string, string];
      const target = outside(cluster, before);
      const log: string[] = [];
      for (const drive of cluster.drives) {
        drive.before = async (command) => {
          log.push(`${drive.id} ${command}`);
        };
      }
      const { client } = cluster;
      const ended = await client.ended(
        await client.move(before.keyspace, key('x'), middle, target),
      );
      assert.is(ended.state, 'done');
      const [after] = await client.records(before.keyspace);
      assert.equal(drivesIn(after as RangeRecord), [head, tail, target]);
      assert.ok(after?.chain.every(({ state }) => state === MemberState.serving));
      assert.is(after?.epoch, 3);
      const install = (drive: string, epoch: number): string =>
        `${drive} install ${before.id}@${epoch}`;
      assert.equal(
        log.slice(0, 4),
        [target, tail, middle, head].map((d) => install(d, 2)),
      );
      assert.equal(log.slice(4, 6).sort(), [install(middle, 3), install(tail, 3)].sort());
      assert.equal(log.slice(6, 8), [install(target, 3), install(head, 3)]);
      assert.equal(log.slice(8), [`${middle} drop ${before.id}@3`]);
    });
  }),
);

test(
  'move: the new head of a range whose head leaves is told after the old one',
  deadline(10_000, async () => {
    await withCluster(2, { replicas: 1 }, async (cluster) => {
      const before = await firstRecord(cluster);
      const source = drivesIn(before)[0] as string;
      const target = outside(cluster, before);
      let isSourceTold = false;
      cluster.drive(source).before = async (command) => {
        if (!command.endsWith('@3')) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
        isSourceTold = true;
      };
      cluster.drive(target).before = async (command) => {
        if (command.endsWith('@3')) assert.ok(isSourceTold);
      };
      const { client } = cluster;
      const ended = await client.ended(
        await client.move(before.keyspace, key('x'), source, target),
      );
      assert.is(ended.state, 'done');
    });
  }),
);

test(
  'move: what cannot be is refused with a reason',
  deadline(10_000, async () => {
    await withCluster(3, { replicas: 2 }, async (cluster) => {
      const { keyspace, chain } = await firstRecord(cluster);
      const { client } = cluster;
      const [a = '', b = ''] = chain.map(({ drive }) => drive);
      const free = cluster.drives.find(({ id }) => id !== a && id !== b)?.id as string;
      assert.is(await statusOf(client.move(keyspace, key('k'), a, 'd9')), Status.noSuchDrive);
      assert.is(await statusOf(client.move(keyspace, key('k'), a, b)), Status.invalidArgument);
      assert.is(
        await statusOf(client.move(keyspace, key('k'), free, 'd9')),
        Status.invalidArgument,
      );
    });
  }),
);

test(
  'one operation per range at a time, and others go on beside it',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const { client } = cluster;
      const before = await firstRecord(cluster);
      await client.ended(await client.split(before.keyspace, key('m')));
      const source = drivesIn(before)[0] as string;
      const target = outside(cluster, before);
      cluster.drive(source).copies = false;
      const slow = await client.move(before.keyspace, key('a'), source, target);
      const conflict = client.split(before.keyspace, key('b'));
      assert.is(await statusOf(conflict), Status.conflictingOperation);
      const beside = await client.ended(await client.split(before.keyspace, key('q')));
      assert.is(beside.state, 'done');
      await eventually(() => cluster.drive(source).records.get(before.id)?.epoch === 3);
      await cluster
        .drive(source)
        .syncFinished(cluster.drive(source).records.get(before.id) as RangeRecord);
      assert.is((await client.ended(slow)).state, 'done');
    });
  }),
);

test(
  'move: a target that goes away for long aborts it, and the chain is as before',
  deadline(10_000, async () => {
    await withCluster(2, { patienceMs: 100 }, async (cluster) => {
      const before = await firstRecord(cluster);
      const source = drivesIn(before)[0] as string;
      const target = outside(cluster, before);
      cluster.drive(source).copies = false;
      const { client } = cluster;
      const operation = await client.move(before.keyspace, key('a'), source, target);
      await eventually(() => cluster.drive(source).records.get(before.id)?.epoch === 2);
      cluster.drive(target).close();
      const ended = await client.ended(operation);
      assert.is(ended.state, 'failed');
      assert.match(ended.message, `drive ${target} went away`);
      const [after] = await client.records(before.keyspace);
      assert.is(after?.epoch, 3);
      assert.equal(after?.chain, before.chain);
      assert.is(cluster.drive(source).records.get(before.id)?.epoch, 3);
      const answer = await cluster.drive(target).register();
      assert.is(answer.records.length, 0);
    });
  }),
);

test(
  'move: a target that refuses for good aborts it; one that says "later" does not',
  deadline(10_000, async () => {
    await withCluster(2, { patienceMs: 5_000 }, async (cluster) => {
      const before = await firstRecord(cluster);
      const source = drivesIn(before)[0] as string;
      const target = cluster.drive(outside(cluster, before));
      const { client } = cluster;
      target.refuses = () => Status.noSpace;
      const failed = await client.ended(
        await client.move(before.keyspace, key('a'), source, target.id),
      );
      assert.is(failed.state, 'failed');
      assert.match(failed.message, 'noSpace');
      let refusals = 0;
      target.refuses = () => (refusals++ < 2 ? Status.overloaded : undefined);
      const done = await client.ended(
        await client.move(before.keyspace, key('a'), source, target.id),
      );
      assert.is(done.state, 'done');
    });
  }),
);

test(
  'a copy that is reported by another than the tail, or for another epoch, is refused',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const before = await firstRecord(cluster);
      const source = cluster.drive(drivesIn(before)[0] as string);
      const target = cluster.drive(outside(cluster, before));
      source.copies = false;
      const { client } = cluster;
      const operation = await client.move(before.keyspace, key('a'), source.id, target.id);
      await eventually(() => source.records.get(before.id)?.epoch === 2);
      const record = source.records.get(before.id) as RangeRecord;
      assert.is(await statusOf(target.syncFinished(record)), Status.wrongNode);
      const wrong = { ...record, epoch: 9 as typeof record.epoch };
      assert.is(await statusOf(source.syncFinished(wrong)), Status.invalidArgument);
      await source.syncFinished(record);
      assert.is((await client.ended(operation)).state, 'done');
      assert.is(await statusOf(source.syncFinished(record)), Status.ok, 'told again');
    });
  }),
);

test(
  'a keyspace whose drive refuses is undone, and its name is free again',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      await firstRecord(cluster);
      const { client, drives } = cluster;
      for (const drive of drives) drive.refuses = () => Status.storeFailed;
      assert.is(
        await statusOf(client.create('more', Partitioning.hash, 2)),
        Status.rangeUnavailable,
      );
      for (const drive of drives) drive.refuses = () => undefined;
      assert.is(await statusOf(client.keyspace('more')), Status.noSuchKeyspace);
      const keyspace = await client.create('more', Partitioning.hash, 2);
      const records = await client.records(keyspace.id);
      assert.is(records.length, 16);
      assert.ok(
        records.every(({ id }) => id > 16),
        'numbers are never used again',
      );
    });
  }),
);

test(
  'keyspaces: wrong requests are refused, each with its reason',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      await firstRecord(cluster);
      const { client } = cluster;
      const { range, hash } = Partitioning;
      assert.is(await statusOf(client.create('default', range, 1)), Status.keyspaceExists);
      assert.is(await statusOf(client.create('a b', range, 1)), Status.invalidArgument);
      assert.is(await statusOf(client.create('many', range, 3)), Status.notEnoughDrives);
      const unsorted = client.create('x', range, 1, [key('b'), key('a')]);
      assert.is(await statusOf(unsorted), Status.invalidArgument);
      const cut = client.create('x', hash, 1, [key('b')]);
      assert.is(await statusOf(cut), Status.invalidArgument);
      const keyspace = await client.create('x', range, 2, [key('b'), key('d'), key('f')]);
      const records = await client.records(keyspace.id);
      assert.is(records.length, 4);
      const all = [...records, await firstRecord(cluster)];
      const heads = all.filter((record) => drivesIn(record)[0] === 'd1').length;
      assert.ok(heads === 2 || heads === 3, 'heads are rotated');
    });
  }),
);

test(
  'a keyspace laid out by a plan: its ranges and chains; a wrong layout is refused with its reason',
  deadline(10_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      await firstRecord(cluster);
      const { client } = cluster;
      const { range } = Partitioning;
      const [d1, d2] = ['d1' as DriveId, 'd2' as DriveId];
      const part = (start: string, ...drives: DriveId[]) => ({ start: key(start), drives });
      const create = (replicas: number, ...layout: ReturnType<typeof part>[]) =>
        client.create('laid', range, replicas, undefined, layout);
      assert.is(await statusOf(create(1, part('a', d1))), Status.invalidArgument);
      assert.is(await statusOf(create(1)), Status.invalidArgument);
      assert.is(
        await statusOf(create(1, part('', d1), part('c', d2), part('b', d1))),
        Status.invalidArgument,
      );
      assert.is(await statusOf(create(2, part('', d1, d1))), Status.invalidArgument);
      const unknown = create(1, part('', 'd7' as DriveId));
      assert.is(await statusOf(unknown), Status.noSuchDrive);
      const { id } = await create(2, part('', d2, d1), part('m', d1, d2));
      assert.equal(
        (await client.records(id)).map((record) => drivesIn(record).join('>')),
        ['d2>d1', 'd1>d2'],
      );
    });
  }),
);

test.run();
