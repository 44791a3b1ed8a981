// What an application feels of a metadata server that is off, and of its return: failed operations, latencies,
// and who fetches the index again.
//
// The server is killed with SIGKILL, stays away while reads and writes go on, and is started again on its folder.
// Meanwhile clients are started: those that keep the index in a file can begin, one without cannot. After the
// return a range is cut and a copy is moved: the clients that lived through it hear of both as news, and the
// server itself counts how often anybody has asked for the whole index.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminClient, type Cluster, startCluster } from '@piton/cluster';
import { KVClient, type KVError } from '@piton/sdk';
import { fillKeys } from '../layout/copies.ts';
import { type Phase, SteadyLoad } from '../layout/steady-load.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { showCount, showPlain, showWhole } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 4;
const REPLICAS = 3;
const RANGES = 12;
const KEYS = 6_000;
const VALUE_BYTES = 128;
const IN_FLIGHT = 16;
/** Between two operations of a lane: an application, not a race. */
const PAUSE_MS = 2;
const STARTS = 10;
const START_MS_MAX = 2_000;

const keyOf = (number: number): string => `meta:${String(number).padStart(6, '0')}`;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type ClientStats = ReturnType<KVClient['stats']>;

interface Scene {
  readonly cluster: Cluster;
  readonly kv: KVClient;
  readonly load: SteadyLoad;
  /** File of a persisted index. */
  readonly file: string;
  readonly rows: Row[];
}

interface Starts {
  tried: number;
  begun: number;
  fullFetches: number;
  /** What became of the client without a file. */
  without: string;
}

function rowOf(step: string, phase: Phase, before: ClientStats, after: ClientStats): Row {
  return {
    step,
    seconds: phase.seconds,
    operations: phase.operations,
    perSecond: phase.operations / phase.seconds,
    p50: phase.p50Ms,
    p99: phase.p99Ms,
    longest: phase.longestMs,
    failed: phase.failures,
    fullFetches: after.fullFetches - before.fullFetches,
    metaRequests: after.metaRequests - before.metaRequests,
  };
}

/** Lets a phase of the load run beside some work, and notes what it was like. */
async function during(scene: Scene, step: string, work: () => Promise<void>): Promise<void> {
  showProgress(step);
  const before = scene.kv.stats();
  scene.load.takePhase();
  await work();
  scene.rows.push(rowOf(step, scene.load.takePhase(), before, scene.kv.stats()));
}

/** A client that is started while the server is away, does some work, and ends. */
async function startOne(metadata: string[], persist: string | undefined): Promise<ClientStats> {
  const index = persist === undefined ? {} : { index: { persist } };
  const kv = await KVClient.connect({
    ...{ metadata, codec: 'binary', timeoutMs: START_MS_MAX },
    ...index,
  });
  try {
    for (let number = 0; number < 20; number++) {
      const key = keyOf(Math.floor((number * KEYS) / 20));
      await kv.put(key, Buffer.alloc(VALUE_BYTES, 7));
      if ((await kv.get<Uint8Array>(key))?.length !== VALUE_BYTES)
        throw new Error(`wrong value for ${key}`);
    }
    return kv.stats();
  } finally {
    await kv.close();
  }
}

/** The server is away for so long; clients are started all the while. */
async function stayAway({ cluster, file }: Scene, offMs: number, starts: Starts): Promise<void> {
  const metadata = [cluster.metaAddress];
  await cluster.killMeta();
  const endMs = performance.now() + offMs;
  const gapMs = offMs / (STARTS + 1);
  for (let number = 1; number <= STARTS; number++) {
    await pause(Math.max(0, endMs - gapMs * (STARTS + 1 - number) - performance.now()));
    starts.tried++;
    const { fullFetches } = await startOne(metadata, file);
    starts.begun++;
    starts.fullFetches += fullFetches;
  }
  starts.without = await startOne(metadata, undefined).then(
    () => 'began all the same',
    (error: KVError) => `got ${error.code}`,
  );
  await pause(Math.max(0, endMs - performance.now()));
}

async function allUp(admin: AdminClient): Promise<void> {
  while ((await admin.drives()).some(({ state }) => state !== 'up')) await pause(50);
}

/** The application goes on; the cluster is whole again, and changes. */
async function comeBack({ cluster, kv }: Scene): Promise<void> {
  await cluster.restartMeta();
  await using admin = cluster.admin();
  await allUp(admin);
  const keyspace = await admin.keyspace('default');
  const ranges = kv.ranges().length;
  await admin.waitFor(await admin.split(keyspace, Buffer.from(keyOf(11))));
  const chain = (await kv.locate(keyOf(0))).chain.map(({ drive }) => String(drive));
  const to = cluster.drives.find(({ id }) => !chain.includes(id))?.id as string;
  const from = chain[0] as string;
  await admin.waitFor(await admin.move(keyspace, Buffer.from(keyOf(0)), from, to));
  while (kv.ranges().length === ranges) await pause(20);
  await pause(500);
}

/** What the server has been asked since it was started, in words. */
async function askedSinceStart(cluster: Cluster): Promise<string> {
  await using admin = cluster.admin();
  const { requests } = await admin.status();
  const kinds = ['client', 'drive'].map((kind) => {
    const counts = Object.entries(requests[kind] ?? {});
    const others = counts.filter(([name]) => !/Status|list|admin/.test(name));
    return `${kind}s: ${others.map(([name, count]) => `${name} ${count}`).join(', ') || 'nothing'}`;
  });
  const fetched = Object.values(requests).map((counts) => counts['fetchIndex'] ?? 0);
  const all = fetched.reduce((sum, count) => sum + count, 0);
  return `Whole-index fetches counted by the restarted server: ${all}. It was asked by ${kinds.join('; ')}.`;
}

async function measure(options: BenchOptions, notes: string[]): Promise<Row[]> {
  await using stack = new Closers();
  const folder = await mkdtemp(join(tmpdir(), 'piton-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const cluster = await startCluster({
    ...{ drives: DRIVES, replicas: REPLICAS, partitioning: 'range' },
    splitKeys: Array.from({ length: RANGES - 1 }, (_, n) => keyOf(((n + 1) * KEYS) / RANGES)),
  });
  stack.defer(() => cluster.stop());
  const kv = await KVClient.connect({ metadata: [cluster.metaAddress], codec: 'binary' });
  stack.defer(() => kv.close());
  const keys = Array.from({ length: KEYS }, (_, number) => keyOf(number));
  await fillKeys((entries) => kv.putMany(entries), keys, VALUE_BYTES);
  const file = join(folder, 'index');
  await startOne([cluster.metaAddress], file);
  const load = new SteadyLoad(kv, {
    ...{ inFlight: IN_FLIGHT, valueBytes: VALUE_BYTES, writesOfTen: 3, pauseMs: PAUSE_MS },
    keyAt: (fraction) => keys[Math.floor(fraction * KEYS)] as string,
  });
  load.start();
  stack.defer(() => load.stop());
  const scene: Scene = { cluster, kv, load, file, rows: [] };
  const starts: Starts = { tried: 0, begun: 0, fullFetches: 0, without: '' };
  await during(scene, 'server there', () => pause(options.isQuick ? 1_000 : 5_000));
  await during(scene, 'server off', () => stayAway(scene, options.offMs, starts));
  await during(scene, 'server back', () => comeBack(scene));
  notes.push(
    `Clients started while it was off, with the index in a file: ${starts.begun} of ${starts.tried} worked, with ${starts.fullFetches} full fetches; one without a file ${starts.without}.`,
    await askedSinceStart(cluster),
  );
  if (load.firstFailure !== undefined) notes.push(`first failure: ${load.firstFailure}`);
  return scene.rows;
}

export async function measureMetaOff(options: BenchOptions): Promise<Section> {
  const notes = [
    `${DRIVES} drives, ${REPLICAS} copies, ${RANGES} ranges, ${KEYS} keys of ${VALUE_BYTES} bytes; ${IN_FLIGHT} lanes with ${PAUSE_MS} ms between two operations, three writes of ten.`,
    'Back: until all drives are registered again, a range was cut and a copy moved. Fetches and requests: of the client that lived through it.',
  ];
  const rows = await measure(options, notes);
  return {
    name: 'meta-off',
    title: `The metadata server is off for ${options.offMs / 1000} s under load, and comes back`,
    columns: [
      { key: 'step', title: 'step' },
      { key: 'seconds', title: 'seconds', show: showPlain },
      { key: 'operations', title: 'operations', show: showWhole },
      { key: 'perSecond', title: 'operations/s', show: showCount },
      { key: 'p50', title: 'p50 ms', show: showPlain },
      { key: 'p99', title: 'p99 ms', show: showPlain },
      { key: 'longest', title: 'longest ms', show: showPlain },
      { key: 'failed', title: 'failed', show: showWhole },
      { key: 'fullFetches', title: 'full fetches', show: showWhole },
      { key: 'metaRequests', title: 'requests to it', show: showWhole },
    ],
    rows,
    notes,
  };
}
