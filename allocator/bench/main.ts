// npm run bench:allocator [-- --short] [--only fine,ct] [--limit 8.5] [--out FILE]
//   of the packing literature only: [--per-class 1] [--classes 9,10 | P1,TF] [--sizes 60,120] [--resume]
//
// Prints a table per section and writes all rows to a JSON file. Seeds are fixed; times are those of the machine it runs on.

import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, platform, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { benchBaselines, benchPaper } from './baselines.ts';
import { benchCapraraToth, benchMommessin, type CoarseRun } from './coarse.ts';
import { benchDrift } from './drift.ts';
import { benchFine, benchPerfect } from './fine.ts';
import { Journal } from './journal.ts';
import { formatTable, type Row } from './table.ts';
import { benchZones } from './zones.ts';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    limit: { type: 'string', default: '8.5' },
    'per-class': { type: 'string', default: '1' },
    classes: { type: 'string' },
    sizes: { type: 'string' },
    resume: { type: 'boolean', default: false },
    out: { type: 'string', default: 'bench/results/allocator.json' },
  },
});
const isShort = values.short === true;

/** One journal for each section: a second one in the same run must not begin by deleting the first one's. */
function coarseRun(section: string): CoarseRun {
  const path = values.out.replace(/(\.json)?$/, `-${section}.ndjson`);
  return {
    isShort,
    limitMs: Number(values.limit) * 1000,
    journal: new Journal(path, values.resume),
    perClass: Number(values['per-class']),
    classes: values.classes?.split(','),
    sizes: values.sizes?.split(',').map(Number),
  };
}

const SECTIONS: Readonly<Record<string, [string, () => Row[] | Promise<Row[]>]>> = {
  fine: ['Fine ranges, zipf 0.99, whole command from CSV to plan', () => benchFine(isShort)],
  perfect: ['Perfect fit, known optimum', () => benchPerfect(isShort)],
  paper: [
    "The source paper's setting, its method re-implemented from the slides",
    () => benchPaper(isShort),
  ],
  baselines: [
    'A million ranges: the allocator, the method of the paper, first fit decreasing, contiguous next fit, hashing',
    () => benchBaselines(isShort),
  ],
  drift: ['Drift: bytes moved', () => benchDrift(isShort)],
  zones: ['Three replicas over uneven zones', () => benchZones(isShort)],
  ct: ['Caprara and Toth, regenerated', () => benchCapraraToth(coarseRun('ct'))],
  mommessin: [
    'Mommessin and others, regenerated, two and three resources',
    () => benchMommessin(coarseRun('mommessin')),
  ],
};

function machine(): object {
  const [cpu] = cpus();
  return {
    node: process.version,
    system: `${platform()} ${arch()}`,
    processor: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

const wanted = values.only?.split(',') ?? Object.keys(SECTIONS);
const results: Record<string, Row[]> = {};
const seconds: Record<string, number> = {};
for (const name of wanted) {
  const section = SECTIONS[name];
  if (section === undefined)
    throw new Error(`unknown section ${name}; known: ${Object.keys(SECTIONS).join(', ')}`);
  const startedMs = performance.now();
  const rows = await section[1]();
  seconds[name] = Math.round((performance.now() - startedMs) / 1000);
  results[name] = rows;
  process.stdout.write(formatTable(section[0], rows));
  mkdirSync(dirname(values.out), { recursive: true });
  const report = { at: new Date().toISOString(), machine: machine(), isShort, seconds, results };
  writeFileSync(values.out, `${JSON.stringify(report, null, 1)}\n`);
}
process.stdout.write(`\nWritten to ${values.out}\n`);
