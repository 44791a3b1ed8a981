// The allocator beside what else one could do: the method of the source paper, first fit decreasing, contiguous next fit, hashing.
// One row for each method on each input, all with the same demands and the same drives.

import { type Baseline, firstFitDecreasing } from '../src/baselines/first-fit.ts';
import { hashingDrives } from '../src/baselines/hashing.ts';
import { paperMethod } from '../src/baselines/paper.ts';
import { contiguousDrives } from '../src/fine/fine.ts';
import { paperKv, type Workload, ycsb } from '../src/generate/workloads.ts';
import { PAPER_DRIVE, paperDrives } from '../src/model/drives.ts';
import { packingFrom } from '../src/packing/packing.ts';
import { plan } from '../src/plan/plan.ts';
import type { Objective } from '../src/plan/types.ts';
import { rangesOf } from './inputs.ts';
import { percent, type Row, seconds } from './table.ts';

const [DRIVE_BYTES = 0, DRIVE_BPS = 0] = PAPER_DRIVE.capacity;

interface Method {
  readonly name: string;
  readonly run: () => Baseline;
}

interface Compared {
  readonly objective: Objective;
  readonly input: Readonly<Record<string, string | number>>;
  readonly workload: Workload;
}

/** Drives and entries of each method; the allocator comes first, since its bound is that of the others as well. */
function compare({ input, objective, workload }: Compared): Row[] {
  const ranges = rangesOf(workload);
  const traffic = workload.readBps.map((value, i) => value + workload.writeBps[i]!);
  const bytesShare = workload.bytes.map((value) => value / DRIVE_BYTES);
  const trafficShare = traffic.map((value) => value / DRIVE_BPS);
  const packing = packingFrom([workload.bytes, traffic], ranges.joins, PAPER_DRIVE.capacity);
  let lower = 0;
  const methods: Method[] = [
    {
      name: 'allocator',
      run: () => {
        const ours = plan({ ranges, drives: paperDrives() }, { objective });
        lower = ours.lower;
        return { drives: ours.drives.length, entries: ours.entries };
      },
    },
    { name: 'paper, from its slides', run: () => paperMethod(bytesShare, trafficShare) },
    { name: 'first fit decreasing', run: () => firstFitDecreasing(bytesShare, trafficShare) },
    {
      name: 'contiguous next fit',
      run: () => {
        const drives = contiguousDrives(packing, PAPER_DRIVE.capacity).at(-1)! + 1;
        return { drives, entries: drives };
      },
    },
    {
      name: 'hashing',
      run: () => ({
        drives: hashingDrives(bytesShare, trafficShare, lower),
        entries: ranges.count,
      }),
    },
  ];
  return methods.map(({ name, run }) => {
    const startedMs = performance.now();
    const { drives, entries } = run();
    return {
      ...input,
      method: name,
      bound: lower,
      drives,
      over: percent(drives / lower - 1),
      entries,
      perDrive: (entries / drives).toFixed(2),
      smaller: percent(1 - entries / ranges.count),
      time: seconds(performance.now() - startedMs),
    };
  });
}

export function benchPaper(isShort: boolean): Row[] {
  const sizes = isShort
    ? [2 ** 16, 2 ** 20]
    : [2 ** 12, 2 ** 14, 2 ** 16, 2 ** 17, 2 ** 18, 2 ** 20];
  return sizes.flatMap((size) => {
    const workload = paperKv(size, size < 2 ** 14 ? 40 : 100, 1);
    const input = { pairBytes: size, ranges: workload.bytes.length };
    return compare({ input, objective: 'balanced', workload });
  });
}

/** A million ranges, hot ones together and scattered, small against a drive and up to a quarter of one. */
export function benchBaselines(isShort: boolean): Row[] {
  const ranges = isShort ? 50_000 : 1_000_000;
  const shapes = [
    { drives: isShort ? 50 : 500, cap: isShort ? 0.01 : 0.002 },
    { drives: isShort ? 50 : 500, cap: 0.25 },
  ];
  return shapes.flatMap(({ drives, cap }) =>
    [false, true].flatMap((isScrambled) => {
      const options = { ranges, drives, seed: 1, cap, fill: [0.99, 0.9905] as const };
      const workload = ycsb(options, isScrambled);
      const hot = isScrambled ? 'scattered' : 'together';
      const input = { ranges, largest: percent(cap), hot };
      return compare({ input, objective: 'drives', workload });
    }),
  );
}
