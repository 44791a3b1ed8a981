// Large values are neither copied into the log's buffer nor cut into blocks: whatever way a record
// takes, it is the same record.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ValueCache } from '../../src/engine/cache/value-cache.ts';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { MemoryKeyIndex } from '../../src/engine/keys/memory-key-index.ts';
import type { LogStore } from '../../src/engine/log-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import { type Namespace, RecordKind, type StoreError } from '../../src/engine/store.ts';
import {
  bytes,
  clock,
  deadline,
  durable,
  identity,
  random,
  Scribe,
  scanAll,
  seeded,
} from './suite/harness.ts';

const test = suite('large values');
const LARGE = 16 * 1024;

async function open(
  disk: MemoryDisk,
  cacheBytes: number = 1 << 22,
  keyIndex: MemoryKeyIndex = new MemoryKeyIndex(),
): Promise<LogStore> {
  const store = await openLogStore({
    directory: '/data',
    clock,
    random,
    identity,
    disk,
    cacheBytes,
    segmentBytes: 1 << 22,
    capacityBytes: 1 << 25,
    compactionBytesPerSecond: 1 << 30,
    openKeyIndex: async () => keyIndex,
  });
  return store as LogStore;
}

function patterned(length: number, seed: number): Uint8Array {
  const value = new Uint8Array(length);
  for (let at = 0; at < length; at++) value[at] = (at * 7 + seed * 31) % 251;
  return value;
}

async function expectAll(
  store: LogStore,
  namespace: Namespace,
  values: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [key, value] of values) {
    const found = await store.get(namespace, bytes(key));
    assert.ok(found !== undefined && Buffer.compare(found.value, value) === 0, key);
  }
}

test(
  'sizes around the border, mixed with small ones, are read in flight, written, and after a restart',
  deadline(30_000, async () => {
    for (const cacheBytes of [1, 1 << 22]) {
      const disk = new MemoryDisk();
      let store = await open(disk, cacheBytes);
      const namespace = store.createNamespace();
      const scribe = new Scribe(store, namespace);
      const values = new Map<string, Uint8Array>();
      const dice = seeded(5);
      for (let number = 0; number < 120; number++) {
        const isLarge = number % 3 === 0;
        const length = isLarge ? LARGE - 4 + Math.floor(dice() * 9_000) : number;
        const key = `k${number}`.padEnd(2 + Math.floor(dice() * 40), 'x');
        const value = patterned(length, number);
        const record = scribe.record(RecordKind.put, bytes(key), value);
        const appended = store.append(record, true);
        const inFlight = await store.readPlace(appended.place);
        assert.ok(inFlight !== undefined && Buffer.compare(inFlight.value, value) === 0, key);
        assert.equal(inFlight?.key, bytes(key));
        store.apply(record, appended);
        values.set(key, value);
        if (dice() < 0.2) await durable(store);
      }
      await expectAll(store, namespace, values);
      await durable(store);
      await expectAll(store, namespace, values);
      await store.close();
      store = await open(disk, cacheBytes);
      await expectAll(store, namespace, values);
      assert.is((await scanAll(store, namespace, { keysOnly: true })).length, values.size);
      await store.close();
    }
  }),
);

test(
  'a large value is served as it came, without a copy, and may be kept; a small one may not',
  deadline(10_000, async () => {
    const store = await open(new MemoryDisk());
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const value = patterned(100_000, 1);
    scribe.put('large', value);
    scribe.put('small', patterned(100, 2));
    await durable(store);
    const large = store.get(namespace, bytes('large'));
    assert.not.ok(large instanceof Promise);
    if (large instanceof Promise || large === undefined) return;
    assert.is(large.value.buffer, value.buffer);
    assert.is(large.isStable, true);
    const small = await store.get(namespace, bytes('small'));
    assert.is(small?.isStable, false);
    await store.close();
  }),
);

test(
  'a small part of a large frame does not keep the frame alive',
  deadline(10_000, async () => {
    const store = await open(new MemoryDisk());
    const namespace = store.createNamespace();
    const frame = patterned(1_000_000, 3);
    new Scribe(store, namespace).put('part', frame.subarray(5, 20_005));
    await durable(store);
    const found = await store.get(namespace, bytes('part'));
    assert.equal(Buffer.compare(found?.value as Uint8Array, frame.subarray(5, 20_005)), 0);
    assert.is.not(found?.value.buffer, frame.buffer);
    await store.close();
  }),
);

test(
  'compaction moves large values, those in memory and those on the device',
  deadline(30_000, async () => {
    for (const cacheBytes of [1, 1 << 22]) {
      const disk = new MemoryDisk();
      let store = await open(disk, cacheBytes);
      const namespace = store.createNamespace();
      const scribe = new Scribe(store, namespace);
      const values = new Map<string, Uint8Array>();
      for (let round = 0; round < 4; round++) {
        for (let number = 0; number < 60; number++) {
          if (round > 0 && number % 4 === 0) continue;
          const value = patterned(60_000 + number, round);
          values.set(`k${number}`, value);
          scribe.put(`k${number}`, value);
        }
        await durable(store);
      }
      await store.compact();
      assert.ok(store.statistics().compactedBytes > 200_000);
      await expectAll(store, namespace, values);
      await durable(store);
      await expectAll(store, namespace, values);
      await store.close();
      store = await open(disk, cacheBytes);
      await expectAll(store, namespace, values);
      await store.close();
    }
  }),
);

test(
  'a damaged large value is an error, again and again, and never served',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    // All keys are known, so that nothing is replayed: what was closed cannot be torn.
    const keyIndex = new MemoryKeyIndex();
    let store = await open(disk, 1 << 22, keyIndex);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('a', patterned(50_000, 1));
    scribe.put('b', 'two');
    await durable(store);
    await store.close();
    const path = disk.paths().find((name) => name.endsWith('.log')) as string;
    disk.damage(path, 30_000);
    store = await open(disk, 1 << 22, keyIndex);
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        await store.get(namespace, bytes('a'));
        assert.unreachable();
      } catch (error) {
        assert.is((error as StoreError).code, 'checksum');
      }
    }
    assert.is((await store.get(namespace, bytes('b')))?.value.length, 3);
    await store.close();
  }),
);

test('the cache of values keeps its bound, the newest, and what was asked for', () => {
  const cache = new ValueCache(100_000);
  const record = (seed: number): { head: Uint8Array; value: Uint8Array } => ({
    head: new Uint8Array(50),
    value: patterned(30_000, seed),
  });
  for (const position of [1, 2, 3]) cache.add(position, record(position));
  assert.ok(cache.get(1) !== undefined);
  cache.add(4, record(4));
  assert.is(cache.get(2), undefined, 'nobody had asked for it');
  assert.ok(cache.bytes <= 100_000);
  cache.move(1, 9);
  assert.is(cache.get(1), undefined);
  assert.equal(cache.get(9)?.value, record(1).value);
  cache.dropBetween(3, 5);
  assert.is(cache.get(3), undefined);
  assert.is(cache.get(4), undefined);
  cache.drop(9);
  assert.is(cache.bytes, 0);
  assert.ok(cache.isEmpty);
  cache.add(7, { head: new Uint8Array(1), value: new Uint8Array(200_000) });
  assert.ok(cache.get(7) !== undefined, 'who has just read it must find it');
});

test.run();
