// Which segment compaction takes next, if any: a judgement over counters, nothing else.
//
// One in which nothing is alive goes at once: that costs nothing. The others are left alone while little
// of the capacity is dead: what is overwritten often dies by itself, and then nothing has to be copied.
// Beyond that one must be half dead. The fuller the store, the less is enough. Two things have to be
// cleaned up although their segments look alive: tombstones, when they pile up (they go once
// everything that is older than they are has been rewritten, so the oldest segment is taken), and
// small segments, when the slots run out.

import { SEGMENT_HEADER_BYTES, type Segment } from '../log/segment.ts';
import type { SegmentTable } from '../log/segment-table.ts';
import type { LogSpace } from '../log/space.ts';

const DEAD_SHARE_USUAL = 0.5;
const DEAD_SHARE_FILLED = 0.25;
const DEAD_SHARE_FULL = 0.02;
const FILLED_SHARE = 0.7;
const TOMBSTONE_SHARE = 0.1;
const SLOTS_LOW_SHARE = 0.25;
/** Dead bytes that are left alone: as many as so many segments have, but not more of the capacity. */
const LEFT_SEGMENTS_MAX = 8;
const LEFT_SHARE_MAX = 1 / 16;

export interface Choice {
  readonly segment: Segment;
  /** Space is short: no throttle. */
  readonly isUrgent: boolean;
}

/**
 * `settledPosition`: everything below is applied. Only such segments are taken, never the last.
 * `hasUnknown`: some dead records are not counted; when space is short the oldest is looked through.
 */
export function chooseVictim(
  segments: SegmentTable,
  space: LogSpace,
  active: Segment,
  settledPosition: number,
  hasUnknown: boolean,
): Choice | undefined {
  const all = segments.all();
  const eligible = all.filter((segment) => isEligible(segments, segment, active, settledPosition));
  if (eligible.length === 0) return undefined;
  const room = space.roomBytes;
  const isTight = space.isFull || space.freeBytes < 2 * segments.segmentBytes;
  const oldest = all[0] as Segment;
  const deadShare = isTight ? DEAD_SHARE_FULL : usualShare(segments, space);
  const empty = eligible.find(isEmpty);
  if (empty !== undefined) return { segment: empty, isUrgent: isTight };
  let best: Segment | undefined;
  let bestShare = deadShare;
  let deadTotal = 0;
  for (const segment of eligible) {
    const dead = deadBytes(segment, oldest);
    const share = dead / segment.appendedBytes;
    deadTotal += Math.max(0, dead);
    if (segment.appendedBytes - dead > room || share < bestShare) continue;
    best = segment;
    bestShare = share;
  }
  if (!isTight && deadTotal <= leftBytes(segments, space)) best = undefined;
  const blind = isTight && hasUnknown ? eligible[0] : undefined;
  const chosen = best ?? blind ?? chooseForTidiness(segments, all, eligible);
  return chosen === undefined ? undefined : { segment: chosen, isUrgent: isTight };
}

function isEligible(
  segments: SegmentTable,
  segment: Segment,
  active: Segment,
  settledPosition: number,
): boolean {
  const isWritten = segment.writtenBytes === segment.appendedBytes;
  const end = segments.positionOf(segment, segment.appendedBytes);
  const isSettled = segment !== active && isWritten && end <= settledPosition;
  return isSettled && !segment.isEmptied && !segment.isDamaged;
}

/** Nothing in it is known to be alive, and it holds nothing that must be kept for other reasons. */
export function isEmpty(segment: Segment): boolean {
  const tombstoneBytes = segment.tombstoneBytes + segment.copiedTombstoneBytes;
  return segment.liveBytes <= 0 && tombstoneBytes === 0 && !segment.isDamaged;
}

function leftBytes({ segmentBytes }: SegmentTable, { capacityBytes }: LogSpace): number {
  return Math.min(LEFT_SEGMENTS_MAX * segmentBytes, capacityBytes * LEFT_SHARE_MAX);
}

function usualShare(segments: SegmentTable, space: LogSpace): number {
  const isFilled = segments.usedBytes > space.capacityBytes * FILLED_SHARE;
  return isFilled ? DEAD_SHARE_FILLED : DEAD_SHARE_USUAL;
}

/** Bytes that rewriting the segment would free. */
export function deadBytes(segment: Segment, oldest: Segment): number {
  const isHorizonPassed = segment.horizon < oldest.number || oldest === segment;
  const kept = segment.tombstoneBytes + (isHorizonPassed ? 0 : segment.copiedTombstoneBytes);
  return segment.appendedBytes - SEGMENT_HEADER_BYTES - Math.max(0, segment.liveBytes) - kept;
}

function chooseForTidiness(
  segments: SegmentTable,
  all: readonly Segment[],
  eligible: readonly Segment[],
): Segment | undefined {
  const oldest = all.find((segment) => !segment.isEmptied);
  let tombstoneBytes = 0;
  for (const segment of eligible) {
    tombstoneBytes += segment.tombstoneBytes + segment.copiedTombstoneBytes;
  }
  const isPiledUp =
    tombstoneBytes > segments.usedBytes * TOMBSTONE_SHARE && tombstoneBytes > segments.segmentBytes;
  if (isPiledUp && eligible[0] === oldest) return oldest;
  if (segments.freeSlots > segments.slotCount * SLOTS_LOW_SHARE) return undefined;
  return eligible.find((segment) => segment.appendedBytes < segments.segmentBytes / 4);
}
