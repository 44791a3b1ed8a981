// A device that has less room than the capacity says, because it holds more than the log: puts stop before it is full,
// so that deletes, compaction and checkpoints can make room again.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import type { LogStore } from '../../src/engine/log-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import { StoreError } from '../../src/engine/store.ts';
import { clock, deadline, durable, identity, random, read, Scribe } from './suite/harness.ts';

const test = suite('room on the device');
const MIB = 1024 * 1024;
const VALUE = 'x'.repeat(100_000);

async function open(disk: MemoryDisk): Promise<LogStore> {
  const options = { directory: '/data', clock, random, identity, disk, cacheBytes: 1 };
  const sizes = { capacityBytes: 64 * MIB, segmentBytes: 2 * MIB };
  return (await openLogStore({ ...options, ...sizes })) as LogStore;
}

/** Puts until one is refused; returns how many were taken, and why the last one was not. */
async function fillUp(store: LogStore, scribe: Scribe): Promise<{ puts: number; why: string }> {
  for (let puts = 0; puts < 10_000; puts++) {
    try {
      scribe.put(`key-${puts}`, VALUE);
    } catch (error) {
      assert.instance(error, StoreError);
      assert.is((error as StoreError).code, 'no-space');
      return { puts, why: (error as StoreError).message };
    }
    await durable(store);
  }
  return assert.unreachable('it never became full') as never;
}

async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}

test(
  'puts stop before the device is full; deletes and compaction make room, and puts go on',
  deadline(20_000, async () => {
    const disk = new MemoryDisk();
    disk.capacityBytes = 24 * MIB;
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const { puts, why } = await fillUp(store, scribe);
    assert.match(why, 'the device is nearly full');
    assert.ok(puts > 100, `${puts} puts`);
    assert.ok(store.statistics().isFull);
    assert.ok(store.putBytesFree < VALUE.length + 1_000);
    assert.is((await read(store, namespace, 'key-0'))?.length, VALUE.length);
    for (let number = 0; number < puts; number++) scribe.delete(`key-${number}`);
    await durable(store);
    await store.compact();
    await eventually(() => store.putBytesFree > VALUE.length + 1_000);
    scribe.put('again', VALUE);
    await durable(store);
    assert.is((await read(store, namespace, 'again'))?.length, VALUE.length);
    assert.is(disk.tally.refused, 0, 'the device never had to refuse anything');
    await store.close();
  }),
);

test(
  'somebody else fills the device: puts stop, and go on when it is free again',
  deadline(20_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const scribe = new Scribe(store, store.createNamespace());
    scribe.put('a', VALUE);
    await durable(store);
    disk.capacityBytes = disk.usedBytes + MIB;
    await eventually(() => {
      if (store.putBytesFree === 0) return true;
      scribe.delete('nothing');
      return false;
    });
    assert.throws(() => scribe.put('b', VALUE), /nearly full/);
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    await eventually(() => store.putBytesFree > 0);
    scribe.put('b', VALUE);
    await durable(store);
    assert.is(disk.tally.refused, 0);
    await store.close();
  }),
);

test(
  'a store whose device is full is closed all the same, and has what was durable when it is opened again',
  deadline(20_000, async () => {
    const disk = new MemoryDisk();
    disk.freeBytes = () => Promise.resolve(Number.MAX_SAFE_INTEGER);
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('a', VALUE);
    await durable(store);
    disk.capacityBytes = disk.usedBytes;
    scribe.put('b', VALUE.repeat(4));
    await eventually(() => store.statistics().isFull);
    await store.close();
    const again = await open(disk);
    assert.is((await read(again, namespace, 'a'))?.length, VALUE.length);
    assert.is(await read(again, namespace, 'b'), undefined);
    await again.close();
  }),
);

test(
  'a device that does not say what it has free is not taken for full',
  deadline(20_000, async () => {
    const disk = new MemoryDisk();
    disk.freeBytes = () => Promise.reject(new Error('not supported'));
    const store = await open(disk);
    const scribe = new Scribe(store, store.createNamespace());
    scribe.put('a', VALUE);
    await durable(store);
    scribe.put('b', VALUE);
    await durable(store);
    await store.close();
  }),
);

test.run();
