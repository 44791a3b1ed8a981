// What the log says to be safe while it goes over to its next segment.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import type { Store } from '../../src/engine/store.ts';
import { clock, deadline, durable, identity, random, read, Scribe } from './suite/harness.ts';

const test = suite('the next segment');
const SEGMENT_BYTES = 1 << 21;
/** Two of them do not fit one segment. */
const VALUE_BYTES = 1_500_000;

function open(disk: MemoryDisk): Promise<Store> {
  return openLogStore({
    ...{ directory: '/data', clock, random, identity, disk, cacheBytes: 1 },
    capacityBytes: 1 << 26,
    segmentBytes: SEGMENT_BYTES,
  });
}

test(
  'a write that begins a segment is not called durable before it is there',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    disk.delay = () => new Promise((resolve) => setImmediate(resolve));
    // With the system and not flushed: the segment has to be flushed before the next one is made.
    scribe.flush = false;
    const first = scribe.put('a', 'x'.repeat(VALUE_BYTES));
    while (store.writtenPosition < first) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(store.durablePosition < first);
    let atFirst: MemoryDisk | undefined;
    scribe.flush = true;
    const end = scribe.put('b', 'y'.repeat(VALUE_BYTES));
    store.onProgress(() => {
      if (store.durablePosition >= end) atFirst ??= disk.clone();
    });
    await durable(store);
    await store.close();
    const again = await open(atFirst as MemoryDisk);
    assert.is((await read(again, namespace, 'b'))?.length, VALUE_BYTES);
    await again.close();
  }),
);

test(
  'what is written after a checkpoint in a segment that never got a file survives the power',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    let store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    for (const name of ['a', 'b', 'c']) scribe.put(name, 'v');
    await durable(store);
    const path = disk.paths().find((name) => name.endsWith('.log')) as string;
    // The last record is torn: the next life cuts it off and chooses another segment.
    const records = disk.peek(path).findLastIndex((byte) => byte !== 0);
    let torn = disk.clone();
    torn.processCrash();
    torn.cut(path, records - 2);
    await store.close();
    store = await open(torn);
    // Nothing is written there, but the checkpoint of the close lies in it.
    await store.close();
    for (const name of ['d', 'e']) {
      store = await open(torn);
      const next = new Scribe(store, namespace);
      next.sequence = name.charCodeAt(0);
      next.put(name, 'w');
      await durable(store);
      const left = torn.clone();
      left.crash();
      await store.close();
      torn = left;
    }
    store = await open(torn);
    const found = await Promise.all(['a', 'd', 'e'].map((name) => read(store, namespace, name)));
    assert.equal(found, ['v', 'w', 'w']);
    await store.close();
  }),
);

test(
  'a device that is full where a segment begins costs no files while it is waited for',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const scribe = new Scribe(store, store.createNamespace());
    scribe.put('a', 'x'.repeat(VALUE_BYTES));
    await durable(store);
    let opened = 0;
    const openFile = disk.open.bind(disk);
    disk.open = async (path, mode) => {
      const file = await openFile(path, mode);
      if (!path.endsWith('.log') || mode === 'read') return file;
      opened++;
      const close = file.close.bind(file);
      file.close = async () => {
        opened--;
        await close();
      };
      return file;
    };
    scribe.put('b', 'y'.repeat(VALUE_BYTES));
    disk.capacityBytes = disk.usedBytes;
    while (disk.tally.refused < 4) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(opened <= 1, `${opened} files of one segment are open`);
    disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    await durable(store);
    assert.is(opened, 1);
    await store.close();
  }),
);

test.run();
