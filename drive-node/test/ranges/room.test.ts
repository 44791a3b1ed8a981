// How a head learns how much room its chain has, and what it does with it.

import { OperationCode, rangeId, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import type { SimClient } from './scripted-client.ts';
import { record, World } from './world.ts';

const test = suite('room in a chain');
const CAPACITY_BYTES = 1_000_000;
const VALUE = 'x'.repeat(20_000);
const NAMES = ['a', 'b', 'c'];
const key = (number: number): string => `key-${String(number).padStart(4, '0')}`;

async function sceneOf(small: string): Promise<{ world: World; client: SimClient }> {
  const world = new World(1);
  world.capacityBytes.set(small, CAPACITY_BYTES);
  await world.start(...NAMES);
  await world.install(record(1, 1, NAMES), [...NAMES].reverse(), true);
  return { world, client: await world.client() };
}

/** Puts that are all under way at once; their statuses. */
async function burst(
  world: World,
  client: SimClient,
  from: number,
  count: number,
): Promise<number[]> {
  const puts = Array.from({ length: count }, (_, n) => client.putOperation(key(from + n), VALUE));
  const sent = await world.sim.until(client.send('a', puts));
  const outcomes = await world.sim.until(Promise.all(sent), 5_000);
  return outcomes.map(({ status }) => status);
}

/** Bursts until everything is refused; how many puts were taken. */
async function fillUp(world: World, client: SimClient): Promise<number> {
  const allowed: readonly number[] = [Status.ok, Status.overloaded, Status.noSpace];
  let taken = 0;
  for (let from = 0; from < 1_000; from += 8) {
    const statuses = await burst(world, client, from, 8);
    assert.ok(
      statuses.every((status) => allowed.includes(status)),
      statuses.join(' '),
    );
    taken += statuses.filter((status) => status === Status.ok).length;
    if (statuses.every((status) => status === Status.noSpace)) return taken;
  }
  return assert.unreachable('it never became full') as never;
}

for (const small of ['b', 'c']) {
  test(
    `${small} is full: the head refuses puts, takes deletes, and takes puts again when there is room`,
    deadline(20_000, async () => {
      const { world, client } = await sceneOf(small);
      const taken = await fillUp(world, client);
      assert.ok(taken * VALUE.length > 0.8 * CAPACITY_BYTES, `${taken} puts were taken`);
      const pending = world.drives.get('a')?.host.rangeState({ range: rangeId(1) }) as never as {
        sequence: number;
        committed: number;
      };
      assert.is(pending.committed, pending.sequence, 'nothing that was taken waits for ever');
      assert.equal(world.drives.get('a')?.host.withoutRoom().behind.length, 1);
      assert.equal(world.drives.get('a')?.host.withoutRoom().own, []);
      assert.is((await client.get('a', key(0))).value.length, VALUE.length);
      for (let number = 0; number < 1_000; number++) {
        const code = OperationCode.delete;
        const outcome = await client.one('a', { ...client.putOperation(key(number), ''), code });
        assert.is(outcome.status, Status.ok);
      }
      await world.sim.run(() => false, 100);
      assert.equal(await burst(world, client, 0, 1), [Status.ok]);
      assert.equal(world.drives.get('a')?.host.withoutRoom().behind, []);
    }),
  );
}

test(
  'a full member that leaves takes its want of room along',
  deadline(20_000, async () => {
    const { world, client } = await sceneOf('c');
    await fillUp(world, client);
    await world.install(record(1, 2, ['a', 'b']), ['c', 'b', 'a']);
    await world.sim.run(() => false, 100);
    assert.equal(await burst(world, client, 2_000, 1), [Status.ok]);
  }),
);

test(
  'a connection that breaks does not hide what a member has no room for',
  deadline(20_000, async () => {
    const { world, client } = await sceneOf('c');
    await fillUp(world, client);
    world.sim.breakLinks('b', 'c');
    world.sim.breakLinks('a', 'b');
    await world.sim.run(() => false, 1_000);
    assert.equal(await burst(world, client, 2_000, 1), [Status.noSpace]);
  }),
);

test.run();
