// The paper's setting beside its own method, and replicas over uneven zones.

import { hashingDrives, paperMethod } from '../src/baselines/paper.ts';
import { contiguousDrives } from '../src/fine/fine.ts';
import { paperKv, ycsb } from '../src/generate/workloads.ts';
import { PAPER_DRIVE, paperDrives } from '../src/model/drives.ts';
import { InfeasibleError } from '../src/model/errors.ts';
import { packingFrom } from '../src/packing/packing.ts';
import { plan } from '../src/plan/plan.ts';
import { listedDrives, rangesOf } from './inputs.ts';
import { percent, type Row } from './table.ts';

const [DRIVE_BYTES = 0, DRIVE_BPS = 0] = PAPER_DRIVE.capacity;

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
