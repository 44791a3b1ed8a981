// A drive comes back to a range that was cut, or made whole again, or left to it alone.

import { MemberState, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import { chainOf, check, drive, key, putAll, sync, values } from './returning-scene.ts';
import { record } from './world.ts';

const test = suite('returning drives, ranges that changed');
const { offline, syncing, last } = MemberState;

test(
  'the range was cut meanwhile: what lies outside is dropped, the rest is used',
  deadline(30_000, async () => {
    const scene = await chainOf(['a', 'b']);
    const { world, client, traffic } = scene;
    await putAll(scene, 'a', 1, values(400, 'v'.repeat(100)));
    world.crash('b', 'process');
    await world.install(record(1, 2, ['a', ['b', offline]]), ['a']);
    const chain: [string, [string, 5]] = ['a', ['b', offline]];
    const left = record(1, 3, chain, { end: key(200) });
    const right = record(2, 3, chain, { start: key(200) });
    await world.sim.until(drive(world, 'a').host.split({ left, right }));
    await client.put('a', key(3), 'new', { epoch: 3 });
    await world.restart('b', [left, right]);
    const outside = await world.sim.until(
      drive(world, 'b').store.scan(1 as never, {
        start: Buffer.from(key(200)),
        end: undefined,
        reverse: false,
        keysOnly: true,
        entriesMax: 10,
        bytesMax: 1000,
      }),
    );
    assert.is(outside.entries.length, 0);
    const borders = { end: key(200) };
    await sync(world, record(1, 4, ['a', ['b', syncing]], borders), ['b', 'a']);
    assert.ok(traffic.bytes < 200 * 30 + 300, `${traffic.bytes} bytes`);
    const rightBorders = { start: key(200) };
    await sync(world, record(2, 4, ['a', ['b', syncing]], rightBorders), ['b', 'a']);
    await world.install(record(1, 5, ['b'], borders), ['a', 'b']);
    await world.install(record(2, 5, ['b'], rightBorders), ['a', 'b']);
    const expected = new Map<string, string | undefined>(values(400, 'v'.repeat(100)));
    expected.set(key(3), 'new');
    for (const [name, value] of expected) {
      const rangeId = name < key(200) ? 1 : 2;
      const found = await client.get('b', name, { epoch: 5, rangeId });
      assert.is(found.value.toString(), value, name);
    }
  }),
);

test(
  'a cut that was taken back: the head that had made it begins with nothing',
  deadline(30_000, async () => {
    const scene = await chainOf(['a', 'b']);
    const { world, client } = scene;
    await putAll(scene, 'a', 1, values(20, 'v'));
    world.sim.cut('a', 'b');
    drive(world, 'a')
      .host.split({
        left: record(1, 2, ['a', 'b'], { end: key(10) }),
        right: record(2, 2, ['a', 'b'], { start: key(10) }),
      })
      .catch(() => {});
    await world.sim.run(() => drive(world, 'a').host.held().length === 2, 2_000);
    await world.sim.until(
      client.send('a', [client.putOperation(key(15), 'lost', { rangeId: 2, epoch: 2 })]),
    );
    await world.sim.run(() => false, 50);
    drive(world, 'a').lease.isGranted = false;
    world.sim.heal('a', 'b');
    const away = record(1, 3, ['b', ['a', offline]]);
    await world.install(away, ['b']);
    const { host, lease } = drive(world, 'a');
    await world.sim.until(host.startServing([away], [], away.version, true));
    lease.isGranted = true;
    const stale = await client.get('a', key(15), { rangeId: 2, epoch: 2 });
    assert.is(stale.status, Status.staleIndex, 'the half that does not exist is not served');
    await sync(world, record(1, 4, ['b', ['a', syncing]]), ['a', 'b']);
    await world.sim.until(host.drop({ range: record(2, 2, []).id, epoch: record(2, 9, []).epoch }));
    await world.install(record(1, 5, ['a']), ['b', 'a']);
    await check(scene, 'a', 5, values(20, 'v'));
  }),
);

test(
  'the last one in sync goes on with all that it had',
  deadline(30_000, async () => {
    const scene = await chainOf(['a', 'b']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    await world.install(record(1, 2, ['b', ['a', offline]]), ['b', 'a']);
    await client.put('b', 'k', 'v2', { epoch: 2 });
    world.crash('b', 'process');
    const waits = record(1, 3, [
      ['b', last],
      ['a', offline],
    ]);
    await world.restart('b', [waits]);
    assert.is((await client.get('b', 'k', { epoch: 3 })).status, Status.staleIndex);
    await world.install(record(1, 4, ['b', ['a', offline]]), ['b']);
    await check(scene, 'b', 4, new Map([['k', 'v2']]));
    assert.is((await client.put('b', 'k', 'v3', { epoch: 4 })).status, Status.ok);
  }),
);

test.run();
