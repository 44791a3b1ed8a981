// The parts of an open store and how they hold each other.
//
// `makeCore` builds what recovery needs, on a log that may still be replayed; `finishParts` adds
// what writes: the end of the log and the upkeep beside traffic. What each part does is told in its
// own file.

import type { Clock } from '@piton/protocol';
import { BlockCache } from './cache/block-cache.ts';
import type { BlockLoader } from './cache/block-loader.ts';
import { ColdReader } from './cache/cold-reader.ts';
import { keepWritten } from './cache/keep-written.ts';
import { RecordSource } from './cache/record-source.ts';
import { ValueCache } from './cache/value-cache.ts';
import type { Disk } from './disk/disk.ts';
import { LOG_FOLDER_NAME, type StoreFolder } from './disk/folder.ts';
import type { HashIndex } from './index/hash-index.ts';
import { KeyHasher } from './index/hash-key.ts';
import { RecordIndex } from './index/record-index.ts';
import { KeyFiller } from './keys/key-filler.ts';
import type { KeyIndex } from './keys/key-index.ts';
import { Overlay } from './keys/overlay.ts';
import { DeviceRoom } from './log/device-room.ts';
import { LogWriter } from './log/log-writer.ts';
import type { Segment } from './log/segment.ts';
import type { SegmentTable } from './log/segment-table.ts';
import { LogSpace } from './log/space.ts';
import type { StoreFacts } from './log/store-facts.ts';
import { UnappliedRecords } from './log/unapplied.ts';
import type { Owner, StoreError } from './store.ts';
import { CheckpointKeeper } from './upkeep/checkpoint-keeper.ts';
import { Compactor } from './upkeep/compactor.ts';
import { DropSweeper } from './upkeep/drop-sweeper.ts';
import { Verifier } from './upkeep/verifier.ts';

/** What large values may take in addition, when there are any, as a part of the memory for blocks. */
const LARGE_VALUES_SHARE = 1 / 2;

export type ProgressListener = (failure?: StoreError) => void;

export interface CoreOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly directory: string;
  readonly folder: StoreFolder;
  readonly cacheBytes: number;
  readonly segments: SegmentTable;
  readonly facts: StoreFacts;
  readonly hashes: HashIndex;
  readonly keyIndex: KeyIndex;
  openBlockLoader(arena: Uint8Array): BlockLoader;
}

/** What reads, and what recovery fills. */
export interface StoreCore extends CoreOptions {
  readonly unapplied: UnappliedRecords;
  readonly index: RecordIndex;
  readonly cache: BlockCache;
  readonly values: ValueCache;
  readonly loader: BlockLoader;
  readonly source: RecordSource;
  readonly reader: ColdReader;
  readonly overlay: Overlay;
  readonly filler: KeyFiller;
  readonly verifier: Verifier;
  readonly listeners: ProgressListener[];
  readonly logEnd: LogEnd;
}

/** The writer, once there is one: while the log is replayed, all of it is durable. */
interface LogEnd {
  writer: LogWriter | undefined;
}

export interface FinishOptions {
  readonly active: Segment;
  readonly capacityBytes: number;
  readonly checkpointBytes: number;
  readonly compactionBytesPerSecond: number;
  /** Where the log ended when it was opened. */
  readonly recoveredPosition: number;
  /** There was no usable checkpoint. */
  readonly isRebuilt: boolean;
  /** From where the log would be replayed now. */
  readonly checkpointPosition: number;
  readonly owner: Owner | undefined;
}

export interface StoreParts extends StoreCore {
  readonly writer: LogWriter;
  readonly space: LogSpace;
  readonly deviceRoom: DeviceRoom;
  readonly sweeper: DropSweeper;
  readonly compactor: Compactor;
  readonly checkpoints: CheckpointKeeper;
  readonly recoveredPosition: number;
  /** There was no usable checkpoint. */
  readonly isRebuilt: boolean;
}

export function makeCore(options: CoreOptions): StoreCore {
  const { clock, disk, segments, facts, hashes, keyIndex, folder } = options;
  const cache = new BlockCache(options.cacheBytes, segments.segmentBytes);
  const values = new ValueCache(Math.floor(options.cacheBytes * LARGE_VALUES_SHARE));
  const loader = options.openBlockLoader(cache.arena);
  const reader = new ColdReader(clock, cache, loader);
  const source = new RecordSource(disk, segments, cache, values, reader);
  const hasher = new KeyHasher(folder.geometry.seedHigh, folder.geometry.seedLow);
  const index = new RecordIndex(hashes, hasher, segments, source, facts);
  const verifier = new Verifier(clock, index, source, cache.readsMax);
  const overlay = new Overlay();
  const unapplied = new UnappliedRecords();
  const listeners: ProgressListener[] = [];
  const filled = (): void => tell(listeners);
  const logEnd: LogEnd = { writer: undefined };
  const flushLog = (position: number): Promise<void> => flushUpTo(logEnd, position);
  const filler = new KeyFiller({ clock, overlay, keyIndex, unapplied, flushLog, filled });
  const reading = { cache, values, loader, reader, source, index, verifier };
  return { ...options, ...reading, overlay, unapplied, listeners, logEnd, filler };
}

export function finishParts(core: StoreCore, options: FinishOptions): StoreParts {
  const { clock, disk, directory, segments, source, index, cache } = core;
  const space = new LogSpace(segments, options.capacityBytes);
  const writer: LogWriter = new LogWriter(
    {
      disk,
      folder: `${directory}/${LOG_FOLDER_NAME}`,
      clock,
      segments,
      written: (group) => keepWritten(group, core.cache, core.values, segments),
      progress: (failure) => {
        tell(core.listeners, failure);
        if (failure !== undefined) return;
        deviceRoom.advanced(writer.appendedPosition);
        if (checkpoints.isDue(writer.appendedPosition)) checkpoints.begin(writer.appendedPosition);
        compactor.consider();
      },
      deviceFull: (isFull) => deviceRoom.met(isFull),
    },
    options.active,
  );
  source.attach(writer);
  core.logEnd.writer = writer;
  const checkpoints: CheckpointKeeper = keeperOf(core, options, writer);
  const sweeper = new DropSweeper({
    ...core,
    checkpoints,
    durablePosition: () => writer.durablePosition,
  });
  const compactor: Compactor = new Compactor({
    ...core,
    logFolder: `${directory}/${LOG_FOLDER_NAME}`,
    writer,
    space,
    checkpoints,
    readsMax: cache.readsMax,
    bytesPerSecond: options.compactionBytesPerSecond,
    freed: () => tell(core.listeners),
  });
  const deviceRoom: DeviceRoom = new DeviceRoom({
    ...{ disk, directory, clock, space },
    segmentBytes: segments.segmentBytes,
    owedBytes: () => writer.pendingBytes + index.hashes.bytes,
    changed: () => {
      tell(core.listeners);
      compactor.consider();
    },
  });
  deviceRoom.look();
  const { recoveredPosition, isRebuilt } = options;
  const running = { writer, space, deviceRoom, checkpoints, sweeper, compactor };
  return { ...core, ...running, recoveredPosition, isRebuilt };
}

function keeperOf(core: StoreCore, options: FinishOptions, writer: LogWriter): CheckpointKeeper {
  const { disk, directory, segments, facts, index } = core;
  return new CheckpointKeeper(
    {
      disk,
      folder: directory,
      path: `${directory}/checkpoint`,
      hashes: index.hashes,
      segments,
      flushLog: () => writer.flush(),
      moment: () => ({
        replayPosition: core.unapplied.settledPosition,
        ownerState: options.owner?.save() ?? new Uint8Array(0),
        facts: facts.encodeSnapshot(),
      }),
    },
    options.checkpointBytes,
    options.checkpointPosition,
  );
}

async function flushUpTo({ writer }: LogEnd, position: number): Promise<void> {
  if (writer !== undefined && writer.durablePosition < position) await writer.flush();
}

function tell(listeners: readonly ProgressListener[], failure?: StoreError): void {
  for (const listener of listeners) listener(failure);
}

/** Lets go of everything in order. With `saves`: nothing is left to replay. */
export async function shutDown(parts: StoreParts, saves: boolean): Promise<void> {
  const { compactor, sweeper, verifier, filler, writer, checkpoints, deviceRoom } = parts;
  deviceRoom.stop();
  writer.endPatience();
  await compactor.stop();
  await sweeper.stop();
  verifier.stop();
  if (saves && writer.failure === undefined) {
    await filler.drain().catch(() => undefined);
    await writer.flush().catch(() => undefined);
    await checkpoints.take().catch(() => undefined);
  }
  await filler.stop();
  await writer.stop();
  await letGo(parts);
}

/** Closes what is open, on a store that never began or that has stopped. */
export async function letGo(core: StoreCore): Promise<void> {
  await core.keyIndex.close().catch(() => undefined);
  await core.loader.close();
  for (const segment of core.segments.all()) {
    await segment.file?.close().catch(() => undefined);
    segment.file = undefined;
  }
  await core.folder.lock.release();
}
