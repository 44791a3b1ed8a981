// A split whose head died in the middle, carried on by fail-over: each survivor makes the same cut by
// itself, or refuses.

import { type RangeRecord, type Sequence, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import type { SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('direct splits');

interface Halves {
  readonly left: RangeRecord;
  readonly right: RangeRecord;
}

const halves = (epoch: number, chain: string[]): Halves => ({
  left: record(1, epoch, chain, { end: 'm' }),
  right: record(2, epoch, chain, { start: 'm' }),
});

const hostOf = (world: World, name: string): SimDrive['host'] =>
  (world.drives.get(name) as SimDrive).host;

async function chainOf(names: string[], hasDisks = false): Promise<[World, SimClient]> {
  const world = new World(1, { hasDisks });
  await world.start(...names);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return [world, await world.client()];
}

async function refusalOf(world: World, work: Promise<unknown>): Promise<number | undefined> {
  let status: number | undefined;
  await world.sim.until(
    work.then(
      () => {},
      (error: { status?: number }) => {
        status = error.status ?? -1;
      },
    ),
  );
  return status;
}

/** The head cuts, passes it to `b`, and dies before `c` hears of it. */
async function headDiesInside(world: World, client: SimClient): Promise<void> {
  await client.put('a', 'k1', 'v1');
  await client.put('a', 'z1', 'v2');
  world.sim.cut('b', 'c');
  hostOf(world, 'a')
    .split(halves(2, ['a', 'b', 'c']))
    .catch(() => {});
  const isCut = (): boolean => hostOf(world, 'b').held().length === 2;
  await world.sim.run(isCut, 5000);
  assert.is(hostOf(world, 'c').held().length, 1);
  world.crash('a', 'process');
  world.sim.heal('b', 'c');
}

test(
  'the survivors of a split make the same cut, and both halves go on',
  deadline(20000, async () => {
    const [world, client] = await chainOf(['a', 'b', 'c'], true);
    await headDiesInside(world, client);
    const told = hostOf(world, 'b').rangeState({ range: record(2, 1, []).id });
    assert.is(told.cutSequence, 2);
    assert.is(told.isHeld, true);
    assert.is(hostOf(world, 'c').rangeState({ range: record(2, 1, []).id }).isHeld, false);
    const after = halves(3, ['b', 'c']);
    const command = { ...after, isDirect: true, sequence: 2 as Sequence };
    for (const name of ['c', 'b']) await world.sim.until(hostOf(world, name).split(command));
    for (const [key, range] of [
      ['k2', 1],
      ['z2', 2],
    ] as const) {
      const put = await client.put('b', key, 'w', { rangeId: range, epoch: 3 });
      assert.is(put.status, Status.ok);
      const read = await client.get('c', key, { rangeId: range, epoch: 3 });
      assert.is(read.value.toString(), 'w');
    }
    const old = await client.get('c', 'z1', { rangeId: 2, epoch: 3 });
    assert.is(old.value.toString(), 'v2');
    // The command comes again, to one that is further already.
    await world.sim.until(hostOf(world, 'c').split(command));
    assert.is(hostOf(world, 'c').held().length, 2);
  }),
);

test(
  'a direct cut is on the device before it is answered',
  deadline(20000, async () => {
    const [world, client] = await chainOf(['a', 'b', 'c'], true);
    await headDiesInside(world, client);
    const after = halves(3, ['b', 'c']);
    const command = { ...after, isDirect: true, sequence: 2 as Sequence };
    await world.sim.until(hostOf(world, 'c').split(command));
    world.crash('c', 'power');
    await world.restart('c', [after.left, after.right]);
    assert.equal(
      hostOf(world, 'c')
        .held()
        .map(({ range, epoch }) => [Number(range), Number(epoch)]),
      [
        [1, 3],
        [2, 3],
      ],
    );
    assert.is(hostOf(world, 'c').rangeState({ range: after.right.id }).cutSequence, 2);
    await world.sim.until(hostOf(world, 'b').split(command));
    const put = await client.put('b', 'z1', 'w', { rangeId: 2, epoch: 3 });
    assert.is(put.status, Status.ok);
  }),
);

test(
  'a survivor at another sequence refuses to cut, and nothing changes',
  deadline(20000, async () => {
    const [world, client] = await chainOf(['a', 'b']);
    await client.put('a', 'k1', 'v');
    await client.put('a', 'z1', 'v');
    const after = halves(3, ['b']);
    const split = (sequence: number | undefined, given: Halves = after): Promise<void> =>
      hostOf(world, 'b').split({
        ...given,
        isDirect: true,
        sequence: sequence as Sequence | undefined,
      });
    assert.is(await refusalOf(world, split(1)), Status.conflictingOperation);
    assert.is(await refusalOf(world, split(3)), Status.conflictingOperation);
    assert.is(await refusalOf(world, split(undefined)), Status.invalidArgument);
    assert.is(await refusalOf(world, split(2, halves(3, ['x']))), Status.invalidArgument);
    const gap = { ...after, right: record(2, 3, ['b'], { start: 'n' }) };
    assert.is(await refusalOf(world, split(2, gap)), Status.invalidArgument);
    assert.is(await refusalOf(world, split(2, halves(1, ['b']))), Status.conflictingOperation);
    assert.equal(
      hostOf(world, 'b')
        .held()
        .map(({ epoch }) => Number(epoch)),
      [1],
    );
    assert.is((await client.put('a', 'k2', 'v')).status, Status.ok);
  }),
);

test(
  'a record with other borders is no way to cut a serving copy',
  deadline(20000, async () => {
    const [world] = await chainOf(['a']);
    const { left } = halves(2, ['a']);
    const install = hostOf(world, 'a').install({ record: left, addresses: [], isNew: false });
    assert.is(await refusalOf(world, install), Status.conflictingOperation);
    assert.is(Number(hostOf(world, 'a').held()[0]?.epoch), 1);
  }),
);

test(
  'a cut that comes down the chain late does not undo a newer record',
  deadline(20000, async () => {
    const [world, client] = await chainOf(['a', 'b'], true);
    await client.put('a', 'k1', 'v');
    // Both are under way at the member at once: the record of fail-over, and the cut of the old head.
    const taken = hostOf(world, 'b').install({
      record: record(1, 3, ['b']),
      addresses: [],
      isNew: false,
    });
    hostOf(world, 'a')
      .split(halves(2, ['a', 'b']))
      .catch(() => {});
    await world.sim.until(taken);
    await world.sim.run(() => false, 500);
    world.crash('b', 'power');
    await world.restart('b', [record(1, 3, ['b'])]);
    assert.equal(
      hostOf(world, 'b')
        .held()
        .map(({ range, epoch }) => [Number(range), Number(epoch)]),
      [[1, 3]],
    );
  }),
);

test.run();
