// Who waits is told the truth when it can wait no more: the log fails, the drive stops, the client takes
// its request back.

import {
  type Connection,
  epoch,
  indexVersion,
  messages,
  OperationFlag,
  rangeId,
  Status,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import type { ScanPage, StoredRecord } from '../../src/engine/store.ts';
import { PendingWrites, RECENT_MAX } from '../../src/ranges/pending.ts';
import { deferred } from '../../src/ranges/waiters.ts';
import type { Write } from '../../src/ranges/write.ts';
import { deadline } from '../shell/deadline.ts';
import type { Outcome, SimClient } from './scripted-client.ts';
import { record, type SimDrive, World } from './world.ts';

const test = suite('giving up');

async function oneDrive(hasDisks = false): Promise<{
  world: World;
  client: SimClient;
  drive: SimDrive;
}> {
  const world = new World(1, { hasDisks });
  await world.start('a');
  await world.install(record(1, 1, ['a']), ['a'], true);
  return { world, client: await world.client(), drive: world.drives.get('a') as SimDrive };
}

test(
  'writes that were appended when the log fails are told to be unknown, and so are their retries',
  deadline(10_000, async () => {
    const { world, client } = await oneDrive(true);
    await client.put('a', 'k', 'v');
    (world.disks?.get('a') as MemoryDisk).failFlushes = 1;
    const writeNumber = client.nextWriteNumber();
    const lost = await client.put('a', 'k', 'w', { writeNumber });
    assert.is(lost.status, Status.outcomeUnknown);
    const flags = OperationFlag.retry;
    const again = await client.put('a', 'k', 'w', { writeNumber, flags });
    assert.is(again.status, Status.outcomeUnknown);
    assert.ok((again.detail.retryAfterMs ?? 0) > 0, 'and not in a tight loop');
    assert.is((await client.put('a', 'other', 'x')).status, Status.storeFailed, 'never begun');
    assert.is((await client.get('a', 'k')).value.toString(), 'v', 'reads go on');
  }),
);

test(
  'a drive that stops tells whom it has not answered to ask again',
  deadline(10_000, async () => {
    const { world, client, drive } = await oneDrive(true);
    await client.put('a', 'k', 'v');
    const [put] = await world.sim.until(client.send('a', [client.putOperation('k', 'w')]));
    // It is in the log, and the device has not been heard of yet.
    await world.sim.run(() => drive.host.held()[0]?.sequence === 2, 1_000);
    await drive.host.stop();
    const outcome = await world.sim.until(put as Promise<Outcome>);
    assert.is(outcome.status, Status.outcomeUnknown);
  }),
);

test(
  'a cold read that is taken back is told so at once, and its record is not sent',
  deadline(5000, async () => {
    const { world, client, drive } = await oneDrive();
    const frames = countFrames(drive);
    const cold = deferred<StoredRecord | undefined>();
    drive.store.get = () => cold.promise;
    const [read] = await world.sim.until(client.send('a', [{ key: Buffer.from('k') }]));
    await world.sim.run(() => false, 10);
    const connection = await world.sim.until(client.connect('a'));
    connection.notify(messages.cancel, { operations: [1], requests: [] });
    const outcome = await world.sim.until(read as Promise<Outcome>);
    assert.is(outcome.status, Status.cancelled);
    assert.is(frames.count, 1);
    cold.resolve(undefined);
    await world.sim.run(() => false, 100);
    assert.is(frames.count, 1, 'nothing more');
  }),
);

test(
  'a scan that is taken back is not answered',
  deadline(5000, async () => {
    const { world, client, drive } = await oneDrive();
    const frames = countFrames(drive);
    const page = deferred<ScanPage>();
    drive.store.scan = () => page.promise;
    const connection = await world.sim.until(client.connect('a'));
    const stop = new AbortController();
    const scanned = connection.request(
      messages.scan,
      {
        range: rangeId(1),
        epoch: epoch(1),
        indexVersion: indexVersion(1),
        start: new Uint8Array(0),
        end: undefined,
        reverse: false,
        keysOnly: false,
        entriesMax: 10,
        bytesMax: 1_000,
        placedPrefix: undefined,
        budgetMs: 1_000,
      },
      messages.scanAnswer,
      { timeoutMs: 1_000, signal: stop.signal },
    );
    await world.sim.run(() => false, 10);
    stop.abort(new Error('enough'));
    const failure = await scanned.then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.match(String(failure), /enough/);
    await world.sim.run(() => false, 10);
    page.resolve({ entries: [], isLast: true });
    await world.sim.run(() => false, 100);
    assert.is(frames.count, 0);
  }),
);

test('all that was pending can be given to a neighbour again, and an old past is forgotten', () => {
  const pending = new PendingWrites();
  for (let sequence = 1; sequence <= 5 * RECENT_MAX; sequence++) {
    pending.add(writeAt(sequence));
    pending.shift();
  }
  const end = 5 * RECENT_MAX;
  for (const back of [0, 1, RECENT_MAX - 1]) assert.is(pending.placeOf(end - back), end - back);
  assert.is(pending.placeOf(1), undefined);
  for (let sweep = 0; sweep < 2; sweep++) pending.forgetOld();
  pending.add(writeAt(end + 1));
  pending.shift();
  assert.is(pending.placeOf(end), end, 'not before two sweeps are over');
  pending.forgetOld();
  assert.is(pending.placeOf(end), undefined);
  assert.is(pending.placeOf(end + 1), end + 1);
  for (let sweep = 0; sweep < 2; sweep++) pending.forgetOld();
  assert.is(pending.placeOf(end + 1), undefined);
});

function writeAt(sequence: number): Write {
  return { sequence, record: undefined, place: sequence, bucket: 0 } as unknown as Write;
}

/** Counts the frames that the drive sends to whoever has asked it something since. */
function countFrames({ host }: SimDrive): { count: number } {
  const sent = { count: 0 };
  const handle = host.handleFrame.bind(host);
  const watched = new Set<Connection>();
  host.handleFrame = (connection, frame) => {
    if (!watched.has(connection)) {
      watched.add(connection);
      const send = connection.sendFrame.bind(connection);
      connection.sendFrame = (chunks) => {
        sent.count++;
        send(chunks);
      };
    }
    return handle(connection, frame);
  };
  return sent;
}

test.run();
