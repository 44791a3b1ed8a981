// What became of a write: the answer must be true for ever, whatever comes late and whoever dies.

import { epoch, MemberState, messages, OperationFlag, rangeId, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import type { SimClient } from './scripted-client.ts';
import { record, World } from './world.ts';

const test = suite('what became of a write');
const APPLIED = 1;
const NOT_APPLIED = 2;
const UNKNOWN = 3;

async function chainOf(
  names: string[],
  others: string[] = [],
  hasDisks = false,
): Promise<{ world: World; client: SimClient }> {
  const world = new World(1, { hasDisks });
  await world.start(...names, ...others);
  await world.install(record(1, 1, names), [...names].reverse(), true);
  return { world, client: await world.client() };
}

function ask(
  world: World,
  client: SimClient,
  drive: string,
  writeNumber: number,
  where: { range?: number; epoch?: number } = {},
): Promise<{ outcome: number; version: number }> {
  const run = async (): Promise<{ outcome: number; version: number }> => {
    const connection = await client.connect(drive);
    const { body } = await connection.request(
      messages.resolveOutcome,
      {
        range: rangeId(where.range ?? 1),
        epoch: epoch(where.epoch ?? 1),
        sessionHigh: 7,
        sessionLow: client.session,
        writeNumber,
      },
      messages.outcomeAnswer,
      { timeoutMs: 5_000 },
    );
    return body;
  };
  return world.sim.until(run());
}

test(
  'an applied write is told with its version, a number from before the session is not known',
  deadline(5000, async () => {
    const { world, client } = await chainOf(['a', 'b']);
    const lost = client.nextWriteNumber();
    const put = await client.put('a', 'k', 'v');
    assert.equal(await ask(world, client, 'a', 2), { outcome: APPLIED, version: put.version });
    assert.is((await ask(world, client, 'a', lost)).outcome, UNKNOWN);
    assert.is((await client.put('a', 'k', 'w', { writeNumber: lost })).status, Status.ok);
  }),
);

test(
  'a session that is not known here is told nothing for sure',
  deadline(5000, async () => {
    const { world, client } = await chainOf(['a']);
    assert.is((await ask(world, client, 'a', 1)).outcome, UNKNOWN);
    assert.is((await client.put('a', 'k', 'v')).status, Status.ok);
  }),
);

test(
  'a write that was told to be not applied is refused when it comes late',
  deadline(5000, async () => {
    const { world, client } = await chainOf(['a', 'b', 'c']);
    await client.put('a', 'k', 'v');
    const late = client.nextWriteNumber();
    assert.is((await ask(world, client, 'a', late)).outcome, NOT_APPLIED);
    assert.is((await ask(world, client, 'a', late)).outcome, NOT_APPLIED, 'and again');
    const flags = OperationFlag.retry;
    for (const more of [{}, { flags }]) {
      const outcome = await client.put('a', 'k', 'late', { writeNumber: late, ...more });
      assert.is(outcome.status, Status.cancelled);
    }
    assert.is((await client.get('c', 'k')).value.toString(), 'v');
  }),
);

test(
  'nothing is told before every member has the mark',
  deadline(5000, async () => {
    const { world, client } = await chainOf(['a', 'b']);
    await client.put('a', 'k', 'v');
    const late = client.nextWriteNumber();
    world.sim.cut('b', 'a');
    let told: number | undefined;
    const asked = ask(world, client, 'a', late).then(({ outcome }) => {
      told = outcome;
    });
    await world.sim.run(() => false, 100);
    assert.is(told, undefined);
    world.sim.heal('b', 'a');
    await asked;
    assert.is(told, NOT_APPLIED);
  }),
);

test(
  'the mark holds after a split, on both sides, and after a crash of the drive',
  deadline(10_000, async () => {
    const { world, client } = await chainOf(['a'], [], true);
    await client.put('a', 'k1', 'v');
    const late = client.nextWriteNumber();
    assert.is((await ask(world, client, 'a', late)).outcome, NOT_APPLIED);
    const left = record(1, 2, ['a'], { end: 'k5' });
    const right = record(2, 2, ['a'], { start: 'k5' });
    await world.sim.until(world.drives.get('a')?.host.split({ left, right }) as Promise<void>);
    const inRight = client.nextWriteNumber();
    const where = { range: 2, epoch: 2 };
    assert.is((await ask(world, client, 'a', inRight, where)).outcome, NOT_APPLIED);
    world.crash('a', 'power');
    await world.restart('a', [left, right]);
    for (const [key, writeNumber] of [
      ['k9', late],
      ['k1', late],
      ['k9', inRight],
    ] as const) {
      const outcome = await client.put('a', key, 'late', { writeNumber });
      assert.is(outcome.status, Status.cancelled, `${key} ${writeNumber}`);
    }
  }),
);

test(
  'only the epoch that holds now is judged: a late copy may go to another half',
  deadline(5000, async () => {
    const { world, client } = await chainOf(['a']);
    await client.put('a', 'k', 'v');
    await world.install(record(1, 2, ['a']), ['a']);
    const failures: number[] = [];
    for (const asked of [1, 3]) {
      await ask(world, client, 'a', client.nextWriteNumber(), { epoch: asked }).catch((error) =>
        failures.push(error.status),
      );
    }
    assert.equal(failures, [Status.staleIndex, Status.aheadOfDrive]);
  }),
);

test(
  'the mark goes with the range to another drive',
  deadline(10_000, async () => {
    const { world, client } = await chainOf(['a'], ['n']);
    await client.put('a', 'k', 'v');
    const late = client.nextWriteNumber();
    assert.is((await ask(world, client, 'a', late)).outcome, NOT_APPLIED);
    await world.install(record(1, 2, ['a', ['n', MemberState.syncing]]), ['n', 'a']);
    await world.sim.run(() => (world.drives.get('a')?.finished.length ?? 0) > 0, 10_000);
    await world.install(record(1, 3, ['n']), ['a', 'n']);
    const outcome = await client.put('n', 'k', 'late', { writeNumber: late, epoch: 3 });
    assert.is(outcome.status, Status.cancelled);
    const other = client.nextWriteNumber();
    assert.is((await ask(world, client, 'n', other, { epoch: 3 })).outcome, NOT_APPLIED);
  }),
);

test.run();
