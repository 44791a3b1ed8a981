// What must be on the drive after a crash: a prefix of the writes that were sent, at least as long as what
// was acknowledged; every key at its newest write of that prefix, with that write's number as version.

import { OperationCode } from '@piton/protocol';
import type { Found, Reader } from './reader.ts';
import { COUNTER_KEY, type Workload } from './workload.ts';

export interface Survived {
  /** Writes 1 to this are there, none behind. */
  readonly last: number;
  readonly keys: number;
}

function fail(message: string): never {
  throw new Error(message);
}

/** The end of the prefix: the newest write of which anything can be seen. */
function findLast(
  workload: Workload,
  found: readonly Found[],
  counter: Found,
  acknowledged: number,
  sent: number,
): number {
  let last = Math.max(acknowledged, counter.version);
  for (const { version } of found) last = Math.max(last, version);
  // A delete leaves no version to see: a key that is missing must have met one behind `last`.
  for (let round = 0; round < 2; round++) {
    const newest = workload.newestWrites(last);
    found.forEach(({ value }, position) => {
      const write = newest[position] as number;
      if (value !== undefined || write === 0) return;
      if (workload.codeOf(write) !== OperationCode.put) return;
      const gone = workload.nextDelete(position, write, sent);
      if (gone === undefined) fail(`write ${write} is lost: its key is absent`);
      last = Math.max(last, gone);
    });
  }
  return last;
}

function checkKey(workload: Workload, position: number, write: number, found: Found): void {
  const key = workload.keyAt(position).toString();
  if (write === 0 || workload.codeOf(write) === OperationCode.delete) {
    if (found.value !== undefined) fail(`${key}: absent after write ${write}, found a value`);
    return;
  }
  if (found.version !== write) fail(`${key}: expected version ${write}, found ${found.version}`);
  if (!workload.valueOf(write).equals(found.value as Buffer)) fail(`${key}: value is damaged`);
}

function checkCounter(workload: Workload, last: number, counter: Found): void {
  const expected = workload.incrementsUpTo(last);
  if (expected === 0) return;
  const value = counter.value?.readBigInt64LE();
  if (value !== BigInt(expected)) fail(`counter: expected ${expected}, found ${value}`);
  const version = workload.newestIncrement(last);
  if (counter.version !== version) fail(`counter: version ${counter.version}, not ${version}`);
}

async function checkScan(
  reader: Reader,
  found: readonly Found[],
  workload: Workload,
): Promise<number> {
  const expected = found
    .map(({ value, version }, position) => ({ key: workload.keyAt(position), value, version }))
    .filter(({ value }) => value !== undefined);
  const scanned = (await reader.scanAll()).filter(({ key }) => key !== COUNTER_KEY.toString());
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
export async function verify(
  reader: Reader,
  workload: Workload,
  acknowledged: number,
  sent: number,
): Promise<Survived> {
  const keys = Array.from({ length: workload.keyCount }, (_, position) => workload.keyAt(position));
  const found = await reader.readAll(keys);
  const [counter] = (await reader.readAll([COUNTER_KEY])) as [Found];
  const last = findLast(workload, found, counter, acknowledged, sent);
  const newest = workload.newestWrites(last);
  found.forEach((entry, position) => {
    checkKey(workload, position, newest[position] as number, entry);
  });
  checkCounter(workload, last, counter);
  return { last, keys: await checkScan(reader, found, workload) };
}
