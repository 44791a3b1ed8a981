// Promises that break quietly: what may be told before a commit, who may serve after a restart, and what
// must still come to an end when somebody dies in the middle of a copy or a split.

import { indexVersion, MemberState, OperationCode, OperationFlag, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { deadline } from '../shell/deadline.ts';
import type { Outcome, SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('promises across crashes');

async function chainOf(
  names: string[],
  others: string[] = [],
  disks = false,
): Promise<{ world: World; client: SimClient }> {
  const world = new World(1, { hasDisks: disks });
  await world.start(...names, ...others);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client() };
}

test(
  'a refused insert says nothing of a write that readers do not see yet',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a', 'b']);
    const second = await world.client('client2');
    world.sim.cut('b', 'a'); // no acknowledgement comes back
    await world.sim.until(client.send('a', [client.putOperation('k', 'v')]));
    await world.sim.run(() => false, 20);
    const [insert] = await world.sim.until(
      second.send('a', [
        second.putOperation('k', 'w', { flags: OperationFlag.ifVersion, ifVersion: 0 }),
      ]),
    );
    let refused: Outcome | undefined;
    insert?.then((outcome) => {
      refused = outcome;
    });
    await world.sim.run(() => false, 20);
    // The head has not heard of the commit; were the head to die now, the put could be gone.
    assert.is(
      refused,
      undefined,
      `answered with status ${refused?.status} before the put was committed`,
    );
  }),
);

test(
  'a second delete is not told "absent" while readers still see the key',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'v');
    const second = await world.client('client2');
    world.sim.cut('b', 'c');
    await world.sim.until(
      client.send('a', [
        {
          code: OperationCode.delete,
          key: Buffer.from('k'),
          writeNumber: client.nextWriteNumber(),
        },
      ]),
    );
    await world.sim.run(() => false, 20);
    const [again] = await world.sim.until(
      second.send('a', [
        {
          code: OperationCode.delete,
          key: Buffer.from('k'),
          writeNumber: second.nextWriteNumber(),
        },
      ]),
    );
    let answer: Outcome | undefined;
    again?.then((outcome) => {
      answer = outcome;
    });
    await world.sim.run(() => false, 20);
    if (answer !== undefined) {
      const read = await second.get('c', 'k');
      assert.is(
        read.status,
        Status.notFound,
        'told absent, then read the old value: not linearizable',
      );
    }
  }),
);

test(
  'a drive serves only what the registration lists',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a'], [], true);
    await client.put('a', 'k', 'old');
    world.crash('a', 'process');
    await world.restart('a', []); // the range lives elsewhere now
    const read = await (await world.client('c2')).get('a', 'k');
    assert.is.not(read.status, Status.ok, 'a range that the answer does not name is served');
  }),
);

test(
  'a finished copy is reported although the link broke before the report went through',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a'], ['n']);
    await client.put('a', 'k', 'v');
    const a = world.drives.get('a')!;
    let isMetaDown = true;
    const told: unknown[] = [];
    // The first reports fail: the metadata server is away.
    a.finished.push = (...items: never[]) => {
      if (isMetaDown) throw new Error('no metadata server');
      told.push(...items);
      return told.length;
    };
    await world.install(record(1, 2, ['a', ['n', MemberState.syncing]]), ['n', 'a']);
    await world.sim.run(() => false, 2000);
    world.sim.breakLinks('a', 'n');
    await world.sim.run(() => false, 5000);
    isMetaDown = false;
    await world.sim.run(() => false, 60000);
    assert.ok(told.length > 0, 'the metadata server never learns that the copy is complete');
  }),
);

test(
  'a split whose head died in the middle can be done again',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a', 'b'], [], true);
    await client.put('a', 'k1', 'v');
    await client.put('a', 'k9', 'v');
    const left = record(1, 2, ['a', 'b'], { end: 'k5' });
    const right = record(2, 2, ['a', 'b'], { start: 'k5' });
    const split = world.drives
      .get('a')!
      .host.split({ left, right })
      .catch(() => {});
    // One of them has installed.
    const isCutSomewhere = (): boolean =>
      [...world.drives.values()].some(({ host }) => host.held().length === 2);
    await world.sim.run(isCutSomewhere, 5000);
    world.crash('a', 'process');
    void split;
    await world.restart('a', []);
    // Not published yet: the metadata server answers with what this drive holds.
    const { host } = world.drives.get('a') as SimDrive;
    const isCut = host.held().length === 2;
    const records = isCut ? [left, right] : [record(1, 1, ['a', 'b'])];
    await world.sim.until(host.startServing(records, [], indexVersion(9)));
    const c2 = await world.client('c2');
    // A client writes before the command comes again.
    await world.sim.until(c2.send('a', [c2.putOperation('k2', 'x')]));
    let failure: unknown;
    for (let attempt = 0; attempt < 5; attempt++) {
      failure = undefined;
      await world.sim.until(
        world.drives
          .get('a')!
          .host.split({ left, right })
          .catch((e) => {
            failure = e;
          }),
      );
      if (failure === undefined) break;
      // The connection to the neighbour may have to be made first.
      await world.sim.run(() => false, 50);
    }
    assert.is(failure, undefined, String(failure));
    const put = await insist(world, () => c2.put('a', 'k9', 'w', { rangeId: 2, epoch: 2 }));
    assert.is(put.status, Status.ok, 'the right half is lost at the head');
  }),
);

test(
  'a retry of a write from before a copy is recognised by the new drive after its own crash',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a'], ['n'], true);
    const writeNumber = client.nextWriteNumber();
    const first = await client.increment('a', 'c', 5n, { writeNumber });
    assert.is(first.status, Status.ok);
    await world.install(record(1, 2, ['a', ['n', MemberState.syncing]]), ['n', 'a']);
    await world.sim.run(() => world.drives.get('a')!.finished.length > 0, 10000);
    const moved = record(1, 3, ['n']);
    await world.install(moved, ['a', 'n']);
    world.crash('n', 'process');
    await world.restart('n', [moved]);
    const c2 = await world.client('c3');
    void c2;
    const again = await client.increment('n', 'c', 5n, {
      writeNumber,
      epoch: 3,
      flags: OperationFlag.retry,
    });
    const read = await client.get('n', 'c', { epoch: 3 });
    assert.is(
      read.value.readBigInt64LE(0),
      5n,
      `applied twice; the retry got version ${again.version}`,
    );
  }),
);

test(
  'a restart does not replay what was answered long ago, whatever kinds of records came',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a'], [], true);
    // A retried delete of an absent key leaves a sessionOnly record.
    await client.delete('a', 'nothing', { flags: OperationFlag.retry });
    for (let n = 0; n < 50; n++) await client.put('a', `k${n}`, 'v'.repeat(2000));
    await world.sim.until(world.drives.get('a')!.store.checkpoint());
    world.crash('a', 'process');
    const reads = await replayedBy(world, 'a');
    assert.ok(reads < 10, `${reads} records behind the checkpoint were replayed`);
  }),
);

async function replayedBy(world: World, name: string): Promise<number> {
  const { openLogStore } = await import('../../src/engine/open-log-store.js');
  const environment = world.sim.environmentFor('probe');
  let count = 0;
  const store = await world.sim.until(
    openLogStore({
      directory: `/${name}`,
      clock: environment.clock,
      random: environment.random,
      identity: { clusterId: '00000000-0000-4000-8000-000000000001', driveId: name },
      owner: {
        recover() {},
        replay() {
          count++;
          return false;
        },
        save: () => new Uint8Array(0),
      },
      disk: world.disks?.get(name) as MemoryDisk,
      capacityBytes: 256 * 1024 * 1024,
    }),
  );
  void store;
  return count;
}

function slowDisk(world: World, name: string, ms: number): void {
  const disk = world.disks?.get(name) as MemoryDisk;
  disk.delay =
    ms === 0 ? undefined : () => new Promise((resolve) => void world.sim.schedule(ms, resolve));
}

test(
  'a head that was killed before its log was written gives no number twice',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a', 'b'], [], true);
    await client.put('a', 'base', 'v0');
    slowDisk(world, 'a', 1000);
    await world.sim.until(
      client.send('a', [client.putOperation('k1', 'old1'), client.putOperation('k2', 'old2')]),
    );
    await world.sim.run(() => false, 50);
    world.crash('a', 'process');
    slowDisk(world, 'a', 0);
    world.sim.cut('a', 'b'); // clients are back before the neighbours are
    await world.restart('a', [record(1, 1, ['a', 'b'])]);
    const second = await world.client('client2');
    const [early] = await world.sim.until(second.send('a', [second.putOperation('new', 'NEW')]));
    await world.sim.run(() => false, 20);
    world.sim.heal('a', 'b');
    const outcome = (await world.sim.until(early as Promise<Outcome>)) as Outcome;
    if (outcome.status === Status.ok) {
      const read = await second.get('b', 'new');
      assert.is(read.value.toString(), 'NEW', 'an acknowledged write is not at the tail');
    }
  }),
);

/** Asks again while the range cannot be served for the moment. */
async function insist(world: World, ask: () => Promise<Outcome>): Promise<Outcome> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const outcome = await ask();
    if (outcome.status !== Status.rangeUnavailable) return outcome;
    await world.sim.run(() => false, 50);
  }
  throw new Error('the range is not served for too long');
}

test(
  'all members were killed, each with another end: the head waits until all of them agree',
  deadline(20000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c'], [], true);
    await client.put('a', 'base', 'v0');
    slowDisk(world, 'a', 1000);
    slowDisk(world, 'b', 1000);
    await world.sim.until(
      client.send('a', [client.putOperation('k1', 'old1'), client.putOperation('k2', 'old2')]),
    );
    await world.sim.run(() => false, 50);
    for (const name of ['a', 'b', 'c']) {
      world.crash(name, 'process');
      slowDisk(world, name, 0);
    }
    world.sim.cut('c', 'b');
    world.sim.cut('b', 'c');
    for (const name of ['a', 'b', 'c']) await world.restart(name, [record(1, 1, ['a', 'b', 'c'])]);
    await world.sim.run(() => false, 100);
    const second = await world.client('client2');
    const early = await second.put('a', 'new', 'NEW');
    assert.is(early.status, Status.rangeUnavailable, 'the middle does not know the tail yet');
    world.sim.heal('b', 'c');
    world.sim.heal('c', 'b');
    const outcome = await insist(world, () => second.put('a', 'new', 'NEW'));
    assert.is(outcome.status, Status.ok);
    assert.is((await second.get('c', 'new')).value.toString(), 'NEW');
  }),
);

test.run();
