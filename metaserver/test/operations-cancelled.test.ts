// Splits and new keyspaces are cancelled as moves are: undone when nobody has carried them out, told as done when
// somebody has. Wherever the server is stopped, it comes to one end or the other.

import {
  epoch,
  type OperationStatusAnswer,
  Partitioning,
  type RangeId,
  type RangeRecord,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FaultPoint } from '../src/index.ts';
import { key, type TestCluster, withCluster } from './support/cluster.ts';
import { deadline, eventually } from './support/deadline.ts';
import { connectClient, type FakeClient } from './support/fake-client.ts';
import type { FakeDrive } from './support/fake-drive.ts';
import { stopAt } from './support/stop-at.ts';

const test = suite('cancelled operations');
const LIMIT_MS = 20_000;
const CUT_AT = 42;

interface Scene {
  readonly cluster: TestCluster;
  readonly before: RangeRecord;
  readonly head: FakeDrive;
  readonly tail: FakeDrive;
  readonly operation: number;
  /** The head answers the split. */
  readonly letHeadAnswer: () => void;
}

/** A split whose head is told, and takes its time. */
async function withSplit(
  faultPoint: (at: FaultPoint) => void,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  await withCluster(2, { replicas: 2, faultPoint }, async (cluster) => {
    const { id } = await cluster.client.keyspaceWhenReady();
    const [before] = (await cluster.client.records(id)) as [RangeRecord];
    const [head, tail] = before.chain.map(({ drive }) => cluster.drive(drive)) as [
      FakeDrive,
      FakeDrive,
    ];
    let isAsked = false;
    let letHeadAnswer = (): void => {};
    const answered = new Promise<void>((resolve) => {
      letHeadAnswer = resolve;
    });
    head.before = async (command) => {
      if (!command.startsWith('split')) return;
      isAsked = true;
      await answered;
    };
    const operation = await cluster.client.split(id, key('m'));
    await eventually(() => isAsked);
    await run({ cluster, before, head, tail, operation, letHeadAnswer });
  });
}

/** As if this member had made the cut. */
function makeCut({ before }: Scene, drive: FakeDrive): void {
  const right = (before.id + 1) as RangeId;
  const next = { ...before, epoch: epoch(2) };
  drive.cuts.set(right, CUT_AT);
  drive.records.set(before.id, { ...next, end: key('m') });
  drive.records.set(right, { ...next, id: right, start: key('m') });
}

async function checkWhole(
  client: FakeClient,
  { before, head, tail }: Scene,
  { state, message }: OperationStatusAnswer,
): Promise<void> {
  assert.is(state, 'failed', message);
  assert.match(message, 'was not cut: it was cancelled');
  const [only, ...others] = await client.records(before.keyspace);
  assert.equal(others, []);
  assert.equal([only?.id, only?.start, only?.end], [before.id, before.start, before.end]);
  assert.equal(only?.chain, before.chain);
  assert.ok((only?.epoch ?? 0) >= 3, 'above the epoch of the cut');
  for (const drive of [head, tail]) assert.is(drive.records.get(before.id)?.epoch, only?.epoch);
}

test(
  'a split is cancelled before anybody has cut: the range is whole, and can be cut again',
  deadline(LIMIT_MS, () =>
    withSplit(
      () => {},
      async (scene) => {
        const { client } = scene.cluster;
        await client.cancel(scene.operation);
        await checkWhole(client, scene, await client.ended(scene.operation));
        scene.letHeadAnswer();
        const again = await client.split(scene.before.keyspace, key('m'));
        assert.is((await client.ended(again)).state, 'done');
        assert.is((await client.records(scene.before.keyspace)).length, 2);
      },
    ),
  ),
);

test(
  'a split is cancelled when its head has cut: it is carried on, and says so',
  deadline(LIMIT_MS, () =>
    withSplit(
      () => {},
      async (scene) => {
        const { client } = scene.cluster;
        makeCut(scene, scene.head);
        await client.cancel(scene.operation);
        scene.letHeadAnswer();
        assert.is((await client.ended(scene.operation)).state, 'done');
        assert.is((await client.records(scene.before.keyspace)).length, 2);
      },
    ),
  ),
);

test(
  'the head cuts just when it is told that the split is taken back: all others cut as it did',
  deadline(LIMIT_MS, () =>
    withSplit(
      () => {},
      async (scene) => {
        const { cluster, head, tail, before } = scene;
        head.refuses = (command) => {
          if (command !== `install ${before.id}@3`) return undefined;
          makeCut(scene, head);
          return Status.conflictingOperation;
        };
        await cluster.client.cancel(scene.operation);
        assert.is((await cluster.client.ended(scene.operation)).state, 'done');
        assert.is((await cluster.client.records(before.keyspace)).length, 2);
        assert.ok(tail.commands.includes(`cut ${before.id}@4`), tail.commands.join());
      },
    ),
  ),
);

for (const point of ['split.backPersisted', 'split.backTold'] as const) {
  test(
    `a server that stops at ${point} of a cancelled split puts the range back`,
    deadline(LIMIT_MS, async () => {
      const { faultPoint, reached } = stopAt(point);
      await withSplit(faultPoint, async (scene) => {
        const { cluster, head, tail } = scene;
        await cluster.client.cancel(scene.operation);
        await reached;
        await cluster.restart({ faultPoint: () => {} });
        for (const drive of [head, tail]) await drive.register();
        const client = await connectClient(cluster.meta.address);
        try {
          await checkWhole(client, scene, await client.ended(scene.operation));
        } finally {
          client.close();
        }
      });
    }),
  );
}

/** What a request is refused with. */
function refusal(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => assert.unreachable('it was not refused') as never,
    (error: Error) => error,
  );
}

async function operationOf(client: FakeClient, kind: string): Promise<number> {
  const { operations } = JSON.parse(await client.status()) as {
    operations: readonly { id: number; kind: string; state: string }[];
  };
  const found = operations.find((one) => one.kind === kind && one.state === 'running');
  return found?.id ?? (assert.unreachable(`no ${kind} is under way`) as never);
}

test(
  'a keyspace is cancelled while a drive does not answer: nothing of it is left',
  deadline(LIMIT_MS, () =>
    withCluster(2, { replicas: 2 }, async (cluster) => {
      await cluster.client.keyspaceWhenReady();
      const slow = cluster.drive('d1');
      let isAsked = false;
      let answer = (): void => {};
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      slow.before = async (command) => {
        if (!command.startsWith('install')) return;
        isAsked = true;
        await answered;
      };
      const created = refusal(cluster.client.create('other', Partitioning.hash, 2));
      await eventually(() => isAsked);
      const operation = await operationOf(cluster.client, 'createKeyspace');
      await cluster.client.cancel(operation);
      answer();
      const { state, message } = await cluster.client.ended(operation);
      assert.is(state, 'failed');
      assert.match(message, 'it was cancelled');
      assert.match((await created).message, 'it was cancelled');
      await cluster.client.create('other', Partitioning.range, 2);
      await cluster.client.keyspaceWhenReady('other');
    }),
  ),
);

test.run();
