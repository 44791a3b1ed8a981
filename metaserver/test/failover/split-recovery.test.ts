// A member dies while a range is being cut: the survivors' own words decide whether the cut is carried on or
// taken back, and wherever the server is stopped it comes out whole.

import { epoch, type RangeId, type RangeRecord, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { FaultPoint } from '../../src/index.ts';
import { startBeating } from '../support/beating.ts';
import { key, type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';
import { connectClient, type FakeClient } from '../support/fake-client.ts';
import type { FakeDrive } from '../support/fake-drive.ts';
import { stopAt } from '../support/stop-at.ts';

const test = suite('split recovery');
const LEASE_MS = 240;
const LIMIT_MS = 20_000;
const CUT_AT = 42;

interface Scene {
  readonly cluster: TestCluster;
  readonly before: RangeRecord;
  readonly head: FakeDrive;
  readonly middle: FakeDrive;
  readonly tail: FakeDrive;
  readonly right: RangeId;
}

const never = new Promise<void>(() => {});

/** Begins a split whose head is told and never answers; then `then` decides what survivors have done. */
async function withSplit(
  faultPoint: (at: FaultPoint) => void,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  const options = { replicas: 3, failover: true, leaseMs: LEASE_MS, startGraceMs: LEASE_MS };
  const far = { repairAfterMs: 60_000, faultPoint };
  await withCluster(3, { ...options, ...far }, async (cluster) => {
    const stop = startBeating(cluster, LEASE_MS / 6);
    try {
      await eventually(() => cluster.drives.every((one) => one.witnesses?.drives.length === 2));
      const { id } = await cluster.client.keyspaceWhenReady();
      const [before] = await cluster.client.records(id);
      if (before === undefined) throw new Error('the keyspace has no range');
      const [head, middle, tail] = before.chain.map(({ drive }) => cluster.drive(drive));
      let isAsked = false;
      (head as FakeDrive).before = async (command) => {
        if (!command.startsWith('split')) return;
        isAsked = true;
        await never;
      };
      await cluster.client.split(before.keyspace, key('m'));
      await eventually(() => isAsked);
      const right = (before.id + 1) as RangeId;
      await run({ cluster, before, head, middle, tail, right } as Scene);
    } finally {
      stop();
    }
  });
}

/** As if the head had passed the cut on to this member before it died. */
function makeCut({ before, right }: Scene, drive: FakeDrive): void {
  const next = { ...before, epoch: epoch(2) };
  drive.cuts.set(right, CUT_AT);
  drive.records.set(before.id, { ...next, end: key('m') });
  drive.records.set(right, { ...next, id: right, start: key('m') });
}

/** `told`: those whom the server told itself; a fake head passes nothing on. */
async function checkCut(
  client: FakeClient,
  scene: Scene,
  told: readonly FakeDrive[],
): Promise<void> {
  const { before, head, middle, tail, right } = scene;
  await eventually(async () => (await client.records(before.keyspace)).length === 2);
  const records = await client.records(before.keyspace);
  for (const record of records) {
    assert.equal(
      record.chain.map(({ drive }) => drive),
      [middle.id, tail.id, head.id],
    );
    for (const drive of told) {
      await eventually(() => drive.records.get(record.id)?.epoch === record.epoch);
      assert.equal(drive.records.get(record.id)?.end, record.end);
    }
  }
  assert.equal(
    records.map(({ id }) => id),
    [before.id, right],
  );
}

test(
  'the first survivor has cut: the others cut by themselves, at its sequence',
  deadline(LIMIT_MS, async () => {
    await withSplit(
      () => {},
      async (scene) => {
        makeCut(scene, scene.middle);
        scene.head.close();
        await checkCut(scene.cluster.client, scene, [scene.middle, scene.tail]);
        assert.ok(
          scene.tail.commands.includes(`cut ${scene.before.id}@3`),
          scene.tail.commands.join(),
        );
      },
    );
  }),
);

test(
  'nobody has cut: it is taken back without the dead head, and begun anew under the same number',
  deadline(LIMIT_MS, async () => {
    await withSplit(
      () => {},
      async (scene) => {
        scene.head.close();
        await checkCut(scene.cluster.client, scene, [scene.middle]);
        const told = [`install ${scene.before.id}@3`];
        assert.equal(
          scene.middle.commands.filter((command) => /split|cut|install 1@3/.test(command)),
          // Told when it is taken back, and once more before it is cut again.
          [...told, ...told, `split ${scene.before.id}@4`],
        );
      },
    );
  }),
);

test(
  'what is left of an earlier cut that was taken back does not pass for this one',
  deadline(LIMIT_MS, async () => {
    await withSplit(
      () => {},
      async (scene) => {
        const { middle, right, before } = scene;
        middle.cuts.set(right, CUT_AT);
        middle.records.set(right, { ...before, id: right, start: key('m') });
        scene.head.close();
        await checkCut(scene.cluster.client, scene, [middle]);
        assert.ok(middle.commands.includes(`split ${before.id}@4`), middle.commands.join());
      },
    );
  }),
);

test(
  'the cut comes to the first survivor while it is being taken back: then it is carried on',
  deadline(LIMIT_MS, async () => {
    await withSplit(
      () => {},
      async (scene) => {
        const { middle, before } = scene;
        middle.refuses = (command) => {
          if (command !== `install ${before.id}@3`) return undefined;
          makeCut(scene, middle);
          return Status.conflictingOperation;
        };
        scene.head.close();
        await checkCut(scene.cluster.client, scene, [middle, scene.tail]);
        assert.ok(scene.tail.commands.includes(`cut ${before.id}@4`), scene.tail.commands.join());
      },
    );
  }),
);

test(
  'a survivor that does not stand at the cut leaves both chains',
  deadline(LIMIT_MS, async () => {
    await withSplit(
      () => {},
      async (scene) => {
        const { middle, tail, head, before, cluster } = scene;
        makeCut(scene, middle);
        tail.refuses = (command) =>
          command.startsWith('cut') ? Status.conflictingOperation : undefined;
        head.close();
        await eventually(async () => (await cluster.client.records(before.keyspace)).length === 2);
        for (const record of await cluster.client.records(before.keyspace)) {
          assert.equal(
            record.chain.map(({ drive, state }) => `${drive}${state}`),
            [`${middle.id}1`, `${head.id}5`, `${tail.id}5`],
          );
        }
        // It has lost its rights, so it was told first.
        assert.ok(tail.commands.includes(`install ${before.id}@4`), tail.commands.join());
      },
    );
  }),
);

test(
  'a member behind the head dies: the head says whether it has cut',
  deadline(LIMIT_MS, async () => {
    await withSplit(
      () => {},
      async (scene) => {
        const { middle, tail, head, before, cluster } = scene;
        makeCut(scene, head);
        head.before = async () => {};
        middle.close();
        await eventually(async () => (await cluster.client.records(before.keyspace)).length === 2);
        for (const record of await cluster.client.records(before.keyspace)) {
          assert.equal(
            record.chain.map(({ drive }) => drive),
            [head.id, tail.id, middle.id],
          );
        }
        assert.ok(tail.commands.includes(`cut ${before.id}@3`), tail.commands.join());
      },
    );
  }),
);

/** It dies when this command comes. */
function dieAt(drive: FakeDrive, begin: string): void {
  drive.before = async (command) => {
    if (!command.startsWith(begin)) return;
    drive.close();
    await never;
  };
}

for (const hasCut of [true, false]) {
  test(
    `a member that dies before it is told does not serve in what is published (${hasCut ? 'cut' : 'taken back'})`,
    deadline(LIMIT_MS, async () => {
      await withSplit(
        () => {},
        async (scene) => {
          const { middle, tail, head, before, cluster } = scene;
          if (hasCut) makeCut(scene, middle);
          dieAt(tail, hasCut ? 'cut' : 'install');
          head.close();
          const { client } = cluster;
          await eventually(async () => (await client.records(before.keyspace)).length === 2);
          for (const { chain } of await client.records(before.keyspace)) {
            const states = chain.map(({ drive, state }) => `${drive}${state}`);
            assert.equal(states.sort(), [`${middle.id}1`, `${head.id}5`, `${tail.id}5`].sort());
          }
        },
      );
    }),
  );
}

const POINTS: readonly (readonly [FaultPoint, hasCut: boolean])[] = [
  ['split.directPersisted', true],
  ['split.directTold', true],
  ['split.backPersisted', false],
  ['split.backTold', false],
];

for (const [point, hasCut] of POINTS) {
  test(
    `a server that stops at ${point} comes out with two halves`,
    deadline(LIMIT_MS, async () => {
      const { faultPoint, reached } = stopAt(point);
      await withSplit(faultPoint, async (scene) => {
        const { cluster, middle, tail } = scene;
        if (hasCut) makeCut(scene, middle);
        scene.head.close();
        await reached;
        await cluster.restart({ faultPoint: () => {} });
        for (const drive of [middle, tail]) await drive.register();
        const client = await connectClient(cluster.meta.address);
        try {
          await checkCut(client, scene, hasCut ? [middle, tail] : [middle]);
        } finally {
          client.close();
        }
      });
    }),
  );
}

test.run();
