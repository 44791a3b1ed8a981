// Brings a store back to what its log says.
//
// With a checkpoint: its index, then the log from its replay position on. Without a usable one: the
// whole log. Below the replay position only the keys are read that the key index lacks. Everything
// is idempotent, so it does not matter how much of the replayed part the saved state already knows.
//
// Copies made by compaction are treated apart, because a copy may lie behind newer records of its
// key. With a checkpoint a copy counts only if the entry of its original is still there: then it
// takes its place. Without one it counts unless the index knows the same or a newer sequence, or a
// record of a later era; for that, tombstones stay in the index until the replay is over.

import { LoadResult, type RecordSource } from '../cache/record-source.ts';
import type { Disk } from '../disk/disk.ts';
import type { RecordIndex } from '../index/record-index.ts';
import type { KeyFiller } from '../keys/key-filler.ts';
import type { Overlay } from '../keys/overlay.ts';
import { isZeroFrom, type ScannedHole, scanSegment } from '../log/log-scanner.ts';
import { RecordView } from '../log/record.ts';
import { SEGMENT_HEADER_BYTES, type Segment } from '../log/segment.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import type { StoreFacts } from '../log/store-facts.ts';
import type { UnappliedRecords } from '../log/unapplied.ts';
import { type Namespace, type Owner, type Place, RecordKind } from '../store.ts';
import type { Verifier } from './verifier.ts';

/** A durable part of the log that cannot be read any more. */
export interface Damage {
  readonly position: number;
  readonly bytes: number;
  /** Which key it was, when that is still readable. */
  readonly namespace: Namespace | undefined;
  readonly key: Uint8Array | undefined;
}

/** What the first pass needs. */
export interface FactParts {
  readonly disk: Disk;
  readonly segments: SegmentTable;
  readonly facts: StoreFacts;
  /** Records from here on are replayed in full. */
  readonly replayPosition: number;
}

export interface ReplayParts extends FactParts {
  readonly index: RecordIndex;
  readonly source: RecordSource;
  readonly verifier: Verifier;
  readonly overlay: Overlay;
  readonly filler: KeyFiller;
  readonly unapplied: UnappliedRecords;
  readonly owner: Owner | undefined;
  /** Keys from here on are not in the key index yet. */
  readonly filledPosition: number;
  readonly hasCheckpoint: boolean;
  onDamage(damage: Damage): void;
}

/**
 * Replays what is needed, oldest first. The end of the last segment is cut where it is torn: then
 * the answer is true, and its positions must not be used again.
 */
export async function replayLog(parts: ReplayParts): Promise<boolean> {
  const replay = new Replay(parts);
  const all = parts.segments.all();
  await flushLast(parts, all.at(-1));
  parts.index.keepsTombstones = true;
  for (const segment of all) await replay.segment(segment, segment === all.at(-1));
  parts.verifier.releaseTombstones();
  return replay.isCut;
}

/** What is replayed reaches the key index: it must not be lost again by a power cut. */
async function flushLast({ disk }: ReplayParts, last: Segment | undefined): Promise<void> {
  if (last === undefined) return;
  const file = await disk.open(last.path, 'write');
  await file.flush().finally(() => file.close());
}

/**
 * Takes in the store's own records first: before a record of a key is replayed it is known which
 * states the owner has and which intervals were dropped.
 */
export async function replayFacts(parts: FactParts): Promise<void> {
  const { disk, segments, facts, replayPosition } = parts;
  const all = segments.all();
  for (const segment of all) {
    const wanted = replayPosition - segments.positionOf(segment, 0);
    if (wanted >= segment.appendedBytes) continue;
    const file = await disk.open(segment.path, 'read');
    const from = Math.max(SEGMENT_HEADER_BYTES, wanted);
    const fileBytes = segment.appendedBytes;
    const mayBeTorn = segment === all.at(-1);
    const request = { file, segment, fileBytes, from, unitBytes: segments.unitBytes, mayBeTorn };
    const record = (view: RecordView, offset: number): undefined => {
      facts.noteNamespace(view.namespace);
      facts.dropCount = Math.max(facts.dropCount, view.drops);
      if (view.kind <= RecordKind.sessionOnly) return;
      segment.storeRecords++;
      facts.replay(view.kind, view.value, segments.positionOf(segment, offset), segment.number);
    };
    await scanSegment(request, { record, hole: () => undefined }).finally(() => file.close());
  }
}

class Replay {
  readonly #parts: ReplayParts;
  readonly #candidate = new RecordView();
  isCut = false;

  constructor(parts: ReplayParts) {
    this.#parts = parts;
  }

  async segment(segment: Segment, isLast: boolean): Promise<void> {
    const { disk, segments, replayPosition, filledPosition } = this.#parts;
    const first = segments.positionOf(segment, 0);
    const wanted = Math.min(replayPosition, filledPosition) - first;
    const from = Math.max(SEGMENT_HEADER_BYTES, Math.min(wanted, segment.appendedBytes));
    if (!isLast && from >= segment.appendedBytes) return;
    const fileBytes = segment.appendedBytes;
    const file = await disk.open(segment.path, isLast ? 'write' : 'read');
    try {
      const end = await scanSegment(
        {
          ...{ file, segment, fileBytes, from, unitBytes: segments.unitBytes },
          mayBeTorn: isLast,
          durableBytes: Math.max(0, replayPosition - first),
        },
        {
          record: (view, offset) => this.#record(view, segment, offset),
          hole: (hole) => this.#hole(segment, hole),
        },
      );
      if (!isLast) return;
      this.isCut = !(await isZeroFrom(file, end, fileBytes));
      if (end < fileBytes) await file.truncate(end);
      await file.flush();
      segment.writtenBytes = end;
      segments.grow(segment, end - fileBytes);
    } finally {
      await file.close();
    }
  }

  #record(view: RecordView, segment: Segment, offset: number): Promise<void> | undefined {
    const { segments, facts, replayPosition, overlay, verifier } = this.#parts;
    const position = segments.positionOf(segment, offset);
    const isReplayed = position >= replayPosition;
    this.#parts.unapplied.reached = position;
    let pending: Promise<void> | undefined;
    if (view.kind > RecordKind.sessionOnly) return undefined;
    const isShown =
      view.kind === RecordKind.tombstone ||
      (view.kind === RecordKind.put && !facts.isSweptAway(view.namespace, view.key, view.drops));
    if (isReplayed) {
      if (isShown) pending = this.#apply(view, segment, offset);
      this.#tellOwner(view, position);
    }
    if (isShown) this.#addKey(view, position);
    if (!overlay.isFull && !verifier.isFull) return pending;
    return this.#catchUp(pending);
  }

  #apply(view: RecordView, segment: Segment, offset: number): Promise<void> | undefined {
    const { segments, index } = this.#parts;
    const place = segments.placeOf(segment, offset);
    if (view.kind === RecordKind.tombstone) countTombstone(view, segment, segments);
    const { hasher } = index;
    hasher.hash(view.namespace, view.bytes, view.keyStart, view.keyBytes);
    const { high, low } = hasher;
    if (view.isCopy) return this.#applyCopy(view, high, low, place);
    index.apply(view.kind, view.namespace, view.key, high, low, place, view.length);
    return undefined;
  }

  #applyCopy(
    view: RecordView,
    high: number,
    low: number,
    place: number,
  ): Promise<void> | undefined {
    const { index, segments, hasCheckpoint } = this.#parts;
    if (!hasCheckpoint) return this.#applyCopyBySequence(view, high, low, place);
    index.hashes.find(high, low);
    const isKnown = index.hashes.candidateWith(place) >= 0;
    if (isKnown || view.kind === RecordKind.tombstone) return undefined;
    const origin = segments.placeAt(view.origin);
    const number = origin === undefined ? -1 : index.hashes.candidateWith(origin);
    if (number >= 0) index.move(number, place, view.length, view.length);
    return undefined;
  }

  async #applyCopyBySequence(
    view: RecordView,
    high: number,
    low: number,
    place: number,
  ): Promise<void> {
    const { index, source } = this.#parts;
    const key = view.key;
    for (let attempt = 0; attempt < 64; attempt++) {
      const verdict = this.#compareCandidates(view, high, low);
      if (verdict === 'older') return;
      if (verdict === 'newest') break;
      await new Promise<void>((resolve) => source.fetch(() => resolve()));
    }
    index.apply(view.kind, view.namespace, key, high, low, place, view.length);
  }

  /** Is this record newer than all that the index knows of its key? */
  #compareCandidates(view: RecordView, high: number, low: number): 'older' | 'newest' | 'cold' {
    const { index, source } = this.#parts;
    const candidates = index.hashes.find(high, low);
    for (let number = 0; number < candidates; number++) {
      const result = source.load(index.hashes.candidate(number), this.#candidate);
      if (result === LoadResult.cold) return 'cold';
      const isSame = result === LoadResult.found && this.#candidate.isSameKeyAs(view);
      if (isSame && !isNewer(view, this.#candidate)) return 'older';
    }
    return 'newest';
  }

  #tellOwner(view: RecordView, position: number): void {
    const { owner, hasCheckpoint, segments, unapplied } = this.#parts;
    if (owner === undefined || (view.isCopy && hasCheckpoint)) return;
    if (!owner.replay(view.toRecord(), position as Place, view.drops)) return;
    const end = position + segments.paddedBytes(view.length);
    unapplied.add(
      position,
      end,
      view.namespace,
      view.rangeId,
      view.kind === RecordKind.sessionOnly,
    );
  }

  #addKey(view: RecordView, position: number): void {
    const { filledPosition, filler } = this.#parts;
    if (position < filledPosition) return;
    const isTombstone = view.kind === RecordKind.tombstone;
    if (isTombstone && view.isCopy) return;
    filler.add(view.namespace, view.key, isTombstone ? 0 : view.length, position);
  }

  async #catchUp(pending: Promise<void> | undefined): Promise<void> {
    await pending;
    if (this.#parts.overlay.isFull) await this.#parts.filler.whenRoom();
    if (this.#parts.verifier.isFull) await this.#parts.verifier.whenIdle();
  }

  #hole(segment: Segment, hole: ScannedHole): void {
    const { segments, index, filler, onDamage, replayPosition, filledPosition } = this.#parts;
    const position = segments.positionOf(segment, hole.offset);
    const { namespace, key, bytes } = hole;
    segment.isDamaged = true;
    onDamage({ position, bytes, namespace: namespace as Namespace | undefined, key });
    if (namespace === undefined || key === undefined) return;
    // A scan must come upon it, to tell of it or to have it mended.
    if (position >= filledPosition) filler.add(namespace, key, bytes, position);
    if (position < replayPosition) return;
    // The damaged record stays the newest of its key: an older one must not be served instead.
    const { hasher, hashes } = index;
    hasher.hash(namespace, key, 0, key.length);
    hashes.find(hasher.high, hasher.low);
    const place = segments.placeOf(segment, hole.offset);
    if (hashes.candidateWith(place) < 0) index.insert(place, bytes);
  }
}

/** Of two records of a key. The era comes first: a sequence may have been taken back (store.ts). */
function isNewer(view: RecordView, other: RecordView): boolean {
  if (view.drops !== other.drops) return view.drops > other.drops;
  return view.sequence > other.sequence;
}

function countTombstone(view: RecordView, segment: Segment, segments: SegmentTable): void {
  const bytes = segments.paddedBytes(view.length);
  if (!view.isCopy) {
    segment.tombstoneBytes += bytes;
    return;
  }
  segment.copiedTombstoneBytes += bytes;
  segment.horizon = Math.max(segment.horizon, view.origin);
}
