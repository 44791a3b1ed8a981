// Sets of witnesses as drives join, leave and come back; over sockets, with fake drives.

import { messages } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';
import type { FakeDrive } from '../support/fake-drive.ts';

const test = suite('witnesses of drives');
const LEASE_MS = 100;
/** Ten leases, but never less than this: see witness-sets.ts. */
const AWAY_MS = 2_000;
const never = new AbortController().signal;

const drivesOf = ({ witnesses }: FakeDrive): readonly string[] => witnesses?.drives ?? [];

async function shown(cluster: TestCluster, id: string) {
  const { listDrives, jsonAnswer } = messages;
  const { json } = await cluster.client.ask(listDrives, { offset: 0 }, jsonAnswer);
  return JSON.parse(json).find((drive: { id: string }) => drive.id === id);
}

test(
  'every drive is told a larger set as others join, and says which one counts',
  deadline(20_000, async () => {
    await withCluster(0, { leaseMs: LEASE_MS }, async (cluster) => {
      const first = await cluster.addDrive({ id: 'd1' });
      assert.equal(first.witnesses, { generation: 1, hasMetadataServer: false, drives: ['d1'] });
      await cluster.addDrive({ id: 'd2' });
      await eventually(() => drivesOf(first).length === 2);
      assert.equal(drivesOf(first), ['d1', 'd2']);
      for (const id of ['d3', 'd4', 'd5', 'd6']) await cluster.addDrive({ id });
      await eventually(() => cluster.drives.every((drive) => drivesOf(drive).length === 4));
      for (const drive of cluster.drives) assert.not.ok(drivesOf(drive).includes(drive.id));
      const view = await shown(cluster, 'd1');
      assert.equal(view.witnesses, ['metadata server', ...drivesOf(first)]);
      assert.is(view.rights, 'member');
      assert.is(view.fence, 1);
    });
  }),
);

test(
  'until a drive has taken a set up, a fence needs a majority of the old one as well',
  deadline(20_000, async () => {
    await withCluster(3, { leaseMs: LEASE_MS }, async (cluster) => {
      const { meta, drives, drive } = cluster;
      await eventually(() => drives.every((one) => drivesOf(one).length === 2));
      const stubborn = drive('d1');
      stubborn.takesWitnesses = false;
      await cluster.addDrive({ id: 'd4' });
      const fifth = await cluster.addDrive({ id: 'd5' });
      await eventually(async () => (await shown(cluster, 'd1')).witnesses.length === 5);
      drive('d2').isWitness = false;
      drive('d3').isWitness = false;
      stubborn.close();
      const outcome = meta.fencing.fence(stubborn.id, never);
      await eventually(() => fifth.book.fenceOf(stubborn.id) === 2);
      await new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS));
      assert.not.ok(meta.fencing.isFenced(stubborn.id), 'three of five, but one of the old three');
      drive('d2').isWitness = true;
      drive('d2').close();
      await drive('d2').register();
      assert.is(await outcome, 'fenced');
    });
  }),
);

test(
  'a witness that stays away is replaced; the drive that is away is not told behind its back',
  deadline(20_000, async () => {
    await withCluster(4, { leaseMs: LEASE_MS }, async (cluster) => {
      const { drives } = cluster;
      await eventually(() => drives.every((one) => drivesOf(one).length === 2));
      const gone = drives.find((one) => drivesOf(cluster.drive('d1')).includes(one.id));
      const goneAtMs = performance.now();
      gone?.close();
      const left = drives.filter((one) => one !== gone);
      await eventually(() => left.every((one) => !drivesOf(one).includes(gone?.id as string)));
      assert.ok(performance.now() - goneAtMs >= AWAY_MS, 'not at once');
      const before = gone?.witnesses?.generation ?? 0;
      const answer = await gone?.register();
      assert.ok((answer?.witnesses.generation ?? 0) >= before);
    });
  }),
);

test(
  'a restart of the server changes no set',
  deadline(20_000, async () => {
    await withCluster(5, { leaseMs: LEASE_MS }, async (cluster) => {
      const { drives } = cluster;
      await eventually(() => drives.every((one) => drivesOf(one).length === 4));
      const before = drives.map(({ witnesses }) => witnesses);
      await cluster.restart();
      for (const drive of drives) assert.equal((await drive.register()).witnesses, before.shift());
    });
  }),
);

test.run();
