// Five drives to six and back, under load: nothing fails, nothing is wrong, and no more bytes move than the
// new drive's share, and then what it held.

import { type AdminClient, type RangeView, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Traffic } from '../../src/traffic.ts';
import { deadline } from '../deadline.ts';

const test = suite('elasticity');
const KEYS = 6_000;
const VALUE = 'x'.repeat(400);

/** Range and drive of every copy, with the bytes of the range. */
function copiesIn(ranges: readonly RangeView[]): Map<string, number> {
  const copies = new Map<string, number>();
  for (const { id, chain, bytes } of ranges) {
    for (const { drive } of chain) copies.set(`${id} on ${drive}`, bytes);
  }
  return copies;
}

const sum = (values: Iterable<number>): number => [...values].reduce((all, one) => all + one, 0);

/** Bytes of the copies that came: what was moved, whoever planned it. */
function movedBytes(before: readonly RangeView[], after: readonly RangeView[]): number {
  const had = copiesIn(before);
  return sum([...copiesIn(after)].flatMap(([copy, bytes]) => (had.has(copy) ? [] : [bytes])));
}

function bytesOn(ranges: readonly RangeView[], drive: string): number {
  return sum(
    [...copiesIn(ranges)].flatMap(([name, bytes]) => (name.endsWith(drive) ? [bytes] : [])),
  );
}

/** Waits until the heartbeats have told the size of everything. */
async function settledRanges(admin: AdminClient, keys: number): Promise<RangeView[]> {
  for (;;) {
    const ranges = await admin.ranges();
    if (sum(ranges.map((range) => range.keys)) >= keys) return ranges;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function rebalance(admin: AdminClient): Promise<void> {
  const { operation } = await admin.rebalance();
  if (operation !== null) await admin.waitFor(operation);
}

test(
  'five drives to six and back under load: no failed operation, and the least bytes moved',
  deadline(120_000, async () => {
    await using cluster = await startCluster({
      ...{ drives: 5, replicas: 3, partitioning: 'hash', inProcess: true },
      ...{ leaseMs: 600, bandwidthBytesPerSecond: 1e9 },
    });
    await using admin = cluster.admin();
    await using kv = await KVClient.connect(cluster.url);
    const entries = Array.from({ length: KEYS }, (_, number) => ({
      key: `k${number}`,
      value: VALUE,
    }));
    for (let at = 0; at < KEYS; at += 500) await kv.putMany(entries.slice(at, at + 500));
    const traffic = new Traffic(kv, { keys: 160, writers: 4, readers: 4 });
    await traffic.prepare();
    await settledRanges(admin, KEYS);
    await rebalance(admin);
    traffic.start();
    const five = await settledRanges(admin, KEYS);
    await cluster.addDrive();
    await rebalance(admin);
    await traffic.progress(500);
    const six = await settledRanges(admin, KEYS);
    const share = (3 * sum(five.map(({ bytes }) => bytes))) / 6;
    const came = movedBytes(five, six);
    const { id } = cluster.drives.at(-1) as { id: string };
    assert.ok(came <= 1.1 * share, `${came} bytes moved for a share of ${share}`);
    assert.ok(bytesOn(six, id) >= 0.85 * share, `${bytesOn(six, id)} of ${share} came`);
    await admin.waitFor(await admin.drain(id));
    await traffic.progress(500);
    const again = await settledRanges(admin, KEYS);
    assert.is(bytesOn(again, id), 0);
    const left = movedBytes(six, again);
    assert.ok(left <= 1.1 * bytesOn(six, id), `${left} bytes moved of ${bytesOn(six, id)}`);
    await cluster.stopDrive(id);
    await traffic.progress(500);
    const report = await traffic.stop();
    assert.equal(report.failures, []);
    assert.equal(report.violations, []);
    for (let at = 0; at < KEYS; at += 500) {
      const keys = entries.slice(at, at + 500).map(({ key }) => key);
      assert.is((await kv.getMany(keys)).filter((value) => value !== VALUE).length, 0);
    }
  }),
);

test(
  'ranges are cut and merged under load: nothing fails, and counters are exact',
  deadline(60_000, async () => {
    await using cluster = await startCluster({ drives: 3, replicas: 3, inProcess: true });
    await using admin = cluster.admin();
    await using kv = await KVClient.connect(cluster.url);
    const traffic = new Traffic(kv);
    await traffic.prepare();
    let added = 0;
    let isOver = false;
    const counting = Array.from({ length: 4 }, async (_, lane) => {
      while (!isOver) {
        await kv.increment(lane % 2 === 0 ? 'a counter' : 'z counter', 1);
        added++;
      }
    });
    traffic.start();
    const keyspace = await admin.keyspace('default');
    const key = Buffer.from('traffic/000100');
    for (let round = 0; round < 5; round++) {
      await admin.waitFor(await admin.split(keyspace, key));
      await traffic.progress(100);
      await admin.waitFor(await admin.merge(keyspace, Buffer.from('a')));
      await traffic.progress(100);
      assert.is((await admin.ranges(keyspace)).length, 1);
    }
    isOver = true;
    await Promise.all(counting);
    const report = await traffic.stop();
    assert.equal(report.failures, []);
    assert.equal(report.violations, []);
    const counted = (await kv.increment('a counter', 0)) + (await kv.increment('z counter', 0));
    assert.is(counted, BigInt(added));
    assert.is(kv.ranges().length, 1);
  }),
);

test.run();
