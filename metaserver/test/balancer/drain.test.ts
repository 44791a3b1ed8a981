// Emptying a drive, with fake drives: where its copies go, what is refused, what a cancel leaves, and that
// a server that dies at any step goes on.

import {
  type DriveId,
  MemberState,
  messages,
  Partitioning,
  type RangeRecord,
  RefusedError,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DriveView, FaultPoint, MetaOptions } from '../../src/index.ts';
import { key, type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';
import { connectClient, type FakeClient } from '../support/fake-client.ts';
import { stopAt } from '../support/stop-at.ts';

const test = suite('drain');
const HASH = { partitioning: Partitioning.hash };

async function refusal(work: Promise<unknown>): Promise<RefusedError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

async function allRecords(client: FakeClient, name = 'default'): Promise<RangeRecord[]> {
  const { id } = await client.keyspaceWhenReady(name);
  return client.records(id);
}

async function drives(client: FakeClient): Promise<DriveView[]> {
  const answer = await client.ask(messages.listDrives, { offset: 0 }, messages.jsonAnswer);
  return JSON.parse(answer.json);
}

const drainOf = async (client: FakeClient, id: string): Promise<string | undefined> =>
  (await drives(client)).find((drive) => drive.id === id)?.drain;

const copiesOn = (records: readonly RangeRecord[], drive: string): number =>
  records.filter(({ chain }) => chain.some((member) => member.drive === drive)).length;

/** Gives every drive a zone: pairs of neighbours stand together. */
async function withZones(
  driveCount: number,
  options: Partial<MetaOptions>,
  run: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  await withCluster(0, { ...options, drivesExpected: driveCount }, async (cluster) => {
    for (let number = 1; number <= driveCount; number++) {
      await cluster.addDrive({ id: `d${number}`, zone: `z${Math.ceil(number / 2)}` });
    }
    await run(cluster);
  });
}

test(
  'a drained drive holds nothing, its copies are spread over all others, and it gets no new ones',
  deadline(20_000, async () => {
    await withCluster(5, { ...HASH, replicas: 3 }, async (cluster) => {
      const { client } = cluster;
      const before = await allRecords(client);
      const moved = copiesOn(before, 'd2');
      assert.ok(moved > 15);
      const ended = await client.ended(await client.drain('d2'));
      assert.is(ended.state, 'done', ended.message);
      const after = await allRecords(client);
      assert.is(copiesOn(after, 'd2'), 0);
      for (const { chain } of after) {
        assert.is(new Set(chain.map(({ drive }) => drive)).size, 3);
        assert.ok(chain.every(({ state }) => state === MemberState.serving));
      }
      const counts = ['d1', 'd3', 'd4', 'd5'].map((id) => copiesOn(after, id));
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 2, counts.join(' '));
      assert.is(await drainOf(client, 'd2'), 'drained');
      assert.is(new Set(cluster.drive('d2').dropped).size, moved, 'its data was dropped');
      const { id } = await client.create('more', Partitioning.hash, 3);
      assert.is(copiesOn(await client.records(id), 'd2'), 0);
      const record = after[0] as RangeRecord;
      const from = record.chain[0]?.drive as DriveId;
      const denied = await refusal(client.move(record.keyspace, record.start, from, 'd2'));
      assert.is(denied.status, Status.invalidArgument);
      assert.match(denied.message, 'drive d2 is drained');
    });
  }),
);

test(
  'copies of one range stay in different zones as long as there are enough',
  deadline(20_000, async () => {
    await withZones(6, { ...HASH, replicas: 2 }, async (cluster) => {
      const { client } = cluster;
      await allRecords(client);
      const ended = await client.ended(await client.drain('d1'));
      assert.is(ended.state, 'done', ended.message);
      for (const { chain } of await allRecords(client)) {
        const zones = chain.map(({ drive }) => Math.ceil(Number(drive.slice(1)) / 2));
        assert.is(new Set(zones).size, 2, chain.map(({ drive }) => drive).join(' '));
      }
    });
  }),
);

test(
  'a drain that cannot end is refused, with what is missing',
  deadline(20_000, async () => {
    await withCluster(3, { ...HASH, replicas: 2 }, async (cluster) => {
      const { client } = cluster;
      const [record] = await allRecords(client);
      assert.is((await refusal(client.drain('d9'))).status, Status.noSuchDrive);
      const idle = await refusal(client.drain('d1', true));
      assert.match(idle.message, 'd1 is not being drained');
      const counts = { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 };
      for (const drive of cluster.drives) {
        const reports = [...drive.records.values()].map(({ id: range, epoch }) => ({
          ...{ range, epoch, keys: 1, bytes: 60_000_000 },
          ...counts,
        }));
        await drive.heartbeat(reports);
      }
      const full = await refusal(client.drain('d1'));
      assert.is(full.status, Status.invalidArgument);
      assert.match(full.message, /find no room .*; add a drive/);
      assert.is(await drainOf(client, 'd1'), 'open');
      await client.create('triple', Partitioning.hash, 3);
      const few = await refusal(client.drain('d1'));
      assert.is(few.status, Status.notEnoughDrives);
      assert.match(few.message, /triple keeps 3 copies.*start another drive/);
      assert.ok(record !== undefined);
    });
  }),
);

test(
  'a second drain of a drive is refused; progress is told; a cancel opens the drive again',
  deadline(20_000, async () => {
    await withCluster(4, { ...HASH, replicas: 2 }, async (cluster) => {
      const { client } = cluster;
      const before = await allRecords(client);
      const total = copiesOn(before, 'd1');
      for (const drive of cluster.drives) drive.copies = false;
      const operation = await client.drain('d1');
      await eventually(async () => (await client.operation(operation)).progress !== undefined);
      const { progress } = await client.operation(operation);
      assert.is(progress?.rangesTotal, total);
      assert.is(progress?.rangesDone, 0);
      assert.is(await drainOf(client, 'd1'), 'draining');
      assert.is((await refusal(client.drain('d1'))).status, Status.conflictingOperation);
      assert.is(await client.drain('d1', true), operation);
      const ended = await client.ended(operation);
      assert.is(ended.state, 'failed');
      assert.match(
        ended.message,
        `cancelled; it takes ranges again and holds ${total} of ${total}`,
      );
      assert.is(await drainOf(client, 'd1'), 'open');
      const after = await allRecords(client);
      assert.equal(
        after.map(({ chain }) => chain),
        before.map(({ chain }) => chain),
      );
    });
  }),
);

test(
  'a drive that was drained takes ranges again when it is told to',
  deadline(20_000, async () => {
    await withCluster(3, { ...HASH, replicas: 1 }, async (cluster) => {
      const { client } = cluster;
      await allRecords(client);
      assert.is((await client.ended(await client.drain('d3'))).state, 'done');
      await cluster.drive('d3').register();
      assert.is(await drainOf(client, 'd3'), 'drained', 'a restart changes nothing');
      assert.is((await client.ended(await client.drain('d3', true))).state, 'done');
      assert.is(await drainOf(client, 'd3'), 'open');
      const { id } = await client.create('more', Partitioning.hash, 1);
      assert.ok(copiesOn(await client.records(id), 'd3') > 0);
    });
  }),
);

test(
  'a move that fails is tried again elsewhere; a range that is in other hands waits its turn',
  deadline(20_000, async () => {
    await withCluster(4, { replicas: 1, patienceMs: 200 }, async (cluster) => {
      const { client } = cluster;
      const [record] = await allRecords(client);
      const source = record?.chain[0]?.drive as string;
      const others = cluster.drives.filter(({ id }) => id !== source);
      let refusals = 0;
      for (const drive of others) {
        drive.refuses = () => (refusals++ === 0 ? Status.noSpace : undefined);
      }
      const ended = await client.ended(await client.drain(source));
      assert.is(ended.state, 'done', ended.message);
      assert.ok(refusals > 1);
      assert.is(copiesOn(await allRecords(client), source), 0);
    });
  }),
);

/** The next operation that comes to this point stands still there, until it is let go. */
class Hold {
  readonly #point: FaultPoint;
  #isArmed = false;
  #arrive: () => void = () => {};
  #go: () => void = () => {};

  constructor(point: FaultPoint) {
    this.#point = point;
  }

  /** Resolves when it stands there. */
  next(): Promise<void> {
    this.#isArmed = true;
    return new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  readonly faultPoint = (at: FaultPoint): void | Promise<void> => {
    if (at !== this.#point || !this.#isArmed) return;
    this.#isArmed = false;
    this.#arrive();
    return new Promise((resolve) => {
      this.#go = resolve;
    });
  };

  go(): void {
    this.#go();
  }
}

test(
  'a move that was accepted before its target was drained brings it nothing',
  deadline(20_000, async () => {
    const hold = new Hold('move.accepted');
    await withCluster(3, { replicas: 1, faultPoint: hold.faultPoint }, async (cluster) => {
      const { client } = cluster;
      const [record] = (await allRecords(client)) as [RangeRecord];
      const source = record.chain[0]?.drive as DriveId;
      const target = cluster.drives.find(({ id }) => id !== source)?.id as DriveId;
      const isHeld = hold.next();
      const move = await client.move(record.keyspace, record.start, source, target);
      await isHeld;
      const drain = await client.ended(await client.drain(target));
      assert.is(drain.state, 'done', drain.message);
      hold.go();
      const ended = await client.ended(move);
      assert.is(ended.state, 'failed');
      assert.match(ended.message, `drive ${target} is drained: it takes no ranges`);
      assert.equal((await allRecords(client))[0]?.chain, record.chain);
    });
  }),
);

test(
  'a keyspace that was planned before one of its drives was drained is not made',
  deadline(20_000, async () => {
    const hold = new Hold('createKeyspace.accepted');
    const { faultPoint } = hold;
    await withCluster(3, { ...HASH, replicas: 1, faultPoint }, async (cluster) => {
      const { client } = cluster;
      await allRecords(client);
      const isHeld = hold.next();
      const made = client.create('more', Partitioning.hash, 2);
      await isHeld;
      const drain = await client.ended(await client.drain('d2'));
      assert.is(drain.state, 'done', drain.message);
      hold.go();
      const { message } = await refusal(made);
      assert.match(message, 'drive d2 is drained since it was planned; try again');
      assert.is(await drainOf(client, 'd2'), 'drained');
    });
  }),
);

const POINTS: readonly FaultPoint[] = [
  'drain.accepted',
  'drain.moveBegun',
  'drain.emptied',
  'drain.cancelled',
];

for (const point of POINTS) {
  test(
    `a server that stops at ${point} goes on from there`,
    deadline(20_000, async () => {
      const { faultPoint, reached } = stopAt(point);
      await withCluster(3, { ...HASH, replicas: 2, faultPoint }, async (cluster) => {
        await allRecords(cluster.client);
        const isCancelled = point === 'drain.cancelled';
        if (isCancelled) for (const drive of cluster.drives) drive.copies = false;
        const operation = await cluster.client.drain('d2');
        if (isCancelled) await cluster.client.drain('d2', true);
        await reached;
        await cluster.restart({ faultPoint: () => {} });
        await Promise.all(cluster.drives.map((drive) => drive.register()));
        const client = await connectClient(cluster.meta.address);
        try {
          const ended = await client.ended(operation);
          assert.is(ended.state, isCancelled ? 'failed' : 'done', ended.message);
          assert.is(await drainOf(client, 'd2'), isCancelled ? 'open' : 'drained');
          const records = await allRecords(client);
          assert.ok(isCancelled || copiesOn(records, 'd2') === 0);
          assert.ok(records.every(({ chain }) => chain.length === 2));
        } finally {
          client.close();
        }
      });
    }),
  );
}

test(
  'a move is cancelled before its handover, and the chain is as before',
  deadline(20_000, async () => {
    await withCluster(2, {}, async (cluster) => {
      const { client } = cluster;
      const [before] = (await allRecords(client)) as [RangeRecord];
      const source = before.chain[0]?.drive as string;
      const target = source === 'd1' ? 'd2' : 'd1';
      cluster.drive(source).copies = false;
      const operation = await client.move(before.keyspace, key('a'), source, target);
      await eventually(() => cluster.drive(source).records.get(before.id)?.epoch === 2);
      assert.is(await client.cancel(operation), operation);
      const ended = await client.ended(operation);
      assert.is(ended.state, 'failed');
      assert.match(ended.message, 'was not moved: it was cancelled');
      const [after] = await allRecords(client);
      assert.equal(after?.chain, before.chain);
      const late = await refusal(client.cancel(operation));
      assert.match(late.message, 'is not under way');
    });
  }),
);

test.run();
