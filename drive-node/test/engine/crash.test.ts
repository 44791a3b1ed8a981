// What a power cut may and may not do, on a disk in memory that tears and forgets writes.

import type { Clock } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { RUN_KEYS_MAX } from '../../src/engine/keys/key-run.ts';
import { MemoryKeyIndex } from '../../src/engine/keys/memory-key-index.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import type { Store } from '../../src/engine/store.ts';
import { clock, deadline, durable, identity, random, Scribe, scanAll } from './suite/harness.ts';
import { PowerCutRun } from './suite/power-cut.ts';

const test = suite('crash');

const SEEDS = Number(process.env['PITON_CRASH_SEEDS'] ?? 6);
const FIRST_SEED = Number(process.env['PITON_CRASH_FIRST_SEED'] ?? 1);

/** Zeros behind each record of the first test; a record is whole without them. */
const PADDING = 4;
const UNIT_BYTES = 8;

const OPTIONS = { directory: '/data', clock, random, identity, cacheBytes: 1 };

function open(disk: MemoryDisk): Promise<Store> {
  return openLogStore({ ...OPTIONS, disk });
}

/** Where the records of a segment end and the zeros begin that make room for more. */
function recordsEnd(content: Uint8Array): number {
  const last = content.findLastIndex((byte) => byte !== 0);
  return Math.ceil((last + 1) / UNIT_BYTES) * UNIT_BYTES;
}

test(
  'a log cut at any byte of its end holds every record before the cut and none behind',
  deadline(30_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const ends: number[] = [];
    for (let number = 0; number < 8; number++) ends.push(scribe.put(`k${number}`, `v${number}`));
    await durable(store);
    const path = disk.paths().find((name) => name.endsWith('.log')) as string;
    const size = recordsEnd(disk.peek(path));
    const base = (ends[7] as number) - size;
    for (let cut = (ends[0] as number) - base - PADDING - 1; cut <= size; cut++) {
      const torn = disk.clone();
      torn.processCrash();
      torn.cut(path, cut);
      const again = await open(torn);
      const whole = ends.filter((end) => end - PADDING - base <= cut).length;
      const expected = Array.from({ length: whole }, (_, number) => `k${number}=v${number}`);
      assert.equal(await scanAll(again, namespace), expected, `cut at ${cut}`);
      await again.close();
    }
    await store.close();
  }),
);

test(
  'zeros behind the records are room: the same segment goes on after a kill and is cut at a close',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    let store = await open(disk);
    const namespace = store.createNamespace();
    for (let round = 1; round <= 3; round++) {
      const scribe = new Scribe(store, namespace);
      scribe.sequence = round * 10;
      scribe.put(`k${round}`, 'v');
      await durable(store);
      const segments = disk.paths().filter((name) => name.endsWith('.log'));
      assert.is(segments.length, 1, 'nothing was torn, so no segment is given up');
      const content = disk.peek(segments[0] as string);
      assert.is(content.length % (256 * 1024), 0, 'the file is longer than its records');
      disk.processCrash();
      await store.close().catch(() => undefined);
      store = await open(disk);
      assert.is((await scanAll(store, namespace)).length, round);
    }
    await store.close();
    const path = disk.paths().find((name) => name.endsWith('.log')) as string;
    const content = disk.peek(path);
    assert.ok(content.length < 4096, 'a store that was closed leaves no zeros');
    assert.is(content.length, recordsEnd(content));
  }),
);

test(
  'a file of zeros only behind a torn record is cut, and the segment is given up',
  deadline(10_000, async () => {
    const disk = new MemoryDisk();
    const store = await open(disk);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    scribe.put('a', 'one');
    scribe.put('b', 'two');
    await durable(store);
    const path = disk.paths().find((name) => name.endsWith('.log')) as string;
    disk.damage(path, recordsEnd(disk.peek(path)) - UNIT_BYTES);
    disk.processCrash();
    await store.close().catch(() => undefined);
    // What a checkpoint knows was flushed: it cannot be torn.
    await disk.unlink('/data/checkpoint').catch(() => undefined);
    const again = await open(disk);
    assert.equal(await scanAll(again, namespace), ['a=one']);
    new Scribe(again, namespace).put('c', 'three');
    await durable(again);
    assert.is(disk.paths().filter((name) => name.endsWith('.log')).length, 2);
    assert.equal(await scanAll(again, namespace), ['a=one', 'c=three']);
    await again.close();
  }),
);

test(
  'a key that waits for the filler when the process dies is filled after the restart',
  deadline(20_000, async () => {
    const disk = new MemoryDisk();
    let keyIndex = new MemoryKeyIndex();
    // The young run must not become old by itself, however slow the machine is.
    const still: Clock = {
      ...clock,
      setTimer: (delayMs, run) =>
        delayMs > 100 ? { cancel: () => {} } : clock.setTimer(delayMs, run),
    };
    const openBoth = (by: Clock): Promise<Store> =>
      openLogStore({ ...OPTIONS, clock: by, disk, openKeyIndex: async () => keyIndex });
    const store = await openBoth(still);
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    // One more than a run holds: the full run is filled, the last key is still young.
    for (let number = 0; number <= RUN_KEYS_MAX; number++) scribe.put(`k${number}`, 'v');
    await durable(store);
    while (keyIndex.filledPosition === 0) await new Promise((resolve) => setImmediate(resolve));
    disk.processCrash();
    keyIndex = keyIndex.clone();
    await store.close();
    const again = await openBoth(clock);
    const seen = await scanAll(again, namespace, { keysOnly: true });
    assert.is(seen.length, RUN_KEYS_MAX + 1);
    await again.close();
  }),
);

test(
  'a delete that the power cut takes back has not taken the key out of the order',
  deadline(20_000, async () => {
    // Nothing that is not flushed survives.
    const disk = new MemoryDisk(() => 0);
    let keyIndex = new MemoryKeyIndex();
    const openBoth = (): Promise<Store> =>
      openLogStore({ ...OPTIONS, disk, openKeyIndex: async () => keyIndex });
    const store = await openBoth();
    const namespace = store.createNamespace();
    const scribe = new Scribe(store, namespace);
    const everything = { namespace, start: new Uint8Array(0), end: undefined };
    const filled = async (): Promise<number> => (await keyIndex.count(everything, 9)).keys;
    scribe.put('a', 'v');
    await durable(store);
    await store.checkpoint();
    while ((await filled()) !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
    scribe.flush = false;
    scribe.delete('a');
    while ((await filled()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
    disk.crash();
    keyIndex = keyIndex.clone();
    await store.close().catch(() => undefined);
    const again = await openBoth();
    const found = await again.get(namespace, Buffer.from('a'));
    const seen = await scanAll(again, namespace);
    assert.is(seen.length, found === undefined ? 0 : 1, 'a get and a scan say the same');
    await again.close();
  }),
);

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  test(
    `power cuts leave a prefix that holds all that was durable: seed ${seed}`,
    deadline(60_000, async () => {
      const checkpointLossShare = seed % 3 === 0 ? 0.5 : 0;
      const run = new PowerCutRun({ seed, keys: 120, segmentBytes: 1 << 16, checkpointLossShare });
      await run.open();
      for (let round = 0; round < 12; round++) {
        await run.write(Math.floor(run.random() * 900));
        if (run.random() < 0.3) {
          run.applyAll();
          await run.store.compact();
        }
        if (run.random() < 0.2) await run.closeAndOpen();
        else await run.cut();
      }
      assert.equal(run.damages, [], 'a torn write is not damage');
      await run.store.close();
    }),
  );
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  test(
    `power cuts while checkpoints and compaction are under way: seed ${seed}`,
    deadline(60_000, async () => {
      const run = new PowerCutRun({
        ...{ seed: seed + 1000, keys: 120, segmentBytes: 1 << 16, isBusy: true },
        checkpointLossShare: seed % 3 === 0 ? 0.5 : 0,
      });
      await run.open();
      for (let round = 0; round < 12; round++) {
        await run.write(Math.floor(run.random() * 900));
        if (run.random() < 0.2) await run.closeAndOpen();
        else await run.cut();
      }
      assert.equal(run.damages, [], 'a torn write is not damage');
      await run.store.close();
    }),
  );
}

test.run();
