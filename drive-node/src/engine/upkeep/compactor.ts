// Frees space beside traffic: copies what is alive out of a segment to the end of the log.
//
//   choose -> scan and copy -> nothing points there -> checkpoint -> remove the file
//
// Copies are ordinary records of the one log, flagged, with the position they came from; the index
// entry moves in the same turn in which the copy is appended. Until a checkpoint that no longer
// knows the segment is durable, its file stays: a crash at any moment finds either the original or
// the copy. Segments with records that are not applied yet are never touched.
//
// A tombstone is kept while an older record of its key may lie in some file. Older records were
// appended before it was applied, so they lie in the segment that was then the last one or before:
// that number, its *horizon*, travels with the copied tombstone.

import type { Clock } from '@piton/protocol';
import type { BlockLoader } from '../cache/block-loader.ts';
import { LoadResult, type RecordSource } from '../cache/record-source.ts';
import { type Disk, unlinkIfThere } from '../disk/disk.ts';
import type { RecordIndex } from '../index/record-index.ts';
import { scanSegment } from '../log/log-scanner.ts';
import type { LogWriter } from '../log/log-writer.ts';
import {
  type AnyRecord,
  LARGE_VALUE_BYTES,
  ownRecord,
  RecordView,
  recordBytes,
  StoreRecordKind,
} from '../log/record.ts';
import type { Segment } from '../log/segment.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import type { LogSpace } from '../log/space.ts';
import type { StoreFacts } from '../log/store-facts.ts';
import type { UnappliedRecords } from '../log/unapplied.ts';
import { RecordKind, StoreError } from '../store.ts';
import type { CheckpointKeeper } from './checkpoint-keeper.ts';
import { LiveOffsets, liveOffsets } from './live-places.ts';
import type { Verifier } from './verifier.ts';
import { type Choice, chooseVictim, deadBytes, isEmpty } from './victim.ts';

const CHUNK_BYTES = 128 * 1024;
const CONSIDER_MS = 200;
const RETRY_MS = 2000;
const PENDING_BYTES_MAX = 2 * 1024 * 1024;
/** Segments that are emptied before a checkpoint is taken only to remove them. */
const EMPTIED_MAX = 4;
/** With less of the capacity free there is no throttle at all; it sets in gradually above. */
const UNTHROTTLED_SHARE = 0.05;
const THROTTLED_SHARE = 0.25;
/** Records of a segment that may wait for a read at the same time. */
const LATE_MAX = 128;
const ATTEMPTS_MAX = 64;
/** Looking for what is alive pays while the index has at most one entry for so many bytes of a segment. */
const BYTES_PER_ENTRY = 8;
/** A nearly full store gives up its last segment when this much of it is dead. */
const ROLL_DEAD_SHARE = 0.1;

export interface CompactorParts {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly logFolder: string;
  readonly segments: SegmentTable;
  readonly index: RecordIndex;
  readonly source: RecordSource;
  readonly loader: BlockLoader;
  readonly facts: StoreFacts;
  readonly unapplied: UnappliedRecords;
  readonly writer: LogWriter;
  readonly space: LogSpace;
  readonly checkpoints: CheckpointKeeper;
  readonly verifier: Verifier;
  readonly readsMax: number;
  readonly bytesPerSecond: number;
  /** Space was freed. */
  freed(): void;
}

export class Compactor {
  readonly #parts: CompactorParts;
  readonly #candidate = new RecordView();
  /** Records that wait until a cold record in front of them is read. */
  readonly #late = new Set<Promise<void>>();
  #lateFailure: unknown;
  #running: Promise<void> | undefined;
  #consideredAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  /** Bytes that were copied. */
  compactedBytes = 0;

  constructor(parts: CompactorParts) {
    this.#parts = parts;
  }

  /** Looks, now and then, whether there is something to do; returns at once. */
  consider(): void {
    const { clock, space } = this.#parts;
    if (this.#running !== undefined || this.#isStopped) return;
    const nowMs = clock.nowMs();
    if (!space.isFull && nowMs - this.#consideredAtMs < CONSIDER_MS) return;
    this.#consideredAtMs = nowMs;
    if (this.#choose() !== undefined) this.#running = this.#run();
  }

  /** Settles when nothing is worth compacting any more. */
  async whenIdle(): Promise<void> {
    this.#consideredAtMs = Number.NEGATIVE_INFINITY;
    this.consider();
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Removes the files of emptied segments that lie below a durable checkpoint's position. */
  async removeEmptied(emptied: readonly Segment[], replayPosition: number): Promise<void> {
    const { disk, segments, source, loader, facts, logFolder } = this.#parts;
    let isRemoved = false;
    for (const segment of emptied) {
      const end = segments.positionOf(segment, segment.appendedBytes);
      if (segments.byNumber(segment.number) !== segment || end > replayPosition) continue;
      source.forget(segment);
      loader.forget(segment);
      segments.remove(segment);
      await segment.file?.close();
      segment.file = undefined;
      await unlinkIfThere(disk, segment.path);
      isRemoved = true;
    }
    if (!isRemoved) return;
    await disk.syncDirectory(logFolder);
    facts.forgetDrops(segments.all()[0]?.number ?? 0);
    this.#parts.freed();
  }

  #choose(): Choice | undefined {
    const { segments, space, writer, unapplied, verifier } = this.#parts;
    if (writer.failure !== undefined) return undefined;
    const hasUnknown = verifier.dropped > 0;
    const { settledPosition } = unapplied;
    const choice = chooseVictim(segments, space, writer.active, settledPosition, hasUnknown);
    if (choice !== undefined || !space.isFull || !writer.hasSlot) return choice;
    const { active } = writer;
    const dead = deadBytes(active, active);
    const isWorth = dead > active.appendedBytes * ROLL_DEAD_SHARE && writer.pendingBytes === 0;
    if (isWorth) writer.roll();
    return isWorth
      ? chooseVictim(segments, space, writer.active, settledPosition, hasUnknown)
      : undefined;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#isStopped) {
        const choice = this.#choose();
        if (choice !== undefined) await this.#compact(choice);
        if (this.#isStopped) break;
        const emptied = this.#emptied().length;
        if (choice === undefined && emptied === 0) break;
        const isDue = choice === undefined || choice.isUrgent || emptied >= EMPTIED_MAX;
        if (isDue && emptied > 0) await this.#removeAll();
      }
    } catch {
      // The log failed, or there was no room for a copy: what is done is done, the rest comes later.
      if (!this.#isStopped) this.#parts.clock.setTimer(RETRY_MS, () => this.consider());
    } finally {
      this.#running = undefined;
    }
  }

  #emptied(): Segment[] {
    return this.#parts.segments.all().filter((segment) => segment.isEmptied);
  }

  /** A checkpoint in which nothing points to the emptied segments, then they go. */
  async #removeAll(): Promise<void> {
    const { facts, writer, unapplied, segments, checkpoints } = this.#parts;
    const emptied = this.#emptied();
    if (emptied.some((segment) => segment.storeRecords > 0)) {
      const record = ownRecord(StoreRecordKind.snapshot, facts.encodeSnapshot());
      const position = writer.append(record, undefined, facts.dropCount, true);
      const end = position + segments.paddedBytes(recordBytes(record, false));
      unapplied.add(position, end, 0, 0, false);
      unapplied.settle(position);
      writer.active.storeRecords++;
    }
    const { replayPosition } = await checkpoints.take();
    await this.removeEmptied(emptied, replayPosition);
  }

  async #compact({ segment }: Choice): Promise<void> {
    const { disk, segments } = this.#parts;
    // Often enough for large values: nothing is alive, so nothing has to be looked at.
    if (isEmpty(segment) && (await this.#isUnused(segment))) {
      segment.isEmptied = true;
      return;
    }
    const live = await this.#findLive(segment);
    const file = await disk.open(segment.path, 'read');
    let isDone = false;
    this.#lateFailure = undefined;
    try {
      const request = { file, segment, from: 0, unitBytes: segments.unitBytes, mayBeTorn: false };
      const end = await scanSegment(
        { ...request, fileBytes: segment.appendedBytes, chunkBytes: CHUNK_BYTES },
        {
          record: (view, offset) => this.#take(view, segment, offset),
          isSkipped: (view, offset) => this.#isLeft(view, segment, offset, live),
          hole: () => {
            segment.isDamaged = true;
          },
          chunk: (bytes) => this.#pace(segment, bytes),
        },
      );
      await Promise.all(this.#late);
      if (this.#lateFailure !== undefined) throw this.#lateFailure;
      isDone = end >= segment.appendedBytes && !segment.isDamaged;
    } finally {
      await file.close();
    }
    if (this.#isStopped) return;
    if (isDone && (await this.#isUnused(segment))) segment.isEmptied = true;
    else segment.isDamaged = true;
  }

  /** Waits as the throttle and the log want it. False ends the scan. */
  async #pace(segment: Segment, bytes: number): Promise<boolean> {
    const { clock, writer, space, bytesPerSecond } = this.#parts;
    if (this.#isStopped || segment.isDamaged) return false;
    if (writer.pendingBytes > PENDING_BYTES_MAX) await writer.flush();
    const freeShare = Math.max(0, space.freeBytes / space.capacityBytes - UNTHROTTLED_SHARE);
    const patience = space.isFull ? 0 : Math.min(1, freeShare / THROTTLED_SHARE);
    const delayMs = (bytes / bytesPerSecond) * 1000 * patience;
    await new Promise<void>((resolve) => {
      if (delayMs >= 1) clock.setTimer(delayMs, resolve);
      else clock.defer(resolve);
    });
    return !this.#isStopped;
  }

  /** Undefined: what is alive is found out record by record. */
  async #findLive(segment: Segment): Promise<LiveOffsets | undefined> {
    const { segments, index, clock } = this.#parts;
    const { hashes } = index;
    // The index does not know of all tombstones, so every head must be believed: all is looked at.
    if (segment.tombstoneBytes + segment.copiedTombstoneBytes > 0) return undefined;
    if (hashes.count > segment.appendedBytes / BYTES_PER_ENTRY) return undefined;
    return new LiveOffsets(await liveOffsets(hashes, segments, segment, clock));
  }

  /**
   * Whether a record can be passed over: a put that no entry points to. Its head is not checked yet.
   * Were it damaged, an entry would be left over in the end, and the segment would stay.
   */
  #isLeft(
    view: RecordView,
    segment: Segment,
    offset: number,
    live: LiveOffsets | undefined,
  ): boolean {
    if (view.kind !== RecordKind.put) return false;
    if (live !== undefined) return !live.isLive(offset);
    if (view.length < LARGE_VALUE_BYTES) return false;
    const { segments, index } = this.#parts;
    const { hasher, hashes } = index;
    hasher.hash(view.namespace, view.bytes, view.keyStart, view.keyBytes);
    hashes.find(hasher.high, hasher.low);
    return hashes.candidateWith(segments.placeOf(segment, offset)) < 0;
  }

  #take(view: RecordView, segment: Segment, offset: number): Promise<void> | undefined {
    if (view.kind !== RecordKind.put && view.kind !== RecordKind.tombstone) return undefined;
    const { segments, index } = this.#parts;
    const place = segments.placeOf(segment, offset);
    const { hasher } = index;
    hasher.hash(view.namespace, view.bytes, view.keyStart, view.keyBytes);
    const { high, low } = hasher;
    if (this.#settle(view, segment, offset, place, high, low)) return undefined;
    const kept = new RecordView();
    kept.set(view.bytes.slice(view.at, view.at + view.length), 0);
    const late = this.#settleLater(kept, segment, offset, place, high, low);
    this.#late.add(late);
    void late.finally(() => this.#late.delete(late));
    return this.#late.size < Math.min(LATE_MAX, this.#parts.readsMax) ? undefined : late;
  }

  async #settleLater(
    view: RecordView,
    segment: Segment,
    offset: number,
    place: number,
    high: number,
    low: number,
  ): Promise<void> {
    // The first fetch is begun in the turn of the miss: it gets what was missed.
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      await new Promise<void>((resolve) => this.#parts.source.fetch(() => resolve()));
      if (this.#isStopped) return;
      try {
        if (this.#settle(view, segment, offset, place, high, low)) return;
      } catch (error) {
        this.#lateFailure = error;
        return;
      }
    }
    this.#lateFailure = new StoreError('busy', 'a record stays cold');
  }

  /** Copies or forgets one record. False when a cold record in front of it must be read first. */
  #settle(
    view: RecordView,
    segment: Segment,
    offset: number,
    place: number,
    high: number,
    low: number,
  ): boolean {
    const { index, facts } = this.#parts;
    const { hashes } = index;
    hashes.find(high, low);
    const own = hashes.candidateWith(place);
    if (own < 0) {
      if (view.kind === RecordKind.tombstone) this.#keepTombstone(view, segment);
      return true;
    }
    for (let number = 0; number < own; number++) {
      const result = this.#parts.source.loadHead(hashes.candidate(number), this.#candidate);
      if (result === LoadResult.cold) return false;
      if (result === LoadResult.found && this.#candidate.isSameKeyAs(view)) {
        index.removeDead(own, view.length, view.kind);
        return true;
      }
    }
    const isTombstone = view.kind === RecordKind.tombstone;
    // A tombstone stays whatever was dropped: behind it may be a put that nobody else remembers.
    const isHidden = !isTombstone && facts.isHidden(view.namespace, view.key, view.drops);
    if (isHidden) {
      index.removeDead(own, view.length, view.kind);
      return true;
    }
    const origin = isTombstone
      ? this.#horizonOf(view)
      : this.#parts.segments.positionOf(segment, offset);
    const copied = this.#copy(view, origin);
    index.move(own, copied.place, view.length, copied.bytes);
    if (isTombstone) this.#noteTombstone(copied.bytes, origin);
    return true;
  }

  #keepTombstone(view: RecordView, segment: Segment): void {
    const horizon = this.#horizonOf(view);
    const oldest = this.#parts.segments.all().find((other) => other !== segment);
    if (oldest !== undefined && oldest.number > horizon) return;
    const { bytes } = this.#copy(view, horizon);
    this.#noteTombstone(bytes, horizon);
  }

  #horizonOf(view: RecordView): number {
    return view.isCopy ? view.origin : this.#parts.writer.active.number;
  }

  #noteTombstone(bytes: number, horizon: number): void {
    const { active } = this.#parts.writer;
    active.copiedTombstoneBytes += this.#parts.segments.paddedBytes(bytes);
    active.horizon = Math.max(active.horizon, horizon);
  }

  #copy(view: RecordView, origin: number): { place: number; bytes: number } {
    const { writer, segments, unapplied } = this.#parts;
    const record: AnyRecord = view.toRecord();
    const bytes = recordBytes(record, true);
    const position = writer.append(record, origin, view.drops, false);
    if (view.kind === RecordKind.put) this.#parts.source.moved(origin, position);
    unapplied.reachedBeside(position + segments.paddedBytes(bytes));
    this.compactedBytes += bytes;
    return { place: segments.placeAt(position) as number, bytes };
  }

  async #isUnused(segment: Segment): Promise<boolean> {
    const { index, segments, clock } = this.#parts;
    return (await liveOffsets(index.hashes, segments, segment, clock)).length === 0;
  }
}
