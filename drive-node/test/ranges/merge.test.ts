// Two ranges become one: data, sessions and numbers of both stay, on every member, through crashes; and what
// must not be merged is refused, and nothing has changed then.

import {
  MemberState,
  type MergeAnswer,
  type MergeRange,
  OperationFlag,
  type RangeRecord,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import type { SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('merges');
const CHAIN = ['a', 'b', 'c'];

interface Halves {
  readonly left: RangeRecord;
  readonly right: RangeRecord;
}

const halves = (epoch: number, chain: string[] = CHAIN): Halves => ({
  left: record(1, epoch, chain, { end: 'm' }),
  right: record(2, epoch, chain, { start: 'm' }),
});

const hostOf = (world: World, name: string): SimDrive['host'] =>
  (world.drives.get(name) as SimDrive).host;

/** A range that was cut at `m`, both halves at epoch 2. */
async function cutRange(hasDisks = false): Promise<[World, SimClient]> {
  const world = new World(1, { hasDisks });
  await world.start(...CHAIN, 'd');
  await world.install(record(1, 1, CHAIN), [...CHAIN].reverse(), true);
  const client = await world.client();
  await client.put('a', 'k', 'first');
  await world.sim.until(hostOf(world, 'a').split(halves(2)));
  return [world, client];
}

const command = (epoch = 3, changes: Partial<MergeRange> = {}): MergeRange => ({
  ...halves(2),
  merged: record(1, epoch, CHAIN),
  isCheck: false,
  leftSequence: undefined,
  rightSequence: undefined,
  ...changes,
});

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

async function mergeAll(world: World): Promise<MergeAnswer> {
  const answer = await world.sim.until(hostOf(world, 'a').merge(command()));
  for (const name of ['b', 'c']) {
    await world.sim.until(hostOf(world, name).merge(command(3, answer)));
  }
  return answer;
}

const LEFT = { rangeId: 1, epoch: 2 };
const RIGHT = { rangeId: 2, epoch: 2 };
const WHOLE = { rangeId: 1, epoch: 3 };

const idsOf = (world: World, name: string): [number, number][] =>
  hostOf(world, name)
    .held()
    .map(({ range, epoch }) => [Number(range), Number(epoch)]);

test(
  'one range has the data, the sessions and the numbers of both, on every member',
  deadline(20_000, async () => {
    const [world, client] = await cutRange();
    for (let n = 0; n < 5; n++) await client.put('a', `a${n}`, `v${n}`, LEFT);
    const onLeft = client.nextWriteNumber();
    const first = await client.increment('a', 'counter', 5n, { ...LEFT, writeNumber: onLeft });
    for (let n = 0; n < 20; n++) await client.put('a', `x${n}`, `v${n}`, RIGHT);
    const onRight = client.nextWriteNumber();
    const second = await client.increment('a', 'zz', 3n, { ...RIGHT, writeNumber: onRight });
    assert.ok(second.version > first.version);
    const answer = await mergeAll(world);
    assert.is(answer.leftSequence, first.version);
    assert.is(answer.rightSequence, second.version);
    for (const name of CHAIN) assert.equal(idsOf(world, name), [[1, 3]]);
    const retry = { ...WHOLE, flags: OperationFlag.retry };
    const again = await client.increment('a', 'counter', 5n, { ...retry, writeNumber: onLeft });
    assert.is(again.version, first.version, 'answered, not applied again');
    const also = await client.increment('a', 'zz', 3n, { ...retry, writeNumber: onRight });
    assert.is(also.version, second.version);
    assert.is((await client.get('c', 'zz', WHOLE)).value.readBigInt64LE(0), 3n);
    assert.is((await client.get('c', 'x7', WHOLE)).value.toString(), 'v7');
    assert.is((await client.get('c', 'x7', WHOLE)).version, 1 + 8, 'an entry keeps its version');
    const next = await client.put('a', 'a0', 'new', WHOLE);
    assert.is(next.version, second.version + 1, 'it goes on behind the higher one');
    const oldPicture = await client.get('c', 'x7', RIGHT);
    assert.is(oldPicture.status, Status.ok, 'who knows the right half only is served');
    assert.ok(oldPicture.news, 'and told');
    assert.equal(await world.sim.until(hostOf(world, 'a').merge(command())), answer);
  }),
);

test(
  'writes that come while it drains wait, and are answered by the one range',
  deadline(20_000, async () => {
    const [world, client] = await cutRange(true);
    const early = [client.put('a', 'k', '1', LEFT), client.put('a', 'z', '1', RIGHT)];
    await world.sim.run(() => false, 1);
    const merging = hostOf(world, 'a').merge(command());
    const late = [client.put('a', 'k', '2', LEFT), client.put('a', 'z', '2', RIGHT)];
    const answer = await world.sim.until(merging);
    for (const name of ['b', 'c']) {
      await world.sim.until(hostOf(world, name).merge(command(3, answer)));
    }
    for (const put of [...early, ...late]) assert.is((await put).status, Status.ok);
    assert.is((await client.get('c', 'k', WHOLE)).value.toString(), '2');
    assert.is((await client.get('c', 'z', WHOLE)).value.toString(), '2');
  }),
);

test(
  'until every member has merged nothing is committed under the new epoch, and readers see the old',
  deadline(20_000, async () => {
    const [world, client] = await cutRange();
    await client.put('a', 'k', 'old', LEFT);
    const answer = await world.sim.until(hostOf(world, 'a').merge(command()));
    let isAnswered = false;
    const put = client.put('a', 'k', 'new', WHOLE).then((outcome) => {
      isAnswered = true;
      return outcome;
    });
    await world.sim.until(hostOf(world, 'b').merge(command(3, answer)));
    await world.sim.run(() => false, 200);
    assert.not.ok(isAnswered);
    assert.is((await client.get('c', 'k', LEFT)).value.toString(), 'old');
    await world.sim.until(hostOf(world, 'c').merge(command(3, answer)));
    assert.is((await world.sim.until(put)).status, Status.ok);
    assert.is((await client.get('c', 'k', WHOLE)).value.toString(), 'new');
  }),
);

for (const kind of ['process', 'power'] as const) {
  test(
    `a merge is on the device before it is answered: ${kind}`,
    deadline(20_000, async () => {
      const [world, client] = await cutRange(true);
      await client.put('a', 'k', 'v', LEFT);
      for (let n = 0; n < 9; n++) await client.put('a', `z${n}`, 'w', RIGHT);
      await mergeAll(world);
      const put = await client.put('a', 'k', 'later', WHOLE);
      for (const name of CHAIN) world.crash(name, kind);
      const whole = record(1, 3, CHAIN);
      for (const name of CHAIN) await world.restart(name, [whole, halves(2).right]);
      for (const name of CHAIN) assert.equal(idsOf(world, name), [[1, 3]]);
      const again = await world.client('another');
      await world.sim.run(() => false, 500);
      const read = await again.get('c', 'z8', WHOLE);
      assert.is(read.value.toString(), 'w');
      assert.is((await again.get('c', 'k', WHOLE)).version, put.version);
      const next = await again.put('a', 'z0', 'next', WHOLE);
      assert.is(next.version, put.version + 1);
    }),
  );
}

test(
  'the head dies when it alone has merged: both go on without it, and it comes back with nothing of its own',
  deadline(30_000, async () => {
    const [world, client] = await cutRange(true);
    await client.put('a', 'k', 'v', LEFT);
    await client.put('a', 'z', 'w', RIGHT);
    await world.sim.until(hostOf(world, 'a').merge(command()));
    client.put('a', 'k', 'never acknowledged', WHOLE).catch(() => {});
    await world.sim.run(() => false, 50);
    world.crash('a', 'process');
    const back = (id: 1 | 2): RangeRecord =>
      record(
        id,
        4,
        ['b', 'c', ['a', MemberState.offline]],
        id === 1 ? { end: 'm' } : { start: 'm' },
      );
    for (const id of [1, 2] as const) await world.install(back(id), ['c', 'b']);
    const epoch4 = { rangeId: 1, epoch: 4 };
    assert.is((await client.put('b', 'k', 'v2', epoch4)).status, Status.ok);
    assert.is((await client.put('b', 'z', 'w2', { rangeId: 2, epoch: 4 })).status, Status.ok);
    await world.restart('a', [back(1), back(2)]);
    for (const id of [1, 2] as const) {
      const syncing: [string, MemberState] = ['a', MemberState.syncing];
      const borders = id === 1 ? { end: 'm' } : { start: 'm' };
      await world.install(record(id, 5, ['b', 'c', syncing], borders), ['a', 'c', 'b']);
    }
    const tail = world.drives.get('c') as SimDrive;
    await world.sim.run(() => tail.finished.length >= 2, 20_000);
    for (const id of [1, 2] as const) {
      const borders = id === 1 ? { end: 'm' } : { start: 'm' };
      await world.install(record(id, 6, ['b', 'c', 'a'], borders), ['c', 'a', 'b']);
    }
    const read = await client.get('a', 'k', { rangeId: 1, epoch: 6 });
    assert.is(read.value.toString(), 'v2');
    assert.is((await client.get('a', 'z', { rangeId: 2, epoch: 6 })).value.toString(), 'w2');
  }),
);

test(
  'what stands elsewhere is not merged, and nothing changes',
  deadline(20_000, async () => {
    const [world, client] = await cutRange();
    await client.put('a', 'k', 'v', LEFT);
    const before = CHAIN.map((name) => idsOf(world, name));
    const at = (leftSequence: number, rightSequence: number): Promise<unknown> =>
      hostOf(world, 'b').merge(
        command(3, {
          leftSequence: leftSequence as MergeAnswer['leftSequence'],
          rightSequence: rightSequence as MergeAnswer['rightSequence'],
        }),
      );
    assert.is(await refusalOf(world, at(3, 1)), Status.conflictingOperation);
    assert.is(await refusalOf(world, at(2, 2)), Status.conflictingOperation);
    const merge = (changes: Partial<MergeRange>): Promise<unknown> =>
      hostOf(world, 'a').merge(command(3, changes));
    const older = halves(1);
    assert.is(await refusalOf(world, merge({ left: older.left })), Status.conflictingOperation);
    const gap = record(2, 2, CHAIN, { start: 'n' });
    assert.is(await refusalOf(world, merge({ right: gap })), Status.invalidArgument);
    const low = record(1, 2, CHAIN);
    assert.is(await refusalOf(world, merge({ merged: low })), Status.invalidArgument);
    const notHead = hostOf(world, 'b').merge(command());
    assert.is(await refusalOf(world, notHead), Status.staleIndex);
    const stranger = hostOf(world, 'd').merge(command());
    assert.is(await refusalOf(world, stranger), Status.noSuchRange);
    assert.equal(
      CHAIN.map((name) => idsOf(world, name)),
      before,
    );
    const check = await world.sim.until(hostOf(world, 'a').merge(command(3, { isCheck: true })));
    assert.equal(check, { leftSequence: 2, rightSequence: 1 });
    assert.equal(idsOf(world, 'a'), before[0]);
    assert.is((await client.put('a', 'k', 'still', LEFT)).status, Status.ok);
  }),
);

test(
  'a half that was copied to a drive lies apart in its log: it is refused for good',
  deadline(20_000, async () => {
    const [world, client] = await cutRange();
    await client.put('a', 'z', 'w', RIGHT);
    const syncing = record(2, 3, ['a', 'b', 'c', ['d', MemberState.syncing]], { start: 'm' });
    await world.install(syncing, ['d', 'c', 'b', 'a']);
    const tail = world.drives.get('c') as SimDrive;
    await world.sim.run(() => tail.finished.length > 0, 5_000);
    await world.install(record(2, 4, ['a', 'b', 'd'], { start: 'm' }), ['c', 'd', 'b', 'a']);
    const toD = record(1, 3, ['a', 'b', 'c', ['d', MemberState.syncing]], { end: 'm' });
    await world.install(toD, ['d', 'c', 'b', 'a']);
    await world.sim.run(() => tail.finished.length > 1, 5_000);
    await world.install(record(1, 4, ['a', 'b', 'd'], { end: 'm' }), ['c', 'd', 'b', 'a']);
    const both = halves(4, ['a', 'b', 'd']);
    const check = { ...command(5), ...both, isCheck: true };
    assert.is(await refusalOf(world, hostOf(world, 'd').merge(check)), Status.invalidArgument);
    assert.is(await refusalOf(world, hostOf(world, 'a').merge(check)), undefined);
  }),
);

test.run();
