// What the balancer does by itself: cuts by size and load, levelling with hysteresis, and that it leaves a
// cluster in peace that is nearly level, busy, or was just levelled.

import { Partitioning, type RangeRecord, RefusedError, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AutoLevel } from '../../src/balancer/auto-level.ts';
import type { RebalancePlan } from '../../src/balancer/rebalance-plan.ts';
import { type TestCluster, withCluster } from '../support/cluster.ts';
import { deadline, eventually } from '../support/deadline.ts';
import { beat, type Figure } from './figures.ts';

const test = suite('balancer by itself');
const MB = 1_000_000;
const ROUND = { balanceRoundMs: 10 };

async function recordsOf(cluster: TestCluster): Promise<RangeRecord[]> {
  const { id } = await cluster.client.keyspaceWhenReady();
  return cluster.client.records(id);
}

/** Beats until so many rounds of the balancer have had the time to happen. */
async function rounds(cluster: TestCluster, figure: Figure, count = 20): Promise<void> {
  for (let at = 0; at < count; at++) {
    await beat(cluster, () => figure);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const middle = (cluster: TestCluster, text: string): void => {
  for (const drive of cluster.drives) drive.middleKey = new Uint8Array(Buffer.from(text));
};

test(
  'a range over the limit is cut in its middle, one below it is not',
  deadline(20_000, async () => {
    await withCluster(2, { ...ROUND, rangeBytesMax: 10 * MB }, async (cluster) => {
      await recordsOf(cluster);
      middle(cluster, 'm');
      await rounds(cluster, { bytes: 9 * MB });
      assert.is((await recordsOf(cluster)).length, 1);
      await beat(cluster, () => ({ bytes: 11 * MB }));
      await eventually(async () => (await recordsOf(cluster)).length === 2);
      const [left] = await recordsOf(cluster);
      assert.equal(left?.end, new Uint8Array(Buffer.from('m')));
      await rounds(cluster, { bytes: 6 * MB });
      assert.is((await recordsOf(cluster)).length, 2, 'the halves are left alone');
    });
  }),
);

test(
  'a range that does too much is cut, unless the load is that of a few keys',
  deadline(20_000, async () => {
    await withCluster(2, { ...ROUND, rangeOperationsMax: 1_000 }, async (cluster) => {
      await recordsOf(cluster);
      middle(cluster, 'm');
      await rounds(cluster, { bytes: 1_000, reads: 5_000 });
      assert.is((await recordsOf(cluster)).length, 1, 'ten keys');
      await beat(cluster, () => ({ bytes: MB, reads: 5_000 }));
      await eventually(async () => (await recordsOf(cluster)).length === 2);
    });
  }),
);

test(
  'a cut that fails is not tried again at once',
  deadline(20_000, async () => {
    await withCluster(1, { ...ROUND, rangeBytesMax: MB }, async (cluster) => {
      await recordsOf(cluster);
      await rounds(cluster, { bytes: 9 * MB }, 30);
      const status = JSON.parse(await cluster.client.status());
      const cuts = status.operations.filter(({ kind }: { kind: string }) => kind === 'split');
      assert.is(cuts.length, 1);
      assert.match(cuts[0].message, 'too few keys');
    });
  }),
);

test(
  'a drive that joins is given its share; with "off" it is not',
  deadline(30_000, async () => {
    for (const balance of ['auto', 'off'] as const) {
      const options = { ...ROUND, balance, partitioning: Partitioning.hash };
      await withCluster(3, { ...options, moveBytesPerSecond: 1e12 }, async (cluster) => {
        await recordsOf(cluster);
        await rounds(cluster, { bytes: MB }, 5);
        await cluster.addDrive({ id: 'd4' });
        const held = async (): Promise<number> =>
          (await recordsOf(cluster)).filter(({ chain }) => chain[0]?.drive === 'd4').length;
        if (balance === 'off') {
          await rounds(cluster, { bytes: MB });
          assert.is(await held(), 0);
          return;
        }
        await eventually(async () => {
          await beat(cluster, () => ({ bytes: MB }));
          return (await held()) >= 5;
        });
      });
    }
  }),
);

interface Stage {
  readonly level: AutoLevel;
  lean: number;
  nowMs: number;
  isBusy: boolean;
  begun: number;
}

/** A balancer's eye on a cluster whose fullest drive is `lean` times the mean. */
function stage(lean: number): Stage {
  const all: Stage = {
    ...{ lean, nowMs: 0, isBusy: false, begun: 0 },
    level: new AutoLevel({
      nowMs: () => all.nowMs,
      isBusy: () => all.isBusy,
      plan: () =>
        ({
          before: { bytes: all.lean, work: 1 },
          moves: [{}],
          drives: [],
        }) as unknown as RebalancePlan,
      begin: async () => ++all.begun,
    }),
  };
  return all;
}

async function look(all: Stage, count: number, stepMs = 5_000): Promise<void> {
  for (let at = 0; at < count; at++) {
    all.nowMs += stepMs;
    await all.level.round();
  }
}

test('level: nothing happens inside the band, nor for a lean that does not last', async () => {
  const all = stage(1.15);
  await look(all, 10);
  assert.is(all.begun, 0);
  for (let at = 0; at < 5; at++) {
    all.lean = 1.5;
    await look(all, 2);
    all.lean = 1.1;
    await look(all, 1);
  }
  assert.is(all.begun, 0);
  all.lean = 1.5;
  await look(all, 3);
  assert.is(all.begun, 1);
});

test('level: rests after a rebalance, longer and longer while it does not help', async () => {
  const all = stage(1.5);
  await look(all, 3);
  assert.is(all.begun, 1);
  all.isBusy = true;
  await look(all, 10);
  all.isBusy = false;
  await look(all, 11);
  assert.is(all.begun, 1, 'it rests for a minute after the end');
  await look(all, 4);
  assert.is(all.begun, 2);
  all.isBusy = true;
  await look(all, 1);
  all.isBusy = false;
  await look(all, 23);
  assert.is(all.begun, 2, 'it did not help: the rest is twice as long');
  await look(all, 4);
  assert.is(all.begun, 3);
});

test('level: what cannot begin now is tried again, and a busy cluster is left alone', async () => {
  const all = stage(2);
  all.isBusy = true;
  await look(all, 10);
  assert.is(all.begun, 0);
  let refusals = 0;
  const level = new AutoLevel({
    nowMs: () => 0,
    isBusy: () => false,
    plan: () =>
      ({ before: { bytes: 2, work: 1 }, moves: [{}], drives: [] }) as unknown as RebalancePlan,
    begin: async () => {
      refusals++;
      throw new RefusedError(Status.conflictingOperation, { message: 'a drain is under way' });
    },
  });
  for (let at = 0; at < 6; at++) assert.is(await level.round(), undefined);
  assert.is(refusals, 2);
});

test.run();
