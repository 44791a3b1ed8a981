// The ranges of a new keyspace: where it is cut, and the chain of each part.
//
//   range   one range, or one more than there are split keys; on the drives that hold the least
//   hash    virtual nodes (virtual-nodes.ts)
//
// A drive counts by its capacity, so a 32 GB card beside a 2 TB disk gets a small share; when one does
// not say its capacity, all count the same.

import {
  compareKeys,
  type DriveId,
  EMPTY_KEY,
  isKeyspaceName,
  type LayoutRange,
  limits,
  type Member,
  MemberState,
  Partitioning,
  PLACED_KEY_BYTES_MAX,
} from '@piton/protocol';
import type { DriveShare } from '../state/drive-shares.ts';
import type { DriveEntry } from '../state/entries.ts';
import { type PlacementDrive, planSpread } from './chains.ts';
import { hashBorders, planVirtualNodes, virtualRangeCount } from './virtual-nodes.ts';

export interface KeyspacePlanInput {
  readonly name: string;
  readonly partitioning: Partitioning;
  readonly replicas: number;
  readonly splitKeys: readonly Uint8Array[] | undefined;
  /** All ranges with their chains, as somebody else has planned them. */
  readonly layout?: readonly LayoutRange[] | undefined;
}

export interface PlannedRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
  readonly chain: readonly Member[];
}

/** What is wrong with the request itself; undefined when nothing is. */
export function problemWithKeyspace(input: KeyspacePlanInput): string | undefined {
  if (!isKeyspaceName(input.name)) {
    return `keyspace name: expected 1 to ${limits.KEYSPACE_NAME_CHARS_MAX} characters of A-Z a-z 0-9 . _ -`;
  }
  if (input.layout !== undefined) return problemWithLayout(input, input.layout);
  const keys = input.splitKeys;
  if (keys === undefined || keys.length === 0) return undefined;
  if (input.partitioning === Partitioning.hash) {
    return 'split keys: only with partitioning "range"; "hash" cuts by itself';
  }
  for (const [position, key] of keys.entries()) {
    if (key.length === 0 || key.length > PLACED_KEY_BYTES_MAX) {
      return `split key ${position}: expected 1 to ${PLACED_KEY_BYTES_MAX} bytes, got ${key.length}`;
    }
    const before = keys[position - 1];
    if (before !== undefined && compareKeys(before, key) >= 0) {
      return `split keys: expected them in ascending order, key ${position} is not behind the one before`;
    }
  }
  return undefined;
}

/** Whether the drives are there and take ranges is another question: it depends on the cluster. */
function problemWithLayout(
  { splitKeys, replicas }: KeyspacePlanInput,
  layout: readonly LayoutRange[],
): string | undefined {
  if ((splitKeys?.length ?? 0) > 0) return 'layout: expected no split keys beside it';
  if (layout.length === 0) return 'layout: expected at least one range';
  for (const [position, { start, drives }] of layout.entries()) {
    const before = layout[position - 1];
    if (before === undefined && start.length > 0) {
      return 'layout: expected the first range to begin at the lowest key';
    }
    if (before !== undefined && compareKeys(before.start, start) >= 0) {
      return `layout: expected ranges in ascending order, range ${position + 1} is not behind the one before`;
    }
    if (drives.length !== replicas || new Set(drives).size !== replicas) {
      return `layout: range ${position + 1}: expected ${replicas} different drives, got ${drives.join(', ')}`;
    }
  }
  return undefined;
}

/** How many ranges the keyspace starts with. */
export function rangeCount(input: KeyspacePlanInput, driveCount: number): number {
  if (input.layout !== undefined) return input.layout.length;
  if (input.partitioning === Partitioning.hash) return virtualRangeCount(driveCount);
  return (input.splitKeys?.length ?? 0) + 1;
}

export function placementDrives(
  drives: readonly DriveEntry[],
  shareOf: (drive: DriveId) => DriveShare,
  loadOf: (drive: DriveEntry) => number,
): PlacementDrive[] {
  const isCapacityKnown = drives.every(({ capacityBytes }) => capacityBytes > 0);
  return drives.map((drive) => {
    const { id, zone, capacityBytes } = drive;
    const { ranges, heads, tails } = shareOf(id);
    const weight = isCapacityKnown ? capacityBytes : 1;
    return { id, zone, weight, ranges: ranges.size, heads, tails, load: loadOf(drive) };
  });
}

/** The ranges in key order. At least `replicas` drives are needed. */
export function planKeyspace(
  input: KeyspacePlanInput,
  drives: readonly PlacementDrive[],
): PlannedRange[] {
  if (input.layout !== undefined) return layoutRanges(input.layout);
  const isHash = input.partitioning === Partitioning.hash;
  const count = rangeCount(input, drives.length);
  const borders = isHash ? hashBorders(count) : (input.splitKeys ?? []);
  const chains = isHash
    ? planVirtualNodes(count, input.replicas, drives, input.name)
    : planSpread(count, input.replicas, drives);
  return chains.map((chain, position) => ({
    start: borders[position - 1] ?? EMPTY_KEY,
    end: borders[position],
    chain,
  }));
}

function layoutRanges(layout: readonly LayoutRange[]): PlannedRange[] {
  return layout.map(({ start, drives }, position) => ({
    start,
    end: layout[position + 1]?.start,
    chain: drives.map((drive) => ({ drive, state: MemberState.serving })),
  }));
}
