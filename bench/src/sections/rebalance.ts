// A cluster under a skewed load, before and after `piton rebalance`: what each drive really does, measured at the
// drives, and what was moved for it.

import { type AdminClient, type DriveView, startCluster } from '@piton/cluster';
import type { DriveId, LayoutRange } from '@piton/protocol';
import { KVClient } from '@piton/sdk';
import { fillKeys, movedBytes, settledRanges, sum } from '../layout/copies.ts';
import { SteadyLoad } from '../layout/steady-load.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { showBytes, showCount } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 6;
const REPLICAS = 2;
const RANGES = 48;
const VALUE_BYTES = 1024;
/** The rates of the drives are smoothed over about ten seconds. */
const WARM_MS = 25_000;
/** A drive's operation costs this beside its bytes, as the metadata server counts. */
const OPERATION_BYTES = 1_024;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function workOf(drive: DriveView): number {
  const operations = drive.readsPerSecond + drive.writesPerSecond;
  return drive.readBytesPerSecond + drive.writtenBytesPerSecond + OPERATION_BYTES * operations;
}

const keyOf = (number: number): string => `skew:${String(number).padStart(8, '0')}`;

/** Zipf over the keys in their order: neighbours are hot together, as names and times are. */
function skewed(keys: number): (fraction: number) => string {
  const exponent = 0.6;
  return (fraction) => keyOf(Math.floor(keys * fraction ** (1 / (1 - exponent))));
}

/** Neighbouring ranges on the same drives: as they come to lie when ranges grow and are cut. */
function layoutOf(drives: readonly DriveId[], keys: number): LayoutRange[] {
  return Array.from({ length: RANGES }, (_, number) => {
    const first = Math.floor((number * drives.length) / RANGES);
    const chain = Array.from(
      { length: REPLICAS },
      (_unused, place) => drives[(first + place) % drives.length] as DriveId,
    );
    const start = number === 0 ? '' : keyOf(Math.floor((number * keys) / RANGES));
    return { start: Buffer.from(start), drives: chain };
  });
}

interface Look {
  readonly work: ReadonlyMap<string, number>;
  readonly bytes: ReadonlyMap<string, number>;
}

async function look(admin: AdminClient): Promise<Look> {
  const drives = await admin.drives();
  return {
    work: new Map(drives.map((drive) => [drive.id, workOf(drive)])),
    bytes: new Map(drives.map((drive) => [drive.id, drive.bytes])),
  };
}

function spread(values: Iterable<number>): number {
  const all = [...values];
  return Math.max(...all) / (sum(all) / all.length);
}

function rowsOf(before: Look, after: Look): Row[] {
  const rows = [...before.work.keys()].map((drive) => ({
    drive,
    workBefore: before.work.get(drive),
    workAfter: after.work.get(drive),
    bytesBefore: before.bytes.get(drive),
    bytesAfter: after.bytes.get(drive),
  }));
  const most = {
    drive: 'most / mean',
    workBefore: `${spread(before.work.values()).toFixed(2)} x`,
    workAfter: `${spread(after.work.values()).toFixed(2)} x`,
    bytesBefore: `${spread(before.bytes.values()).toFixed(2)} x`,
    bytesAfter: `${spread(after.bytes.values()).toFixed(2)} x`,
  };
  return [...rows, most];
}

async function measure(options: BenchOptions, notes: string[]): Promise<Row[]> {
  await using stack = new Closers();
  const count = options.keys;
  const cluster = await startCluster({ drives: DRIVES });
  stack.defer(() => cluster.stop());
  const admin = cluster.admin();
  stack.defer(async () => admin.close());
  const ids = cluster.drives.map(({ id }) => id as DriveId);
  await admin.createKeyspace('skew', 'range', REPLICAS, undefined, layoutOf(ids, count));
  const kv = await KVClient.connect({
    ...{ metadata: [cluster.metaAddress], keyspace: 'skew', codec: 'binary' },
  });
  stack.defer(() => kv.close());
  const keys = Array.from({ length: count }, (_, number) => keyOf(number));
  showProgress(`filling ${count} keys`);
  await fillKeys((entries) => kv.putMany(entries), keys, VALUE_BYTES);
  const load = new SteadyLoad(kv, {
    ...{ inFlight: 32, valueBytes: VALUE_BYTES, writesOfTen: 2 },
    keyAt: skewed(count),
  });
  load.start();
  stack.defer(() => load.stop());
  const warmMs = options.isQuick ? 3_000 : WARM_MS;
  showProgress('a skewed load, before');
  await pause(warmMs);
  const ranges = await settledRanges(admin, 0.98 * count);
  const before = await look(admin);
  load.takePhase();
  showProgress('rebalance');
  const plan = await admin.rebalance();
  if (plan.operation !== null) await admin.waitFor(plan.operation);
  const during = load.takePhase();
  showProgress('a skewed load, after');
  await pause(warmMs);
  const after = await look(admin);
  const later = await settledRanges(admin, 0.98 * count);
  const moved = movedBytes(ranges, later);
  const total = REPLICAS * sum(ranges.map(({ bytes }) => bytes));
  notes.push(
    `${plan.moveCount} copies moved, ${showBytes(moved)} of ${showBytes(total)} (at least ${showBytes(plan.bytesBound)} must), in ${during.seconds.toFixed(1)} s; planned work ${plan.before.work.toFixed(2)} x to ${plan.after.work.toFixed(2)} x.`,
    `Failed operations: ${during.failures + load.takePhase().failures}.`,
  );
  return rowsOf(before, after);
}

export async function measureRebalance(options: BenchOptions): Promise<Section> {
  const notes = [
    `${options.keys} keys of ${VALUE_BYTES} bytes in ${RANGES} ranges by key, ${REPLICAS} copies on ${DRIVES} drives; neighbouring ranges on the same drives, zipf 0.6 over neighbouring keys, two writes of ten.`,
    'Work: bytes read and written per second and 1 KiB for each operation, as the drives count them.',
  ];
  const rows = await measure(options, notes);
  const work = (figure: Row[string]): string =>
    typeof figure === 'number' ? `${showCount(figure / 1024)} KiB/s` : (figure ?? '');
  return {
    name: 'rebalance',
    title: 'A skewed load before and after piton rebalance',
    columns: [
      { key: 'drive', title: 'drive' },
      { key: 'workBefore', title: 'work before', show: work },
      { key: 'workAfter', title: 'work after', show: work },
      { key: 'bytesBefore', title: 'bytes before', show: showBytes },
      { key: 'bytesAfter', title: 'bytes after', show: showBytes },
    ],
    rows,
    notes,
  };
}
