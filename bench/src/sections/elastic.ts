// Five drives to six and back under load, and one of the five lost for ever: what is moved against the least that
// could be, how long it takes, what the application notices, and whether every drive takes its part.

import {
  type AdminClient,
  type Cluster,
  type DriveView,
  type RangeView,
  startCluster,
} from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { bytesOn, fillKeys, movedBytes, settledRanges, sum } from '../layout/copies.ts';
import { type Phase, SteadyLoad } from '../layout/steady-load.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { driveCpu, tookSince } from '../processes/drive-cpu.ts';
import { showBytes, showCount, showPlain, showRatio, showWhole } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 5;
const REPLICAS = 3;
const VALUE_BYTES = 1024;
/** The rates of the drives are smoothed over about ten seconds. */
const STEADY_MS = 20_000;
const LOST = 'drive-2';
const REPAIR_AFTER_MS = 1_000;
/** A drive's operation costs this beside its bytes, as the metadata server counts. */
const OPERATION_BYTES = 1_024;
/** Before anybody looks at what was moved, the drives measure it. */
const KEYS_KNOWN = 0.98;

function rowOf(step: string, phase: Phase, moved?: number, least?: number, seconds?: number): Row {
  return {
    step,
    moved,
    least,
    ratio: moved === undefined || least === undefined ? undefined : moved / least,
    seconds,
    perSecond: phase.operations / phase.seconds,
    p99: phase.p99Ms,
    failures: phase.failures,
  };
}

async function rebalance(admin: AdminClient): Promise<void> {
  const { operation } = await admin.rebalance();
  if (operation !== null) await admin.waitFor(operation);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function timed(work: () => Promise<void>): Promise<number> {
  const beganMs = performance.now();
  await work();
  return (performance.now() - beganMs) / 1000;
}

interface Scene {
  readonly cluster: Cluster;
  readonly admin: AdminClient;
  readonly load: SteadyLoad;
  readonly steadyMs: number;
  /** The sizes of the ranges, once they are known. */
  readonly look: () => Promise<RangeView[]>;
  readonly rows: Row[];
  readonly notes: string[];
}

/** A time in which nothing changes. Resolves with what each drive did in it, in CPU time. */
async function steady(scene: Scene, step: string): Promise<Map<string, number>> {
  showProgress(step);
  const before = driveCpu(scene.cluster);
  scene.load.takePhase();
  await pause(scene.steadyMs);
  const took = tookSince(before, scene.cluster);
  scene.rows.push(rowOf(step, scene.load.takePhase()));
  return took;
}

function workOf(drive: DriveView): number {
  const operations = drive.readsPerSecond + drive.writesPerSecond;
  return drive.readBytesPerSecond + drive.writtenBytesPerSecond + OPERATION_BYTES * operations;
}

/** What one drive has of everything, against the mean. */
function partOf(id: string, values: ReadonlyMap<string, number>): number {
  return ((values.get(id) ?? Number.NaN) * values.size) / sum(values.values());
}

async function join(scene: Scene): Promise<string> {
  const { admin, load, rows } = scene;
  const before = await scene.look();
  showProgress('a sixth drive joins');
  const { id } = await scene.cluster.addDrive();
  load.takePhase();
  const seconds = await timed(() => rebalance(admin));
  const phase = load.takePhase();
  const after = await scene.look();
  const share = (REPLICAS * sum(after.map(({ bytes }) => bytes))) / (DRIVES + 1);
  rows.push(rowOf('join, rebalance', phase, movedBytes(before, after), share, seconds));
  const cpu = await steady(scene, 'six drives');
  const drives = await admin.drives();
  const parts = {
    bytes: partOf(id, new Map(drives.map((drive) => [drive.id, drive.bytes]))),
    work: partOf(id, new Map(drives.map((drive) => [drive.id, workOf(drive)]))),
    CPU: partOf(id, cpu),
    heads: partOf(id, new Map(drives.map((drive) => [drive.id, drive.heads]))),
    tails: partOf(id, new Map(drives.map((drive) => [drive.id, drive.tails]))),
  };
  const told = Object.entries(parts).map(([name, part]) => `${name} ${showRatio(part)}`);
  scene.notes.push(`The new drive against the mean of the six: ${told.join(', ')}.`);
  return id;
}

async function leave(scene: Scene, id: string): Promise<void> {
  const { admin, load, rows } = scene;
  const before = await scene.look();
  showProgress('it is drained');
  load.takePhase();
  const seconds = await timed(async () => {
    await admin.waitFor(await admin.drain(id));
  });
  const phase = load.takePhase();
  const after = await scene.look();
  rows.push(rowOf('drain', phase, movedBytes(before, after), bytesOn(before, id), seconds));
  await scene.cluster.stopDrive(id);
  await steady(scene, 'five again');
}

const isWhole = ({ chain }: RangeView): boolean =>
  chain.length === REPLICAS &&
  chain.every(({ drive, state }) => drive !== LOST && state === 'serving');

/** Who gave and who got how much of the lost drive's copies, as a sentence. */
function partsOf(what: string, bytes: ReadonlyMap<string, number>, others: number): string {
  const all = sum(bytes.values());
  const shares = [...bytes.values()].map((one) => (100 * one) / all);
  const took = shares.filter((share) => share > 0).length;
  const span = `${Math.min(...shares).toFixed(0)} to ${Math.max(...shares).toFixed(0)} %`;
  return `${what} ${took} of ${others} others (${span} each)`;
}

async function lose({ cluster, admin, load, look, rows, notes }: Scene): Promise<void> {
  const others = cluster.drives.filter(({ id, isRunning }) => isRunning && id !== LOST);
  const before = await look();
  showProgress('a drive is lost');
  load.takePhase();
  const seconds = await timed(async () => {
    await cluster.kill(LOST);
    while (!(await admin.ranges()).every(isWhole)) await pause(100);
  });
  const phase = load.takePhase();
  const after = await look();
  const moved = movedBytes(before, after);
  rows.push(rowOf('drive lost, repair', phase, moved, bytesOn(before, LOST), seconds));
  const came = new Map(others.map(({ id }) => [id, 0]));
  const went = new Map(came);
  for (const { id, bytes, chain } of after) {
    const had = before.find((range) => range.id === id)?.chain.map(({ drive }) => drive) ?? [];
    const target = chain.find(({ drive }) => !had.includes(drive))?.drive;
    if (target === undefined) continue;
    came.set(target, (came.get(target) ?? 0) + bytes);
    // The last of those that are left gives the copy.
    const source = had.filter((drive) => drive !== LOST).at(-1) as string;
    went.set(source, (went.get(source) ?? 0) + bytes);
  }
  const count = others.length;
  notes.push(
    `Repair: copies came to ${partsOf('', came, count).trim()}, from ${partsOf('', went, count).trim()}.`,
  );
}

async function open(options: BenchOptions, stack: Closers, notes: string[]): Promise<Scene> {
  const cluster = await startCluster({
    ...{ drives: DRIVES, replicas: REPLICAS, partitioning: 'hash' },
    repairAfterMs: REPAIR_AFTER_MS,
  });
  stack.defer(() => cluster.stop());
  const admin = cluster.admin();
  stack.defer(async () => admin.close());
  const kv = await KVClient.connect({ metadata: [cluster.metaAddress], codec: 'binary' });
  stack.defer(() => kv.close());
  const keys = Array.from({ length: options.keys }, (_, number) => `elastic:${number}`);
  showProgress(`filling ${keys.length} keys`);
  await fillKeys((entries) => kv.putMany(entries), keys, VALUE_BYTES);
  const look = () => settledRanges(admin, KEYS_KNOWN * keys.length);
  await look();
  await rebalance(admin);
  const load = new SteadyLoad(kv, {
    ...{ inFlight: 32, valueBytes: VALUE_BYTES, writesOfTen: 3 },
    keyAt: (fraction) => keys[Math.floor(fraction * keys.length)] as string,
  });
  const steadyMs = options.isQuick ? 500 : STEADY_MS;
  return { cluster, admin, load, steadyMs, look, rows: [], notes };
}

async function measure(options: BenchOptions, notes: string[]): Promise<Row[]> {
  await using stack = new Closers();
  const scene = await open(options, stack, notes);
  const { load, rows } = scene;
  load.start();
  stack.defer(() => load.stop());
  await steady(scene, 'five drives');
  const joined = await join(scene);
  await leave(scene, joined);
  await lose(scene);
  const failed = sum(rows.map((row) => Number(row['failures'])));
  notes.push(`Failed operations in all: ${failed}.`);
  if (load.firstFailure !== undefined) notes.push(`first failure: ${load.firstFailure}`);
  return rows;
}

export async function measureElasticity(options: BenchOptions): Promise<Section> {
  const notes = [
    `${options.keys} keys of ${VALUE_BYTES} bytes by hash, three copies, three writes of ten, 32 in flight; processes on one machine.`,
    'The least: for a join the share of the new drive, for a drain what it holds, for a repair what was lost. Copies use half of a drive`s 40 MB/s.',
    'Work: bytes read and written per second and 1 KiB for each operation, as the drives count them.',
  ];
  const rows = await measure(options, notes);
  return {
    name: 'elastic',
    title: 'Five drives to six and back, and one of five lost, under load',
    columns: [
      { key: 'step', title: 'step' },
      { key: 'moved', title: 'bytes moved', show: showBytes },
      { key: 'least', title: 'least', show: showBytes },
      { key: 'ratio', title: 'moved/least', show: showRatio },
      { key: 'seconds', title: 'seconds', show: showPlain },
      { key: 'perSecond', title: 'operations/s', show: showCount },
      { key: 'p99', title: 'p99 ms', show: showPlain },
      { key: 'failures', title: 'failed', show: showWhole },
    ],
    rows,
    notes,
  };
}
