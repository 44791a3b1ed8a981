// Opens a log store: takes the folder, recovers what is in it, and puts the parts together.
//
// What touches the world comes in: disk, clock, random numbers, and with them the key index and the
// reader of cold blocks. On a real disk these two are threads; on any other disk they run in place,
// so that a simulation is deterministic.

import type { Clock, Random } from '@piton/protocol';
import { type BlockLoader, DiskBlockLoader } from './cache/block-loader.ts';
import { ThreadBlockLoader } from './cache/thread-block-loader.ts';
import type { Disk } from './disk/disk.ts';
import { openFolder, type StoreFolder, type StoreIdentity } from './disk/folder.ts';
import { NodeDisk } from './disk/node-disk.ts';
import { baseBitsFor, HashIndex } from './index/hash-index.ts';
import type { KeyIndex } from './keys/key-index.ts';
import { KeyRun } from './keys/key-run.ts';
import { MemoryKeyIndex } from './keys/memory-key-index.ts';
import { openSqliteKeyIndex } from './keys/sqlite-key-index.ts';
import type { Segment } from './log/segment.ts';
import { LogStore } from './log-store.ts';
import { type Owner, type Store, StoreError } from './store.ts';
import { finishParts, letGo, makeCore, type StoreCore } from './store-parts.ts';
import { distrustEmptied } from './upkeep/live-places.ts';
import { type Damage, replayFacts, replayLog } from './upkeep/recovery.ts';
import { readSavedState, type SavedState } from './upkeep/saved-state.ts';

export interface LogStoreOptions {
  /** Everything of the store lies below this folder; it is made when it is missing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Whom the data belongs to: checked against the folder. */
  readonly identity: StoreIdentity;
  readonly owner?: Owner | undefined;
  /** Log bytes that the store may use. Default 31 GiB. */
  readonly capacityBytes?: number | undefined;
  /** Memory for blocks of the log. Default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  /** A power of two, chosen when the folder is made. Must hold the largest record. */
  readonly segmentBytes?: number | undefined;
  /** A checkpoint is due after so many bytes of log. Default 64 MiB. */
  readonly checkpointBytes?: number | undefined;
  /** Compaction moves at most so many bytes a second, unless space runs out. Default 16 MiB. */
  readonly compactionBytesPerSecond?: number | undefined;
  /** Told of every durable part of the log that cannot be read any more. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
  /** Default: the real one. */
  readonly disk?: Disk | undefined;
  /** Defaults follow the disk: threads on the real one, in place on any other. */
  readonly openKeyIndex?: ((storeId: string) => Promise<KeyIndex>) | undefined;
  readonly openBlockLoader?: ((arena: Uint8Array) => BlockLoader) | undefined;
}

const MIB = 1024 * 1024;
const CAPACITY_BYTES_DEFAULT = 31 * 1024 * MIB;
const CACHE_BYTES_DEFAULT = 64 * MIB;
const CHECKPOINT_BYTES_DEFAULT = 64 * MIB;
const COMPACTION_BYTES_PER_SECOND_DEFAULT = 16 * MIB;
const SEGMENT_BITS_MIN = 21;
const SEGMENT_BITS_DEFAULT = 25;
const SEGMENT_BITS_MAX = 30;
const SEGMENTS_WANTED_MAX = 1000;
const SLOTS_SPARE = 8;
/** The index is laid out for records of at least this size on average. */
const RECORD_BYTES_TYPICAL = 128;
/** A segment that is nearly full is not continued. */
const CONTINUED_SHARE = 0.9;

/** Opens or makes a store. Throws StoreError in-use, wrong-owner, newer-format, damaged. */
export async function openLogStore(options: LogStoreOptions): Promise<Store> {
  const disk = options.disk ?? new NodeDisk();
  const capacityBytes = options.capacityBytes ?? CAPACITY_BYTES_DEFAULT;
  const shape = shapeFor(capacityBytes, options.segmentBytes);
  const { directory, identity, random } = options;
  const folder = await openFolder(disk, directory, identity, random, shape);
  let core: StoreCore | undefined;
  try {
    const saved = await readSavedState(disk, directory, folder);
    core = await openCore(options, disk, folder, saved, capacityBytes);
    return await recover(options, core, saved, capacityBytes);
  } catch (error) {
    if (core === undefined) await folder.lock.release();
    else await letGo(core);
    throw error;
  }
}

/** Segment size and unit, so that a four-byte place covers the capacity. */
export function shapeFor(
  capacityBytes: number,
  segmentBytes: number | undefined,
): { segmentBits: number; unitBits: number } {
  const byCapacity = Math.floor(Math.log2(Math.max(1, capacityBytes / 16)));
  const usual = Math.min(SEGMENT_BITS_DEFAULT, Math.max(SEGMENT_BITS_MIN, byCapacity));
  const byCount = Math.ceil(Math.log2(Math.max(1, capacityBytes / SEGMENTS_WANTED_MAX)));
  const chosen = segmentBytes === undefined ? Math.max(usual, byCount) : Math.log2(segmentBytes);
  const segmentBits = Math.min(SEGMENT_BITS_MAX, Math.round(chosen));
  const needed = capacityBytes + SLOTS_SPARE * 2 ** segmentBits;
  const unitBits = Math.max(3, Math.ceil(Math.log2(needed)) - 32);
  return { segmentBits, unitBits };
}

async function openCore(
  options: LogStoreOptions,
  disk: Disk,
  folder: StoreFolder,
  saved: SavedState,
  capacityBytes: number,
): Promise<StoreCore> {
  const { clock, directory } = options;
  const entriesMax = capacityBytes / RECORD_BYTES_TYPICAL;
  const defaultLoader = (arena: Uint8Array): BlockLoader =>
    disk instanceof NodeDisk ? new ThreadBlockLoader(arena) : new DiskBlockLoader(disk, arena);
  return makeCore({
    clock,
    disk,
    directory,
    folder,
    cacheBytes: options.cacheBytes ?? CACHE_BYTES_DEFAULT,
    segments: saved.segments,
    facts: saved.facts,
    hashes: saved.checkpoint?.hashes ?? new HashIndex(baseBitsFor(entriesMax)),
    keyIndex: await openKeyIndex(options, disk, folder.storeId),
    openBlockLoader: options.openBlockLoader ?? defaultLoader,
  });
}

function openKeyIndex(options: LogStoreOptions, disk: Disk, storeId: string): Promise<KeyIndex> {
  if (options.openKeyIndex !== undefined) return options.openKeyIndex(storeId);
  if (!(disk instanceof NodeDisk)) return Promise.resolve(new MemoryKeyIndex());
  return openSqliteKeyIndex(disk, `${options.directory}/keys.db`, storeId);
}

async function recover(
  options: LogStoreOptions,
  core: StoreCore,
  saved: SavedState,
  capacityBytes: number,
): Promise<Store> {
  const { owner } = options;
  const { checkpoint } = saved;
  const { facts, keyIndex, segments, disk } = core;
  const replayPosition = checkpoint?.replayPosition ?? 0;
  await replayFacts({ disk, segments, facts, replayPosition });
  // An index made anew may hold entries that the key index has already let go of: it is filled anew.
  if (checkpoint === undefined) await keyIndex.fill(KeyRun.pack([]), 0);
  owner?.recover({ ownerState: checkpoint?.ownerState, states: new Map(facts.states) });
  const isCut = await replayLog({
    ...core,
    owner,
    replayPosition,
    filledPosition: keyIndex.filledPosition,
    hasCheckpoint: checkpoint !== undefined,
    onDamage: options.onDamage ?? (() => {}),
  });
  distrustEmptied(core.index.hashes, segments);
  const last = segments.all().at(-1);
  const recoveredPosition = last === undefined ? 0 : segments.positionOf(last, last.appendedBytes);
  const active = await chooseActive(core, saved.numberLast, replayPosition, isCut);
  core.unapplied.reached = segments.positionOf(active, active.appendedBytes);
  const parts = finishParts(core, {
    active,
    capacityBytes,
    checkpointBytes: options.checkpointBytes ?? CHECKPOINT_BYTES_DEFAULT,
    compactionBytesPerSecond:
      options.compactionBytesPerSecond ?? COMPACTION_BYTES_PER_SECOND_DEFAULT,
    recoveredPosition,
    isRebuilt: checkpoint === undefined,
    checkpointPosition: replayPosition,
    owner,
  });
  const emptied = segments.all().filter((segment) => segment.isEmptied);
  await parts.compactor.removeEmptied(emptied, replayPosition);
  parts.sweeper.start();
  if (disk instanceof NodeDisk) await disk.syncDirectory(options.directory);
  return new LogStore(parts);
}

/**
 * The segment to go on with. One that was cut is not continued: positions behind the cut may be
 * known to the key index, and no position is ever used twice. The checkpoint may know of a segment that was chosen
 * here and never got a file: what is written below its replay position would not be replayed.
 */
async function chooseActive(
  core: StoreCore,
  numberLast: number,
  replayPosition: number,
  isCut: boolean,
): Promise<Segment> {
  const { segments, keyIndex, disk } = core;
  const last = segments.all().at(-1);
  const knownPosition = Math.max(keyIndex.filledPosition, replayPosition);
  const knownNumber = Math.floor(knownPosition / segments.segmentBytes);
  const isContinued =
    last !== undefined &&
    !isCut &&
    last.number === numberLast &&
    !last.isEmptied &&
    last.appendedBytes < segments.segmentBytes * CONTINUED_SHARE &&
    knownPosition <= segments.positionOf(last, last.appendedBytes);
  if (isContinued) {
    last.file = await disk.open(last.path, 'write');
    return last;
  }
  const next = segments.add(Math.max(numberLast, knownNumber) + 1, undefined);
  if (next === undefined) throw new StoreError('no-space', 'no segment slot is free');
  return next;
}
