// What several test files need: ranges from workloads, lists of drives.

import type { Workload } from '../src/generate/workloads.ts';
import type { DriveSet } from '../src/model/drives.ts';
import { type Ranges, rangesFrom } from '../src/model/ranges.ts';

export function rangesOf(workload: Workload): Ranges {
  const key = (i: number): string => String(i).padStart(8, '0');
  return rangesFrom(
    Array.from(workload.bytes, (bytes, i) => ({
      start: key(i),
      end: key(i + 1),
      bytes,
      readBps: workload.readBps[i]!,
      writeBps: workload.writeBps[i]!,
    })),
  );
}

/** Drives d1, d2, ... of 4 TB and 60 MB/s; zones of the given sizes, or none. */
export function driveList(count: number, zoneSizes: readonly number[] = []): DriveSet {
  const zones = zoneSizes.flatMap((size, z) => new Array<string>(size).fill(`z${z + 1}`));
  const drives = Array.from({ length: count }, (_, d) => ({
    id: `d${d + 1}`,
    capacity: [4e12, 60e6],
    maxRanges: 0,
    zone: zones[d] ?? '',
    cost: 1,
    state: 'ok' as const,
  }));
  return { resources: ['bytes', 'bandwidth_bps'], drives, types: [] };
}
