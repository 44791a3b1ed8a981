// What it is worth that every member of a chain answers reads: the same gets on three drives with three
// copies, at the tail alone and at any member, by the CPU time of the drive that has most to do.
//
// One hot range is the case that matters: its tail is one drive, and stays that when it is cut. Where many ranges
// spread over the drives their tails do too: the busiest drive has little more than its share anyway, and three
// times as much is not to be had.

import { type Cluster, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { sum } from '../layout/copies.ts';
import { type Cell, keysFor } from '../load/cells.ts';
import { LoadClient } from '../load/load-client.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { driveCpu, tookSince } from '../processes/drive-cpu.ts';
import { median, showCount, showPlain } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 3;
const VALUE_BYTES = 128;
const READS = ['tail', 'any'] as const;
type Reads = (typeof READS)[number];

const WARM: Cell = { operation: 'get', valueBytes: VALUE_BYTES, inFlight: 64 };
const WARM_MS = 4_000;
/** Puts that go on beside the gets, on the same keys. */
const BESIDE: Cell = { operation: 'put', valueBytes: VALUE_BYTES, inFlight: 4 };

interface Scene {
  readonly ranges: string;
  readonly partitioning: 'range' | 'hash';
  readonly hasPuts: boolean;
  /** Borders at which the one range is cut: the halves stay on its chain. */
  readonly cuts?: readonly string[];
}

const scenes: readonly Scene[] = [
  { ranges: 'one', partitioning: 'range', hasPuts: false },
  { ranges: 'one, put beside', partitioning: 'range', hasPuts: true },
  {
    ranges: 'eight, one chain',
    partitioning: 'range',
    hasPuts: false,
    cuts: [2, 3, 4, 5, 6, 7, 8].map((digit) => `bench:${VALUE_BYTES}:${digit}`),
  },
  { ranges: 'many, all drives', partitioning: 'hash', hasPuts: false },
];

interface Turn {
  readonly operations: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly clientMicros: number;
  /** CPU milliseconds of each drive, from head to tail. */
  readonly tookMs: readonly number[];
}

interface Side {
  readonly cluster: Cluster;
  /** From head to tail, as far as there is one chain. */
  readonly chain: readonly string[];
}

async function takeTurn(
  client: LoadClient,
  { cluster, chain }: Side,
  cell: Cell,
  ms: number,
): Promise<Turn> {
  const before = driveCpu(cluster);
  const { operations, seconds, latencyP50, cpuMs: clientMs } = await client.run(cell, ms);
  const spent = tookSince(before, cluster);
  return {
    operations,
    perSecond: operations / seconds,
    p50: latencyP50,
    clientMicros: (clientMs * 1000) / operations,
    tookMs: chain.map((drive) => spent.get(drive) ?? Number.NaN),
  };
}

/** Alternating, so that both meet the same machine. */
async function compareCell(
  clients: Record<Reads, LoadClient>,
  side: Side,
  cell: Cell,
  options: BenchOptions,
): Promise<Record<Reads, Turn[]>> {
  const turns: Record<Reads, Turn[]> = { tail: [], any: [] };
  for (const reads of READS) await clients[reads].run(cell, options.roundMs / 2);
  for (let round = 0; round < options.rounds; round++) {
    for (const reads of READS) {
      turns[reads].push(await takeTurn(clients[reads], side, cell, options.roundMs));
    }
  }
  return turns;
}

/** CPU microseconds of each drive for each get of all, over all turns: the busiest one is not the unluckiest. */
function eachMicros(turns: readonly Turn[]): number[] {
  const operations = sum(turns.map((turn) => turn.operations));
  const drives = turns[0]?.tookMs.length ?? 0;
  return Array.from({ length: drives }, (_, drive) => {
    return (1000 * sum(turns.map(({ tookMs }) => tookMs[drive] ?? Number.NaN))) / operations;
  });
}

function rowOf(ranges: string, cell: Cell, reads: Reads, turns: Record<Reads, Turn[]>): Row {
  const middle = (pick: (turn: Turn) => number): number => median(turns[reads].map(pick));
  const each = eachMicros(turns[reads]);
  const perBusiest = 1e6 / Math.max(...each);
  return {
    ranges,
    inFlight: cell.inFlight,
    reads,
    perSecond: middle((turn) => turn.perSecond),
    p50: middle((turn) => turn.p50),
    clientMicros: middle((turn) => turn.clientMicros),
    driveMicros: sum(each),
    ...{ head: each[0], middle: each[1], tail: each[2] },
    perBusiest,
    ratio: perBusiest / (1e6 / Math.max(...eachMicros(turns.tail))),
  };
}

/** Cuts the range where the scene wants it. Resolves with the drives of the first one from head to tail. */
async function layOut(cluster: Cluster, { cuts = [] }: Scene): Promise<string[]> {
  await using admin = cluster.admin();
  const keyspace = await admin.keyspace('default');
  for (const cut of cuts) await admin.waitFor(await admin.split(keyspace, Buffer.from(cut)));
  await using kv = await KVClient.connect({ metadata: [cluster.metaAddress] });
  return (await kv.locate('any key')).chain.map(({ drive }) => String(drive));
}

async function measureScene(scene: Scene, options: BenchOptions): Promise<Row[]> {
  await using stack = new Closers();
  const { partitioning } = scene;
  const cluster = await startCluster({ drives: DRIVES, replicas: DRIVES, partitioning });
  stack.defer(() => cluster.stop());
  const side = { cluster, chain: await layOut(cluster, scene) };
  const { metaAddress } = cluster;
  const open = async (name: string, reads: Reads): Promise<LoadClient> => {
    const client = await LoadClient.open(name, { kind: 'piton', metaAddress, reads });
    stack.defer(() => client.close());
    await client.fill(VALUE_BYTES, keysFor(VALUE_BYTES, options.keys));
    return client;
  };
  const clients = { tail: await open('piton-tail', 'tail'), any: await open('piton-any', 'any') };
  const writer = scene.hasPuts ? await open('piton-writer', 'any') : undefined;
  showProgress(`warming up, ranges: ${scene.ranges}`);
  // Each drive compiles its read path for itself, and has a third of the reads to do it with.
  for (const reads of READS) await clients[reads].run(WARM, options.isQuick ? 300 : WARM_MS);
  const rows: Row[] = [];
  for (const inFlight of options.inFlight) {
    const cell: Cell = { operation: 'get', valueBytes: VALUE_BYTES, inFlight };
    showProgress(`gets, ${inFlight} in flight, ranges: ${scene.ranges}`);
    const turnsMs = options.roundMs * (2 * options.rounds + 1);
    const beside = writer?.run(BESIDE, turnsMs);
    const turns = await compareCell(clients, side, cell, options);
    for (const reads of READS) rows.push(rowOf(scene.ranges, cell, reads, turns));
    await beside;
  }
  return rows;
}

export async function compareReads(options: BenchOptions): Promise<Section> {
  const rows: Row[] = [];
  for (const scene of scenes) rows.push(...(await measureScene(scene, options)));
  return {
    name: 'reads-spread',
    title: 'Gets of 128-byte values on three drives with three copies: at the tail, at any member',
    columns: [
      { key: 'ranges', title: 'ranges' },
      { key: 'inFlight', title: 'in flight' },
      { key: 'reads', title: 'reads' },
      { key: 'perSecond', title: 'gets/s', show: showCount },
      { key: 'p50', title: 'p50 ms', show: showPlain },
      { key: 'clientMicros', title: 'client CPU us/get', show: showPlain },
      { key: 'driveMicros', title: 'drives CPU us/get', show: showPlain },
      { key: 'head', title: 'head', show: showPlain },
      { key: 'middle', title: 'middle', show: showPlain },
      { key: 'tail', title: 'tail', show: showPlain },
      { key: 'perBusiest', title: 'gets per CPU s of the busiest drive', show: showCount },
      { key: 'ratio', title: 'times the tail alone', show: showPlain },
    ],
    rows,
    notes: [
      'CPU time from /proc, all threads; drives: the three together, then each (with many ranges: of the chain of one).',
      'A drive that does nothing takes some milliseconds of CPU in a second: with few gets per second that counts.',
      `Put beside: another process puts the same keys, ${BESIDE.inFlight} at a time, three copies, flush; its work counts too.`,
    ],
  };
}
