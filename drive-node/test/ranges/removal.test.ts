// Members are taken out of a chain without being asked: what the survivors do about it, from the record alone.

import { MemberState, OperationFlag, type OperationInput, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { Readability, readabilityOf } from '../../src/ranges/readable.ts';
import { Replica } from '../../src/ranges/replica.ts';
import { deadline } from '../shell/deadline.ts';
import type { Outcome, SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('removals');
const { offline } = MemberState;

async function chainOf(names: string[]): Promise<{ world: World; client: SimClient }> {
  const world = new World(1, { hasDisks: true });
  await world.start(...names);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client() };
}

/** Sends a write, and gives what has been said about it so far. */
async function begin(
  { world, client }: { world: World; client: SimClient },
  head: string,
  operation: Partial<OperationInput>,
): Promise<() => Outcome | undefined> {
  const [sent] = await world.sim.until(client.send(head, [operation]));
  let outcome: Outcome | undefined;
  void sent?.then((came) => {
    outcome = came;
  });
  await world.sim.run(() => false, 20);
  return () => outcome;
}

function slowDisk(world: World, name: string, ms: number): void {
  const disk = world.disks?.get(name) as MemoryDisk;
  disk.delay = () => new Promise((resolve) => void world.sim.schedule(ms, resolve));
}

test(
  'the tail is gone: what waited for it is committed, and its clients are answered',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    world.crash('c', 'power');
    const put = await begin(scene, 'a', client.putOperation('k', 'v2'));
    assert.is(put(), undefined, 'nobody has heard from the tail');
    await world.install(record(1, 2, ['a', 'b', ['c', offline]]), ['b', 'a']);
    await world.sim.run(() => put() !== undefined, 1_000);
    assert.is(put()?.status, Status.ok);
    for (const name of ['a', 'b']) {
      assert.is((await client.get(name, 'k', { epoch: 2 })).value.toString(), 'v2', name);
    }
  }),
);

test(
  'the new tail answers nothing older than what the old one may have shown',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    for (const name of ['a', 'b']) slowDisk(world, name, 500);
    const put = await begin(scene, 'a', client.putOperation('k', 'v2'));
    assert.is((await client.get('c', 'k')).value.toString(), 'v2', 'the tail has shown it');
    assert.is(put(), undefined);
    world.crash('c', 'power');
    const after = record(1, 2, ['a', 'b', ['c', offline]]);
    for (const name of ['b', 'a']) {
      const { host } = world.drives.get(name) as SimDrive;
      void host.install({ record: after, addresses: [], isNew: false });
    }
    const shown: string[] = [];
    for (let round = 0; round < 200 && shown.at(-1) !== 'v2'; round++) {
      const { status, value } = await client.get('b', 'k');
      if (status === Status.ok) shown.push(value.toString());
      await world.sim.run(() => false, 10);
    }
    assert.equal(shown, ['v2']);
    await world.sim.run(() => put() !== undefined, 3_000);
    assert.is(put()?.status, Status.ok);
  }),
);

test(
  'a drive whose device failed takes its removal all the same, and answers nothing any more',
  deadline(20_000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'v1');
    const disk = world.disks?.get('c') as MemoryDisk;
    disk.failFlushes = 1_000;
    void client.put('a', 'k', 'v2').catch(() => {});
    await world.sim.run(() => false, 200);
    await world.install(record(1, 2, ['a', 'b', ['c', offline]]), ['c', 'b', 'a']);
    const { status } = await client.get('c', 'k', { epoch: 2 });
    assert.is(status, Status.staleIndex);
    assert.is((await client.get('b', 'k', { epoch: 2 })).value.toString(), 'v2');
  }),
);

test('an heir of the tail may be read when it has committed all that it had', () => {
  const middle = new Replica(record(1, 1, ['a', 'b', 'c']), 1 as never, 'b' as never, 0);
  middle.last = 7;
  middle.committed = 5;
  middle.become(record(1, 2, ['a', 'b']));
  assert.is(readabilityOf(middle), Readability.later);
  middle.committed = 7;
  assert.is(readabilityOf(middle), Readability.now);
});

test(
  'the head is gone: the next one knows its writes, and a retry finds what became of them',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.increment('a', 'n', 1n);
    world.sim.cut('c', 'b');
    const counter = { key: Buffer.from('n'), increment: 1n, code: 5 as const };
    const known = client.nextWriteNumber();
    const lost = client.nextWriteNumber();
    const passed = await begin(scene, 'a', { ...counter, writeNumber: known });
    world.sim.cut('a', 'b');
    const kept = await begin(scene, 'a', { ...counter, writeNumber: lost });
    world.crash('a', 'process');
    assert.equal([passed(), kept()], [undefined, undefined]);
    world.sim.heal('c', 'b');
    world.sim.heal('a', 'b');
    await world.install(record(1, 2, ['b', 'c', ['a', offline]]), ['c', 'b']);
    const retry = { flags: OperationFlag.retry, epoch: 2 };
    const first = await client.one('b', { ...counter, ...retry, writeNumber: known });
    assert.equal([first.status, first.value.readBigInt64LE(0)], [Status.ok, 2n]);
    const second = await client.one('b', { ...counter, ...retry, writeNumber: lost });
    assert.equal([second.status, second.value.readBigInt64LE(0)], [Status.ok, 3n]);
    const read = await client.get('c', 'n', { epoch: 2 });
    assert.is(read.value.readBigInt64LE(0), 3n);
  }),
);

test(
  'the middle is gone: its neighbours join, what is lacking is sent again, lost acknowledgements too',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    // One write is committed at the tail and not acknowledged, one has not reached it.
    world.sim.cut('b', 'a');
    const first = await begin(scene, 'a', client.putOperation('first', 'x'));
    world.sim.cut('b', 'c');
    const second = await begin(scene, 'a', client.putOperation('second', 'y'));
    world.crash('b', 'power');
    await world.install(record(1, 2, ['a', 'c', ['b', offline]]), ['c', 'a']);
    await world.sim.run(() => second() !== undefined, 1_000);
    assert.equal([first()?.status, second()?.status], [Status.ok, Status.ok]);
    assert.is((await client.get('c', 'second', { epoch: 2 })).value.toString(), 'y');
  }),
);

test(
  'two of four are gone at once, and three epochs are skipped',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c', 'd']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    world.sim.cut('d', 'c');
    const put = await begin(scene, 'a', client.putOperation('k', 'v2'));
    world.crash('a', 'process');
    world.crash('c', 'power');
    await world.install(record(1, 5, ['b', 'd', ['a', offline], ['c', offline]]), ['d', 'b']);
    await world.sim.run(() => false, 200);
    assert.is(put(), undefined);
    for (const name of ['b', 'd']) {
      assert.is((await client.get(name, 'k', { epoch: 5 })).value.toString(), 'v2', name);
    }
    assert.is((await client.put('b', 'k', 'v3', { epoch: 5 })).status, Status.ok);
  }),
);

test(
  'the next one fails while the chain is being joined',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c', 'd']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    world.sim.cut('b', 'c');
    const put = await begin(scene, 'a', client.putOperation('k', 'v2'));
    world.crash('b', 'power');
    // The head has its record and asks; the new successor dies before it has got its own.
    await world.install(record(1, 2, ['a', 'c', 'd', ['b', offline]]), ['d', 'a']);
    await world.sim.run(() => false, 30);
    world.crash('c', 'power');
    assert.is(put(), undefined);
    const after = record(1, 3, ['a', 'd', ['b', offline], ['c', offline]]);
    await world.install(after, ['d', 'a']);
    await world.sim.run(() => put() !== undefined, 1_000);
    assert.is(put()?.status, Status.ok);
    assert.is((await client.get('d', 'k', { epoch: 3 })).value.toString(), 'v2');
  }),
);

test(
  'updates of the old chain are refused, and sent again by the new one',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    // The tail is at the new epoch already, the head and the middle are not.
    const after = record(1, 2, ['a', 'b', 'c', ['d', offline]]);
    await world.install(after, ['c']);
    const put = await begin(scene, 'a', client.putOperation('k', 'v2'));
    assert.is(put(), undefined);
    const { host } = world.drives.get('c') as SimDrive;
    assert.is(host.rangeState({ range: after.id }).sequence, 1, 'nothing of epoch 1 is taken');
    await world.install(after, ['a']);
    await world.sim.run(() => false, 100);
    assert.is(put(), undefined, 'head and tail agree; the middle is at the old epoch');
    await world.install(after, ['b']);
    await world.sim.run(() => put() !== undefined, 2_000);
    assert.is(put()?.status, Status.ok);
    for (const name of ['a', 'b', 'c']) {
      const { value, version } = await client.get(name, 'k', { epoch: 2 });
      assert.equal([value.toString(), version], ['v2', 2], name);
    }
  }),
);

test(
  'a head that was taken out and does not know it commits nothing and hears of it',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    const after = record(1, 2, ['b', 'c', ['a', offline]]);
    await world.install(after, ['c', 'b']);
    const put = await begin(scene, 'a', client.putOperation('k', 'lost'));
    await client.put('b', 'k', 'v2', { epoch: 2 });
    assert.is(put(), undefined);
    await world.install(after, ['a']);
    await world.sim.run(() => put() !== undefined, 100);
    assert.is(put()?.status, Status.outcomeUnknown);
    const read = await client.get('c', 'k', { epoch: 2 });
    assert.is(read.value.toString(), 'v2');
  }),
);

test.run();
