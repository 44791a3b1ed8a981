// What the store does when the device lets it down: each fault has a typed answer, and what is
// still good goes on.

import { limits } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import type { LogStore } from '../../src/engine/log-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import { type Namespace, StoreError, type StoreErrorCode } from '../../src/engine/store.ts';
import type { Damage } from '../../src/engine/upkeep/recovery.ts';
import {
  bytes,
  clock,
  deadline,
  durable,
  identity,
  random,
  read,
  Scribe,
  scanAll,
  text,
} from './suite/harness.ts';
import { assertCode } from './suite/refusal-suite.ts';

const test = suite('faults');

interface Opened {
  readonly store: LogStore;
  readonly damages: Damage[];
}

async function open(
  disk: MemoryDisk,
  capacityBytes = 1 << 26,
  segmentBytes = 1 << 21,
): Promise<Opened> {
  const damages: Damage[] = [];
  const store = await openLogStore({
    directory: '/data',
    clock,
    random,
    identity,
    disk,
    cacheBytes: 1,
    capacityBytes,
    segmentBytes,
    onDamage: (damage) => damages.push(damage),
  });
  return { store: store as LogStore, damages };
}

async function rejectsWith(promise: Promise<unknown>, code: StoreErrorCode): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  assert.instance(error, StoreError);
  assert.is((error as StoreError).code, code);
}

const logPath = (disk: MemoryDisk): string =>
  disk.paths().find((path) => path.endsWith('.log')) as string;

/** A store with ten records, flushed; killed, not closed. */
async function killedWithTen(disk: MemoryDisk): Promise<Namespace> {
  const { store } = await open(disk);
  const namespace = store.createNamespace();
  const scribe = new Scribe(store, namespace);
  for (let number = 0; number < 10; number++) scribe.put(`k${number}`, `value-${number}`);
  await durable(store);
  // A later record that was written when the others were durable: it proves that they were.
  scribe.put('last', 'z');
  await durable(store);
  disk.processCrash();
  await store.close();
  return namespace;
}

test(
  'a failed flush is final: nothing is claimed durable, no write is taken, reads go on',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('a', 'one');
    await durable(store);
    const before = store.durablePosition;
    disk.failFlushes = 1;
    scribe.put('b', 'two');
    await rejectsWith(durable(store), 'flush-failed');
    assert.is(store.durablePosition, before);
    assertCode(() => scribe.put('c', 'three'), 'flush-failed');
    assert.is(await read(store, namespace, 'a'), 'one');
    await rejectsWith(store.putStates(new Map([['x', bytes('y')]])), 'flush-failed');
    await store.close();
  }),
);

test(
  'after a failed flush the store opens again with what was durable',
  deadline(10_000, async () => {
    const disk = new MemoryDisk(() => 0.1);
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('a', 'one');
    await durable(store);
    disk.failFlushes = 1;
    scribe.put('b', 'two');
    await durable(store).catch(() => undefined);
    disk.crash();
    await store.close();
    const again = (await open(disk)).store;
    assert.equal(await scanAll(again, namespace), ['a=one']);
    await again.close();
  }),
);

test(
  'a full device refuses puts, takes them again when there is room, and loses nothing',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('a', 'one');
    await durable(store);
    disk.capacityBytes = disk.usedBytes;
    // More than the room that the file of the log has already.
    const large = 'two'.padEnd(300_000);
    const end = scribe.put('b', large);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertCode(() => scribe.put('c', 'three'), 'no-space');
    assert.ok(store.statistics().isFull);
    scribe.delete('a');
    assert.is(await read(store, namespace, 'a'), undefined, 'deletes go on');
    assert.is(await read(store, namespace, 'b'), large, 'reads go on');
    assert.ok(store.durablePosition < end, 'nothing is claimed durable');
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    await durable(store);
    scribe.put('c', 'three');
    assert.equal(await scanAll(store, namespace), [`b=${large}`, 'c=three']);
    await store.close();
  }),
);

test(
  'a device without room for zeros takes the records alone',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    disk.capacityBytes = disk.usedBytes + 4096;
    new Scribe(store, namespace).put('a', 'one');
    await durable(store);
    assert.ok(disk.usedBytes <= disk.capacityBytes);
    assert.equal(await scanAll(store, namespace), ['a=one']);
    await store.close();
  }),
);

test(
  'a slow device makes the store answer busy, not grow',
  deadline(20_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 1 << 27, 1 << 24);
    const scribe = new Scribe(store, store.createNamespace());
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    disk.delay = () => gate;
    const value = new Uint8Array(1 << 20);
    let accepted = 0;
    try {
      for (; accepted < 100; accepted++) scribe.put(`k${accepted}`, value);
      assert.unreachable('the bound must be reached');
    } catch (error) {
      assert.is((error as StoreError).code, 'busy');
    }
    // What one client may have in flight is taken.
    const mib = limits.IN_FLIGHT_BYTES_MAX / value.length;
    assert.ok(accepted >= mib && accepted <= mib + 8, `${accepted} MiB were taken`);
    disk.delay = undefined;
    release();
    await durable(store);
    scribe.put('after', 'x');
    await store.close();
  }),
);

test(
  'damage in the middle is reported with its key, never served, and the rest is there',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const namespace = await killedWithTen(disk);
    const content = Buffer.from(disk.peek(logPath(disk)));
    disk.damage(logPath(disk), content.indexOf('value-4') + 6);
    const { store, damages } = await open(disk);
    assert.is(damages.length, 1);
    assert.is(text(damages[0]?.key as Uint8Array), 'k4');
    assert.is(damages[0]?.namespace, namespace);
    await rejectsWith(Promise.resolve(store.get(namespace, bytes('k4'))), 'checksum');
    for (const number of [0, 3, 5, 9]) {
      assert.is(await read(store, namespace, `k${number}`), `value-${number}`);
    }
    const scribe = new Scribe(store, namespace);
    scribe.sequence = 50;
    scribe.put('k4', 'repaired');
    assert.is(await read(store, namespace, 'k4'), 'repaired');
    assert.is((await scanAll(store, namespace)).length, 11);
    await store.close();
  }),
);

test(
  'a damaged record hides the older ones of its key: an old value is not served as the new one',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('a', 'old-value');
    scribe.put('a', 'new-value');
    await durable(store);
    scribe.put('b', 'proof');
    await durable(store);
    disk.processCrash();
    await store.close();
    disk.damage(logPath(disk), Buffer.from(disk.peek(logPath(disk))).indexOf('new-value'));
    const again = (await open(disk)).store;
    await rejectsWith(Promise.resolve(again.get(namespace, bytes('a'))), 'checksum');
    await again.close();
  }),
);

test(
  'a record damaged while the store runs rejects with checksum, once it is cold',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('victim', 'good-bytes');
    // Enough to push the first blocks out of the smallest cache.
    for (let number = 0; number < 400; number++) scribe.put(`k${number}`, new Uint8Array(2000));
    await durable(store);
    disk.damage(logPath(disk), Buffer.from(disk.peek(logPath(disk))).indexOf('good-bytes'));
    await rejectsWith(Promise.resolve(store.get(namespace, bytes('victim'))), 'checksum');
    assert.is((await read(store, namespace, 'k7'))?.length, 2000);
    await store.close();
  }),
);

test(
  'bytes of another segment or another place are never taken for records',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    for (let number = 0; number < 4; number++) scribe.put(`k${number}`, 'same-length');
    await durable(store);
    disk.processCrash();
    await store.close();
    const path = logPath(disk);
    const content = disk.peek(path);
    const file = await disk.open(path, 'write');
    // The first records once more, behind the last one, as a stale tail would leave them.
    await file.write(content.slice(64), content.length);
    const { store: again, damages } = await open(disk);
    assert.equal(damages, []);
    assert.is((await scanAll(again, namespace)).length, 4);
    assert.is(again.recoveredPosition, store.appendedPosition);
    await again.close();
  }),
);

test(
  'the last record before a checkpoint is damaged, not torn: its key is not forgotten',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('first', 'x');
    scribe.put('last', 'the very last value');
    await durable(store);
    await store.checkpoint();
    disk.processCrash();
    await store.close().catch(() => {});
    const path = logPath(disk);
    disk.damage(path, Buffer.from(disk.peek(path)).lastIndexOf('the very last value'));
    // The key index is made anew here: the log is read from its beginning.
    const again = await open(disk);
    assert.is(again.damages.length, 1);
    await rejectsWith(Promise.resolve(again.store.get(namespace, bytes('last'))), 'checksum');
    new Scribe(again.store, namespace).put('next', 'y');
    await durable(again.store);
    await rejectsWith(Promise.resolve(again.store.get(namespace, bytes('last'))), 'checksum');
    assert.is(await read(again.store, namespace, 'first'), 'x');
    await rejectsWith(scanAll(again.store, namespace), 'checksum');
    await again.store.close();
  }),
);

test(
  'a checkpoint that is lost or damaged costs time, not data',
  deadline(20_000, async () => {
    for (const harm of ['lose', 'damage', 'cut'] as const) {
      const disk = new MemoryDisk();
      const { store } = await open(disk);
      const namespace = store.createNamespace();
      const scribe = new Scribe(store, namespace);
      for (let number = 0; number < 500; number++) scribe.put(`k${number % 300}`, `v${number}`);
      await store.putStates(new Map([['role', bytes('head')]]));
      await store.dropInterval(namespace, bytes('k20'), bytes('k21'));
      const before = await scanAll(store, namespace);
      await store.close();
      if (harm === 'lose') await disk.unlink('/data/checkpoint');
      if (harm === 'damage') disk.damage('/data/checkpoint', 40);
      if (harm === 'cut') disk.cut('/data/checkpoint', disk.peek('/data/checkpoint').length - 1);
      const again = (await open(disk)).store;
      assert.ok(again.isRebuilt, harm);
      assert.equal(await scanAll(again, namespace), before, harm);
      assert.is(text(again.states.get('role') as Uint8Array), 'head');
      assert.is.not(again.createNamespace(), namespace);
      await again.close();
    }
  }),
);

test.run();
