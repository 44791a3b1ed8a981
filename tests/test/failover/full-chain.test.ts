// A chain with a full member that nobody can replace: it stays, so the chain as a whole is full. A write that some
// member could not store is refused by the head, at once and with nothing done; what the head has taken every member
// takes; reads and deletes go on; when there is room again, writes go on as well.

import type { KVClient } from '@piton/sdk';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { SimCluster } from '../../simulation/cluster/sim-cluster.ts';
import { compareCopies } from '../../simulation/verdict/copies.ts';
import { chainText, isServing, rangesOf } from '../../src/chains.ts';
import { deadline } from '../deadline.ts';
import { assertNoSpace, keyOf, LEASE_MS, play, VALUE, writeWhenRoom } from './full-scene.ts';

const test = suite('a full chain');
const LIMIT_MS = 120_000;
const KEYS = 400;
const WRITERS = 32;
const SMALL_BYTES = 1_500_000;

interface Filled {
  /** Keys that were written. */
  readonly written: ReadonlySet<number>;
  readonly refused: number;
  /** The longest that any write took, whatever came of it. */
  readonly longestMs: number;
}

/** Many writers at once, each until it has been refused some times. */
async function fillUp(cluster: SimCluster, kv: KVClient<string>): Promise<Filled> {
  const written = new Set<number>();
  let next = 0;
  let refused = 0;
  let longestMs = 0;
  const writer = async (): Promise<void> => {
    for (let failed = 0; failed < 5 && next < KEYS; ) {
      const number = next++;
      const begunMs = cluster.world.nowMs;
      try {
        await kv.put(keyOf(number), VALUE, { timeoutMs: 60_000 });
        written.add(number);
      } catch (error) {
        assertNoSpace(error);
        failed++;
        refused++;
      }
      longestMs = Math.max(longestMs, cluster.world.nowMs - begunMs);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  return { written, refused, longestMs };
}

async function assertReadable(kv: KVClient<string>, { written }: Filled): Promise<void> {
  for (let number = 0; number < KEYS; number++) {
    const expected = written.has(number) ? VALUE : undefined;
    assert.ok((await kv.get(keyOf(number), { timeoutMs: 5_000 })) === expected, keyOf(number));
  }
}

/** Deletes everything, and writes some of it again. */
async function assertGoesOn(
  cluster: SimCluster,
  kv: KVClient<string>,
  filled: Filled,
): Promise<void> {
  for (const number of filled.written) {
    const { existed } = await kv.delete(keyOf(number), { timeoutMs: 5_000 });
    assert.ok(existed, keyOf(number));
  }
  for (const number of [...filled.written].slice(0, 20)) {
    const put = () => kv.put(keyOf(number), VALUE, { timeoutMs: 30_000 });
    const tookMs = await writeWhenRoom(cluster, put);
    assert.ok(tookMs <= 30_000, `there was no room for ${tookMs} ms`);
    assert.ok((await kv.get(keyOf(number))) === VALUE);
  }
  assert.equal(await compareCopies(cluster), []);
}

for (const position of [0, 1]) {
  test(
    `two copies, member ${position + 1} is full: a typed refusal, and deletes make room`,
    deadline(LIMIT_MS, () =>
      play({ drives: 2, replicas: 2, small: { [position]: SMALL_BYTES } }, async (cluster) => {
        const kv = cluster.client('c1');
        const [range] = await rangesOf(cluster.admin);
        assert.is(range?.chain[position]?.drive, `d${position + 1}`, 'the scene is as it says');
        const filled = await fillUp(cluster, kv);
        assert.ok(filled.refused >= 5, 'it became full');
        assert.ok(filled.written.size >= 40, `${filled.written.size} writes fitted`);
        assert.ok(filled.longestMs <= 2 * LEASE_MS, `a write took ${filled.longestMs} ms`);
        const [after] = await rangesOf(cluster.admin);
        assert.ok(after !== undefined && isServing(after, `d${position + 1}`), 'it stays');
        assert.is(after.chain.length, 2, chainText(after));
        await assertReadable(kv, filled);
        await assertGoesOn(cluster, kv, filled);
        await kv.close();
      }),
    ),
  );
}

test(
  'three copies, two of them small: the first that is full leaves, the second stays and is told',
  deadline(LIMIT_MS, () =>
    play(
      { drives: 3, replicas: 3, small: { 1: SMALL_BYTES, 2: SMALL_BYTES + 400_000 } },
      async (cluster) => {
        const kv = cluster.client('c1');
        let filled: Filled | undefined;
        const left = async (): Promise<number> => {
          const [range] = await rangesOf(cluster.admin);
          return range?.chain.filter(({ state }) => state === 'serving').length ?? 0;
        };
        filled = await fillUp(cluster, kv);
        assert.ok(filled.refused > 0, 'it became full');
        assert.ok(filled.longestMs <= 2 * LEASE_MS, `a write took ${filled.longestMs} ms`);
        assert.ok((await left()) >= 2, 'a second copy is never given up for room');
        await assertReadable(kv, filled);
        for (const number of filled.written) {
          assert.ok((await kv.delete(keyOf(number), { timeoutMs: 5_000 })).existed, keyOf(number));
        }
        await kv.close();
      },
    ),
  ),
);

test(
  'the device of the tail takes nothing more: new writes are refused, what waits is done when there is room',
  deadline(LIMIT_MS, () =>
    play({ drives: 2, replicas: 2, small: {} }, async (cluster) => {
      const kv = cluster.client('c1');
      const [range] = await rangesOf(cluster.admin);
      const tail = cluster.drive(range?.chain[1]?.drive as string);
      await kv.put(keyOf(0), VALUE);
      tail.disk.capacityBytes = tail.disk.usedBytes;
      const taken = kv.put(keyOf(1), VALUE.repeat(40), { timeoutMs: 100_000 });
      await cluster.sleep(1_000);
      const begunMs = cluster.world.nowMs;
      try {
        await kv.put(keyOf(2), VALUE, { timeoutMs: 60_000 });
        assert.unreachable('a device that is full took it');
      } catch (error) {
        assertNoSpace(error);
      }
      assert.ok(cluster.world.nowMs - begunMs < LEASE_MS, 'at once');
      assert.ok((await kv.get(keyOf(0))) === VALUE);
      assert.is(await kv.get(keyOf(1)), undefined, 'not committed, and readable all the same');
      tail.disk.capacityBytes = Number.MAX_SAFE_INTEGER;
      await taken;
      assert.ok((await kv.get(keyOf(1))) === VALUE.repeat(40));
      await writeWhenRoom(cluster, () => kv.put(keyOf(2), VALUE));
      assert.equal(await compareCopies(cluster), []);
      await kv.close();
    }),
  ),
);

test(
  'a member that no put reaches any more, because its head refuses all, leaves as well when enough others stay',
  deadline(LIMIT_MS, () =>
    play({ drives: 3, replicas: 3, small: {} }, async (cluster) => {
      const kv = cluster.client('c1');
      const [range] = await rangesOf(cluster.admin);
      const tail = cluster.drive(range?.chain[2]?.drive as string);
      // Less than the reserve of its store: others have filled the device.
      tail.disk.capacityBytes = tail.disk.usedBytes + 100_000;
      await kv.put(keyOf(0), 'small');
      await cluster.sleep(1_500);
      await kv.delete(keyOf(0));
      await cluster.sleep(100);
      let refused = 0;
      const put = () =>
        kv.put(keyOf(1), 'small').catch((error: unknown) => {
          refused++;
          throw error;
        });
      const tookMs = await writeWhenRoom(cluster, put);
      assert.ok(refused > 0, 'its head knew before');
      assert.ok(tookMs <= 2 * LEASE_MS, `writes stopped for ${tookMs} ms`);
      const [after] = await rangesOf(cluster.admin);
      assert.ok(after !== undefined && !isServing(after, tail.name), after && chainText(after));
      assert.is(tail.disk.tally.refused, 0);
      assert.is(await kv.get(keyOf(1)), 'small');
      await kv.close();
    }),
  ),
);

test.run();
