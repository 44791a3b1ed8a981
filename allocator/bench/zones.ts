// Three replicas over uneven zones: feasible, or a proof that it cannot be.

import { ycsb } from '../src/generate/workloads.ts';
import { InfeasibleError } from '../src/model/errors.ts';
import { plan } from '../src/plan/plan.ts';
import { listedDrives, rangesOf } from './inputs.ts';
import type { Row } from './table.ts';

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
