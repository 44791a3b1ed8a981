// A checkpoint is taken beside traffic: pages of the index split, and segments are emptied, while it is
// written. What it gives back must be what was there, and never more than what is durable.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { HashIndex } from '../../src/engine/index/hash-index.ts';
import type { LogGeometry } from '../../src/engine/log/segment.ts';
import { SegmentTable } from '../../src/engine/log/segment-table.ts';
import { StoreFacts } from '../../src/engine/log/store-facts.ts';
import type { LogStore } from '../../src/engine/log-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import {
  type CheckpointSource,
  type LoadedCheckpoint,
  readCheckpoint,
  writeCheckpoint,
} from '../../src/engine/upkeep/checkpoint.ts';
import { deferred } from '../../src/ranges/waiters.ts';
import {
  clock,
  deadline,
  durable,
  identity,
  random,
  read,
  Scribe,
  seeded,
} from './suite/harness.ts';

const test = suite('checkpoint');

const geometry: LogGeometry = { segmentBits: 25, unitBits: 3, seedHigh: 1, seedLow: 2 };
const path = '/data/checkpoint';
const EMPTY = new Uint8Array(0);
const later = (): Promise<void> => new Promise((resolve) => clock.defer(resolve));

interface Written {
  readonly disk: MemoryDisk;
  readonly hashes: HashIndex;
  readonly segments: SegmentTable;
}

function open(): Written {
  const segments = new SegmentTable('/data/log', geometry);
  segments.add(0, undefined);
  return { disk: new MemoryDisk(), hashes: new HashIndex(2), segments };
}

function sourceOf(
  { disk, hashes, segments }: Written,
  flushLog: () => Promise<void>,
): CheckpointSource {
  const facts = new StoreFacts().encodeSnapshot();
  const moment = { replayPosition: 64, ownerState: EMPTY, facts };
  return { disk, folder: '/data', path, hashes, segments, flushLog, moment: () => moment };
}

async function load({ disk, segments }: Written): Promise<[LoadedCheckpoint, SegmentTable]> {
  const existing = new Set(segments.all().map(({ number }) => number));
  const table = new SegmentTable('/data/log', geometry);
  const loaded = await readCheckpoint(disk, path, table, new StoreFacts(), existing);
  return [loaded as LoadedCheckpoint, table];
}

test(
  'pages that split while they are saved lose no entry, neither at once nor when they split again',
  deadline(60_000, async () => {
    const written = open();
    const { disk, hashes } = written;
    const random = seeded(17);
    const entries: [number, number][] = [];
    const enter = (count: number): void => {
      for (let left = count; left > 0; left--) {
        const entry: [number, number] = [random() * 2 ** 32, random() * 2 ** 32];
        hashes.find(...entry);
        assert.ok(hashes.insert(entries.push(entry) * 4));
      }
    };
    for (let round = 0; round < 12; round++) {
      enter(1000);
      const entered = entries.length;
      disk.delay = async () => enter(1500);
      await writeCheckpoint(sourceOf(written, async () => {}));
      disk.delay = undefined;
      const [{ hashes: restored }] = await load(written);
      // What came meanwhile is replayed, and then more comes.
      for (let at = entered; at < entries.length; at++) {
        restored.find(...(entries[at] as [number, number]));
        if (restored.candidateWith((at + 1) * 4) < 0) restored.insert((at + 1) * 4);
      }
      for (let more = 1; more <= 30_000; more++) {
        restored.find(random() * 2 ** 32, random() * 2 ** 32);
        restored.insert(more * 4 + 2);
      }
      let lost = 0;
      for (let at = 0; at < entries.length; at++) {
        restored.find(...(entries[at] as [number, number]));
        if (restored.candidateWith((at + 1) * 4) < 0) lost++;
      }
      assert.is(lost, 0, `round ${round}: entries that are lost`);
      assert.is(restored.count, entries.length + 30_000, `round ${round}: entries`);
    }
  }),
);

test(
  'a segment that is emptied while the log is flushed is not known as empty: its copies may be lost',
  deadline(10_000, async () => {
    const written = open();
    const { hashes, segments } = written;
    const segment = segments.byNumber(0);
    assert.ok(segment);
    hashes.find(1, 2);
    hashes.insert(segments.placeOf(segment, 64));
    await writeCheckpoint(
      sourceOf(written, async () => {
        segment.isEmptied = true;
      }),
    );
    const [{ hashes: restored }, table] = await load(written);
    assert.is(restored.count, 1);
    assert.is(table.byNumber(0)?.isEmptied, false);
  }),
);

test(
  'pages that overlap, or leave a gap, are not taken for an index',
  deadline(10_000, async () => {
    const page = (base: number, depth: number, lowest: number) => ({
      ...{ base, depth, lowest },
      bytes: EMPTY,
    });
    const half = 1 << 23;
    const whole = new HashIndex(2);
    assert.ok(whole.restorePage(page(0, 0, 0)));
    assert.not.ok(whole.restorePage(page(0, 1, half)), 'twice');
    const halves = new HashIndex(2);
    assert.ok(halves.restorePage(page(0, 1, 0)));
    assert.not.ok(halves.restorePage(page(1, 0, 0)), 'the other half is missing');
    assert.ok(halves.restorePage(page(0, 1, half)));
    for (const base of [1, 2]) assert.ok(halves.restorePage(page(base, 0, 0)));
    assert.not.ok(halves.finishRestore(), 'the last one is missing');
    assert.ok(halves.restorePage(page(3, 0, 0)));
    assert.ok(halves.finishRestore());
  }),
);

test(
  'a checkpoint that cannot be opened now is an error: without it sessions would be forgotten',
  deadline(10_000, async () => {
    const written = open();
    await writeCheckpoint(sourceOf(written, async () => {}));
    const openFile = written.disk.open.bind(written.disk);
    written.disk.open = async () => {
      throw Object.assign(new Error('too many files'), { code: 'EMFILE' });
    };
    const error = await load(written).catch((reason: unknown) => reason);
    assert.match((error as Error).message, 'too many files');
    written.disk.open = openFile;
    await written.disk.unlink(path);
    assert.is((await load(written))[0], undefined, 'there is none');
  }),
);

/** The next write to a checkpoint waits: it has its moment, and nothing more. */
function holdCheckpoint(disk: MemoryDisk): { begun: Promise<void>; letGo: () => void } {
  const openFile = disk.open.bind(disk);
  const begun = deferred<void>();
  const released = deferred<void>();
  disk.open = async (name, mode) => {
    const file = await openFile(name, mode);
    if (!name.endsWith('checkpoint.new')) return file;
    disk.open = openFile;
    const write = file.write.bind(file);
    file.write = async (data, offset) => {
      begun.resolve();
      await released.promise;
      await write(data, offset);
    };
    return file;
  };
  return { begun: begun.promise, letGo: released.resolve };
}

test(
  'a segment that is emptied above the replay position stays until it is not needed for the replay',
  deadline(20_000, async () => {
    const disk = new MemoryDisk();
    const openStore = async (on: MemoryDisk): Promise<LogStore> => {
      const sizes = { cacheBytes: 1 << 22, capacityBytes: 1 << 20, segmentBytes: 1 << 16 };
      const options = { directory: '/data', clock, random, identity, disk: on, ...sizes };
      return (await openLogStore({ ...options, compactionBytesPerSecond: 1 << 30 })) as LogStore;
    };
    const store = await openStore(disk);
    const scribe = new Scribe(store, store.createNamespace());
    const lives: string[] = [];
    const gone = Array.from({ length: 30 }, (_, number) => `gone-${number}`);
    for (const key of gone) scribe.put(key, 'v');
    await durable(store);
    const { begun, letGo } = holdCheckpoint(disk);
    const held = store.checkpoint();
    await begun;
    for (let number = 0; number < 3000; number++) {
      const isLasting = number % 100 === 0;
      if (isLasting) lives.push(`lasting-${number}`);
      if (isLasting) scribe.delete(gone[number / 100] as string);
      scribe.put(isLasting ? `lasting-${number}` : `churn-${number % 50}`, 'v'.repeat(100));
    }
    await durable(store);
    const compacted = store.compact();
    while (store.statistics().compactedBytes < 500) await later();
    for (let wait = 0; wait < 50; wait++) await later();
    letGo();
    await held;
    const killed = disk.clone();
    await compacted;
    await store.close();
    const check = async (again: LogStore, when: string): Promise<void> => {
      for (const key of [...lives, ...gone]) {
        const expected = lives.includes(key) ? 100 : undefined;
        const value = await read(again, scribe.namespace, key);
        assert.is(value?.length, expected, `${key} ${when}`);
      }
    };
    // What one life removes the next one may need, be it killed or closed.
    for (const life of [1, 2, 3]) {
      const again = await openStore(killed);
      await check(again, `in life ${life}`);
      const after = await openStore(killed.clone());
      await check(after, `after life ${life}`);
      await after.close();
      await again.close();
    }
  }),
);

test.run();
