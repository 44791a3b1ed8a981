// A drive that the metadata server hears, and that others of its chains cannot reach: it leaves them, and writes
// go on within a bounded time although nobody mends the network. In virtual time: nothing of it depends on the machine.

import { Partitioning } from '@piton/protocol';
import type { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SimCluster } from '../../simulation/cluster/sim-cluster.ts';
import { chainText, rangesOf } from '../../src/chains.ts';
import { deadline } from '../deadline.ts';

const test = suite('a drive that others cannot reach');
const LIMIT_MS = 60_000;
const VIRTUAL_MS_MAX = 600_000;
const LEASE_MS = 3_000;
/** Noticed after two thirds of a lease, told with the next heartbeat, believed after a third. */
const NOTICED_MS_MAX = 2 * LEASE_MS;
const KEY = 'key';

interface Scene {
  readonly cluster: SimCluster;
  readonly kv: KVClient<string>;
  /** Members of the only range, in order. */
  readonly chain: readonly string[];
}

interface Shape {
  readonly drives: number;
  readonly replicas: number;
}

async function play(shape: Shape, act: (scene: Scene) => Promise<void>): Promise<void> {
  const drive = { zone: '', segmentBytes: 256 * 1024, checkpointBytes: 65_536 };
  const { drives, replicas } = shape;
  const cluster = new SimCluster({
    seed: 7,
    drives: Array.from({ length: drives }, () => drive),
    meta: {
      ...{ replicas, partitioning: Partitioning.range, drivesExpected: drives },
      ...{ leaseMs: LEASE_MS, repairAfterMs: 1_000 },
    },
    ...{ clients: 1, latencyMs: 0.2, jitterMs: 0.5, keepsLog: process.env.SIM_LOG !== undefined },
  });
  const run = async (): Promise<void> => {
    await cluster.start();
    const kv = cluster.client('c1');
    await kv.put(KEY, 'before');
    await cluster.sleep(5_000);
    await act({ cluster, kv, chain: await chainOf(cluster) });
    await kv.close();
  };
  try {
    await cluster.world.until(run(), VIRTUAL_MS_MAX);
  } finally {
    for (const line of cluster.log.lines) console.log(line);
  }
}

async function chainOf(cluster: SimCluster): Promise<string[]> {
  const [range] = await rangesOf(cluster.admin);
  return (range?.chain ?? []).filter(({ state }) => state === 'serving').map(({ drive }) => drive);
}

/** The longest of the writes that follow each other for so long. */
async function longestWrite({ cluster, kv }: Scene, forMs: number): Promise<number> {
  const endMs = cluster.world.nowMs + forMs;
  let longestMs = 0;
  for (let count = 0; cluster.world.nowMs < endMs; count++) {
    const begunMs = cluster.world.nowMs;
    await kv.put(KEY, `write ${count}`, { timeoutMs: 120_000 });
    longestMs = Math.max(longestMs, cluster.world.nowMs - begunMs);
    await cluster.sleep(20);
  }
  return longestMs;
}

async function untilWhole({ cluster }: Scene, replicas: number): Promise<void> {
  const isWhole = async (): Promise<boolean> => {
    const [range] = await rangesOf(cluster.admin);
    return range?.chain.length === replicas && (await chainOf(cluster)).length === replicas;
  };
  assert.ok(await cluster.waitFor(isWhole, 60_000, 100), 'every copy is back');
}

function cutInward({ world, drives }: SimCluster, victim: string): () => void {
  const others = drives.map(({ name }) => name).filter((name) => name !== victim);
  for (const other of others) world.cut(other, victim);
  return () => {
    for (const other of others) world.heal(other, victim);
  };
}

function cutOutward({ world, drives }: SimCluster, victim: string): () => void {
  const others = drives.map(({ name }) => name).filter((name) => name !== victim);
  for (const other of others) world.cut(victim, other);
  return () => {
    for (const other of others) world.heal(victim, other);
  };
}

for (const [position, role] of ['head', 'middle', 'tail'].entries()) {
  for (const [how, cut] of [
    ['what other drives say to it does not arrive', cutInward],
    ['what it says to other drives does not arrive', cutOutward],
  ] as const) {
    test(
      `the ${role}: ${how}; it leaves, until it is reached again`,
      deadline(LIMIT_MS, () =>
        play({ drives: 5, replicas: 3 }, async (scene) => {
          const victim = scene.chain[position] as string;
          const heal = cut(scene.cluster, victim);
          const waitedMs = await longestWrite(scene, 60_000);
          assert.ok(waitedMs <= NOTICED_MS_MAX, `a write waited for ${waitedMs} ms`);
          assert.not.ok((await chainOf(scene.cluster)).includes(victim), 'it serves nothing');
          heal();
          await untilWhole(scene, 3);
          const areUp = async (): Promise<boolean> =>
            (await scene.cluster.admin.drives()).every(({ state }) => state === 'up');
          assert.ok(await scene.cluster.waitFor(areUp, 10_000, 100), 'nobody is blamed any more');
        }),
      ),
    );
  }
}

for (const [from, to] of [
  [0, 1],
  [1, 0],
  [1, 2],
  [2, 1],
] as const) {
  test(
    `one link is broken one way, from member ${from} to member ${to}: one of the two leaves`,
    deadline(LIMIT_MS, () =>
      play({ drives: 3, replicas: 3 }, async (scene) => {
        const { world } = scene.cluster;
        const [sender, receiver] = [scene.chain[from] as string, scene.chain[to] as string];
        world.cut(sender, receiver);
        const waitedMs = await longestWrite(scene, 60_000);
        assert.ok(waitedMs <= NOTICED_MS_MAX, `a write waited for ${waitedMs} ms`);
        const left = await chainOf(scene.cluster);
        assert.is(left.length, 2);
        assert.is(left.includes(sender), !left.includes(receiver), 'exactly one of the two');
        world.heal(sender, receiver);
        await untilWhole(scene, 3);
      }),
    ),
  );
}

test(
  'a link that breaks and heals again and again does not stop writes each time',
  deadline(LIMIT_MS, () =>
    play({ drives: 3, replicas: 3 }, async (scene) => {
      const [head, middle] = scene.chain as [string, string];
      const { world } = scene.cluster;
      for (let round = 0; round < 8; round++) {
        world.cut(head, middle);
        world.cut(middle, head);
        await longestWrite(scene, 5_000);
        world.heal(head, middle);
        world.heal(middle, head);
        const waitedMs = await longestWrite(scene, 5_000);
        assert.ok(waitedMs <= NOTICED_MS_MAX, `round ${round}: a write waited for ${waitedMs} ms`);
      }
      await untilWhole(scene, 3);
    }),
  ),
);

test(
  'the last member in sync stays, whoever complains of it',
  deadline(LIMIT_MS, () =>
    play({ drives: 4, replicas: 2 }, async (scene) => {
      const [head, tail] = scene.chain as [string, string];
      const { cluster } = scene;
      cluster.drive(tail).crash(false);
      const isAlone = async (): Promise<boolean> => {
        const [range] = await rangesOf(cluster.admin);
        return range !== undefined && chainText(range).startsWith(`${head} ${tail}-`);
      };
      const heal = cutInward(cluster, head);
      assert.ok(await cluster.waitFor(isAlone, 20_000, 20));
      const waitedMs = await longestWrite(scene, 40_000);
      assert.ok(waitedMs <= NOTICED_MS_MAX, `a write waited for ${waitedMs} ms`);
      assert.equal(await chainOf(cluster), [head]);
      cluster.drive(tail).start();
      heal();
      await untilWhole(scene, 2);
    }),
  ),
);

test.run();
