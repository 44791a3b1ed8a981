// Space comes back, beside reads, writes and scans, and nothing that was deleted comes with it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { MemoryKeyIndex } from '../../src/engine/keys/memory-key-index.ts';
import type { LogStore } from '../../src/engine/log-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import { type Namespace, StoreError } from '../../src/engine/store.ts';
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
  seeded,
} from './suite/harness.ts';

const test = suite('compaction');

interface Options {
  readonly capacityBytes?: number;
  readonly segmentBytes?: number;
  readonly keyIndex?: MemoryKeyIndex;
  readonly cacheBytes?: number;
}

async function open(disk: MemoryDisk, options: Options = {}): Promise<LogStore> {
  const { keyIndex = new MemoryKeyIndex(), capacityBytes = 1 << 25 } = options;
  const store = await openLogStore({
    directory: '/data',
    clock,
    random,
    identity,
    disk,
    cacheBytes: options.cacheBytes ?? 1 << 18,
    capacityBytes,
    segmentBytes: options.segmentBytes ?? 1 << 16,
    checkpointBytes: 1 << 20,
    compactionBytesPerSecond: 1 << 30,
    openKeyIndex: async () => keyIndex,
  });
  return store as LogStore;
}

const turn = (): Promise<void> => new Promise((resolve) => clock.defer(resolve));
const value = (number: number): string => `${number}:`.padEnd(100, 'v');

async function fillOver(
  store: LogStore,
  scribe: Scribe,
  keys: number,
  rounds: number,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (let number = 0; number < keys; number++) {
      scribe.put(`k${String(number).padStart(5, '0')}`, value(round));
    }
    await durable(store);
  }
}

test(
  'overwritten data gives its space back and every key keeps its last value',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    await fillOver(store, scribe, 1000, 8);
    await store.compact();
    const { logBytes, liveBytes } = store.statistics();
    assert.ok(logBytes < 3 * liveBytes, `${logBytes} bytes for ${liveBytes} live ones`);
    assert.ok(disk.usedBytes < 4 * liveBytes);
    const seen = await scanAll(store, namespace);
    assert.is(seen.length, 1000);
    for (const entry of seen) assert.ok(entry.endsWith(value(7)));
    await store.close();
  }),
);

test(
  'a little that is dead is left alone, what is dead altogether goes, and too much is compacted',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const last = new Map<string, string>();
    /** Three of four keys are written again later: what is left lies between what is dead. */
    const half = async (from: number): Promise<void> => {
      for (const isAgain of [false, true]) {
        for (let number = from; number < from + 800; number++) {
          if (isAgain && number % 4 === 0) continue;
          last.set(`k${number}`, value(isAgain ? number + 0.5 : number));
          scribe.put(`k${number}`, last.get(`k${number}`) as string);
        }
      }
      await durable(store);
      await store.compact();
    };
    const expectAll = async (): Promise<void> => {
      for (const [key, expected] of last) assert.is(await read(store, namespace, key), expected);
    };
    await half(0);
    assert.is(store.statistics().compactedBytes, 0);
    await fillOver(store, scribe, 300, 20);
    await store.compact();
    assert.is(store.statistics().compactedBytes, 0);
    assert.ok(disk.usedBytes < 8 * (1 << 16), `${disk.usedBytes} bytes of 1.1 million are left`);
    for (let from = 800; from < 8000; from += 800) await half(from);
    const { compactedBytes, logBytes, liveBytes } = store.statistics();
    assert.ok(compactedBytes > 100_000, `${compactedBytes} bytes were moved`);
    assert.ok(logBytes < liveBytes + 9 * (1 << 16), `${logBytes} bytes for ${liveBytes} live ones`);
    await expectAll();
    await store.close();
  }),
);

test(
  "what is dead is passed over unread: its damage is nobody's, and keeps no segment",
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    // What is overwritten is in memory, so that the index lets go of it without a look at the device.
    const store = await open(disk, { capacityBytes: 1 << 20, cacheBytes: 1 << 22 });
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const write = async (isWanted: (number: number) => boolean): Promise<void> => {
      for (let number = 0; number < 2000; number++) {
        if (isWanted(number)) scribe.put(`k${number}`, value(number));
      }
      await durable(store);
    };
    await write(() => true);
    const damaged = disk.paths().filter((path) => path.endsWith('.log'));
    for (const path of damaged) {
      const records = Buffer.from(disk.peek(path)).toString('latin1');
      const [found = ''] = /\d*[1-9]:vvv/.exec(records.slice(10_000)) ?? [];
      disk.damage(path, records.indexOf(found));
    }
    // One of a hundred stays alive, so that no segment is dead altogether; the damaged ones are dead.
    await write((number) => number % 100 !== 0);
    await store.compact();
    const left = damaged.filter((path) => disk.paths().includes(path));
    assert.ok(store.statistics().compactedBytes > 0, 'what was alive was moved');
    assert.ok(left.length <= 2, `${left.length} of ${damaged.length} damaged segments are left`);
    for (let number = 0; number < 2000; number++) {
      assert.is(await read(store, namespace, `k${number}`), value(number));
    }
    await store.close();
  }),
);

test(
  'long dead records are passed over, long live ones move, and a restart finds them',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const options = { capacityBytes: 1 << 26, segmentBytes: 1 << 21 };
    let store = await open(disk, options);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const long = (key: number, round: number): string => `${key}/${round}:`.padEnd(100_000, 'v');
    const last = new Map<number, number>();
    for (let round = 0; round < 6; round++) {
      // Every third key is left alone from some round on: what lives lies between what is dead.
      for (let key = 0; key < 30; key++) {
        if (key % 3 === 0 && round > key % 5) continue;
        scribe.put(`k${key}`, long(key, round));
        last.set(key, round);
      }
      await durable(store);
    }
    await store.compact();
    assert.ok(store.statistics().compactedBytes > 100_000, 'something alive was moved');
    assert.ok(store.statistics().logBytes < 9_000_000, `${store.statistics().logBytes} bytes`);
    for (const isReopened of [false, true]) {
      if (isReopened) {
        await store.close();
        store = await open(disk, options);
      }
      for (const [key, round] of last) {
        assert.is(await read(store, namespace, `k${key}`), long(key, round), `k${key}`);
      }
    }
    await store.close();
  }),
);

test(
  'a store of bounded capacity is overwritten for ever',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk, { capacityBytes: 1 << 20 });
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    let refusals = 0;
    for (let number = 0; number < 30_000; ) {
      try {
        scribe.put(`k${number % 1500}`, value(number));
        number++;
        if (number % 200 === 0) await durable(store);
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== 'no-space') throw error;
        refusals++;
        assert.ok(refusals < 20_000, 'space must come back');
        await turn();
      }
    }
    assert.ok(disk.usedBytes < 1.5 * (1 << 20), `${disk.usedBytes} bytes on the device`);
    for (let number = 28_500; number < 30_000; number++) {
      assert.is(await read(store, namespace, `k${number % 1500}`), value(number));
    }
    await store.close();
  }),
);

test(
  'deleted keys stay deleted through compaction, restart and a lost checkpoint',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    let store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    await fillOver(store, scribe, 2000, 2);
    for (let number = 0; number < 2000; number += 2) {
      scribe.delete(`k${String(number).padStart(5, '0')}`);
    }
    await durable(store);
    await store.compact();
    for (const loses of [false, true]) {
      await store.close();
      if (loses) await disk.unlink('/data/checkpoint');
      store = await open(disk);
      assert.is(store.isRebuilt, loses);
      assert.is((await scanAll(store, namespace, { keysOnly: true })).length, 1000);
      for (let number = 0; number < 2000; number += 2) {
        const key = `k${String(number).padStart(5, '0')}`;
        assert.is(await read(store, namespace, key), undefined, key);
      }
    }
    await store.close();
  }),
);

test(
  'tombstones do not pile up for ever',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    for (let number = 0; number < 40_000; number++) {
      scribe.put(`queue-${number}`, 'short-lived');
      scribe.delete(`queue-${number}`);
      if (number % 400 === 0) await durable(store);
      if (number % 8000 === 0) await store.compact();
    }
    await durable(store);
    await store.compact();
    const { logBytes } = store.statistics();
    assert.ok(logBytes < (1 << 16) * 16, `${logBytes} bytes are left of nothing`);
    assert.is(store.statistics().keys, 0);
    await store.close();
  }),
);

test(
  'a dropped namespace gives its space back without being rewritten',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const keyIndex = new MemoryKeyIndex();
    let store = await open(disk, { keyIndex });
    const kept = store.createNamespace();
    const dropped = store.createNamespace();
    const keeper = new Scribe(store, kept);
    for (let number = 0; number < 50; number++) keeper.put(`kept-${number}`, value(number));
    await fillOver(store, new Scribe(store, dropped), 4000, 1);
    const before = store.statistics().logBytes;
    await store.dropInterval(dropped, new Uint8Array(0), undefined);
    await store.compact();
    const { logBytes, compactedBytes, keys } = store.statistics();
    assert.ok(logBytes < before / 4, `${logBytes} of ${before} bytes are left`);
    assert.ok(compactedBytes < before / 10, `${compactedBytes} bytes were copied`);
    assert.is(keys, 50);
    assert.is((await scanAll(store, kept)).length, 50);
    assert.equal(await store.measure(dropped, new Uint8Array(0), undefined), { keys: 0, bytes: 0 });
    await store.close();
    store = await open(disk, { keyIndex });
    assert.equal(await scanAll(store, dropped), []);
    assert.is((await scanAll(store, kept)).length, 50);
    await store.close();
  }),
);

test(
  'scans beside writes, fills and compaction see every resident key once, in order',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    await fillOver(store, scribe, 1500, 2);
    const dice = seeded(17);
    let isDone = false;
    const writing = (async (): Promise<void> => {
      for (let step = 0; !isDone; step++) {
        scribe.put(`k${String(Math.floor(dice() * 1500)).padStart(5, '0')}`, value(step));
        scribe.put(`x${step}`, 'noise');
        scribe.delete(`x${step - 5}`);
        if (step % 20 === 0) await durable(store);
        if (step % 20 === 10) await turn();
      }
    })();
    const expected = Array.from({ length: 1500 }, (_, n) => `k${String(n).padStart(5, '0')}`);
    for (const reverse of [false, true, false, true]) {
      const selected = { start: bytes('k'), end: bytes('l'), entriesMax: 70, reverse };
      const seen = await scanAll(store, namespace, selected);
      const keys = seen.map((entry) => entry.slice(0, entry.indexOf('=')));
      assert.equal(keys, reverse ? [...expected].reverse() : expected);
    }
    isDone = true;
    await writing;
    await store.compact();
    await store.close();
  }),
);

test(
  'records that are not applied yet are never compacted away',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace: Namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const record = scribe.record(1, bytes('late'), bytes('value'));
    const appended = store.append(record, true);
    await fillOver(store, scribe, 500, 10);
    await store.compact();
    assert.is((await store.readPlace(appended.place))?.sequence, 1);
    store.apply(record, appended);
    assert.is(await read(store, namespace, 'late'), 'value');
    await store.compact();
    assert.is(await read(store, namespace, 'late'), 'value');
    await store.close();
  }),
);

test.run();
