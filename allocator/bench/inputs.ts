// What several sections need: ranges from workloads, drives as a list, chains by name.

import type { Workload } from '../src/generate/workloads.ts';
import { type DriveSet, PAPER_DRIVE } from '../src/model/drives.ts';
import { KeyTable } from '../src/model/keys.ts';
import type { Ranges } from '../src/model/ranges.ts';
import type { Plan } from '../src/plan/types.ts';

export function rangesOf(workload: Workload): Ranges {
  const count = workload.bytes.length;
  const keys = new KeyTable(new Uint8Array(0), 2 * count);
  for (let i = 0; i < count; i++) {
    keys.setBytes(2 * i, Buffer.from(String(i).padStart(8, '0')));
    keys.setBytes(2 * i + 1, Buffer.from(String(i + 1).padStart(8, '0')));
  }
  const joins = new Uint8Array(count).fill(1);
  joins[0] = 0;
  const { bytes, readBps, writeBps } = workload;
  return { count, keys, joins, bytes, readBps, writeBps };
}

export function listedDrives(count: number): DriveSet {
  const { capacity } = PAPER_DRIVE;
  const drives = Array.from({ length: count }, (_, d) => ({
    id: `d${d + 1}`,
    capacity,
    maxRanges: 0,
    zone: '',
    cost: 1,
    state: 'ok' as const,
  }));
  return { resources: ['bytes', 'bandwidth_bps'], drives, types: [] };
}

/** Names of the drives that hold each range, head first. */
export function currentOf(
  drives: readonly { id: string }[],
  chains: Plan['chains'],
  count: number,
): string[][] {
  return Array.from({ length: count }, (_, i) =>
    chains.map((chain) => chain[i]!).flatMap((d) => (d >= 0 ? [drives[d]!.id] : [])),
  );
}
