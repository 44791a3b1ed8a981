// The owner's states together: as many as one record can repeat, and no more. Compaction writes them all in one.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import type { LogStore } from '../../src/engine/log-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import { StoreError } from '../../src/engine/store.ts';
import type { Damage } from '../../src/engine/upkeep/recovery.ts';
import { clock, deadline, durable, identity, random, read, Scribe } from './suite/harness.ts';

const test = suite('states');
const MIB = 1024 * 1024;

interface Opened {
  readonly store: LogStore;
  readonly damages: readonly Damage[];
}

async function open(disk: MemoryDisk, segmentBytes: number): Promise<Opened> {
  const damages: Damage[] = [];
  const store = await openLogStore({
    ...{ directory: '/data', clock, random, identity, disk, cacheBytes: 1 << 22, segmentBytes },
    capacityBytes: 16 * segmentBytes,
    compactionBytesPerSecond: 1 << 30,
    onDamage: (damage) => damages.push(damage),
  });
  return { store: store as LogStore, damages };
}

function putState(store: LogStore, number: number): Promise<void> {
  return store.putStates(new Map([[`range/${number}`, new Uint8Array(MIB).fill(number)]]));
}

test(
  'many large states survive compaction and a rebuild from the log alone, and so does what follows them',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const { store } = await open(disk, 32 * MIB);
    const scribe = new Scribe(store, store.createNamespace());
    for (let number = 0; number < 12; number++) await putState(store, number);
    for (let number = 0; number < 25; number++) {
      scribe.put('over', 'x'.repeat(MIB));
      await durable(store);
    }
    scribe.put('before', 'v');
    await durable(store);
    await store.compact();
    scribe.put('behind', 'v');
    await durable(store);
    assert.not.ok(disk.paths().includes('/data/log/0000000001.log'), 'the originals are gone');
    disk.processCrash();
    await disk.unlink('/data/checkpoint');
    const again = await open(disk, 32 * MIB);
    assert.is(again.damages.length, 0, 'everything can be read');
    assert.is(again.store.states.size, 12);
    for (let number = 0; number < 12; number++) {
      assert.is(again.store.states.get(`range/${number}`)?.[MIB - 1], number);
    }
    for (const key of ['before', 'behind']) {
      assert.is(await read(again.store, scribe.namespace, key), 'v');
    }
    await again.store.close();
  }),
);

test(
  'more than one record can repeat is refused, however large a segment is',
  deadline(30_000, async () => {
    const { store } = await open(new MemoryDisk(), 128 * MIB);
    let taken = 0;
    const error = await (async () => {
      for (; taken < 40; taken++) await putState(store, taken);
      return undefined;
    })().catch((reason: unknown) => reason);
    assert.instance(error, StoreError);
    assert.is((error as StoreError).code, 'no-space');
    assert.ok(taken >= 12 && taken < 16, `${taken} states of 1 MiB`);
    assert.is(store.states.size, taken);
    await store.close();
  }),
);

test.run();
