// The five states of a member, as /api/ranges shows them to people: serving, syncing, waiting, last, offline.

import { Partitioning } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RangeView } from '../../src/index.ts';
import { startBeating } from '../support/beating.ts';
import { type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';

const test = suite('states of a member');
const LEASE_MS = 240;
const LIMIT_MS = 30_000;
/** Copies into one drive at once. */
const AT_ONCE = 4;

/** How often each state of a drive is shown. */
async function statesOf({ meta }: TestCluster, drive: string): Promise<Record<string, number>> {
  const answer = await fetch(`http://${meta.httpAddress}/api/ranges?limit=1000`);
  const { ranges } = (await answer.json()) as { ranges: readonly RangeView[] };
  const counts: Record<string, number> = {};
  for (const { chain } of ranges) {
    const state = chain.find((member) => member.drive === drive)?.state ?? 'none';
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}

async function until(
  cluster: TestCluster,
  drive: string,
  wanted: Record<string, number>,
): Promise<void> {
  const shown = (counts: Record<string, number>): string =>
    JSON.stringify(Object.entries(counts).sort());
  let seen = '';
  try {
    await eventually(async () => {
      seen = shown(await statesOf(cluster, drive));
      return seen === shown(wanted);
    });
  } catch (error) {
    throw new Error(`${drive}: ${seen} and not ${shown(wanted)}`, { cause: error });
  }
}

async function comeBack(cluster: TestCluster, drive: string): Promise<void> {
  cluster.drive(drive).incarnation++;
  await cluster.drive(drive).register();
}

test(
  'one drive after the other dies, and comes back to nobody who copies: every state is shown',
  deadline(LIMIT_MS, async () => {
    const options = { replicas: 3, httpPort: 0, failover: true, leaseMs: LEASE_MS };
    await withCluster(3, { ...options, startGraceMs: LEASE_MS }, async (cluster) => {
      const stop = startBeating(cluster, LEASE_MS / 6);
      try {
        await eventually(() => cluster.drives.every((one) => one.witnesses?.drives.length === 2));
        await cluster.client.create('many', Partitioning.hash, 3);
        const { serving: all = 0 } = await statesOf(cluster, 'd3');
        assert.ok(all > AT_ONCE, `${all} ranges`);
        cluster.drive('d3').close();
        await until(cluster, 'd3', { offline: all });
        for (const drive of cluster.drives) drive.copies = false;
        await comeBack(cluster, 'd3');
        await until(cluster, 'd3', { syncing: AT_ONCE, waiting: all - AT_ONCE });
        cluster.drive('d2').close();
        await until(cluster, 'd2', { offline: all });
        await comeBack(cluster, 'd2');
        // The others are back and not in sync, so it is the last one; and they are its witnesses.
        cluster.drive('d1').close();
        await until(cluster, 'd1', { last: all });
        await until(cluster, 'd2', { waiting: all });
        await until(cluster, 'd3', { waiting: all });
        await comeBack(cluster, 'd1');
        await until(cluster, 'd1', { serving: all });
      } finally {
        stop();
      }
    });
  }),
);

test.run();
