// Two ranges become one, with fake drives: who is asked and told in which order, what is refused, how it is taken
// back, what happens when a member dies, and that a server that dies at any step comes out with one or with two.

import { MemberState, type RangeRecord, RefusedError, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FaultPoint, MetaOptions } from '../../src/index.ts';
import { startBeating } from '../support/beating.ts';
import { key, type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';
import { connectClient, type FakeClient } from '../support/fake-client.ts';
import type { FakeDrive } from '../support/fake-drive.ts';
import { stopAt } from '../support/stop-at.ts';
import { beat } from './figures.ts';

const test = suite('merge');
const LIMIT_MS = 20_000;
const LEASE_MS = 240;

interface Scene {
  readonly cluster: TestCluster;
  readonly left: RangeRecord;
  readonly right: RangeRecord;
  readonly head: FakeDrive;
  readonly middle: FakeDrive;
  readonly tail: FakeDrive;
}

async function recordsOf(client: FakeClient): Promise<RangeRecord[]> {
  const { id } = await client.keyspaceWhenReady();
  return client.records(id);
}

/** A keyspace of three copies that was cut at `m`. */
async function withHalves(
  options: Partial<MetaOptions>,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  await withCluster(3, { replicas: 3, ...options }, async (cluster) => {
    const stop = startBeating(cluster, LEASE_MS / 6);
    try {
      const [whole] = await recordsOf(cluster.client);
      const { keyspace } = whole as RangeRecord;
      await cluster.client.ended(await cluster.client.split(keyspace, key('m')));
      const [left, right] = (await recordsOf(cluster.client)) as [RangeRecord, RangeRecord];
      const [head, middle, tail] = left.chain.map(({ drive }) => cluster.drive(drive)) as [
        FakeDrive,
        FakeDrive,
        FakeDrive,
      ];
      // A fake head passes a cut on to nobody.
      for (const drive of [middle, tail]) {
        drive.records.set(left.id, left);
        drive.records.set(right.id, right);
      }
      await run({ cluster, left, right, head, middle, tail });
    } finally {
      stop();
    }
  });
}

const told = (drive: FakeDrive): string[] =>
  drive.commands.filter((command) => /check|merge|install/.test(command)).slice(1);

function begin({ cluster, left }: Scene): Promise<number> {
  return cluster.client.merge(left.keyspace, left.start);
}

async function checkMerged(client: FakeClient, { left, right }: Scene): Promise<RangeRecord> {
  await eventually(async () => (await recordsOf(client)).length === 1);
  const [one] = (await recordsOf(client)) as [RangeRecord];
  assert.is(one.id, left.id);
  assert.equal([one.start, one.end], [left.start, right.end]);
  assert.ok(one.epoch > left.epoch && one.epoch > right.epoch);
  return one;
}

test(
  'all are asked, the head merges first, then the others; the index has one range, and clients hear of it',
  deadline(LIMIT_MS, async () => {
    await withHalves({}, async (scene) => {
      const { cluster, left, head, middle, tail } = scene;
      const { client } = cluster;
      const before = await client.changes(left.keyspace, 0);
      const log: string[] = [];
      for (const drive of cluster.drives) {
        drive.before = async (command) => {
          if (/check|merge/.test(command)) log.push(`${drive.id} ${command}`);
        };
      }
      const ended = await client.ended(await begin(scene));
      assert.is(ended.state, 'done', ended.message);
      const name = `${left.id}@3`;
      assert.equal(log, [
        ...[head, middle, tail].map(({ id }) => `${id} check ${name}`),
        `${head.id} merge ${name}`,
        ...[tail, middle, head].map(({ id }) => `${id} merge ${name}`),
      ]);
      const one = await checkMerged(client, scene);
      assert.equal(one.chain, left.chain);
      const news = await client.changes(left.keyspace, before.version);
      assert.equal(
        news.records.map(({ id, epoch }) => [id, epoch]),
        [[left.id, 3]],
      );
      await cluster.restart();
      await Promise.all(cluster.drives.map((drive) => drive.register()));
      const again = await connectClient(cluster.meta.address);
      await checkMerged(again, scene);
      again.close();
    });
  }),
);

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RefusedError) return `${error.status} ${error.message}`;
    throw error;
  }
  return 'not refused';
}

test(
  'what cannot be merged is refused, with the reason, and stays as it is',
  deadline(LIMIT_MS, async () => {
    await withHalves({}, async (scene) => {
      const { cluster, left, right, middle } = scene;
      const { client } = cluster;
      const last = client.merge(right.keyspace, right.start);
      assert.match(await refusal(last), `${Status.invalidArgument} range ${right.id} is the last`);
      middle.refuses = (command) =>
        command.startsWith('check') ? Status.invalidArgument : undefined;
      const ended = await client.ended(await begin(scene));
      assert.is(ended.state, 'failed');
      assert.match(ended.message, `drive ${middle.id} refused`);
      assert.equal(await recordsOf(client), [left, right]);
      const fourth = await cluster.addDrive({ id: 'd4' });
      await client.ended(await client.move(left.keyspace, key('a'), middle.id, fourth.id));
      assert.match(await refusal(begin(scene)), 'they lie on different drives');
    });
  }),
);

test(
  'a head that is too busy is left alone: both go on as before, above the epoch of the merge',
  deadline(LIMIT_MS, async () => {
    await withHalves({}, async (scene) => {
      const { cluster, left, right, head } = scene;
      head.refuses = (command) =>
        command.startsWith('merge') ? Status.conflictingOperation : undefined;
      const ended = await cluster.client.ended(await begin(scene));
      assert.is(ended.state, 'failed');
      assert.match(ended.message, 'were not merged: drive');
      const after = await recordsOf(cluster.client);
      assert.equal(
        after.map(({ id, epoch, start, end, chain }) => ({ id, epoch, start, end, chain })),
        [left, right].map(({ id, start, end, chain }) => ({ id, epoch: 4, start, end, chain })),
      );
      for (const drive of cluster.drives) {
        assert.equal(told(drive).slice(-2), [`install ${left.id}@4`, `install ${right.id}@4`]);
      }
      head.refuses = () => undefined;
      assert.is((await cluster.client.ended(await begin(scene))).state, 'done');
    });
  }),
);

test(
  'the head merges just when it is to be taken back: then it goes on',
  deadline(LIMIT_MS, async () => {
    await withHalves({}, async (scene) => {
      const { cluster, left, head } = scene;
      let isLate = false;
      head.refuses = (command) => {
        if (command === `merge ${left.id}@3`) return Status.conflictingOperation;
        if (command !== `install ${left.id}@4` || isLate) return undefined;
        isLate = true;
        return Status.conflictingOperation;
      };
      const ended = await cluster.client.ended(await begin(scene));
      assert.is(ended.state, 'done', ended.message);
      const one = await checkMerged(cluster.client, scene);
      assert.is(one.epoch, 5);
    });
  }),
);

const FAILOVER = {
  failover: true,
  leaseMs: LEASE_MS,
  startGraceMs: LEASE_MS,
  repairAfterMs: 60_000,
};

/** Stops a drive inside a merge command: it is told, and never answers. */
function freeze(drive: FakeDrive): Promise<void> {
  return new Promise((resolve) => {
    drive.before = async (command) => {
      if (!command.startsWith('merge')) return;
      resolve();
      await new Promise(() => {});
    };
  });
}

test(
  'the head dies before it has merged: both go on without it',
  deadline(LIMIT_MS, async () => {
    await withHalves(FAILOVER, async (scene) => {
      const { cluster, head, middle, tail } = scene;
      await eventually(() => cluster.drives.every((one) => one.witnesses?.drives.length === 2));
      const frozen = freeze(head);
      const operation = await begin(scene);
      await frozen;
      head.close();
      const ended = await cluster.client.ended(operation);
      assert.is(ended.state, 'failed');
      assert.match(ended.message, 'a member of its chain went away');
      const records = await recordsOf(cluster.client);
      assert.is(records.length, 2);
      for (const { chain } of records) {
        assert.equal(
          chain.map(({ drive, state }) => [drive, state]),
          [
            [middle.id, MemberState.serving],
            [tail.id, MemberState.serving],
            [head.id, MemberState.offline],
          ],
        );
      }
    });
  }),
);

test(
  'the only member dies while it is taken back: nothing is written until it is back',
  deadline(LIMIT_MS, async () => {
    let written = 0;
    const faultPoint = (at: FaultPoint): void => {
      if (at === 'merge.backPersisted') written++;
    };
    await withCluster(3, { ...FAILOVER, replicas: 1, faultPoint }, async (cluster) => {
      const stop = startBeating(cluster, LEASE_MS / 6);
      try {
        await eventually(() => cluster.drives.every((one) => one.witnesses?.drives.length === 2));
        const { client } = cluster;
        const [whole] = (await recordsOf(client)) as [RangeRecord];
        await client.ended(await client.split(whole.keyspace, key('m')));
        const only = cluster.drive(whole.chain[0]?.drive as string);
        const frozen = freeze(only);
        const operation = await client.merge(whole.keyspace, whole.start);
        await frozen;
        only.close();
        await eventually(() => written > 0);
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        assert.is(written, 1);
        only.before = async () => {};
        await only.register();
        const ended = await client.ended(operation);
        assert.is(ended.state, 'failed');
        assert.is((await recordsOf(client)).length, 2);
      } finally {
        stop();
      }
    });
  }),
);

for (const role of ['head', 'tail'] as const) {
  test(
    `the ${role} dies when the head has merged: the others merge without it`,
    deadline(LIMIT_MS, async () => {
      await withHalves(FAILOVER, async (scene) => {
        const { cluster, head, middle, tail } = scene;
        await eventually(() => cluster.drives.every((one) => one.witnesses?.drives.length === 2));
        // The first who is told after the head is the tail.
        const frozen = freeze(tail);
        const operation = await begin(scene);
        await frozen;
        if (role === 'head') {
          head.close();
          await eventually(() => cluster.meta.fencing.isFenced(head.id));
          tail.close();
          tail.before = async () => {};
          await tail.register();
        } else tail.close();
        const ended = await cluster.client.ended(operation);
        assert.is(ended.state, 'done', ended.message);
        const { chain } = await checkMerged(cluster.client, scene);
        const lost = role === 'head' ? head : tail;
        const rest = role === 'head' ? [middle, tail] : [head, middle];
        assert.equal(
          chain.map(({ drive, state }) => [drive, state]),
          [...rest.map(({ id }) => [id, MemberState.serving]), [lost.id, MemberState.offline]],
        );
        const answer = await lost.register();
        assert.ok(answer.records.every(({ id }) => id === scene.left.id));
      });
    }),
  );
}

test(
  'a member that does not stand where the others did leaves the chain, and is told first',
  deadline(LIMIT_MS, async () => {
    await withHalves({}, async (scene) => {
      const { cluster, left, right, tail, middle } = scene;
      tail.refuses = (command) =>
        command.startsWith('merge') ? Status.conflictingOperation : undefined;
      const ended = await cluster.client.ended(await begin(scene));
      assert.is(ended.state, 'done', ended.message);
      const { chain, epoch } = await checkMerged(cluster.client, scene);
      assert.equal(chain.at(-1), { drive: tail.id, state: MemberState.offline });
      assert.is(epoch, 4);
      assert.ok(tail.commands.includes(`install ${left.id}@4`), tail.commands.join());
      assert.ok(tail.commands.includes(`install ${right.id}@3`), tail.commands.join());
      assert.ok(middle.commands.includes(`merge ${left.id}@4`), middle.commands.join());
      await eventually(() => tail.dropped.includes(right.id));
    });
  }),
);

const POINTS: readonly (readonly [FaultPoint, 'one' | 'two'])[] = [
  ['merge.accepted', 'one'],
  ['merge.persisted', 'one'],
  ['merge.headMerged', 'one'],
  ['merge.joining', 'one'],
  ['merge.joinPersisted', 'one'],
  ['merge.joined', 'one'],
  ['merge.backPersisted', 'two'],
  ['merge.backTold', 'two'],
];

for (const [point, outcome] of POINTS) {
  test(
    `a server that stops at ${point} comes out with ${outcome}`,
    deadline(LIMIT_MS, async () => {
      const { faultPoint, reached } = stopAt(point);
      await withHalves({ faultPoint }, async (scene) => {
        const { cluster, head, tail } = scene;
        const isBusy = (command: string): Status | undefined =>
          command.startsWith('merge') ? Status.conflictingOperation : undefined;
        if (outcome === 'two') head.refuses = isBusy;
        if (point === 'merge.joinPersisted') tail.refuses = isBusy;
        const operation = await begin(scene);
        await reached;
        await cluster.restart({ faultPoint: () => {} });
        await Promise.all(cluster.drives.map((drive) => drive.register()));
        const client = await connectClient(cluster.meta.address);
        try {
          const ended = await client.ended(operation);
          assert.is(ended.state, outcome === 'one' ? 'done' : 'failed', ended.message);
          if (outcome === 'one') await checkMerged(client, scene);
          else assert.is((await recordsOf(client)).length, 2);
        } finally {
          client.close();
        }
      });
    }),
  );
}

test(
  'cold neighbours are merged down to the ranges that somebody asked for, and no further',
  deadline(LIMIT_MS, async () => {
    const limits = { rangeBytesMax: 100_000, balanceRoundMs: 10, mergeRounds: 2 };
    await withCluster(1, { ...limits, replicas: 1 }, async (cluster) => {
      const { client } = cluster;
      const [whole] = await recordsOf(client);
      await client.ended(await client.split((whole as RangeRecord).keyspace, key('d')));
      cluster.drive('d1').middleKey = key('m');
      const heavy = (bytes: number) =>
        beat(cluster, (range) => ({ bytes: range === 2 ? bytes : 10 }));
      for (let at = 0; at < 10 && (await recordsOf(client)).length < 3; at++) {
        await heavy(200_000);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      assert.is((await recordsOf(client)).length, 3, 'an automatic cut');
      await eventually(async () => {
        await heavy(20);
        return (await recordsOf(client)).length === 2;
      });
      for (let at = 0; at < 10; at++) {
        await heavy(20);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.is((await recordsOf(client)).length, 2, 'the cut of the operator stays');
    });
  }),
);

test.run();
