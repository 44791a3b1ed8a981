// What happens when drives register: the default keyspace, refusals, and what they are told.

import {
  clusterId,
  dial,
  driveId,
  epoch,
  HandshakeError,
  incarnation,
  indexVersion,
  keyspaceId,
  MemberState,
  messages,
  NodeKind,
  nodeEnvironment,
  type RangeRecord,
  RefusedError,
  rangeId,
  Status,
  sequence,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { recordToResume } from '../src/members/registration.ts';
import type { RangeEntry } from '../src/state/entries.ts';
import { key, withCluster } from './support/cluster.ts';
import { deadline } from './support/deadline.ts';
import { FakeDrive } from './support/fake-drive.ts';

const test = suite('registration');

async function refusal(work: Promise<unknown>): Promise<RefusedError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RefusedError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

test(
  'the default keyspace is made when enough drives have registered, and not before',
  deadline(10_000, async () => {
    await withCluster(0, { replicas: 2, drivesExpected: 2 }, async ({ client, addDrive }) => {
      await addDrive({ id: 'd1' });
      const early = await refusal(client.keyspace('default'));
      assert.is(early.status, Status.rangeUnavailable);
      assert.match(early.message, 'when 2 drives have registered, 1 so far');
      assert.ok((early.detail.retryAfterMs ?? 0) > 0);
      const second = await addDrive({ id: 'd2' });
      const keyspace = await client.keyspaceWhenReady();
      assert.is(keyspace.replicas, 2);
      const [record] = await client.records(keyspace.id);
      assert.is(record?.chain.length, 2);
      assert.is(second.commands.length, 1);
    });
  }),
);

test(
  'without an announced number it waits until no further drive comes',
  deadline(10_000, async () => {
    const options = { partitioning: 'hash', settleMs: 150 } as const;
    await withCluster(0, options, async ({ client, addDrive }) => {
      for (const id of ['d1', 'd2', 'd3']) await addDrive({ id });
      const keyspace = await client.keyspaceWhenReady();
      const records = await client.records(keyspace.id);
      assert.is(records.length, 24);
      assert.is(new Set(records.map(({ chain }) => chain[0]?.drive)).size, 3);
    });
  }),
);

test(
  'a drive id with another data folder is refused while the id is in use',
  deadline(10_000, async () => {
    await withCluster(1, {}, async ({ client, meta, drive }) => {
      await client.keyspaceWhenReady();
      const other = new FakeDrive({ address: meta.address, id: 'd1', folderId: 'another' });
      const live = await refusal(other.register());
      assert.is(live.status, Status.driveIdTaken);
      assert.match(live.message, 'connected now');
      drive('d1').close();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const named = await refusal(other.register());
      assert.is(named.status, Status.driveIdTaken);
      assert.match(named.message, 'holds ranges of this cluster');
      other.close();
    });
  }),
);

test(
  'an old copy of a data folder is refused',
  deadline(10_000, async () => {
    await withCluster(1, {}, async ({ drive }) => {
      const one = drive('d1');
      await one.register({ incarnation: incarnation(5) });
      const old = await refusal(one.register({ incarnation: incarnation(4) }));
      assert.is(old.status, Status.driveIdTaken);
      assert.match(old.message, 'old copy');
    });
  }),
);

test(
  'a registration is checked: speaker, address, kind of node',
  deadline(10_000, async () => {
    await withCluster(1, {}, async ({ client, drive }) => {
      const one = drive('d1');
      const bad = await refusal(one.register({ address: 'nonsense' }));
      assert.is(bad.status, Status.invalidArgument);
      const message = { drive: 'd9' as typeof one.id };
      assert.is((await refusal(one.register(message))).status, Status.wrongNode);
      const beat = client.ask(
        messages.syncFinished,
        { range: rangeId(1), epoch: epoch(1), target: one.id, sequence: sequence(1) },
        messages.done,
      );
      assert.is((await refusal(beat)).status, Status.invalidArgument);
    });
  }),
);

test(
  'a heartbeat without a registration is refused, so that the drive registers',
  deadline(10_000, async () => {
    await withCluster(0, {}, async ({ meta }) => {
      const drive = new FakeDrive({ address: meta.address, id: 'd1' });
      await drive.connect();
      assert.is((await refusal(drive.heartbeat())).status, Status.driveUnknown);
      drive.close();
    });
  }),
);

test(
  'a drive that comes again is told every record that names it, and others its new address',
  deadline(10_000, async () => {
    await withCluster(3, { replicas: 2 }, async ({ client, drive }) => {
      const keyspace = await client.keyspaceWhenReady();
      const [record] = await client.records(keyspace.id);
      const member = drive(record?.chain[0]?.drive as string);
      const others = drive(record?.chain[1]?.drive as string);
      const { version } = await client.changes(keyspace.id, 0);
      member.close();
      member.incarnation = 2;
      const answer = await member.register({ address: '127.0.0.1:9999' });
      assert.is(answer.records.length, 1);
      assert.equal(answer.records[0], record);
      const news = await others.heartbeat([], 1_000, version);
      assert.is(news.addresses[0]?.address, '127.0.0.1:9999');
      assert.is(news.addresses[0]?.incarnation, 2);
      const changes = await client.changes(keyspace.id, version);
      assert.is(changes.addresses[0]?.address, '127.0.0.1:9999');
      assert.is(changes.records.length, 0);
    });
  }),
);

test(
  'load is smoothed per range, and shown for the range and the drive',
  deadline(10_000, async () => {
    await withCluster(1, { httpPort: 0 }, async ({ client, drive, meta }) => {
      const keyspace = await client.keyspaceWhenReady();
      const [record] = await client.records(keyspace.id);
      if (record === undefined) throw new Error('no record');
      const base = { range: record.id, epoch: record.epoch, keys: 10, bytes: 1_000 };
      const report = { ...base, reads: 500, writes: 100, readBytes: 5_000, writtenBytes: 1_000 };
      await drive('d1').heartbeat([report], 1_000);
      const answer = await fetch(`http://${meta.httpAddress}/api/ranges`);
      const { ranges } = (await answer.json()) as { ranges: Record<string, unknown>[] };
      assert.is(ranges[0]?.['readsPerSecond'], 500);
      assert.is(ranges[0]?.['writesPerSecond'], 100);
      assert.is(ranges[0]?.['keys'], 10);
      await drive('d1').heartbeat([{ ...report, reads: 0 }], 10_000);
      const later = await fetch(`http://${meta.httpAddress}/api/drives`);
      const { drives } = (await later.json()) as { drives: Record<string, number>[] };
      const rate = drives[0]?.['readsPerSecond'] as number;
      assert.ok(rate > 150 && rate < 250, `a third is left after one time constant, got ${rate}`);
    });
  }),
);

test(
  'a drive that is behind the index, or holds what it should not, is told by its heartbeat',
  deadline(10_000, async () => {
    await withCluster(2, { drivesExpected: 2 }, async ({ client, drive }) => {
      const keyspace = await client.keyspaceWhenReady();
      const from = (await client.records(keyspace.id))[0]?.chain[0]?.drive as string;
      const to = from === 'd1' ? 'd2' : 'd1';
      await client.ended(await client.move(keyspace.id, key('a'), from, to));
      const [record] = await client.records(keyspace.id);
      if (record === undefined) throw new Error('no record');
      const none = { keys: 0, bytes: 0, reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 };
      const old = { range: record.id, epoch: 1 as typeof record.epoch, ...none };
      const before = drive(to).commands.length;
      await drive(to).heartbeat([old]);
      await drive(from).heartbeat([old]);
      while (drive(to).commands.length === before) await new Promise((r) => setTimeout(r, 5));
      assert.is(drive(to).commands.at(-1), `install ${record.id}@3`);
      while (drive(from).dropped.length < 2) await new Promise((r) => setTimeout(r, 5));
    });
  }),
);

test(
  'a second connection of the same drive replaces the first',
  deadline(10_000, async () => {
    await withCluster(1, {}, async ({ meta, drive }) => {
      const first = drive('d1').connection;
      const again = new FakeDrive({ address: meta.address, id: 'd1' });
      await again.register();
      while (first?.isOpen) await new Promise((resolve) => setTimeout(resolve, 5));
      await again.heartbeat();
      again.close();
    });
  }),
);

test(
  'a drive of another cluster is refused at the handshake',
  deadline(10_000, async () => {
    await withCluster(0, {}, async ({ meta }) => {
      const self = {
        kind: NodeKind.drive,
        node: 'd1',
        cluster: clusterId('00000000-0000-4000-8000-000000000000'),
        incarnation: 1,
        software: 'test',
      };
      const handlers = { frame: () => {}, closed: () => {} };
      try {
        await dial(nodeEnvironment, meta.address, { self, handlers });
        assert.unreachable();
      } catch (error) {
        assert.instance(error, HandshakeError);
        assert.is((error as HandshakeError).status, Status.wrongCluster);
      }
    });
  }),
);

test('while a split is under way a member goes on with the whole range', () => {
  const members = ['d1', 'd2'].map((id) => ({ drive: driveId(id), state: MemberState.serving }));
  const whole: RangeRecord = {
    id: rangeId(1),
    keyspace: keyspaceId(1),
    start: key(''),
    end: undefined,
    epoch: epoch(1),
    version: indexVersion(1),
    chain: members,
  };
  const left: RangeRecord = { ...whole, end: key('m'), epoch: epoch(2), version: indexVersion(2) };
  const entry = { record: left, published: whole } as RangeEntry;
  const told = (held: number): number | undefined =>
    recordToResume(entry, driveId('d2'), epoch(held))?.epoch;
  assert.is(told(1), 1);
  assert.is(told(2), 2, 'it has been cut already');
});

test.run();
