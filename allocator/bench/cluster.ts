// The paper's setting beside its own method, drift over 24 steps, and replicas over uneven zones.

import { hashingDrives, paperMethod } from '../src/baselines/paper.ts';
import { contiguousDrives } from '../src/fine/fine.ts';
import { drift, paperKv, type Workload, ycsb } from '../src/generate/workloads.ts';
import { type DriveSet, PAPER_DRIVE, paperDrives } from '../src/model/drives.ts';
import { InfeasibleError } from '../src/model/errors.ts';
import { KeyTable } from '../src/model/keys.ts';
import type { Ranges } from '../src/model/ranges.ts';
import { packingFrom } from '../src/packing/packing.ts';
import { plan } from '../src/plan/plan.ts';
import type { Plan } from '../src/plan/types.ts';
import { replan } from '../src/replan/replan.ts';
import { checkMoves } from '../src/verify/moves.ts';
import { percent, type Row } from './table.ts';

const [DRIVE_BYTES = 0, DRIVE_BPS = 0] = PAPER_DRIVE.capacity;

function rangesOf(workload: Workload): Ranges {
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

export function benchPaper(isShort: boolean): Row[] {
  const sizes = isShort
    ? [2 ** 16, 2 ** 20]
    : [2 ** 12, 2 ** 14, 2 ** 16, 2 ** 17, 2 ** 18, 2 ** 20];
  return sizes.map((size) => {
    const workload = paperKv(size, size < 2 ** 14 ? 40 : 100, 1);
    const ranges = rangesOf(workload);
    const traffic = workload.readBps.map((value, i) => value + workload.writeBps[i]!);
    const bytesShare = workload.bytes.map((value) => value / DRIVE_BYTES);
    const trafficShare = traffic.map((value) => value / DRIVE_BPS);
    const ours = plan({ ranges, drives: paperDrives() }, { objective: 'balanced' });
    const paper = paperMethod(bytesShare, trafficShare);
    const packing = packingFrom([workload.bytes, traffic], ranges.joins, PAPER_DRIVE.capacity);
    const contiguous = contiguousDrives(packing, PAPER_DRIVE.capacity).at(-1)! + 1;
    return {
      pairBytes: size,
      ranges: ranges.count,
      bound: ours.lower,
      drives: ours.drives.length,
      smaller: percent(1 - ours.entries / ranges.count),
      paperDrives: paper.drives,
      paperSmaller: percent(1 - paper.entries / ranges.count),
      contiguousDrives: contiguous,
      contiguousSmaller: percent(1 - contiguous / ranges.count),
      hashingDrives: hashingDrives(bytesShare, trafficShare, ours.lower),
      hashingSmaller: percent(0),
    };
  });
}

function listedDrives(count: number): DriveSet {
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

function currentOf(
  drives: readonly { id: string }[],
  chains: Plan['chains'],
  count: number,
): string[][] {
  return Array.from({ length: count }, (_, i) =>
    chains.map((chain) => chain[i]!).flatMap((d) => (d >= 0 ? [drives[d]!.id] : [])),
  );
}

function bytesThatDiffer(a: string[][], b: string[][], bytes: Float64Array): number {
  return a.reduce((sum, chain, i) => sum + (chain[0] === b[i]![0] ? 0 : bytes[i]!), 0);
}

/** 24 steps: adapt, against planning anew at each step. */
export function benchDrift(isShort: boolean): Row[] {
  const ranges = isShort ? 5_000 : 20_000;
  const driveCount = isShort ? 30 : 100;
  const start = ycsb({ ranges, drives: driveCount, seed: 1, cap: 0.02, fill: [0.8, 0.8] }, true);
  const drives = listedDrives(driveCount);
  const first = plan({ ranges: rangesOf(start), drives }, { objective: 'even' });
  let current = currentOf(first.drives, first.chains, ranges);
  let anew = current;
  const sums = { moved: 0, bound: 0, anew: 0, faults: 0, unsolved: 0 };
  let entries = first.entries;
  for (const step of drift(start, isShort ? 6 : 24, 7)) {
    const input = { ranges: rangesOf(step), drives };
    const result = replan(input, current, { threshold: 0.02 });
    sums.moved += result.bytesMoved;
    sums.bound += result.bytesBound;
    sums.unsolved += result.unsolved.length;
    entries = result.entriesAfter;
    const steps = result.moves.map((move) => ({
      range: move.copy % ranges,
      position: Math.floor(move.copy / ranges),
      from: move.from < 0 ? '' : result.drives[move.from]!.id,
      to: result.drives[move.to]!.id,
      wave: move.wave,
    }));
    const rule = { resources: drives.resources, reads: 'tail', replicas: 1 } as const;
    const usable = (): readonly number[] => PAPER_DRIVE.capacity;
    sums.faults += checkMoves(steps, current, input.ranges, rule, usable).length;
    current = currentOf(result.drives, result.chains, ranges);
    const again = plan(input, { objective: 'even' });
    const next = currentOf(again.drives, again.chains, ranges);
    sums.anew += bytesThatDiffer(anew, next, step.bytes);
    anew = next;
  }
  const total = start.bytes.reduce((sum, value) => sum + value, 0);
  return [
    {
      method: 'replan',
      movedOfAll: percent(sums.moved / total),
      overBound: sums.bound === 0 ? '-' : (sums.moved / sums.bound).toFixed(2),
      entriesBefore: first.entries,
      entriesAfter: entries,
      prefixFaults: sums.faults,
      unsolved: sums.unsolved,
    },
    {
      method: 'plan from scratch',
      movedOfAll: percent(sums.anew / total),
      entriesBefore: first.entries,
      entriesAfter: '-',
    },
    consistentHashing(start, driveCount),
  ];
}

/** Consistent hashing moves nothing under drift and lets drives overflow: what it would need instead. */
function consistentHashing(start: Workload, driveCount: number): Row {
  const traffic = start.readBps.map((value, i) => (value + start.writeBps[i]!) / DRIVE_BPS);
  const bytes = start.bytes.map((value) => value / DRIVE_BYTES);
  const needed = hashingDrives(bytes, traffic, driveCount);
  return {
    method: `hashing (needs ${needed} drives)`,
    movedOfAll: percent(0),
    entriesBefore: start.bytes.length,
    entriesAfter: start.bytes.length,
  };
}

export function benchZones(isShort: boolean): Row[] {
  const workload = ycsb(
    { ranges: isShort ? 20_000 : 300_000, drives: 36, seed: 1, cap: 0.005, fill: [0.99, 0.9] },
    true,
  );
  const ranges = rangesOf(workload);
  const layouts = [
    [50, 42, 40],
    [40, 30, 25, 20, 12],
    [20, 16, 14, 12, 11, 10, 10, 9, 8, 7, 6, 5],
    [60, 20, 10],
  ];
  return layouts.map((sizes) => {
    const listed = listedDrives(sizes.reduce((sum, size) => sum + size, 0));
    let z = 0;
    let inZone = 0;
    const zoned = listed.drives.map((drive) => {
      if (inZone === sizes[z]!) {
        z++;
        inZone = 0;
      }
      inZone++;
      return { ...drive, zone: `z${z + 1}` };
    });
    try {
      const result = plan({ ranges, drives: { ...listed, drives: zoned } }, { replicas: 3 });
      return {
        zones: sizes.join('+'),
        drives: result.drives.length,
        bound: result.lower,
        entries: result.entries,
        perDrive: (result.entries / result.drives.length).toFixed(2),
        outcome: 'feasible',
      };
    } catch (error) {
      if (!(error instanceof InfeasibleError)) throw error;
      return {
        zones: sizes.join('+'),
        outcome: `proved infeasible: ${error.message.slice(0, 60)}...`,
      };
    }
  });
}
