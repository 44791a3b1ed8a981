// A drive that is smaller than the others of its chain and gets full: whichever its role, writes are never stopped
// for long, nothing is lost, and reads and deletes go on. In virtual time: nothing of it depends on the machine.

import { Partitioning } from '@piton/protocol';
import { KVError } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SimCluster } from '../../simulation/cluster/sim-cluster.ts';
import { chainText, isServing, rangesOf } from '../../src/chains.ts';
import { deadline } from '../deadline.ts';

const test = suite('a full drive');
const LIMIT_MS = 90_000;
const VIRTUAL_MS_MAX = 900_000;
const LEASE_MS = 3_000;
const VALUE = 'x'.repeat(20_000);
const KEYS = 120;
const SMALL_BYTES = 1_500_000;

interface Shape {
  readonly drives: number;
  readonly replicas: number;
  /** Position of the small drive among all. */
  readonly small: number;
}

function play(
  { drives, replicas, small }: Shape,
  act: (cluster: SimCluster, small: string) => Promise<void>,
): Promise<void> {
  const drive = { zone: '', segmentBytes: 64 * 1024, checkpointBytes: 65_536 };
  const cluster = new SimCluster({
    seed: 11,
    drives: Array.from({ length: drives }, (_, at) =>
      at === small ? { ...drive, capacityBytes: SMALL_BYTES } : drive,
    ),
    meta: {
      ...{ replicas, partitioning: Partitioning.range, drivesExpected: drives },
      ...{ leaseMs: LEASE_MS, repairAfterMs: 2_000 },
    },
    ...{ clients: 1, latencyMs: 0.2, jitterMs: 0.5, keepsLog: process.env.SIM_LOG !== undefined },
  });
  const run = async (): Promise<void> => {
    await cluster.start();
    await act(cluster, `d${small + 1}`);
  };
  const printLog = (): void => {
    for (const line of cluster.log.lines) console.log(line);
  };
  return cluster.world.until(run(), VIRTUAL_MS_MAX).finally(printLog);
}

const keyOf = (number: number): string => `key ${String(number).padStart(4, '0')}`;

/** Writes until it is done; the only refusal that may come is that there is no room. Returns how long it took. */
async function write(cluster: SimCluster, put: () => Promise<unknown>): Promise<number> {
  const begunMs = cluster.world.nowMs;
  for (;;) {
    try {
      await put();
      return cluster.world.nowMs - begunMs;
    } catch (error) {
      assert.ok(error instanceof KVError, String(error));
      assert.equal([error.code, error.outcome], ['KV_NO_SPACE', 'not-applied']);
      await cluster.sleep(100);
    }
  }
}

for (const drives of [3, 5]) {
  for (const small of [0, 1, 2]) {
    test(
      `drive ${small + 1} of ${drives} is small: what does not fit it goes on without it`,
      deadline(LIMIT_MS, () =>
        play({ drives, replicas: 3, small }, async (cluster, name) => {
          const kv = cluster.client('c1');
          const [first] = await rangesOf(cluster.admin);
          const isMember = first !== undefined && isServing(first, name);
          let longestMs = 0;
          for (let number = 0; number < KEYS; number++) {
            const put = () => kv.put(keyOf(number), VALUE, { timeoutMs: 100_000 });
            longestMs = Math.max(longestMs, await write(cluster, put));
          }
          assert.ok(longestMs <= 2 * LEASE_MS, `a write took ${longestMs} ms`);
          for (let number = 0; number < KEYS; number++) {
            assert.is(await kv.get(keyOf(number)), VALUE, keyOf(number));
          }
          const [after] = await rangesOf(cluster.admin);
          assert.ok(after !== undefined && !isServing(after, name), 'it has left');
          if (drives === 3) assert.ok(isMember);
          for (let number = 0; number < KEYS; number++) {
            assert.ok((await kv.delete(keyOf(number))).existed);
          }
          await kv.close();
        }),
      ),
    );
  }
}

test(
  'with two copies and nobody else a full member stays: no copy is given up for room',
  deadline(LIMIT_MS, () =>
    play({ drives: 2, replicas: 2, small: 0 }, async (cluster, name) => {
      const kv = cluster.client('c1');
      let failed = 0;
      for (let number = 0; number < KEYS && failed < 3; number++) {
        await kv.put(keyOf(number), VALUE, { timeoutMs: 5_000 }).catch((error: unknown) => {
          assert.ok(error instanceof KVError, String(error));
          failed++;
        });
      }
      assert.is(failed, 3);
      const [range] = await rangesOf(cluster.admin);
      assert.ok(range !== undefined && isServing(range, name), range && chainText(range));
      assert.is(range.chain.length, 2);
      assert.is(await kv.get(keyOf(0)), VALUE);
      await kv.close();
    }),
  ),
);

test.run();
