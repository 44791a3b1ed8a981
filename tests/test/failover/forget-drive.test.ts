// A drive is lost for good, and the operator says so: what others hold goes on, what nobody holds begins again
// empty, and only when that was said. In virtual time: nothing of it depends on the machine.

import { AdminError } from '@piton/cluster';
import { OperationState, Partitioning } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SimCluster } from '../../simulation/cluster/sim-cluster.ts';
import { chainText, rangesOf } from '../../src/chains.ts';
import { deadline } from '../deadline.ts';

const test = suite('a drive is forgotten');
const LIMIT_MS = 60_000;
const VIRTUAL_MS_MAX = 600_000;
const KEYS = 10;

interface Shape {
  readonly drives: number;
  readonly replicas: number;
}

function play(shape: Shape, act: (cluster: SimCluster) => Promise<void>): Promise<void> {
  const drive = { zone: '', segmentBytes: 256 * 1024, checkpointBytes: 65_536 };
  const { drives, replicas } = shape;
  const cluster = new SimCluster({
    seed: 5,
    drives: Array.from({ length: drives }, () => drive),
    meta: {
      ...{ replicas, partitioning: Partitioning.range, drivesExpected: drives },
      ...{ leaseMs: 1_000, repairAfterMs: 1_000 },
    },
    ...{ clients: 1, latencyMs: 0.2, jitterMs: 0.5, keepsLog: process.env.SIM_LOG !== undefined },
  });
  const run = async (): Promise<void> => {
    await cluster.start();
    const kv = cluster.client('c1');
    for (let number = 0; number < KEYS; number++) await kv.put(`key ${number}`, 'before');
    await kv.close();
    await cluster.sleep(3_000);
    await act(cluster);
  };
  const printLog = (): void => {
    for (const line of cluster.log.lines) console.log(line);
  };
  return cluster.world.until(run(), VIRTUAL_MS_MAX).finally(printLog);
}

async function chain(cluster: SimCluster): Promise<string> {
  const [range] = await rangesOf(cluster.admin);
  return range === undefined ? '' : chainText(range);
}

/** The drive's rights are gone: only then it may be forgotten. */
async function die(cluster: SimCluster, name: string): Promise<void> {
  cluster.drive(name).crash(true);
  const isFenced = async (): Promise<boolean> =>
    (await cluster.admin.drives()).some(({ id, rights }) => id === name && rights === 'fenced');
  assert.ok(await cluster.waitFor(isFenced, 30_000, 50));
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof AdminError, String(error));
    return error.message;
  }
  throw new Error('it was not refused');
}

async function endOf(cluster: SimCluster, operation: number | null): Promise<string> {
  let text = '';
  const isEnded = async (): Promise<boolean> => {
    // The server may be away just now.
    const status = await cluster.admin.operation(operation as number).catch(() => undefined);
    text = status?.message ?? '';
    return status !== undefined && status.state !== OperationState.running;
  };
  assert.ok(await cluster.waitFor(isEnded, 60_000, 50), 'it ends');
  return text;
}

test(
  'a drive that is connected, or may still answer, or is not there, is refused',
  deadline(LIMIT_MS, () =>
    play({ drives: 3, replicas: 3 }, async (cluster) => {
      const { admin } = cluster;
      assert.match(await refusalOf(admin.lookAtForget('d1')), /is connected/);
      assert.match(await refusalOf(admin.forget('d1', true)), /is connected/);
      assert.match(await refusalOf(admin.lookAtForget('d9')), /there is no drive d9/);
      cluster.drive('d1').crash(false);
      await cluster.sleep(100);
      assert.match(await refusalOf(admin.forget('d1', true)), /may still answer/);
    }),
  ),
);

test(
  'what others hold stays; the drive is in no chain and shown no more; it may come back',
  deadline(LIMIT_MS, () =>
    play({ drives: 3, replicas: 3 }, async (cluster) => {
      const { admin } = cluster;
      await die(cluster, 'd2');
      const view = await admin.lookAtForget('d2');
      assert.equal([view.kept, view.lost, view.operation], [1, 0, null]);
      const { operation } = await admin.forget('d2', false);
      assert.match(await endOf(cluster, operation), /d2 is forgotten/);
      const isGone = async (): Promise<boolean> => !(await chain(cluster)).includes('d2');
      assert.ok(await cluster.waitFor(isGone, 10_000, 100));
      const names = (await admin.drives()).map(({ id }) => id);
      assert.equal(names, ['d1', 'd3']);
      cluster.drive('d2').start();
      const isWhole = async (): Promise<boolean> => (await chain(cluster)).split(' ').length === 3;
      assert.ok(await cluster.waitFor(isWhole, 60_000, 100), 'it takes copies like a new one');
      assert.not.ok(/[-+~!]/.test(await chain(cluster)));
      const kv = cluster.client('c1');
      for (let number = 0; number < KEYS; number++) {
        assert.is(await kv.get(`key ${number}`), 'before');
      }
    }),
  ),
);

test(
  'the only drive with the newest data is kept until its loss is said; then its range begins again, empty',
  deadline(LIMIT_MS, () =>
    play({ drives: 3, replicas: 1 }, async (cluster) => {
      const { admin } = cluster;
      const holder = await chain(cluster);
      await die(cluster, holder);
      const isLast = async (): Promise<boolean> => (await chain(cluster)) === `${holder}!`;
      assert.ok(await cluster.waitFor(isLast, 10_000, 50));
      const view = await admin.lookAtForget(holder);
      assert.equal([view.kept, view.lost, view.lostKeys], [0, 1, KEYS]);
      assert.ok(view.lostBytes > 0 && view.lostRanges.length === 1);
      assert.match(await refusalOf(admin.forget(holder, false)), /10 keys/);
      assert.is(await chain(cluster), `${holder}!`, 'nothing was changed');
      const { operation } = await admin.forget(holder, true);
      // The server dies in the middle of it, again and again.
      for (let round = 0; round < 4; round++) {
        await cluster.sleep(round * 1.5);
        cluster.meta.crash(true);
        await cluster.sleep(500);
        cluster.meta.start();
        await cluster.sleep(1_500);
      }
      assert.match(await endOf(cluster, operation), /1 ranges begin again, empty/);
      const kv = cluster.client('c1');
      assert.is(await kv.get('key 1'), undefined);
      await kv.put('key 1', 'after');
      assert.is((await rangesOf(cluster.admin)).length, 1, 'no second range is left behind');
      // It was not lost after all: nothing of what it has is served.
      cluster.drive(holder).start();
      await cluster.sleep(10_000);
      assert.is(await kv.get('key 1'), 'after');
      assert.is(await kv.get('key 2'), undefined);
      assert.not.ok((await chain(cluster)).includes(holder));
    }),
  ),
);

test.run();
