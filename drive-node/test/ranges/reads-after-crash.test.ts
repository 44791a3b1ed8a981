// Reads at members that have lost something: nobody is told less than somebody was told before.

import { MemberState, OperationFlag, Status, statusName } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { deadline } from '../shell/deadline.ts';
import type { Outcome, SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('reads after crashes');
const os = { flags: OperationFlag.os };

async function chainOf(
  names: readonly string[],
  others: readonly string[] = [],
  seed: number = 1,
): Promise<{ world: World; client: SimClient; reader: SimClient }> {
  const world = new World(seed, { hasDisks: true });
  await world.start(...names, ...others);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client(), reader: await world.client('reader') };
}

function shown({ status, value }: Outcome): string {
  return status === Status.ok ? value.toString() : statusName(status);
}

function slowDisk(world: World, name: string, ms: number): void {
  const disk = world.disks?.get(name) as MemoryDisk;
  disk.delay =
    ms === 0 ? undefined : () => new Promise((resolve) => void world.sim.schedule(ms, resolve));
}

/** Reads a key again and again until it is answered: what the first answer is. */
async function firstAnswer(
  world: World,
  reader: SimClient,
  drive: string,
  key: string,
  epoch: number,
): Promise<string> {
  for (let attempt = 0; attempt < 20_000; attempt++) {
    const outcome = await reader.get(drive, key, { epoch });
    if (outcome.status === Status.ok || outcome.status === Status.notFound) return shown(outcome);
    await world.sim.run(() => false, 0.1);
  }
  return 'no answer';
}

test(
  'a middle and a tail that lost a write with their power are not read before the head has given it back',
  deadline(20_000, async () => {
    const { world, client, reader } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'old');
    for (const name of ['b', 'c']) slowDisk(world, name, 1_000);
    const put = client.put('a', 'k', 'new', os);
    assert.is((await put).status, Status.ok);
    assert.is(shown(await reader.get('c', 'k')), 'new');
    for (const name of ['b', 'c']) {
      world.crash(name, 'power');
      slowDisk(world, name, 0);
    }
    world.sim.cut('a', 'b');
    for (const name of ['c', 'b']) await world.restart(name, [record(1, 1, ['a', 'b', 'c'])]);
    await world.sim.run(() => false, 3_000);
    for (const name of ['b', 'c']) {
      assert.is(shown(await reader.get(name, 'k')), 'rangeUnavailable', name);
    }
    world.sim.heal('a', 'b');
    for (const name of ['c', 'b']) {
      assert.is(await firstAnswer(world, reader, name, 'k', 1), 'new', name);
    }
  }),
);

test(
  'a member that becomes the tail after it lost what the old tail had shown waits for its predecessor',
  deadline(20_000, async () => {
    const { world, client, reader } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'old');
    slowDisk(world, 'b', 1_000);
    await world.sim.until(client.send('a', [client.putOperation('k', 'new')]));
    await world.sim.run(() => false, 50);
    assert.is(shown(await reader.get('c', 'k')), 'new', 'it is on the device of the tail');
    world.crash('b', 'power');
    slowDisk(world, 'b', 0);
    world.crash('c', 'power');
    const rest = record(1, 2, ['a', 'b']);
    world.sim.cut('a', 'b');
    await world.restart('b', [rest]);
    const installed = world.install(rest, ['a']);
    world.sim.heal('a', 'b');
    await installed;
    assert.is(await firstAnswer(world, reader, 'b', 'k', 2), 'new');
    assert.is(await firstAnswer(world, reader, 'a', 'k', 2), 'new');
  }),
);

test(
  'a tail that was restarted beside a syncing member tells nothing that this one has not acknowledged',
  deadline(20_000, async () => {
    const { world, client, reader } = await chainOf(['a'], ['n']);
    await client.put('a', 'k', 'old');
    const syncing = record(1, 2, ['a', ['n', MemberState.syncing]]);
    await world.install(syncing, ['n', 'a']);
    await world.sim.run(() => world.drives.get('a')!.finished.length > 0, 10_000);
    world.sim.cut('a', 'n');
    await world.sim.until(client.send('a', [client.putOperation('k', 'new', { epoch: 2 })]));
    await world.sim.run(() => false, 50);
    assert.is(shown(await reader.get('a', 'k', { epoch: 2 })), 'old');
    world.crash('a', 'process');
    await world.restart('a', [syncing]);
    await world.sim.run(() => false, 100);
    const refused = 'rangeUnavailable';
    assert.is(shown(await reader.get('a', 'k', { epoch: 2 })), refused, 'it has heard nothing yet');
    slowDisk(world, 'n', 500);
    world.sim.heal('a', 'n');
    const hasIt = (): boolean => world.drives.get('n')!.host.held()[0]?.sequence === 2;
    assert.ok(await world.sim.run(hasIt, 5_000));
    const early = shown(await reader.get('a', 'k', { epoch: 2 }));
    assert.is(early, refused, 'its store shows a write that is not acknowledged');
    assert.is(await firstAnswer(world, reader, 'a', 'k', 2), 'new');
  }),
);

test(
  'a head that lost what its successors have is not read before it has agreed with them',
  deadline(20_000, async () => {
    let lost = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const { world, client, reader } = await chainOf(['a', 'b'], [], seed);
      await client.put('a', 'k', 'old');
      // Nothing to replay: what it finds on its device looks whole.
      await world.sim.until((world.drives.get('a') as SimDrive).store.checkpoint());
      slowDisk(world, 'a', 1_000);
      await world.sim.until(client.send('a', [client.putOperation('k', 'new')]));
      await world.sim.run(() => false, 50);
      assert.is(shown(await reader.get('b', 'k')), 'new');
      world.crash('a', 'process');
      slowDisk(world, 'a', 0);
      world.sim.cut('b', 'a');
      await world.restart('a', [record(1, 1, ['a', 'b'])]);
      await world.sim.run(() => false, 50);
      if (world.drives.get('a')?.host.held()[0]?.sequence === 1) lost++;
      assert.is(shown(await reader.get('a', 'k')), 'rangeUnavailable');
      world.sim.heal('b', 'a');
      assert.is(await firstAnswer(world, reader, 'a', 'k', 1), 'new');
    }
    assert.ok(lost > 0, 'the write under way arrived whole with every seed');
  }),
);

test(
  'a new head answers at once, and has what the old one acknowledged',
  deadline(20_000, async () => {
    const { world, client, reader } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'acknowledged');
    world.sim.cut('a', 'b');
    await world.sim.until(client.send('a', [client.putOperation('k', 'lost')]));
    await world.sim.run(() => false, 20);
    world.crash('a', 'power');
    const rest = record(1, 2, ['b', 'c']);
    await world.install(rest, ['c', 'b']);
    for (const name of ['b', 'c']) {
      assert.is(shown(await reader.get(name, 'k', { epoch: 2 })), 'acknowledged', name);
    }
    const second = await world.client('second');
    assert.is((await second.put('b', 'k', 'next', { epoch: 2 })).status, Status.ok);
    assert.is(shown(await reader.get('b', 'k', { epoch: 2 })), 'next');
  }),
);

test(
  'the predecessor of a lost tail shows at once what was pending there, and others ask it',
  deadline(20_000, async () => {
    const { world, client, reader } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'old');
    world.sim.cut('b', 'c');
    world.sim.cut('b', 'a');
    await world.sim.until(client.send('a', [client.putOperation('k', 'new')]));
    await world.sim.run(() => false, 50);
    world.crash('c', 'power');
    const rest = record(1, 2, ['a', 'b']);
    await world.install(rest, ['b']);
    assert.is(shown(await reader.get('b', 'k', { epoch: 2 })), 'new');
    const behind = shown(await reader.get('a', 'k'));
    assert.is(behind, 'rangeUnavailable', 'it is at the old epoch, whose tail is gone');
    world.sim.heal('b', 'a');
    await world.install(rest, ['a']);
    assert.is(await firstAnswer(world, reader, 'a', 'k', 2), 'new');
  }),
);

test(
  'during a move no member answers less than another did before',
  deadline(20_000, async () => {
    const { world, client, reader } = await chainOf(['a', 'b', 'c'], ['n']);
    await client.put('a', 'k', 'old');
    const syncing = record(1, 2, ['a', 'b', 'c', ['n', MemberState.syncing]]);
    await world.install(syncing, ['n', 'c', 'b', 'a']);
    await world.sim.run(() => world.drives.get('c')!.finished.length > 0, 10_000);
    world.sim.cut('n', 'c');
    await world.sim.until(client.send('a', [client.putOperation('k', 'new', { epoch: 2 })]));
    await world.sim.run(() => false, 50);
    for (const name of ['c', 'b', 'a']) {
      const early = await firstAnswer(world, reader, name, 'k', 2);
      assert.is(early, 'old', `${name}: the syncing member has not acknowledged it`);
    }
    const moved = record(1, 3, ['a', 'b', 'n']);
    await world.install(moved, ['c', 'n']);
    assert.is(shown(await reader.get('n', 'k', { epoch: 3 })), 'new', 'the new tail');
    assert.is(shown(await reader.get('c', 'k', { epoch: 2 })), 'staleIndex', 'it has left');
    for (const name of ['a', 'b']) {
      const behind = shown(await reader.get(name, 'k', { epoch: 2 }));
      assert.is(behind, 'rangeUnavailable', `${name}: the tail of its epoch is none any more`);
    }
    world.sim.heal('n', 'c');
    await world.install(moved, ['b', 'a']);
    for (const name of ['a', 'b']) {
      assert.is(await firstAnswer(world, reader, name, 'k', 3), 'new', name);
    }
  }),
);

test(
  'a read that waited while its range was split is answered by the right half',
  deadline(20_000, async () => {
    const { world, client, reader } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'old');
    world.sim.cut('b', 'a');
    await world.sim.until(client.send('a', [client.putOperation('k', 'new')]));
    await world.sim.run(() => false, 20);
    await reader.get('a', 'k'); // makes it dial the tail
    await world.sim.run(() => false, 20);
    world.sim.cut('c', 'a');
    const [waiting] = await world.sim.until(reader.send('a', [{ key: Buffer.from('k') }]));
    await world.sim.run(() => false, 5);
    const chain = ['a', 'b', 'c'];
    const halves = {
      left: record(1, 2, chain, { end: 'h' }),
      right: record(2, 2, chain, { start: 'h' }),
    };
    const { host } = world.drives.get('a') as SimDrive;
    const split = host.split(halves);
    await world.sim.run(() => false, 5);
    world.sim.heal('b', 'a');
    await world.sim.until(split);
    world.sim.heal('c', 'a');
    assert.is(shown(await world.sim.until(waiting as Promise<Outcome>)), 'new');
  }),
);

test.run();
