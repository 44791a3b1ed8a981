// Drives that die and come back, as the metadata server acts on it: what is persisted, who is told in
// which order, and that it ends well wherever the server is stopped. The drives are fake; real ones are
// in the tests of whole clusters.

import { MemberState, Partitioning, type RangeRecord } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FaultPoint, MetaOptions } from '../../src/index.ts';
import { startBeating } from '../support/beating.ts';
import { key, type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';
import { connectClient, type FakeClient } from '../support/fake-client.ts';
import { stopAt } from '../support/stop-at.ts';

const test = suite('removal');
const LEASE_MS = 240;
const LIMIT_MS = 20_000;

const SIGNS = ['', '', '+', '~', '!', '-'];
/** `d1 d2 d3-`: d3 is offline. */
const textOf = (record: RangeRecord | undefined): string =>
  record?.chain.map(({ drive, state }) => `${drive}${SIGNS[state]}`).join(' ') ?? 'none';

const serving = (record: RangeRecord): string[] =>
  record.chain.filter(({ state }) => state === MemberState.serving).map(({ drive }) => drive);

async function recordsOf(client: FakeClient): Promise<readonly RangeRecord[]> {
  const { id } = await client.keyspaceWhenReady();
  return client.records(id);
}

async function firstOf(client: FakeClient): Promise<RangeRecord> {
  const [record] = await recordsOf(client);
  if (record === undefined) throw new Error('the keyspace has no range');
  return record;
}

async function withBeating(
  drives: number,
  options: Partial<MetaOptions>,
  run: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  const base = { failover: true, leaseMs: LEASE_MS, startGraceMs: LEASE_MS, repairAfterMs: 60_000 };
  await withCluster(drives, { replicas: drives, ...base, ...options }, async (cluster) => {
    const stop = startBeating(cluster, LEASE_MS / 6);
    try {
      await eventually(() => cluster.drives.every((one) => one.witnesses?.drives.length === 2));
      await recordsOf(cluster.client);
      await run(cluster);
    } finally {
      stop();
    }
  });
}

/** The members of the only range, as drives. */
async function membersOf(cluster: TestCluster): Promise<[string, string, string]> {
  const record = await firstOf(cluster.client);
  return serving(record) as [string, string, string];
}

const until = (cluster: TestCluster, text: string): Promise<void> =>
  eventually(async () => textOf(await firstOf(cluster.client)) === text);

for (const position of [0, 1, 2]) {
  const name = ['head', 'middle', 'tail'][position];
  test(
    `a dead ${name} leaves the chain; the others are told from tail to head, then clients`,
    deadline(LIMIT_MS, async () => {
      await withBeating(3, {}, async (cluster) => {
        const members = await membersOf(cluster);
        const dead = members[position] as string;
        const rest = members.filter((id) => id !== dead);
        const log: string[] = [];
        for (const drive of cluster.drives) {
          drive.before = async (command) => {
            log.push(`${drive.id} ${command}`);
          };
        }
        cluster.drive(dead).close();
        await until(cluster, `${rest.join(' ')} ${dead}-`);
        const { id, epoch } = await firstOf(cluster.client);
        assert.is(epoch, 2);
        const gainers = position === 1 ? [] : [position === 0 ? rest[0] : rest[1]];
        const others = [...rest].reverse().filter((one) => !gainers.includes(one));
        assert.equal(
          log,
          [...gainers, ...others].map((one) => `${one} install ${id}@2`),
        );
      });
    }),
  );
}

test(
  'nobody is told before the fence is complete',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, {}, async (cluster) => {
      const [dead, ...rest] = await membersOf(cluster);
      for (const id of rest) cluster.drive(id).isWitness = false;
      cluster.drive(dead).close();
      await new Promise((resolve) => setTimeout(resolve, 6 * LEASE_MS));
      assert.is(textOf(await firstOf(cluster.client)), [dead, ...rest].join(' '));
      for (const id of rest) assert.equal(cluster.drive(id).commands.slice(1), []);
      // Witnesses that answer again are asked again on their next connection.
      for (const id of rest) {
        cluster.drive(id).isWitness = true;
        cluster.drive(id).close();
        await cluster.drive(id).register();
      }
      await until(cluster, `${rest.join(' ')} ${dead}-`);
    });
  }),
);

test(
  'a drive that comes back is told that it is offline, and serves nothing',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, {}, async (cluster) => {
      const [head, middle, tail] = await membersOf(cluster);
      cluster.drive(tail).close();
      await until(cluster, `${head} ${middle} ${tail}-`);
      cluster.drive(tail).incarnation++;
      const { records } = await cluster.drive(tail).register();
      assert.is(textOf(records[0]), `${head} ${middle} ${tail}-`);
    });
  }),
);

test(
  'a drive that comes back before its lease is over keeps its place',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, { leaseMs: 900 }, async (cluster) => {
      const [head, middle, tail] = await membersOf(cluster);
      cluster.drive(tail).close();
      await new Promise((resolve) => setTimeout(resolve, 200));
      await cluster.drive(tail).register();
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const record = await firstOf(cluster.client);
      assert.is(textOf(record), `${head} ${middle} ${tail}`);
      assert.is(record.epoch, 1);
    });
  }),
);

test(
  'two drives at once leave; the last one is marked, and only it brings the range back',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, {}, async (cluster) => {
      const [head, middle, tail] = await membersOf(cluster);
      cluster.drive(middle).close();
      await until(cluster, `${head} ${tail} ${middle}-`);
      cluster.drive(head).close();
      // Its witnesses are the server and two drives, of which one is gone: the other one is enough.
      await until(cluster, `${tail} ${middle}- ${head}-`);
      cluster.drive(tail).close();
      cluster.drive(middle).incarnation++;
      await cluster.drive(middle).register();
      cluster.drive(head).incarnation++;
      await cluster.drive(head).register();
      await until(cluster, `${tail}! ${middle}- ${head}-`);
      await new Promise((resolve) => setTimeout(resolve, 4 * LEASE_MS));
      const left = await firstOf(cluster.client);
      assert.is(textOf(left), `${tail}! ${middle}- ${head}-`);
      const cut = await cluster.client.ended(await cluster.client.split(left.keyspace, key('m')));
      assert.match(cut.message, 'was not cut: it has no serving member');
      cluster.drive(tail).incarnation++;
      const { records } = await cluster.drive(tail).register();
      assert.is(textOf(records[0]), `${tail}! ${middle}- ${head}-`);
      await eventually(async () => serving(await firstOf(cluster.client))[0] === tail);
    });
  }),
);

test(
  'all die at once: the record stays, and whoever comes back first goes on with the rest taken out',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, {}, async (cluster) => {
      const [head, middle, tail] = await membersOf(cluster);
      for (const drive of cluster.drives) drive.close();
      await new Promise((resolve) => setTimeout(resolve, 4 * LEASE_MS));
      assert.is(textOf(await firstOf(cluster.client)), `${head} ${middle} ${tail}`);
      // The others' witnesses are needed to fence them: the server and this one.
      cluster.drive(middle).incarnation++;
      await cluster.drive(middle).register();
      await until(cluster, `${middle} ${head}- ${tail}-`);
    });
  }),
);

test(
  'a drive whose store failed is told, and leaves the chain without a fence',
  deadline(LIMIT_MS, async () => {
    await withBeating(3, {}, async (cluster) => {
      const [head, middle, tail] = await membersOf(cluster);
      const log: string[] = [];
      for (const drive of cluster.drives) {
        drive.before = async (command) => {
          log.push(`${drive.id} ${command}`);
        };
      }
      cluster.drive(tail).storeFailed = true;
      await until(cluster, `${head} ${middle} ${tail}-`);
      assert.match(log[0] ?? '', `${tail} install`);
    });
  }),
);

const POINTS: readonly FaultPoint[] = [
  'removal.persisted',
  'removal.losersTold',
  'removal.installed',
  'removal.published',
];

/** Stops the server at a point, lets `between` happen, and starts it again. */
async function stoppedAt(
  point: FaultPoint,
  between: (cluster: TestCluster, dead: string) => Promise<void>,
  check: (cluster: TestCluster, members: readonly string[], client: FakeClient) => Promise<void>,
): Promise<void> {
  const { faultPoint, reached } = stopAt(point);
  await withBeating(3, { faultPoint }, async (cluster) => {
    const members = await membersOf(cluster);
    cluster.drive(members[2]).close();
    await reached;
    await cluster.restart({ faultPoint: () => {} });
    for (const id of members.slice(0, 2)) await cluster.drive(id).register();
    await between(cluster, members[2]);
    const client = await connectClient(cluster.meta.address);
    try {
      await check(cluster, members, client);
    } finally {
      client.close();
    }
  });
}

for (const point of POINTS) {
  test(
    `a server that stops at ${point} carries the removal on`,
    deadline(LIMIT_MS, () =>
      stoppedAt(
        point,
        async () => {},
        async (cluster, [head, middle, tail], client) => {
          await eventually(
            async () => textOf(await firstOf(client)) === `${head} ${middle} ${tail}-`,
          );
          const { id, epoch } = await firstOf(client);
          assert.is(epoch, 2);
          for (const name of [head, middle] as string[]) {
            await eventually(() => cluster.drive(name).records.get(id)?.epoch === 2);
          }
        },
      ),
    ),
  );

  test(
    `a drive that returns while the server is stopped at ${point} learns that it is out`,
    deadline(LIMIT_MS, () =>
      stoppedAt(
        point,
        async (cluster, dead) => {
          cluster.drive(dead).incarnation++;
          const { records } = await cluster.drive(dead).register();
          assert.is(records[0]?.chain.at(-1)?.state, MemberState.offline);
        },
        async (_cluster, [head, middle, tail], client) => {
          // Out of the chain, and in again with a copy.
          await eventually(async () => (await firstOf(client)).epoch === 4);
          assert.is(textOf(await firstOf(client)), `${head} ${middle} ${tail}`);
        },
      ),
    ),
  );
}

test(
  'a drive that dies while another is being removed is removed as well',
  deadline(LIMIT_MS, async () => {
    let next: string | undefined;
    const clusters: TestCluster[] = [];
    const faultPoint = (at: FaultPoint): void => {
      // Persisted, and nobody told: the one to be told first dies now.
      if (at === 'removal.persisted' && next !== undefined) {
        clusters[0]?.drive(next).close();
        next = undefined;
      }
    };
    await withBeating(4, { replicas: 3, faultPoint }, async (cluster) => {
      clusters.push(cluster);
      const [head, middle, tail] = await membersOf(cluster);
      next = middle;
      cluster.drive(tail).close();
      await until(cluster, `${head} ${tail}- ${middle}-`);
    });
  }),
);

test(
  'hundreds of ranges leave a dead drive in few commits',
  deadline(LIMIT_MS, async () => {
    await withBeating(4, { replicas: 3 }, async (cluster) => {
      const borders = Array.from({ length: 300 }, (_, n) => key(`k${String(n).padStart(4, '0')}`));
      await cluster.client.create('many', Partitioning.range, 3, borders);
      const { id } = await cluster.client.keyspace('many');
      let commits = 0;
      cluster.catalog.watch(() => commits++);
      cluster.drive('d2').close();
      const isOut = (record: RangeRecord): boolean => !serving(record).includes('d2');
      await eventually(async () => (await cluster.client.records(id)).every(isOut));
      assert.ok(commits < 60, `${commits} commits for ${borders.length} ranges`);
    });
  }),
);

test(
  'a move lends its range while it copies: a member that dies leaves, and the move goes on',
  deadline(LIMIT_MS, async () => {
    await withBeating(4, { replicas: 3 }, async (cluster) => {
      const { client } = cluster;
      const before = await firstOf(client);
      const [head, middle, tail] = serving(before) as [string, string, string];
      const target = cluster.drives.find(({ id }) => !serving(before).includes(id))?.id as string;
      for (const drive of cluster.drives) drive.copies = false;
      const operation = await client.move(before.keyspace, key('a'), middle, target);
      await until(cluster, `${head} ${middle} ${tail} ${target}+`);
      cluster.drive(tail).close();
      await until(cluster, `${head} ${middle} ${target}+ ${tail}-`);
      const record = cluster.drive(middle).records.get(before.id) as RangeRecord;
      await cluster.drive(middle).syncFinished(record);
      assert.is((await client.ended(operation)).state, 'done');
      await until(cluster, `${head} ${target} ${tail}-`);
    });
  }),
);

test(
  'a move whose target dies is aborted at once, and writes go on',
  deadline(LIMIT_MS, async () => {
    await withBeating(4, { replicas: 3, patienceMs: 60_000 }, async (cluster) => {
      const { client } = cluster;
      const before = await firstOf(client);
      const [head, middle, tail] = serving(before) as [string, string, string];
      const target = cluster.drives.find(({ id }) => !serving(before).includes(id))?.id as string;
      for (const drive of cluster.drives) drive.copies = false;
      const operation = await client.move(before.keyspace, key('a'), middle, target);
      await until(cluster, `${head} ${middle} ${tail} ${target}+`);
      cluster.drive(target).close();
      assert.is((await client.ended(operation)).state, 'failed');
      await until(cluster, `${head} ${middle} ${tail}`);
    });
  }),
);

test(
  'a handover does not wait for a source that died',
  deadline(LIMIT_MS, async () => {
    let source = '';
    const clusters: TestCluster[] = [];
    const faultPoint = (at: FaultPoint): void => {
      if (at === 'move.handoverPersisted') clusters[0]?.drive(source).close();
    };
    await withBeating(4, { replicas: 3, faultPoint }, async (cluster) => {
      clusters.push(cluster);
      const { client } = cluster;
      const before = await firstOf(client);
      const [head, middle, tail] = serving(before) as [string, string, string];
      source = tail;
      const target = cluster.drives.find(({ id }) => !serving(before).includes(id))?.id as string;
      const operation = await client.move(before.keyspace, key('a'), tail, target);
      assert.is((await client.ended(operation)).state, 'done');
      await until(cluster, `${head} ${middle} ${target}`);
    });
  }),
);

test.run();
