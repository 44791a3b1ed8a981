import { OperationFlag, Status } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deadline } from '../shell/deadline.ts';
import type { SimClient } from './scripted-client.ts';
import { record, World } from './world.ts';

const test = suite('one drive, one range');

async function oneDrive(): Promise<{ world: World; client: SimClient }> {
  const world = new World();
  await world.start('a');
  await world.install(record(1, 1, ['a']), ['a'], true);
  return { world, client: await world.client() };
}

test(
  'get finds what put wrote, and its version grows',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    const first = await client.put('a', 'k', 'one');
    const second = await client.put('a', 'k', 'two');
    assert.is(first.status, Status.ok);
    assert.ok(second.version > first.version);
    const found = await client.get('a', 'k');
    assert.is(found.value.toString(), 'two');
    assert.is(found.version, second.version);
    assert.is((await client.get('a', 'other')).status, Status.notFound);
  }),
);

test(
  'a conditional put is judged against writes that are not committed yet',
  deadline(5000, async () => {
    const { world, client } = await oneDrive();
    const ifAbsent = { flags: OperationFlag.ifVersion, ifVersion: 0 };
    const sent = await world.sim.until(
      client.send('a', [
        client.putOperation('k', 'first', ifAbsent),
        client.putOperation('k', 'second', ifAbsent),
      ]),
    );
    const [first, second] = await world.sim.until(Promise.all(sent));
    assert.is(first?.status, Status.ok);
    assert.is(second?.status, Status.versionMismatch);
    assert.is(second?.detail.version, first?.version);
    assert.is((await client.get('a', 'k')).value.toString(), 'first');
  }),
);

test(
  'delete says whether the key existed, also within one frame',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    assert.is((await client.delete('a', 'k')).existed, false);
    await client.put('a', 'k', 'v');
    assert.is((await client.delete('a', 'k')).existed, true);
    assert.is((await client.get('a', 'k')).status, Status.notFound);
  }),
);

test(
  'a version never repeats, not even after delete and re-create',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    const before = await client.put('a', 'k', 'v');
    await client.delete('a', 'k');
    const after = await client.put('a', 'k', 'v');
    assert.ok(after.version > before.version + 1);
  }),
);

test(
  'increments add up, refuse what is no counter, and refuse to overflow',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    assert.is((await client.increment('a', 'n', 5n)).value.readBigInt64LE(0), 5n);
    assert.is((await client.increment('a', 'n', -7n)).value.readBigInt64LE(0), -2n);
    await client.put('a', 'text', 'no number');
    assert.is((await client.increment('a', 'text', 1n)).status, Status.notANumber);
    await client.increment('a', 'big', 2n ** 63n - 1n);
    assert.is((await client.increment('a', 'big', 1n)).status, Status.numberOverflow);
  }),
);

test(
  'a retry of a write is answered with the first result, not applied again',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    const writeNumber = client.nextWriteNumber();
    const first = await client.increment('a', 'n', 5n, { writeNumber });
    const again = await client.increment('a', 'n', 5n, { writeNumber, flags: OperationFlag.retry });
    assert.is(again.version, first.version);
    assert.is(again.value.readBigInt64LE(0), 5n);
    assert.is((await client.get('a', 'n')).value.readBigInt64LE(0), 5n);
  }),
);

test(
  'two copies of a write in one frame are applied once and answered twice',
  deadline(5000, async () => {
    const { world, client } = await oneDrive();
    const operation = client.putOperation('k', 'v');
    const sent = await world.sim.until(client.send('a', [operation, operation]));
    const [first, second] = await world.sim.until(Promise.all(sent));
    assert.is(first?.version, 1);
    assert.is(second?.version, 1);
  }),
);

test(
  'a refusal given to a retry holds for the delayed first copy as well',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    await client.put('a', 'k', 'taken');
    const writeNumber = client.nextWriteNumber();
    const ifAbsent = { writeNumber, ifVersion: 0 };
    const flags = OperationFlag.ifVersion;
    const retry = await client.put('a', 'k', 'x', {
      ...ifAbsent,
      flags: flags | OperationFlag.retry,
    });
    assert.is(retry.status, Status.versionMismatch);
    await client.delete('a', 'k');
    const delayed = await client.put('a', 'k', 'x', { ...ifAbsent, flags });
    assert.is(delayed.status, Status.versionMismatch, 'the delayed copy would succeed now');
    assert.is((await client.get('a', 'k')).status, Status.notFound);
  }),
);

test(
  'a number below the lowest outstanding one is refused, never applied',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    client.lowestOutstanding = 10;
    await client.put('a', 'k', 'v', { writeNumber: 10 });
    const late = await client.put('a', 'k', 'old', { writeNumber: 3 });
    assert.is(late.status, Status.sessionExpired);
    assert.is((await client.get('a', 'k')).value.toString(), 'v');
  }),
);

test(
  'requests of another epoch or range are told what is true',
  deadline(5000, async () => {
    const { client, world } = await oneDrive();
    const ahead = await client.get('a', 'k', { epoch: 9 });
    assert.is(ahead.status, Status.aheadOfDrive);
    assert.ok((ahead.detail.retryAfterMs ?? 0) > 0);
    assert.is((await client.get('a', 'k', { rangeId: 77 })).status, Status.staleIndex);
    await world.install(record(1, 2, ['a']), ['a']);
    const served = await client.get('a', 'k', { epoch: 1 });
    assert.is(served.status, Status.notFound, 'an old epoch is served by the right drive');
    assert.ok(Array.isArray(served.news), 'and the answer carries the news');
    const again = await client.get('a', 'k', { epoch: 1 });
    assert.is(again.news, null, 'but only once');
  }),
);

test(
  'no read is answered without a lease',
  deadline(5000, async () => {
    const { client, world } = await oneDrive();
    await client.put('a', 'k', 'v');
    const drive = world.drives.get('a');
    if (drive !== undefined) drive.lease.isGranted = false;
    assert.is((await client.get('a', 'k')).status, Status.rangeUnavailable);
  }),
);

test(
  'keys and values over their limit are refused and change nothing',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    assert.is((await client.put('a', 'k'.repeat(4105), 'v')).status, Status.keyTooLarge);
    assert.is((await client.put('a', 'k'.repeat(4104), '')).status, Status.ok);
    const large = await client.put('a', 'k', 'v'.repeat(1024 * 1024 + 1));
    assert.is(large.status, Status.valueTooLarge);
    assert.is((await client.put('a', 'k', 'v'.repeat(1024 * 1024))).status, Status.ok);
    assert.is((await client.get('a', 'k')).value.length, 1024 * 1024);
  }),
);

test(
  'a write whose time is over is not begun',
  deadline(5000, async () => {
    const { client } = await oneDrive();
    const late = await client.put('a', 'k', 'v', { budgetMs: 0 });
    // A budget of zero may still be met in the same instant; what is told must be what is true.
    const found = await client.get('a', 'k');
    assert.is(late.status === Status.ok, found.status === Status.ok);
  }),
);

test.run();
