// What copies cost: the same load on three drives with one copy and with three, and the CPU time that
// each operation takes in the client and at each member of the chain.
//
// With one range the members can be told apart: its drives are head, middle and tail of every operation. With
// many ranges each drive is each of these for a third of them, and throughput is that of the whole cluster.
// Both clusters stand beside each other and take turns, so that both meet the same machine.

import { type Cluster, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import { type Cell, keysFor } from '../load/cells.ts';
import { LoadClient } from '../load/load-client.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { driveCpu, tookSince } from '../processes/drive-cpu.ts';
import { median, showCount, showPlain, showRatio } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 3;
const VALUE_BYTES = 128;
const COPIES = [1, DRIVES] as const;

interface Scene {
  readonly ranges: 'one' | 'many';
  readonly partitioning: 'range' | 'hash';
}

const scenes: readonly Scene[] = [
  { ranges: 'one', partitioning: 'range' },
  { ranges: 'many', partitioning: 'hash' },
];

const cells: readonly Cell[] = [
  { operation: 'get', valueBytes: VALUE_BYTES, inFlight: 64 },
  { operation: 'put', valueBytes: VALUE_BYTES, inFlight: 1 },
  { operation: 'put', valueBytes: VALUE_BYTES, inFlight: 64 },
  { operation: 'put', valueBytes: VALUE_BYTES, inFlight: 256 },
];

interface Turn {
  readonly perSecond: number;
  readonly p50: number;
  readonly clientMicros: number;
  /** All drives together. */
  readonly driveMicros: number;
  /** From head to tail; all alike where there are many ranges. */
  readonly memberMicros: readonly number[];
}

interface Side {
  readonly copies: number;
  readonly cluster: Cluster;
  readonly client: LoadClient;
  /** Drives of the one range, from head to tail. */
  readonly chain: readonly string[];
}

async function openSide(scene: Scene, copies: number, stack: Closers, keys: number): Promise<Side> {
  const { partitioning } = scene;
  const cluster = await startCluster({ drives: DRIVES, replicas: copies, partitioning });
  stack.defer(() => cluster.stop());
  const { metaAddress } = cluster;
  const client = await LoadClient.open(`piton-${copies}`, { kind: 'piton', metaAddress });
  stack.defer(() => client.close());
  await client.fill(VALUE_BYTES, keysFor(VALUE_BYTES, keys));
  await using kv = await KVClient.connect({ metadata: [metaAddress] });
  const { chain } = await kv.locate('any key');
  return { copies, cluster, client, chain: chain.map(({ drive }) => String(drive)) };
}

async function takeTurn(side: Side, scene: Scene, cell: Cell, ms: number): Promise<Turn> {
  const before = driveCpu(side.cluster);
  const { operations, seconds, latencyP50, cpuMs } = await side.client.run(cell, ms);
  const took = tookSince(before, side.cluster);
  const micros = (of: number): number => (of * 1000) / operations;
  const all = [...took.values()].reduce((sum, one) => sum + one, 0);
  return {
    perSecond: operations / seconds,
    p50: latencyP50,
    clientMicros: micros(cpuMs),
    driveMicros: micros(all),
    memberMicros:
      scene.ranges === 'one'
        ? side.chain.map((drive) => micros(took.get(drive) ?? Number.NaN))
        : [micros(all / DRIVES)],
  };
}

function rowOf(scene: Scene, cell: Cell, copies: number, turns: readonly Turn[]): Row {
  const middle = (pick: (turn: Turn) => number | undefined): number =>
    median(turns.map((turn) => pick(turn) ?? Number.NaN));
  const at = (place: number): number => middle(({ memberMicros }) => memberMicros[place]);
  const places = scene.ranges === 'many' ? [] : copies === 1 ? ['head'] : MEMBERS;
  return {
    ranges: scene.ranges,
    operation: cell.operation,
    inFlight: cell.inFlight,
    copies,
    perSecond: middle((turn) => turn.perSecond),
    p50: middle((turn) => turn.p50),
    clientMicros: middle((turn) => turn.clientMicros),
    driveMicros: middle((turn) => turn.driveMicros),
    ...(scene.ranges === 'many' ? { each: at(0) } : {}),
    ...Object.fromEntries(places.map((name, place) => [name, at(place)])),
  };
}

const MEMBERS = ['head', 'middle', 'tail'] as const;

async function measureScene(scene: Scene, options: BenchOptions): Promise<Row[]> {
  await using stack = new Closers();
  const sides: Side[] = [];
  for (const copies of COPIES) sides.push(await openSide(scene, copies, stack, options.keys));
  const rows: Row[] = [];
  for (const cell of cells) {
    showProgress(`${cell.operation}, ${cell.inFlight} in flight, ranges: ${scene.ranges}`);
    const turns = new Map<number, Turn[]>(COPIES.map((copies) => [copies, []]));
    for (const { client } of sides) await client.run(cell, options.roundMs / 2);
    for (let round = 0; round < options.rounds; round++) {
      for (const side of sides) {
        const turn = await takeTurn(side, scene, cell, options.roundMs);
        turns.get(side.copies)?.push(turn);
      }
    }
    const found = COPIES.map((copies) => rowOf(scene, cell, copies, turns.get(copies) ?? []));
    const one = Number(found[0]?.['perSecond']);
    rows.push(...found.map((row) => ({ ...row, ratio: Number(row['perSecond']) / one })));
  }
  return rows;
}

export async function compareReplicas(options: BenchOptions): Promise<Section> {
  const rows: Row[] = [];
  for (const scene of scenes) rows.push(...(await measureScene(scene, options)));
  return {
    name: 'replicas',
    title:
      'One copy and three copies on three drives, 128-byte values, flush; CPU in us for each operation',
    columns: [
      { key: 'ranges', title: 'ranges' },
      { key: 'operation', title: 'operation' },
      { key: 'inFlight', title: 'in flight' },
      { key: 'copies', title: 'copies' },
      { key: 'perSecond', title: 'operations/s', show: showCount },
      { key: 'ratio', title: 'of one copy', show: showRatio },
      { key: 'p50', title: 'p50 ms', show: showPlain },
      { key: 'clientMicros', title: 'client', show: showPlain },
      { key: 'driveMicros', title: 'drives together', show: showPlain },
      { key: 'head', title: 'head', show: showPlain },
      { key: 'middle', title: 'middle', show: showPlain },
      { key: 'tail', title: 'tail', show: showPlain },
      { key: 'each', title: 'each drive', show: showPlain },
    ],
    rows,
    notes: [
      'CPU time from /proc, all threads. One range: its members by their place; one copy is its own head and tail.',
      'Many ranges: each drive is head, middle and tail of a third; the mean of the three.',
    ],
  };
}
