// Neighbours whose histories cannot be joined from their logs: how rarely that is, and that it is said.

import { MemberState, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { deadline } from '../shell/deadline.ts';
import type { SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('gaps');
const { offline, syncing } = MemberState;
/** A sweep forgets what was committed before the last but one. */
const SWEEPS_MS = 200_000;

const drive = (world: World, name: string): SimDrive => world.drives.get(name) as SimDrive;

const diskOf = (world: World): MemoryDisk => world.disks?.get('b') as MemoryDisk;

/** `b` comes back on a device that lied about its last flushes. */
async function chainWithLiar(): Promise<{ world: World; client: SimClient; lie: () => void }> {
  const world = new World(1, { hasDisks: true });
  await world.start('a', 'b');
  await world.install(record(1, 1, ['a', 'b']), ['b', 'a'], true);
  const client = await world.client();
  for (let n = 0; n < 10; n++) await client.put('a', `k${n}`, 'v');
  const old = diskOf(world).clone();
  for (let n = 0; n < 30; n++) await client.put('a', `k${n}`, 'w');
  return { world, client, lie: () => void world.disks?.set('b', old) };
}

test(
  'a predecessor that was started again still has the recent past at hand',
  deadline(30_000, async () => {
    const { world, client, lie } = await chainWithLiar();
    await world.sim.until(drive(world, 'a').store.checkpoint());
    world.crash('a', 'process');
    world.crash('b', 'power');
    lie();
    const given = record(1, 1, ['a', 'b']);
    await world.restart('b', [given]);
    await world.restart('a', [given]);
    await world.sim.run(() => false, 500);
    assert.equal(drive(world, 'a').trouble, []);
    assert.is((await client.put('a', 'more', 'x')).status, Status.ok);
    assert.is((await client.get('b', 'k29')).value.toString(), 'w');
  }),
);

test(
  'a gap is reported for as long as it lasts, and mended by a copy of what differs',
  deadline(30_000, async () => {
    const { world, client, lie } = await chainWithLiar();
    await world.sim.run(() => false, SWEEPS_MS);
    world.crash('b', 'power');
    lie();
    await world.restart('b', [record(1, 1, ['a', 'b'])]);
    await world.sim.run(() => false, 3_000);
    const { host, trouble } = drive(world, 'a');
    assert.is(trouble.length, 1, trouble.join());
    assert.equal(host.gaps(), [{ range: 1, epoch: 1, drive: 'b' }]);
    await world.install(record(1, 2, ['a', ['b', offline]]), ['a', 'b']);
    assert.equal(host.gaps(), []);
    await world.install(record(1, 3, ['a', ['b', syncing]]), ['b', 'a']);
    const { finished } = drive(world, 'a');
    assert.ok(await world.sim.run(() => finished.length > 0, 10_000));
    await world.install(record(1, 4, ['a', 'b']), ['a', 'b']);
    for (let n = 0; n < 30; n++) {
      assert.is((await client.get('b', `k${n}`, { epoch: 4 })).value.toString(), 'w');
    }
  }),
);

test(
  'a syncing member that was complete stays it: it may have been promoted meanwhile',
  deadline(30_000, async () => {
    const { world, client } = await chainWithLiar();
    await world.install(record(1, 2, ['a', ['b', offline]]), ['a', 'b']);
    const syncs = record(1, 3, ['a', ['b', syncing]]);
    await world.install(syncs, ['b', 'a']);
    const { finished, host } = drive(world, 'a');
    assert.ok(await world.sim.run(() => finished.length > 0, 10_000));
    const old = diskOf(world).clone();
    for (let n = 0; n < 30; n++) await client.put('a', `k${n}`, 'x', { epoch: 3 });
    await world.sim.run(() => false, SWEEPS_MS);
    world.crash('b', 'power');
    world.disks?.set('b', old);
    await world.restart('b', [syncs]);
    await world.sim.run(() => false, 3_000);
    assert.equal(host.gaps(), [{ range: 1, epoch: 3, drive: 'b' }]);
    // The copy was told to be complete long ago, and the record that says so is on its way.
    await world.install(record(1, 4, ['a', 'b']), ['a', 'b']);
    await world.sim.run(() => false, 3_000);
    assert.equal(host.gaps(), [{ range: 1, epoch: 4, drive: 'b' }]);
    assert.is((await client.get('b', 'k1', { epoch: 4 })).status, Status.rangeUnavailable);
    await world.install(record(1, 5, ['a', ['b', offline]]), ['a', 'b']);
    await world.install(record(1, 6, ['a', ['b', syncing]]), ['b', 'a']);
    const isBack = (): boolean => finished.some(({ epoch }) => epoch === 6);
    assert.ok(await world.sim.run(isBack, 10_000));
    await world.install(record(1, 7, ['a', 'b']), ['a', 'b']);
    for (let n = 0; n < 30; n++) {
      assert.is((await client.get('b', `k${n}`, { epoch: 7 })).value.toString(), 'x');
    }
  }),
);

test.run();
