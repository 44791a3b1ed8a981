// The JSON file of a run: everything that the tables show, unrounded.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import type { Section } from './section.ts';

export interface RunReport {
  readonly startedAt: string;
  readonly seconds: number;
  readonly arguments: readonly string[];
  readonly machine: Machine;
  readonly sections: readonly Pick<Section, 'name' | 'title' | 'rows' | 'notes'>[];
}

/** bench/results/, ignored by git; this file runs from bench/dist/src/report. */
const folder = new URL('../../../results/', import.meta.url);

/** Writes the report to `path`, or to bench/results/ under its time. Returns where. */
export async function writeReport(report: RunReport, path: string | undefined): Promise<string> {
  const name = `${report.startedAt.replaceAll(':', '-').slice(0, 19)}.json`;
  const target = path ?? fileURLToPath(new URL(name, folder));
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, `${JSON.stringify(report, null, 2)}\n`);
  return target;
}
