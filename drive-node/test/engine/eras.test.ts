// A record of a later era is the newer one, whatever the sequences say: through reads, a restart,
// compaction, and a rebuild from the log alone.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { MemoryKeyIndex } from '../../src/engine/keys/memory-key-index.ts';
import type { LogStore } from '../../src/engine/log-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import {
  clock,
  deadline,
  durable,
  identity,
  RememberingOwner,
  random,
  read,
  Scribe,
} from './suite/harness.ts';

const test = suite('eras');
const KEYS = 40;
const name = (number: number): string => `key-${number}`;

async function open(disk: MemoryDisk, owner?: RememberingOwner): Promise<LogStore> {
  const store = await openLogStore({
    directory: '/data',
    clock,
    random,
    identity,
    disk,
    owner,
    cacheBytes: 1 << 18,
    capacityBytes: 1 << 21,
    segmentBytes: 1 << 16,
    checkpointBytes: 1 << 20,
    compactionBytesPerSecond: 1 << 30,
    openKeyIndex: async () => new MemoryKeyIndex(),
  });
  return store as LogStore;
}

/** Old records with high sequences in a segment that stays, new ones with low sequences in one that goes. */
async function fill(disk: MemoryDisk, store: LogStore): Promise<Scribe> {
  const scribe = new Scribe(store, store.createNamespace());
  scribe.sequence = 100_000;
  for (let number = 0; number < KEYS; number++) scribe.put(name(number), 'diverged');
  for (let number = 0; number < 500; number++) scribe.put(`stays-${number}`, 'v'.repeat(100));
  await durable(store);
  const era = store.startEra();
  scribe.sequence = 10;
  for (let number = 0; number < KEYS; number++) {
    if (number % 2 === 0) scribe.put(name(number), 'right');
    else scribe.delete(name(number));
  }
  await durable(store);
  const found = await store.get(scribe.namespace, Buffer.from(name(0)));
  assert.is(found?.era, era);
  const older = await store.get(scribe.namespace, Buffer.from('stays-1'));
  assert.ok((older?.era ?? era) < era);
  const logs = (): string[] => disk.paths().filter((path) => path.endsWith('.log'));
  const later = logs().at(-1) as string;
  for (let round = 0; logs().includes(later); round++) {
    assert.ok(round < 40, 'the segment of the later records is never compacted');
    // Some stay everywhere: a segment in which all is dead would go without being looked at.
    for (let number = 0; number < 300; number++) {
      scribe.put(
        number % 16 === 0 ? `left-${round}-${number}` : `churn-${number}`,
        'v'.repeat(200),
      );
    }
    await durable(store);
    await store.compact();
  }
  return scribe;
}

async function check(store: LogStore, scribe: Scribe, when: string): Promise<void> {
  for (let number = 0; number < KEYS; number++) {
    const expected = number % 2 === 0 ? 'right' : undefined;
    assert.is(await read(store, scribe.namespace, name(number)), expected, `${number} ${when}`);
  }
}

test(
  'what was written over a higher sequence in a later era stays the newest',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    let store = await open(disk);
    const scribe = await fill(disk, store);
    await check(store, scribe, 'at once');
    assert.ok(store.statistics().compactedBytes > 0, 'the later records were moved');
    await check(store, scribe, 'after compaction');
    await store.close();
    store = await open(disk);
    await check(store, scribe, 'after a restart');
    await store.close();
    await disk.unlink('/data/checkpoint');
    const owner = new RememberingOwner();
    store = await open(disk, owner);
    assert.ok(store.isRebuilt);
    await check(store, scribe, 'rebuilt from the log alone');
    assert.ok(store.startEra() > Math.max(...owner.eras), 'an era is never begun twice');
    await store.close();
  }),
);

test.run();
