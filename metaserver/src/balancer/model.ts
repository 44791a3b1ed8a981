// The live cluster as the allocator sees it: ranges with bytes and work, drives with shares, chains as they are.
//
// Two resources. Bytes: every copy weighs what the range weighs, an empty one a little. Work: writes on
// every copy, reads divided over them. A drive's share is by its capacity and its bandwidth; the shares are
// scaled so that the cluster is half full in either resource, whatever it really is: then the allocator's
// "level" means the mean, and its threshold a part of the mean. What a drive can really hold stays a limit.
//
// Only drives that may take ranges are in it, and only serving copies on them. What is on a drive that is away
// belongs to the repair, what is on one that is drained belongs to the drain.

import { type DriveSet, type RangeRow, rangesFrom } from '@piton/allocator';
import { type DriveId, MemberState, type RangeRecord, tailOf } from '@piton/protocol';
import type { RangeLoad } from '../members/statistics.ts';
import {
  copyBytes,
  type DriveFigures,
  figuresOfDrives,
  OPERATION_BYTES,
  type PictureSources,
} from './picture.ts';
import { HEADROOM } from './targets.ts';

/** What an empty copy counts for: so that empty ranges are spread as well. */
const COPY_BYTES = 64 * 1_024;
/** Below this work per drive, as bytes per second, only bytes are levelled: 64 operations a second. */
const WORK_MIN = 64 * OPERATION_BYTES;
/** With more than this part of the reads at the tails, all are planned there. */
const TAIL_SHARE = 0.8;
/** The threshold of the allocator for which the shares are scaled. */
export const THRESHOLD: number = 0.015;
/** Fuller than this the scaled drives never are on average. */
const LEVEL_MAX = 0.9;

/** How far above the mean a drive may stay, as a part of the mean. */
export interface Bands {
  readonly bytes: number;
  readonly work: number;
}

export interface Model {
  readonly records: readonly RangeRecord[];
  /** Real bytes of one copy, by the position of its record. */
  readonly bytes: readonly number[];
  readonly ranges: ReturnType<typeof rangesFrom>;
  /** What each drive holds and does when all are level, in the order of `figures`. */
  readonly means: readonly [bytes: readonly number[], work: readonly number[]];
  readonly zoned: boolean;
  /** Where reads are served: at the tails, or by all copies alike. */
  readonly reads: 'tail' | 'shared';
  readonly figures: readonly DriveFigures[];
  /** Drives of the serving copies of each range that are in the model. */
  readonly chains: readonly (readonly DriveId[])[];
}

export interface ModelParts
  extends Pick<Model, 'records' | 'bytes' | 'reads' | 'figures' | 'chains'> {
  /** Size and use of each range, by the position of its record. */
  readonly rows: readonly RangeRow[];
}

/** How much a range is used: as measured now, or over a longer time. */
export type LoadOf = (record: RangeRecord) => RangeLoad;

const whole = (value: number): number => Math.max(0, Math.ceil(value));

function placed(keyspace: number, key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + key.length);
  new DataView(bytes.buffer).setUint32(0, keyspace);
  bytes.set(key, 4);
  return bytes;
}

/** The keys of all keyspaces in one order, with a gap between two keyspaces. */
function rowOf(record: RangeRecord, bytes: number, load: RangeLoad, replicas: number): RangeRow {
  const { keyspace, start, end } = record;
  return {
    start: placed(2 * keyspace, start),
    end:
      end === undefined ? placed(2 * keyspace + 1, new Uint8Array(0)) : placed(2 * keyspace, end),
    bytes: whole(bytes) + COPY_BYTES,
    readBps: whole(load.readBytesPerSecond + OPERATION_BYTES * load.readsPerSecond),
    writeBps: whole(load.writtenBytesPerSecond + OPERATION_BYTES * load.writesPerSecond),
    replicas,
  };
}

/** The settled records of all keyspaces in key order. */
function recordsOf({ state }: PictureSources): RangeRecord[] {
  const records: RangeRecord[] = [];
  for (const id of [...state.keyspaces.keys()].sort((a, b) => a - b)) {
    records.push(...(state.indexOf(id)?.records() ?? []));
  }
  return records;
}

/** Zones bind only where there are enough of them for every range. */
function areZonesBinding(figures: readonly DriveFigures[], copiesMost: number): boolean {
  const zones = new Set(figures.map(({ zone, id }) => zone || `drive ${id}`));
  return zones.size >= copiesMost;
}

export function modelOf(sources: PictureSources, loadOf: LoadOf): Model {
  const { statistics } = sources;
  const figures = [...figuresOfDrives(sources).values()].filter(({ isOpen }) => isOpen);
  const open = new Set(figures.map(({ id }) => id));
  const records: RangeRecord[] = [];
  const bytes: number[] = [];
  const chains: DriveId[][] = [];
  const rows: RangeRow[] = [];
  for (const record of recordsOf(sources)) {
    const serving = record.chain.filter(({ state }) => state === MemberState.serving);
    const chain = serving.map(({ drive }) => drive).filter((drive) => open.has(drive));
    if (chain.length === 0) continue;
    const size = copyBytes(statistics, record);
    records.push(record);
    bytes.push(size);
    chains.push(chain);
    rows.push(rowOf(record, size, loadOf(record), chain.length));
  }
  return modelFrom({ records, bytes, rows, chains, figures, reads: readsOf(sources, records) });
}

/** The model of these ranges and drives, in key order. */
export function modelFrom(parts: ModelParts): Model {
  const { records, bytes, chains, figures, reads } = parts;
  const rows = withoutIdleWork(parts.rows, figures.length);
  const zoned = areZonesBinding(
    figures,
    chains.reduce((most, chain) => Math.max(most, chain.length), 0),
  );
  const means = meansOf(figures, rows);
  return { records, bytes, ranges: rangesFrom(rows), means, zoned, reads, figures, chains };
}

/** What the clients do is what counts: newer ones spread their reads, older ones ask the tail. */
function readsOf(
  { statistics }: PictureSources,
  records: readonly RangeRecord[],
): 'tail' | 'shared' {
  let atTails = 0;
  let all = 0;
  for (const record of records) {
    const tail = tailOf(record);
    for (const { drive } of record.chain) {
      const { readsPerSecond } = statistics.on(drive, record.id);
      all += readsPerSecond;
      if (drive === tail) atTails += readsPerSecond;
    }
  }
  return all > 0 && atTails > TAIL_SHARE * all ? 'tail' : 'shared';
}

/** A cluster that does next to nothing is not moved about for how it does it. */
function withoutIdleWork(rows: readonly RangeRow[], driveCount: number): readonly RangeRow[] {
  const work = rows.reduce((sum, row) => sum + (row.replicas ?? 1) * row.writeBps + row.readBps, 0);
  if (work >= WORK_MIN * driveCount) return rows;
  return rows.map((row) => ({ ...row, readBps: 0, writeBps: 0 }));
}

/** Everything in proportion to what a drive can hold, or do. */
function meansOf(
  figures: readonly DriveFigures[],
  rows: readonly RangeRow[],
): readonly [readonly number[], readonly number[]] {
  const isCapacityKnown = figures.every(({ capacityBytes }) => capacityBytes > 0);
  const weights = figures.map(({ capacityBytes }) => (isCapacityKnown ? capacityBytes : 1));
  const widths = figures.map(({ bandwidthBytesPerSecond }) => Math.max(1, bandwidthBytesPerSecond));
  const copies = (row: RangeRow): number => row.replicas ?? 1;
  const bytes = rows.reduce((sum, row) => sum + copies(row) * row.bytes, 0);
  const work = rows.reduce((sum, row) => sum + copies(row) * row.writeBps + row.readBps, 0);
  return [inProportion(weights, bytes), inProportion(widths, work)];
}

function inProportion(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => (total * weight) / Math.max(1, sum));
}

function driveSet(
  { figures, zoned }: Model,
  capacityOf: (drive: DriveFigures, number: number) => number[],
): DriveSet {
  const drives = figures.map((drive, number) => ({
    id: drive.id,
    capacity: capacityOf(drive, number),
    maxRanges: 0,
    zone: zoned ? drive.zone : '',
    cost: 1,
    state: 'ok' as const,
  }));
  return { resources: ['bytes', 'bandwidth_bps'], drives, types: [] };
}

const roomOf = ({ capacityBytes }: DriveFigures): number =>
  capacityBytes === 0 ? Number.MAX_SAFE_INTEGER : Math.floor(capacityBytes * (1 - HEADROOM));

/** The drives with what they can really hold. */
export function realLimits(model: Model): DriveSet {
  return driveSet(model, (drive) => [roomOf(drive), Number.MAX_SAFE_INTEGER]);
}

/** The drives scaled so that THRESHOLD means these bands. */
export function scaledShares(model: Model, bands: Bands): DriveSet {
  const [bytes, work] = model.means;
  const scale = (mean: number | undefined, band: number): number =>
    Math.max(1, (mean ?? 0) / Math.min(LEVEL_MAX, THRESHOLD / band));
  return driveSet(model, (drive, number) => [
    Math.min(scale(bytes[number], bands.bytes), roomOf(drive)),
    scale(work[number], bands.work),
  ]);
}
