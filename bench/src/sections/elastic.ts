// Five drives to six and back under load: what is moved against the least that could be, how long it takes, and
// what the application notices.

import { type AdminClient, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { bytesOn, fillKeys, movedBytes, settledRanges, sum } from '../layout/copies.ts';
import { type Phase, SteadyLoad } from '../layout/steady-load.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { showBytes, showCount, showPlain, showRatio } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 5;
const REPLICAS = 3;
const VALUE_BYTES = 1024;
const STEADY_MS = 3_000;
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

async function measure(options: BenchOptions, notes: string[]): Promise<Row[]> {
  await using stack = new Closers();
  const cluster = await startCluster({
    drives: DRIVES,
    replicas: REPLICAS,
    partitioning: 'hash',
  });
  stack.defer(() => cluster.stop());
  const admin = cluster.admin();
  stack.defer(async () => admin.close());
  const kv = await KVClient.connect({ metadata: [cluster.metaAddress], codec: 'binary' });
  stack.defer(() => kv.close());
  const keys = Array.from({ length: options.keys }, (_, number) => `elastic:${number}`);
  showProgress(`filling ${keys.length} keys`);
  await fillKeys((entries) => kv.putMany(entries), keys, VALUE_BYTES);
  const known = KEYS_KNOWN * keys.length;
  await settledRanges(admin, known);
  await rebalance(admin);
  const load = new SteadyLoad(kv, {
    ...{ inFlight: 32, valueBytes: VALUE_BYTES, writesOfTen: 3 },
    keyAt: (fraction) => keys[Math.floor(fraction * keys.length)] as string,
  });
  load.start();
  stack.defer(() => load.stop());
  const rows: Row[] = [];
  showProgress('five drives');
  await pause(options.isQuick ? 500 : STEADY_MS);
  rows.push(rowOf('five drives', load.takePhase()));
  const five = await settledRanges(admin, known);
  showProgress('a sixth drive joins');
  const joined = await cluster.addDrive();
  load.takePhase();
  const joinSeconds = await timed(() => rebalance(admin));
  const joinPhase = load.takePhase();
  const six = await settledRanges(admin, known);
  const share = (REPLICAS * sum(six.map(({ bytes }) => bytes))) / (DRIVES + 1);
  rows.push(rowOf('join, rebalance', joinPhase, movedBytes(five, six), share, joinSeconds));
  await pause(options.isQuick ? 500 : STEADY_MS);
  rows.push(rowOf('six drives', load.takePhase()));
  showProgress('it is drained');
  const leaveSeconds = await timed(async () => {
    await admin.waitFor(await admin.drain(joined.id));
  });
  const leavePhase = load.takePhase();
  const again = await settledRanges(admin, known);
  const held = bytesOn(six, joined.id);
  rows.push(rowOf('drain', leavePhase, movedBytes(six, again), held, leaveSeconds));
  await cluster.stopDrive(joined.id);
  await pause(options.isQuick ? 500 : STEADY_MS);
  rows.push(rowOf('five again', load.takePhase()));
  if (load.firstFailure !== undefined) notes.push(`first failure: ${load.firstFailure}`);
  return rows;
}

export async function measureElasticity(options: BenchOptions): Promise<Section> {
  const notes = [
    `${options.keys} keys of ${VALUE_BYTES} bytes by hash, three copies, three writes of ten, 32 in flight; processes on one machine.`,
    'The least: for a join the share of the new drive, for a drain what it holds. Moves use half of a drive`s 40 MB/s.',
  ];
  const rows = await measure(options, notes);
  return {
    name: 'elastic',
    title: 'Five drives to six and back, under load',
    columns: [
      { key: 'step', title: 'step' },
      { key: 'moved', title: 'bytes moved', show: showBytes },
      { key: 'least', title: 'least', show: showBytes },
      { key: 'ratio', title: 'moved/least', show: showRatio },
      { key: 'seconds', title: 'seconds', show: showPlain },
      { key: 'perSecond', title: 'operations/s', show: showCount },
      { key: 'p99', title: 'p99 ms', show: showPlain },
      { key: 'failures', title: 'failed', show: showPlain },
    ],
    rows,
    notes,
  };
}
