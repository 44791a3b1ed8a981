// A serving member that does not hold its range, or cannot follow its record, would stop the writes of the chain
// for ever: it leaves, and comes back with a copy.

import { type RangeRecord, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBeating } from '../support/beating.ts';
import { type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';

const test = suite('healing');
const LEASE_MS = 400;

async function withChain(
  run: (cluster: TestCluster, record: RangeRecord) => Promise<void>,
): Promise<void> {
  const options = { replicas: 2, failover: true, leaseMs: LEASE_MS, startGraceMs: LEASE_MS };
  await withCluster(2, { ...options, repairAfterMs: 60_000 }, async (cluster) => {
    const stop = startBeating(cluster, LEASE_MS / 6);
    try {
      const { id } = await cluster.client.keyspaceWhenReady();
      const [record] = (await cluster.client.records(id)) as [RangeRecord];
      await run(cluster, record);
    } finally {
      stop();
    }
  });
}

const states = ({ chain }: RangeRecord): string[] =>
  chain.map(({ drive, state }) => `${drive} ${state}`);

test(
  'a member that does not hold its range leaves the chain, and is copied to',
  deadline(20_000, async () => {
    await withChain(async ({ client, drive }, record) => {
      const [head, tail] = record.chain.map((member) => drive(member.drive));
      if (head === undefined || tail === undefined) throw new Error('the chain is short');
      tail.records.delete(record.id);
      tail.refuses = (command) =>
        command === `install ${record.id}@1` ? Status.conflictingOperation : undefined;
      const next = async (): Promise<RangeRecord> =>
        (await client.records(record.keyspace))[0] as RangeRecord;
      // Out of the chain in epoch 2, syncing in 3, serving again in 4.
      await eventually(async () => (await next()).epoch === 4);
      assert.equal(states(await next()), [`${head.id} 1`, `${tail.id} 1`]);
      assert.ok(tail.commands.includes(`install ${record.id}@3`), tail.commands.join());
      assert.is(tail.records.get(record.id)?.epoch, 4);
    });
  }),
);

test(
  'a member whose report was late is told, and stays',
  deadline(20_000, async () => {
    await withChain(async ({ client, drive }, record) => {
      const tail = drive(record.chain[1]?.drive as string);
      const before = tail.commands.length;
      await tail.heartbeat([]);
      await eventually(() => tail.commands.length > before);
      assert.is(tail.commands.at(-1), `install ${record.id}@1`);
      await new Promise((resolve) => setTimeout(resolve, LEASE_MS));
      assert.equal(await client.records(record.keyspace), [record]);
    });
  }),
);

test.run();
