// Fences from the outside: a metadata server with fake drives, which are witnesses by the same book as
// real ones. Times are short leases; what is checked is who decides, not how long it takes.

import { fence, incarnation, messages } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';

const test = suite('fencing');
const LEASE_MS = 150;
const never = new AbortController().signal;

/** Every drive has the witnesses that a cluster of this size has. */
async function settled({ drives }: TestCluster, others: number): Promise<void> {
  await eventually(() => drives.every(({ witnesses }) => witnesses?.drives.length === others));
}

test(
  'a fence waits for a majority of witnesses, and out what they granted',
  deadline(20_000, async () => {
    await withCluster(3, { leaseMs: LEASE_MS }, async (cluster) => {
      await settled(cluster, 2);
      const { meta, drive } = cluster;
      const [lost, first, second] = [drive('d1'), drive('d2'), drive('d3')];
      first.isWitness = false;
      second.isWitness = false;
      lost.close();
      let outcome: string | undefined;
      meta.fencing.fence(lost.id, never).then((what) => {
        outcome = what;
      });
      await new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS));
      assert.is(outcome, undefined, 'the metadata server alone is no majority');
      assert.not.ok(meta.fencing.isFenced(lost.id));
      first.isWitness = true;
      // The request that it left unanswered is repeated on its next connection.
      first.close();
      first.book.grant(
        { drive: lost.id, incarnation: incarnation(1), fence: fence(1), leaseMs: LEASE_MS },
        performance.now(),
      );
      const grantedAtMs = performance.now();
      await first.register();
      await eventually(() => outcome !== undefined);
      assert.is(outcome, 'fenced');
      assert.ok(performance.now() - grantedAtMs > LEASE_MS, 'the grant was waited out');
      assert.ok(meta.fencing.isFenced(lost.id));
      assert.is(first.book.fenceOf(lost.id), 2);
    });
  }),
);

test(
  'a drive that registers again is a member with the new number',
  deadline(20_000, async () => {
    await withCluster(3, { leaseMs: LEASE_MS }, async (cluster) => {
      const { meta, drive } = cluster;
      const lost = drive('d1');
      for (const other of cluster.drives) other.isWitness = false;
      lost.close();
      const outcome = meta.fencing.fence(lost.id, never);
      // Twice at once is one fence.
      const again = meta.fencing.fence(lost.id, never);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const answer = await lost.register();
      assert.is(answer.fence, 2);
      assert.is(await outcome, 'returned');
      assert.is(await again, 'returned');
      assert.not.ok(meta.fencing.isFenced(lost.id));
    });
  }),
);

test(
  'a fence goes on in the next life of the server, and a complete one is remembered',
  deadline(20_000, async () => {
    await withCluster(3, { leaseMs: LEASE_MS }, async (cluster) => {
      await settled(cluster, 2);
      const { drive } = cluster;
      const lost = drive('d1');
      for (const other of cluster.drives) other.isWitness = false;
      lost.close();
      const stopped = new AbortController();
      const first = cluster.meta.fencing.fence(lost.id, stopped.signal);
      await new Promise((resolve) => setTimeout(resolve, 20));
      stopped.abort();
      await first.then(
        () => assert.unreachable('nobody has answered'),
        () => {},
      );
      const restartedAtMs = performance.now();
      await cluster.restart();
      // The server itself and one other are the majority: what it may have granted before has to end.
      drive('d2').isWitness = true;
      const answers = [await drive('d2').register(), await drive('d3').register()];
      for (const { fences } of answers) {
        assert.is(fences.find((one) => one.drive === lost.id)?.fence, 2);
      }
      await eventually(() => cluster.meta.fencing.isFenced(lost.id));
      assert.ok(performance.now() - restartedAtMs > LEASE_MS, 'waited for its own old grants');
      await cluster.restart();
      assert.ok(cluster.meta.fencing.isFenced(lost.id));
      assert.is(await cluster.meta.fencing.fence(lost.id, never), 'fenced');
      const { fence: number } = await lost.register();
      assert.is(number, 2);
      assert.not.ok(cluster.meta.fencing.isFenced(lost.id));
    });
  }),
);

test(
  'a fenced drive gets no grant from the server, and its heartbeats are refused',
  deadline(20_000, async () => {
    await withCluster(3, { leaseMs: LEASE_MS }, async (cluster) => {
      const { meta, drive } = cluster;
      const slow = drive('d1');
      const asked = {
        drive: slow.id,
        incarnation: incarnation(1),
        fence: fence(1),
        leaseMs: LEASE_MS,
      };
      const before = await slow.ask(messages.renewLease, asked, messages.leaseAnswer);
      assert.equal(before, { isGranted: true, fence: 1 });
      const outcome = meta.fencing.fence(slow.id, never);
      await eventually(async () => {
        const answer = await slow.ask(messages.renewLease, asked, messages.leaseAnswer);
        return !answer.isGranted && answer.fence === 2;
      });
      await slow.heartbeat().then(
        () => assert.unreachable('a fenced drive has to register'),
        (error: Error) => assert.match(error.message, 'register again'),
      );
      assert.is(await outcome, 'fenced');
      assert.ok(((await meta.fencing.heardOf(slow.id)) ?? Infinity) < 10_000);
    });
  }),
);

test.run();
