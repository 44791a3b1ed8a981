// Who may answer a read, or say something from which one could be answered: only whoever has a lease, only at its epoch
// (docs/decisions/0011).

import { MemberState, OperationFlag, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { acquaint, askVersion, begin, CHAIN, chainOf, scan, shown } from './reads-scene.ts';
import type { Outcome } from './scripted-client.ts';
import { record, type SimDrive } from './world.ts';

const test = suite('rights to answer reads');

test(
  'without a lease no member answers, and no tail tells how far it is',
  deadline(5_000, async () => {
    const { world, client, reader } = await chainOf();
    await client.put('a', 'k', 'old');
    await acquaint(world, client);
    for (const name of CHAIN) {
      const { lease } = world.drives.get(name) as SimDrive;
      lease.isGranted = false;
      assert.is(shown(await reader.get(name, 'k')), 'rangeUnavailable', name);
      assert.is((await scan(world, reader, name)).status, 'rangeUnavailable', name);
      lease.isGranted = true;
    }
    world.sim.cut('b', 'a');
    await begin(world, client, 'k', 'new');
    const { lease } = world.drives.get('c') as SimDrive;
    lease.isGranted = false;
    assert.is(shown(await reader.get('a', 'k')), 'rangeUnavailable');
    lease.isGranted = true;
    assert.is(shown(await reader.get('a', 'k')), 'new');
  }),
);

test(
  'only the tail tells, at exactly its epoch, and only members',
  deadline(5_000, async () => {
    const { world, client } = await chainOf(CHAIN, ['n', 'x']);
    const { version } = await client.put('a', 'k', 'v');
    await world.sim.run(() => false, 20);
    assert.is(await askVersion(world, 'a', 'c', 1), version);
    assert.is(await askVersion(world, 'a', 'c', 2), undefined, 'an epoch that it has not reached');
    assert.is(await askVersion(world, 'a', 'b', 1), undefined, 'not the tail');
    assert.is(await askVersion(world, 'x', 'c', 1), undefined, 'not a member');
    await world.install(record(1, 2, ['a', 'b', 'c', ['n', MemberState.syncing]]), ['n', 'c']);
    assert.is(await askVersion(world, 'a', 'c', 1), undefined, 'an epoch that has passed');
    assert.is(await askVersion(world, 'a', 'c', 2), version, 'still the official tail');
    assert.is(await askVersion(world, 'a', 'n', 2), undefined, 'syncing');
    await world.install(record(1, 3, ['a', 'b']), ['c', 'b']);
    assert.is(await askVersion(world, 'a', 'c', 2), undefined, 'gone');
    assert.is(await askVersion(world, 'a', 'b', 3), version, 'the new tail has it all');
  }),
);

test(
  'a refused condition is an observation: it is not told without a lease',
  deadline(5_000, async () => {
    const { world, client } = await chainOf();
    await client.put('a', 'k', 'v');
    await world.sim.run(() => false, 20);
    const { lease } = world.drives.get('a') as SimDrive;
    lease.isGranted = false;
    const mustBeAbsent = { flags: OperationFlag.ifVersion, ifVersion: 0 };
    assert.is(shown(await client.put('a', 'k', 'w', mustBeAbsent)), 'rangeUnavailable');
    assert.is(shown(await client.delete('a', 'absent')), 'rangeUnavailable');
    assert.is(shown(await client.increment('a', 'k', 1n)), 'rangeUnavailable', 'not a number');
    lease.isGranted = true;
    assert.is(shown(await client.put('a', 'k', 'w', mustBeAbsent)), 'versionMismatch');
    assert.is((await client.delete('a', 'absent')).status, Status.ok);
    assert.is(shown(await client.increment('a', 'k', 1n)), 'notANumber');
  }),
);

test(
  'a refusal that waited for the write it was judged by needs the lease when it is told',
  deadline(5_000, async () => {
    const { world, client } = await chainOf();
    const second = await world.client('second');
    world.sim.cut('b', 'a');
    const first = await begin(world, client, 'k', 'v');
    const mustBeAbsent = { flags: OperationFlag.ifVersion, ifVersion: 0 };
    const [judged] = await world.sim.until(
      second.send('a', [second.putOperation('k', 'w', mustBeAbsent)]),
    );
    await world.sim.run(() => false, 10);
    (world.drives.get('a') as SimDrive).lease.isGranted = false;
    world.sim.heal('b', 'a');
    assert.is(shown(await world.sim.until(judged as Promise<Outcome>)), 'rangeUnavailable');
    assert.is(first()?.status, Status.ok, 'its own write was committed by the whole chain');
  }),
);

test.run();
