// A million ranges through the whole command, from CSV to plan, and perfect fits with a known optimum.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCsvRanges } from '../src/formats/csv-ranges.ts';
import { parsePlan } from '../src/formats/plan-json.ts';
import { perfectFit, type Workload, workloadCsv, ycsb } from '../src/generate/workloads.ts';
import { paperDrives } from '../src/model/drives.ts';
import { verifyPlan } from '../src/verify/verify.ts';
import { runCommand } from './run-command.ts';
import { percent, type Row, seconds } from './table.ts';

async function planAndVerify(workload: Workload, objective: string): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'piton-allocate-'));
  try {
    const csv = join(folder, 'ranges.csv');
    const out = join(folder, 'plan.json');
    writeFileSync(csv, [...workloadCsv(workload)].join(''));
    const ran = await runCommand(['plan', csv, '--objective', objective, '-o', out, '--quiet']);
    const plan = parsePlan(readFileSync(out, 'utf8'), out);
    const ranges = parseCsvRanges(readFileSync(csv), csv);
    const verdict = verifyPlan(plan, ranges, paperDrives());
    return {
      workload: workload.name,
      objective,
      drives: plan.drives_used,
      bound: verdict.lower,
      over: plan.drives_used - verdict.lower,
      entries: plan.index.entries,
      perDrive: plan.index.per_drive.toFixed(3),
      smaller: percent(plan.index.reduction),
      verified: verdict.faults.length === 0,
      time: seconds(ran.ms),
      cpu: seconds(ran.cpuMs),
      peakMb: Math.round(ran.rssMb),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export async function benchFine(isShort: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  const ranges = isShort ? 100_000 : 1_000_000;
  const cases = [
    { drives: 200, cap: 0.0005 },
    { drives: 500, cap: isShort ? 0.01 : 0.002 },
    { drives: 2000, cap: 0.005 },
  ];
  for (const { drives, cap } of isShort ? cases.slice(1, 2) : cases) {
    for (const isScrambled of [false, true]) {
      const options = { ranges, drives, seed: 1, cap, fill: [0.99, 0.9905] as const };
      const row = await planAndVerify(ycsb(options, isScrambled), 'balanced');
      rows.push({ ...row, largest: percent(cap) });
    }
  }
  for (const isScrambled of [false, true]) {
    const options = {
      ranges,
      drives: isShort ? 200 : 2000,
      seed: 1,
      cap: 0.25,
      fill: [0.99, 0.995] as const,
    };
    const row = await planAndVerify(ycsb(options, isScrambled), 'balanced');
    rows.push({ ...row, largest: '25 %' });
  }
  return rows;
}

export async function benchPerfect(isShort: boolean): Promise<Row[]> {
  const rows: Row[] = [];
  const ranges = isShort ? 100_000 : 1_000_000;
  for (const drives of isShort ? [200] : [200, 2000, 10_000]) {
    const row = await planAndVerify(perfectFit(ranges, drives, 1), 'drives');
    rows.push({ ...row, optimum: drives });
  }
  return rows;
}
