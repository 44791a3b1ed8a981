// What must be there of the steady writer after a crash: a prefix of the puts that were sent, at least as
// long as what was acknowledged; every key at its newest put of that prefix, with its number as version.

import type { Found, Reader } from './reader.ts';
import type { SteadyWorkload } from './steady-workload.ts';

export interface Survived {
  /** Puts 1 to this are there, none behind. */
  readonly last: number;
  readonly keys: number;
}

function fail(message: string): never {
  throw new Error(message);
}

function checkKey(workload: SteadyWorkload, position: number, put: number, found: Found): void {
  const key = workload.keyAt(position).toString();
  if (put === 0) {
    if (found.value !== undefined) fail(`${key} was never written, found version ${found.version}`);
    return;
  }
  if (found.version !== put) fail(`${key}: expected version ${put}, found ${found.version}`);
  if (!workload.valueOf(put).equals(found.value as Buffer)) fail(`${key}: value is damaged`);
}

async function checkScan(
  reader: Reader,
  found: readonly Found[],
  workload: SteadyWorkload,
): Promise<number> {
  const expected = found
    .map(({ value, version }, position) => ({ key: workload.keyAt(position), value, version }))
    .filter(({ value }) => value !== undefined);
  const scanned = await reader.scanAll();
  if (scanned.length !== expected.length) {
    fail(`the scan found ${scanned.length} keys, the gets ${expected.length}`);
  }
  expected.forEach(({ key, version }, position) => {
    const entry = scanned[position];
    if (entry?.key !== key.toString() || entry.version !== version) {
      fail(`the scan has ${entry?.key}@${entry?.version} instead of ${key}@${version}`);
    }
  });
  return scanned.length;
}

/** Throws when anything acknowledged is missing, or anything at all is out of place. */
export async function verifySteady(
  reader: Reader,
  workload: SteadyWorkload,
  acknowledged: number,
  sent: number,
): Promise<Survived> {
  const keys = Array.from({ length: workload.keyCount }, (_, position) => workload.keyAt(position));
  const found = await reader.readAll(keys);
  const last = found.reduce((newest, { version }) => Math.max(newest, version), acknowledged);
  if (last > sent) fail(`put ${last} is there and was never sent`);
  const newest = workload.newestPuts(last);
  found.forEach((entry, position) => {
    checkKey(workload, position, newest[position] as number, entry);
  });
  return { last, keys: await checkScan(reader, found, workload) };
}
