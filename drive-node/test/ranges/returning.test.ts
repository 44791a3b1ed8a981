// A drive that was taken out of a chain comes back with what it has: what it missed is put right, what was
// never committed is gone, and little travels.
// Ranges that changed meanwhile: returning-changed.test.ts.

import { MemberState, OperationCode, OperationFlag, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { deadline } from '../shell/deadline.ts';
import { chainOf, check, drive, key, putAll, type Scene, sync, values } from './returning-scene.ts';
import { record } from './world.ts';

const test = suite('returning drives');
const { offline, syncing } = MemberState;

test(
  'it gets what it missed: values that changed, and nothing else',
  deadline(30_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client, traffic } = scene;
    const before = values(600, 'o'.repeat(500));
    await putAll(scene, 'a', 1, before);
    world.crash('c', 'process');
    await world.install(record(1, 2, ['a', 'b', ['c', offline]]), ['b', 'a']);
    const changed = new Map([7, 8, 300, 599].map((n) => [key(n), `new-${n}`]));
    await putAll(scene, 'a', 2, changed);
    await client.delete('a', key(9), { epoch: 2 });
    await client.put('a', 'key-0000x', 'fresh', { epoch: 2 });
    await world.restart('c', [record(1, 2, ['a', 'b', ['c', offline]])]);
    await sync(world, record(1, 3, ['a', 'b', ['c', syncing]]), ['c', 'b', 'a']);
    assert.ok(traffic.bytes < 600 * 28 + 500, `${traffic.bytes} bytes; all values: ${600 * 500}`);
    await world.install(record(1, 4, ['a', 'b', 'c']), ['b', 'c', 'a']);
    const expected = new Map<string, string | undefined>([...before, ...changed]);
    expected.set(key(9), undefined).set('key-0000x', 'fresh');
    await check(scene, 'c', 4, expected);
  }),
);

test(
  'a drive that was offline answers nobody, keeps its data, and says so',
  deadline(20_000, async () => {
    const scene = await chainOf(['a', 'b']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v');
    const away = record(1, 2, ['a', ['b', offline]]);
    await world.install(away, ['b', 'a']);
    const read = await client.get('b', 'k', { epoch: 2 });
    assert.is(read.status, Status.staleIndex);
    assert.is(Number(read.detail.records?.[0]?.epoch), 2);
    const state = drive(world, 'b').host.rangeState({ range: away.id });
    assert.equal([state.isHeld, state.isComplete], [true, false]);
    world.crash('b', 'power');
    await world.restart('b', [away]);
    assert.is((await client.get('b', 'k', { epoch: 2 })).status, Status.staleIndex);
    // It must not serve before it is synced, whatever it is told.
    const wrong = drive(world, 'b').host.install({
      record: record(1, 3, ['b', 'a']),
      addresses: [],
      isNew: false,
    });
    let refusal: number | undefined;
    await world.sim.until(
      wrong.then(
        () => {},
        (error: { status: number }) => {
          refusal = error.status;
        },
      ),
    );
    assert.is(refusal, Status.conflictingOperation);
  }),
);

/** A head with writes that nobody else has. It is cut off until `rejoin`. */
async function diverge(scene: Scene): Promise<{ incremented: number; put: number }> {
  const { world, client } = scene;
  world.sim.cut('a', 'b');
  world.sim.cut('a', 'c');
  const incremented = client.nextWriteNumber();
  const put = client.nextWriteNumber();
  const counter = { code: OperationCode.increment, key: Buffer.from('counter'), increment: 5n };
  await world.sim.until(
    client.send('a', [
      { ...counter, writeNumber: incremented },
      client.putOperation('k', 'diverged', { writeNumber: put }),
      client.putOperation('only here', 'diverged'),
      client.putOperation('k', 'diverged again'),
    ]),
  );
  await world.sim.run(() => false, 50);
  return { incremented, put };
}

/** What was under way is lost; the others are at a newer epoch by now. */
function rejoin({ world }: Scene): void {
  for (const other of ['b', 'c']) {
    world.sim.breakLinks('a', other);
    world.sim.heal('a', other);
  }
}

for (const crashes of ['no crash', 'process', 'power'] as const) {
  test(
    `what only it had is gone, and its sessions forget it; ${crashes}`,
    deadline(30_000, async () => {
      const scene = await chainOf(['a', 'b', 'c']);
      const { world, client } = scene;
      await client.increment('a', 'counter', 1n);
      await client.put('a', 'k', 'v1');
      await client.put('a', 'k', 'v2');
      const { incremented, put } = await diverge(scene);
      const away = record(1, 2, ['b', 'c', ['a', offline]]);
      if (crashes !== 'no crash') world.crash('a', crashes);
      await world.install(away, ['c', 'b']);
      rejoin(scene);
      if (crashes === 'no crash') await world.install(away, ['a']);
      else {
        await world.restart('a', [away]);
        // Once more: what the first restart replayed is in the checkpoint of the second.
        await world.sim.until(drive(world, 'a').store.checkpoint());
        world.crash('a', 'process');
        await world.restart('a', [away]);
      }
      // The same numbers, another history: 6 is the number of a write of `k` in both.
      await client.put('b', 'other', 'w', { epoch: 2 });
      await client.put('b', 'other', 'x', { epoch: 2 });
      const rewritten = await client.put('b', 'k', 'v3', { epoch: 2 });
      assert.is(rewritten.version, 6);
      await sync(world, record(1, 3, ['b', 'c', ['a', syncing]]), ['a', 'c', 'b']);
      const back = record(1, 4, ['b', 'c', 'a']);
      await world.install(back, ['c', 'a', 'b']);
      await check(
        scene,
        'a',
        4,
        new Map([
          ['k', 'v3'],
          ['only here', undefined],
          ['other', 'x'],
        ]),
      );
      // It becomes the head; a late retry of what it lost is no duplicate.
      world.crash('a', 'power');
      await world.restart('a', [back]);
      const alone = record(1, 5, ['a', ['b', offline], ['c', offline]]);
      await world.install(alone, ['b', 'c', 'a']);
      const flags = OperationFlag.retry;
      const again = await client.increment('a', 'counter', 5n, {
        writeNumber: incremented,
        epoch: 5,
        flags,
      });
      assert.is(again.status, Status.ok);
      await client.put('a', 'k', 'late', { writeNumber: put, epoch: 5, flags });
      const counted = await client.get('a', 'counter', { epoch: 5 });
      assert.is(counted.value.readBigInt64LE(0), 6n);
      await check(scene, 'a', 5, new Map([['k', 'late']]));
    }),
  );
}

test(
  'the right versions are still there when the log is all that is left',
  deadline(30_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    await diverge(scene);
    await world.install(record(1, 2, ['b', 'c', ['a', offline]]), ['c', 'b', 'a']);
    rejoin(scene);
    await sync(world, record(1, 3, ['b', 'c', ['a', syncing]]), ['a', 'c', 'b']);
    const back = record(1, 4, ['b', 'c', 'a']);
    await world.install(back, ['c', 'a', 'b']);
    await client.put('b', 'after', 'x', { epoch: 4 });
    world.crash('a', 'process');
    const disk = world.disks?.get('a') as MemoryDisk | undefined;
    await world.sim.until((disk as MemoryDisk).unlink('/a/checkpoint').catch(() => {}));
    await world.restart('a', [back]);
    await world.sim.run(() => false, 200);
    await check(
      scene,
      'a',
      4,
      new Map([
        ['k', 'v1'],
        ['only here', undefined],
        ['after', 'x'],
      ]),
    );
  }),
);

test(
  'a drive that skips the news of its removal does not pass for one that missed nothing',
  deadline(30_000, async () => {
    const scene = await chainOf(['a', 'b', 'c']);
    const { world, client } = scene;
    await client.put('a', 'k', 'v1');
    await diverge(scene);
    // `a` never hears of epoch 2.
    await world.install(record(1, 2, ['b', 'c', ['a', offline]]), ['c', 'b']);
    rejoin(scene);
    await client.put('b', 'other', 'x', { epoch: 2 });
    await sync(world, record(1, 3, ['b', 'c', ['a', syncing]]), ['a', 'c', 'b']);
    await world.install(record(1, 4, ['b', 'c', 'a']), ['c', 'a', 'b']);
    await check(
      scene,
      'a',
      4,
      new Map([
        ['k', 'v1'],
        ['only here', undefined],
        ['other', 'x'],
      ]),
    );
  }),
);

function slowDisk({ world }: Scene, name: string, ms: number): void {
  const disk = world.disks?.get(name) as MemoryDisk;
  disk.delay = () => new Promise((resolve) => void world.sim.schedule(ms, resolve));
}

/** True when the others lost the write that the syncing member had; a torn write may survive. */
async function missesAnEpoch(seed: number): Promise<boolean> {
  const scene = await chainOf(['a', 'b'], ['n'], seed);
  const { world, client } = scene;
  await client.put('a', 'k', 'v1');
  await sync(world, record(1, 2, ['a', 'b', ['n', syncing]]), ['n', 'b', 'a']);
  for (const name of ['a', 'b']) slowDisk(scene, name, 1_000);
  await world.sim.until(client.send('a', [client.putOperation('lost', 'x', { epoch: 2 })]));
  await world.sim.run(() => false, 50);
  for (const name of ['a', 'b']) world.crash(name, 'power');
  const alone = record(1, 3, ['a', ['b', offline], ['n', offline]]);
  await world.restart('a', [alone]);
  const { version } = await client.put('a', 'other', 'y', { epoch: 3 });
  await sync(world, record(1, 4, ['a', ['n', syncing], ['b', offline]]), ['n', 'a']);
  await world.install(record(1, 5, ['a', 'n', ['b', offline]]), ['a', 'n']);
  const isLost = version === 2;
  const expected = new Map<string, string | undefined>([
    ['k', 'v1'],
    ['lost', isLost ? undefined : 'x'],
    ['other', 'y'],
  ]);
  await check(scene, 'n', 5, expected);
  return isLost;
}

test(
  'a syncing member that was complete and missed an epoch is compared again',
  deadline(30_000, async () => {
    let lost = 0;
    for (let seed = 1; seed <= 8; seed++) if (await missesAnEpoch(seed)) lost++;
    assert.ok(lost > 0, 'its number was given to another write, under another epoch');
  }),
);

test(
  'a copy that breaks off goes on from what it has brought',
  deadline(30_000, async () => {
    const scene = await chainOf(['a'], ['n']);
    const { world, traffic } = scene;
    await putAll(scene, 'a', 1, new Map([...values(3000, 'x'.repeat(1000))]));
    const syncs = record(1, 2, ['a', ['n', syncing]]);
    await world.install(syncs, ['n', 'a']);
    await world.sim.run(() => traffic.pages > 4, 10_000);
    world.crash('n', 'process');
    const half = traffic.bytes;
    await world.restart('n', [syncs]);
    const isDone = (): boolean => drive(world, 'a').finished.length > 0;
    assert.ok(await world.sim.run(isDone, 30_000));
    const whole = 3000 * (1000 + 20 + 8 + 5);
    assert.ok(half > whole / 6, `${half} of ${whole} bytes before the crash`);
    const all = traffic.bytes - 3000 * 28;
    // Two pages may be under way, and go again.
    assert.ok(all < whole * 1.2, `${all} bytes in all, thin entries left out; ${whole} once`);
    await world.install(record(1, 3, ['n']), ['a', 'n']);
    await check(scene, 'n', 3, values(3000, 'x'.repeat(1000)));
  }),
);

test.run();
