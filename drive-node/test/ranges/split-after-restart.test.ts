// A cut that reaches a head which was started again and has not agreed with its successor yet. The successor
// may have more than the head: cut there, the head would stand at one sequence and the others at another, and
// the two halves could never go on.

import { type RangeRecord, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { deadline } from '../shell/deadline.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('a split after a restart');

const hostOf = (world: World, name: string): SimDrive['host'] =>
  (world.drives.get(name) as SimDrive).host;

async function statusOf(work: Promise<unknown>): Promise<number | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return (error as { status?: number }).status ?? -1;
  }
}

/** The head forwards a write, and is killed before anything of it has reached its own device. */
async function loseTheLast(world: World, given: RangeRecord): Promise<void> {
  const client = await world.client();
  await client.put('a', 'z1', 'v');
  // Nothing is left to be replayed, so nothing is pending after the restart.
  await world.sim.until((world.drives.get('a') as SimDrive).store.checkpoint());
  const disk = world.disks?.get('a') as MemoryDisk;
  const before = disk.clone();
  disk.delay = () => new Promise(() => {});
  await world.sim.until(client.send('a', [client.putOperation('z1', 'w')]));
  await world.sim.run(() => hostOf(world, 'b').held()[0]?.sequence === 2, 1_000);
  world.crash('a', 'power');
  world.disks?.set('a', before);
  await world.restart('a', [given]);
}

test(
  'a head does not cut before it has agreed with its successor, and cuts then',
  deadline(20_000, async () => {
    const world = new World(1, { hasDisks: true });
    const given = record(1, 1, ['a', 'b']);
    await world.start('a', 'b');
    await world.install(given, ['b', 'a'], true);
    await loseTheLast(world, given);
    const left = record(1, 2, ['a', 'b'], { end: 'm' });
    const right = record(2, 2, ['a', 'b'], { start: 'm' });
    const first = statusOf(hostOf(world, 'a').split({ left, right }));
    assert.is(await world.sim.until(first), Status.rangeUnavailable, 'it says: later');
    await world.sim.run(() => hostOf(world, 'a').held()[0]?.sequence === 2, 5_000);
    await world.sim.run(() => false, 1_000);
    const second = statusOf(hostOf(world, 'a').split({ left, right }));
    assert.is(await world.sim.until(second), undefined, 'then it cuts');
    const client = await world.client('client2');
    for (const drive of ['a', 'b']) {
      const found = await client.get(drive, 'z1', { rangeId: 2, epoch: 2 });
      assert.is(found.value.toString(), 'w', drive);
    }
    const put = await client.put('a', 'z2', 'x', { rangeId: 2, epoch: 2 });
    assert.is(put.status, Status.ok);
  }),
);

test.run();
