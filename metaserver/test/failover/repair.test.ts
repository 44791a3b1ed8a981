// Ranges that lack members get them back: from members that returned, from other drives after a while, a
// bounded number at once, spread over all of them. With fake drives, whose copies are done at once.

import { MemberState, Partitioning, type RangeRecord } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FaultPoint, MetaOptions } from '../../src/index.ts';
import { startBeating } from '../support/beating.ts';
import { key, type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';
import { connectClient, type FakeClient } from '../support/fake-client.ts';
import { stopAt } from '../support/stop-at.ts';

const test = suite('repair');
const LEASE_MS = 240;
const LIMIT_MS = 30_000;
const FAR_MS = 600_000;

const serving = (record: RangeRecord): string[] =>
  record.chain.filter(({ state }) => state === MemberState.serving).map(({ drive }) => drive);

const isWhole = (record: RangeRecord, replicas: number): boolean =>
  record.chain.length === replicas && serving(record).length === replicas;

/** Whole, and without the drive that was lost. */
const isWholeWithout = (record: RangeRecord, drive: string): boolean =>
  isWhole(record, 3) && !serving(record).includes(drive);

async function recordsOf(client: FakeClient, name = 'default'): Promise<readonly RangeRecord[]> {
  const { id } =
    name === 'default' ? await client.keyspaceWhenReady() : await client.keyspace(name);
  return client.records(id);
}

async function withBeating(
  drives: number,
  options: Partial<MetaOptions>,
  run: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  const base = { failover: true, leaseMs: LEASE_MS, startGraceMs: LEASE_MS };
  await withCluster(drives, { replicas: 3, ...base, ...options }, async (cluster) => {
    const stop = startBeating(cluster, LEASE_MS / 6);
    try {
      const others = drives < 5 ? 2 : 4;
      await eventually(() =>
        cluster.drives.every((one) => one.witnesses?.drives.length === others),
      );
      await recordsOf(cluster.client);
      await run(cluster);
    } finally {
      stop();
    }
  });
}

test(
  'a member that returns is brought back to its range, whatever the delay for others is',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, { repairAfterMs: FAR_MS }, async (cluster) => {
      const [before] = (await recordsOf(cluster.client)) as [RangeRecord];
      const [head, middle, tail] = serving(before) as [string, string, string];
      cluster.drive(head).close();
      await eventually(
        async () => serving((await recordsOf(cluster.client))[0] as RangeRecord)[0] === middle,
      );
      cluster.drive(head).incarnation++;
      await cluster.drive(head).register();
      await eventually(async () => isWhole((await recordsOf(cluster.client))[0] as RangeRecord, 3));
      const [after] = (await recordsOf(cluster.client)) as [RangeRecord];
      // In-sync members keep their order; a new one enters at the tail.
      assert.equal(serving(after), [middle, tail, head]);
    });
  }),
);

test(
  'after the delay another drive takes the place, and the old copy is dropped when its drive is back',
  deadline(LIMIT_MS, async () => {
    await withBeating(4, { repairAfterMs: 300 }, async (cluster) => {
      const [before] = (await recordsOf(cluster.client)) as [RangeRecord];
      const [head, middle, tail] = serving(before) as [string, string, string];
      const spare = cluster.drives.find(({ id }) => !serving(before).includes(id))?.id as string;
      cluster.drive(tail).close();
      await eventually(async () =>
        isWholeWithout((await recordsOf(cluster.client))[0] as RangeRecord, tail),
      );
      const [after] = (await recordsOf(cluster.client)) as [RangeRecord];
      assert.equal(serving(after), [head, middle, spare]);
      cluster.drive(tail).incarnation++;
      const { records } = await cluster.drive(tail).register();
      assert.equal(records, []);
    });
  }),
);

test(
  'before the delay nobody else is asked',
  deadline(LIMIT_MS, async () => {
    await withBeating(4, { repairAfterMs: FAR_MS }, async (cluster) => {
      const [before] = (await recordsOf(cluster.client)) as [RangeRecord];
      cluster.drive(serving(before)[2] as string).close();
      await eventually(
        async () => serving((await recordsOf(cluster.client))[0] as RangeRecord).length === 2,
      );
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      assert.is(serving((await recordsOf(cluster.client))[0] as RangeRecord).length, 2);
    });
  }),
);

test(
  'the ranges of a lost drive spread over all others, few at once on each',
  deadline(LIMIT_MS, async () => {
    await withBeating(6, { repairAfterMs: 200 }, async (cluster) => {
      const { client } = cluster;
      await client.create('many', Partitioning.hash, 3);
      const before = await recordsOf(client, 'many');
      const lost = before.filter((record) => serving(record).includes('d1'));
      assert.ok(lost.length >= 12, `${lost.length} ranges`);
      let most = 0;
      for (const drive of cluster.drives) {
        drive.before = async () => {
          const syncing = [...drive.records.values()].filter(
            ({ chain }) =>
              chain.find(({ drive: id }) => id === drive.id)?.state === MemberState.syncing,
          );
          most = Math.max(most, syncing.length);
        };
      }
      cluster.drive('d1').close();
      await eventually(async () => {
        const all = [...(await recordsOf(client)), ...(await recordsOf(client, 'many'))];
        return all.every((record) => isWholeWithout(record, 'd1'));
      });
      const after = await recordsOf(client, 'many');
      const taken = new Map<string, number>();
      for (const record of lost) {
        const now = after.find(({ id }) => id === record.id) as RangeRecord;
        const fresh = serving(now).filter((id) => !serving(record).includes(id));
        for (const id of fresh) taken.set(id, (taken.get(id) ?? 0) + 1);
      }
      assert.is(taken.size, 5, `only ${[...taken.keys()]} took part`);
      assert.ok(most <= 4, `${most} at once`);
    });
  }),
);

test(
  'a target that dies is replaced, and a drive that keeps refusing is not asked in a tight loop',
  deadline(LIMIT_MS, async () => {
    await withBeating(5, { repairAfterMs: 200, replicas: 3 }, async (cluster) => {
      const { client } = cluster;
      const [before] = (await recordsOf(client)) as [RangeRecord];
      const spares = cluster.drives.filter(({ id }) => !serving(before).includes(id));
      for (const drive of cluster.drives) drive.copies = false;
      cluster.drive(serving(before)[2] as string).close();
      const syncing = async (): Promise<string | undefined> =>
        ((await recordsOf(client))[0] as RangeRecord).chain.find(
          ({ state }) => state === MemberState.syncing,
        )?.drive;
      await eventually(async () => (await syncing()) !== undefined);
      const first = (await syncing()) as string;
      for (const drive of cluster.drives) drive.copies = true;
      cluster.drive(first).close();
      await eventually(async () => isWhole((await recordsOf(client))[0] as RangeRecord, 3));
      const [after] = (await recordsOf(client)) as [RangeRecord];
      assert.ok(spares.some(({ id }) => id !== first && serving(after).includes(id)));
    });
  }),
);

test(
  'a member that cannot be joined with its neighbour leaves, and is copied anew',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, { repairAfterMs: FAR_MS }, async (cluster) => {
      const { client } = cluster;
      const [before] = (await recordsOf(client)) as [RangeRecord];
      const [head, middle, tail] = serving(before) as [string, string, string];
      cluster.drive(head).gaps = [
        { range: before.id, epoch: before.epoch, drive: cluster.drive(middle).id },
      ];
      await eventually(async () => ((await recordsOf(client))[0] as RangeRecord).epoch === 4);
      await eventually(async () => isWhole((await recordsOf(client))[0] as RangeRecord, 3));
      const [after] = (await recordsOf(client)) as [RangeRecord];
      assert.equal(serving(after), [head, tail, middle]);
      // What was said of an old epoch counts no more.
      await new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS));
      assert.is(((await recordsOf(client))[0] as RangeRecord).epoch, 4);
    });
  }),
);

const POINTS: readonly FaultPoint[] = [
  'repair.accepted',
  'repair.persisted',
  'repair.syncing',
  'repair.copied',
  'repair.handoverPersisted',
  'repair.losersTold',
  'repair.installed',
  'repair.published',
];

for (const point of POINTS) {
  test(
    `a server that stops at ${point} repairs the range all the same`,
    deadline(LIMIT_MS, async () => {
      const { faultPoint, reached } = stopAt(point);
      await withBeating(4, { repairAfterMs: 200, faultPoint }, async (cluster) => {
        const [before] = (await recordsOf(cluster.client)) as [RangeRecord];
        const lost = serving(before)[1] as string;
        cluster.drive(lost).close();
        await reached;
        await cluster.restart({ faultPoint: () => {} });
        for (const drive of cluster.drives) if (drive.id !== lost) await drive.register();
        const client = await connectClient(cluster.meta.address);
        try {
          await eventually(async () =>
            isWholeWithout((await recordsOf(client))[0] as RangeRecord, lost),
          );
          const [after] = (await recordsOf(client)) as [RangeRecord];
          for (const id of serving(after)) {
            await eventually(() => cluster.drive(id).records.get(after.id)?.epoch === after.epoch);
          }
        } finally {
          client.close();
        }
      });
    }),
  );
}

test(
  'what nobody is told of is not repaired: a new keyspace is left to the operation that makes it',
  deadline(LIMIT_MS, async () => {
    await withBeating(4, { repairAfterMs: 0, patienceMs: 30_000 }, async (cluster) => {
      const { client } = cluster;
      const blocked = cluster.drive('d2');
      blocked.before = () => new Promise(() => {});
      const making = client.create('slow', Partitioning.range, 4, [key('m')]);
      making.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 200));
      // Half made, and one of its drives dies: it is undone at once, not after its patience.
      blocked.close();
      await making.then(
        () => assert.unreachable('one of its drives was dead'),
        (error: Error) => assert.match(error.message, 'keyspace not created'),
      );
    });
  }),
);

test.run();
