// Saves what would otherwise have to be rebuilt from the whole log: the hash index, the counters of
// the segments, the store's facts and the owner's state.
//
// It is taken beside traffic, a slice at a time, so the pages of the index are of different moments.
// That is fine: the replay position is below everything that was not applied when it began, and
// replaying is idempotent and ends with the last record of each key. Before the file takes its name
// the log is flushed, so nothing in it points beyond what is durable.

import { type Disk, type DiskFile, diskErrorCode, unlinkIfThere } from '../disk/disk.ts';
import { BASE_BITS_MAX, BASE_BITS_MIN, HashIndex } from '../index/hash-index.ts';
import { ENTRY_BYTES } from '../index/hash-page.ts';
import { ByteReader, ByteWriter } from '../log/byte-codec.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import type { StoreFacts } from '../log/store-facts.ts';
import { StoreError } from '../store.ts';
import { readSections, SectionWriter } from './section-file.ts';

const CHECKPOINT_FORMAT = 1;
const SLICE_BYTES = 128 * 1024;
const SectionType = { head: 1, owner: 2, pages: 3, facts: 4, segments: 5 } as const;

/** What is saved, gathered in one turn: together they are the state at `replayPosition`. */
export interface CheckpointMoment {
  readonly replayPosition: number;
  readonly ownerState: Uint8Array;
  readonly facts: Uint8Array;
}

export interface CheckpointSource {
  readonly disk: Disk;
  /** Folder and file name of the checkpoint. */
  readonly folder: string;
  readonly path: string;
  readonly hashes: HashIndex;
  readonly segments: SegmentTable;
  /** Flushes everything appended so far. */
  flushLog(): Promise<void>;
  moment(): CheckpointMoment;
}

/** What a checkpoint gave back. The index is complete; segments are added to the table. */
export interface LoadedCheckpoint {
  readonly replayPosition: number;
  readonly ownerState: Uint8Array;
  readonly hashes: HashIndex;
}

/** Writes a checkpoint; it replaces the one before when everything of it is durable. */
export async function writeCheckpoint(source: CheckpointSource): Promise<CheckpointMoment> {
  const { disk, folder, path } = source;
  const draft = `${path}.new`;
  await unlinkIfThere(disk, draft);
  const file = await disk.open(draft, 'create');
  let moment: CheckpointMoment;
  try {
    moment = await writeSections(source, new SectionWriter(file));
  } finally {
    await file.close();
  }
  await disk.rename(draft, path);
  await disk.syncDirectory(folder);
  return moment;
}

async function writeSections(
  source: CheckpointSource,
  sections: SectionWriter,
): Promise<CheckpointMoment> {
  const moment = source.moment();
  const head = new ByteWriter().u32(CHECKPOINT_FORMAT).u32(source.segments.geometry.seedHigh);
  head.u32(source.segments.geometry.seedLow).safe(moment.replayPosition).u8(source.hashes.baseBits);
  await sections.add(SectionType.head, head.finish());
  await sections.add(SectionType.owner, moment.ownerState);
  await sections.add(SectionType.facts, moment.facts);
  await writePages(source.hashes, sections);
  // Before the flush: one that is emptied later may have copies that are not durable yet.
  const segments = encodeSegments(source.segments);
  await source.flushLog();
  await sections.add(SectionType.segments, segments);
  await sections.finish();
  return moment;
}

async function writePages(hashes: HashIndex, sections: SectionWriter): Promise<void> {
  let depth = hashes.directoryDepth;
  let slot = 0;
  let writer = new ByteWriter();
  let bytes = 0;
  for (;;) {
    // The directory may have doubled while a slice was written.
    slot *= 2 ** (hashes.directoryDepth - depth);
    depth = hashes.directoryDepth;
    if (slot >= hashes.directoryLength) break;
    const page = hashes.pageAt(slot);
    if (page === undefined) throw new Error('a page of the index begins elsewhere');
    // Behind all of it: when it is split while a slice is written, its halves are not saved once more.
    slot += 2 ** (depth - page.depth);
    writer.u32(page.base).u8(page.depth).u32(page.lowest).bytes(page.bytes);
    bytes += page.bytes.length;
    if (bytes < SLICE_BYTES) continue;
    const slice = writer.finish();
    writer = new ByteWriter();
    bytes = 0;
    await sections.add(SectionType.pages, slice);
  }
  await sections.add(SectionType.pages, writer.finish());
}

function encodeSegments(segments: SegmentTable): Uint8Array {
  const all = segments.all();
  const writer = new ByteWriter().u32(all.length);
  for (const segment of all) {
    writer
      .u32(segment.number)
      .u32(segment.slot)
      .u8(segment.isEmptied ? 1 : 0);
    writer.safe(Math.max(0, segment.liveBytes)).safe(Math.max(0, segment.tombstoneBytes));
    writer.safe(segment.copiedTombstoneBytes).u32(segment.storeRecords).u32(segment.horizon);
    writer.u8(segment.isDamaged ? 1 : 0);
  }
  return writer.finish();
}

/**
 * Reads the checkpoint at `path`. Undefined when there is none. Throws StoreError `damaged` when it
 * is not whole, of another store, or does not fit the segments that exist.
 */
export async function readCheckpoint(
  disk: Disk,
  path: string,
  segments: SegmentTable,
  facts: StoreFacts,
  existing: ReadonlySet<number>,
): Promise<LoadedCheckpoint | undefined> {
  const file = await openIfThere(disk, path);
  if (file === undefined) return undefined;
  const loading = new CheckpointLoading(segments, facts, existing);
  try {
    for await (const { type, payload } of readSections(file)) {
      loading.take(type, new ByteReader(payload), payload);
    }
    return loading.finish();
  } finally {
    await file.close();
  }
}

/** One that is there and cannot be opened now is not lost: without it the sessions would be. */
async function openIfThere(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, 'read');
  } catch (error) {
    if (diskErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

class CheckpointLoading {
  readonly #segments: SegmentTable;
  readonly #facts: StoreFacts;
  readonly #existing: ReadonlySet<number>;
  #hashes: HashIndex | undefined;
  #replayPosition = 0;
  #ownerState: Uint8Array = new Uint8Array(0);
  #hasSegments = false;

  constructor(segments: SegmentTable, facts: StoreFacts, existing: ReadonlySet<number>) {
    this.#segments = segments;
    this.#facts = facts;
    this.#existing = existing;
  }

  take(type: number, reader: ByteReader, payload: Uint8Array): void {
    if (type === SectionType.head) this.#takeHead(reader);
    else if (type === SectionType.owner) this.#ownerState = payload;
    else if (type === SectionType.facts) this.#facts.restore(payload);
    else if (type === SectionType.pages) this.#takePages(reader);
    else if (type === SectionType.segments) this.#takeSegments(reader);
    else throw damaged(`section type ${type} is unknown`);
  }

  finish(): LoadedCheckpoint {
    const hashes = this.#hashes;
    if (hashes === undefined || !this.#hasSegments) throw damaged('a section is missing');
    if (!hashes.finishRestore()) throw damaged('a page of the index is missing');
    this.#checkPlaces(hashes);
    return { replayPosition: this.#replayPosition, ownerState: this.#ownerState, hashes };
  }

  #takeHead(reader: ByteReader): void {
    const { seedHigh, seedLow } = this.#segments.geometry;
    if (reader.u32() !== CHECKPOINT_FORMAT) throw damaged('its format is unknown');
    if (reader.u32() !== seedHigh || reader.u32() !== seedLow) throw damaged('of another store');
    this.#replayPosition = reader.safe();
    const baseBits = reader.u8();
    if (baseBits < BASE_BITS_MIN || baseBits > BASE_BITS_MAX) throw damaged('its index is odd');
    this.#hashes = new HashIndex(baseBits);
  }

  #takePages(reader: ByteReader): void {
    while (!reader.isAtEnd) {
      const saved = { base: reader.u32(), depth: reader.u8(), lowest: reader.u32() };
      const bytes = reader.bytes();
      const fits =
        bytes.length % ENTRY_BYTES === 0 && this.#hashes?.restorePage({ ...saved, bytes });
      if (fits !== true) throw damaged('a page of the index does not fit');
    }
  }

  #takeSegments(reader: ByteReader): void {
    this.#hasSegments = true;
    for (let left = reader.u32(); left > 0; left--) {
      const number = reader.u32();
      const slot = reader.u32();
      const isEmptied = reader.u8() === 1;
      const counters = {
        isEmptied,
        liveBytes: reader.safe(),
        tombstoneBytes: reader.safe(),
        copiedTombstoneBytes: reader.safe(),
        storeRecords: reader.u32(),
        horizon: reader.u32(),
        isDamaged: reader.u8() === 1,
      };
      if (!this.#existing.has(number)) continue;
      const segment = this.#segments.add(number, slot);
      if (segment === undefined) throw damaged('two segments have one slot');
      Object.assign(segment, counters);
    }
  }

  /** Every entry must lie in a segment that exists. */
  #checkPlaces(hashes: HashIndex): void {
    let strays = 0;
    for (let slot = 0; slot < hashes.directoryLength; slot++) {
      hashes.forEachPlace(slot, (place) => {
        const segment = this.#segments.inSlot(this.#segments.slotOf(place));
        if (segment === undefined) strays++;
      });
    }
    if (strays > 0) throw damaged(`${strays} entries lie in segments that are gone`);
  }
}

function damaged(why: string): StoreError {
  return new StoreError('damaged', `the checkpoint is not usable: ${why}`);
}
