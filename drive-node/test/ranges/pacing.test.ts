// What is sent in bulk leaves in parts: a backlog to a neighbour that was away, and copies, which share what
// the operator gives them.

import { type DriveId, MemberState, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('pacing');
const MIB = 1024 * 1024;
const { syncing } = MemberState;

test(
  'a backlog is sent again in parts, and all of it arrives',
  deadline(30_000, async () => {
    const world = new World(1);
    await world.start('a', 'b');
    await world.install(record(1, 1, ['a', 'b']), ['b', 'a'], true);
    const client = await world.client();
    world.sim.breakLinks('a', 'b');
    world.sim.cut('a', 'b');
    const value = 'v'.repeat(200_000);
    const sent: Promise<{ status: number }>[] = [];
    for (let n = 0; n < 100; n++) {
      sent.push(
        ...(await world.sim.until(client.send('a', [client.putOperation(`k${n}`, value)]))),
      );
    }
    await world.sim.run(() => false, 100);
    world.sim.heal('a', 'b');
    const { pool, host } = world.drives.get('b') as SimDrive;
    assert.ok(pool);
    let most = 0;
    const isThere = (): boolean => {
      const connection = (world.drives.get('a') as SimDrive).pool.connectionTo('b' as DriveId);
      most = Math.max(most, connection?.bufferedBytes ?? 0);
      return host.held()[0]?.sequence === 100;
    };
    assert.ok(await world.sim.run(isThere, 30_000), `only ${host.held()[0]?.sequence} came`);
    assert.ok(most > MIB / 2 && most < 3 * MIB, `${most} bytes waited at once`);
    for (const { status } of await world.sim.until(Promise.all(sent))) {
      assert.is(status, Status.ok);
    }
  }),
);

test(
  'two copies from one drive share its rate, and end together',
  deadline(60_000, async () => {
    const world = new World(1);
    world.copyBytesPerSecond = MIB;
    await world.start('a', 'x', 'y');
    await world.install(record(1, 1, ['a'], { end: 'm' }), ['a'], true);
    await world.install(record(2, 1, ['a'], { start: 'm' }), ['a'], true);
    const client = await world.client();
    const value = 'v'.repeat(20_000);
    for (let n = 0; n < 200; n++) {
      await client.put('a', `a${n}`, value);
      await client.put('a', `z${n}`, value, { rangeId: 2 });
    }
    const { finished } = world.drives.get('a') as SimDrive;
    const beganAtMs = world.sim.nowMs;
    const endedAtMs: number[] = [];
    await world.install(record(1, 2, ['a', ['x', syncing]], { end: 'm' }), ['x', 'a']);
    await world.install(record(2, 2, ['a', ['y', syncing]], { start: 'm' }), ['y', 'a']);
    const isDone = (): boolean => {
      while (endedAtMs.length < finished.length) endedAtMs.push(world.sim.nowMs - beganAtMs);
      return finished.length === 2;
    };
    let slowestMs = 0;
    while (!isDone()) {
      const sentAtMs = world.sim.nowMs;
      const put = await client.put('a', 'live', 'x', { epoch: 2 });
      assert.is(put.status, Status.ok);
      slowestMs = Math.max(slowestMs, world.sim.nowMs - sentAtMs);
      await world.sim.run(isDone, 50);
    }
    const leastMs = ((2 * 200 * 20_000 - 4 * 256 * 1024) / MIB) * 1000;
    const [first = 0, second = 0] = endedAtMs;
    assert.ok(first > leastMs * 0.8, `the first ended after ${first} ms, expected ${leastMs}`);
    assert.ok(second < leastMs * 1.3, `the second ended after ${second} ms, expected ${leastMs}`);
    assert.ok(slowestMs < 100, `a live write took ${slowestMs} ms`);
  }),
);

test.run();
