// What copies cost: the same load on three drives with one copy and with three, and the CPU time that
// each operation takes in the client and in each kind of process.

import { type Cluster, startCluster } from '@piton/cluster';
import { type Cell, keysFor } from '../load/cells.ts';
import { LoadClient } from '../load/load-client.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { cpuMsOf } from '../processes/cpu-time.ts';
import { median, showCount, showPlain } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 3;
const VALUE_BYTES = 128;

interface Turn {
  readonly perSecond: number;
  readonly p50: number;
  readonly clientMicros: number;
  readonly driveMicros: number;
}

const cells: readonly Cell[] = [
  { operation: 'get', valueBytes: VALUE_BYTES, inFlight: 64 },
  { operation: 'put', valueBytes: VALUE_BYTES, inFlight: 1 },
  { operation: 'put', valueBytes: VALUE_BYTES, inFlight: 64 },
  { operation: 'put', valueBytes: VALUE_BYTES, inFlight: 256 },
];

async function takeTurn(
  client: LoadClient,
  cluster: Cluster,
  cell: Cell,
  ms: number,
): Promise<Turn> {
  const pids = cluster.drives.flatMap((drive) => (drive.pid === undefined ? [] : [drive.pid]));
  const before = cpuMsOf(pids);
  const { operations, seconds, latencyP50, cpuMs } = await client.run(cell, ms);
  const after = cpuMsOf(pids);
  const driveMs = before === undefined || after === undefined ? Number.NaN : after - before;
  return {
    perSecond: operations / seconds,
    p50: latencyP50,
    clientMicros: (cpuMs * 1000) / operations,
    driveMicros: (driveMs * 1000) / operations,
  };
}

async function measureReplicas(replicas: number, options: BenchOptions): Promise<Row[]> {
  await using stack = new Closers();
  const cluster = await startCluster({ drives: DRIVES, replicas, partitioning: 'hash' });
  stack.defer(() => cluster.stop());
  const client = await LoadClient.open(`piton-${replicas}`, {
    kind: 'piton',
    metaAddress: cluster.metaAddress,
  });
  stack.defer(() => client.close());
  await client.fill(VALUE_BYTES, keysFor(VALUE_BYTES, options.keys));
  const rows: Row[] = [];
  for (const cell of cells) {
    showProgress(`${cell.operation}, ${cell.inFlight} in flight, ${replicas} copies`);
    await client.run(cell, options.roundMs / 2);
    const turns: Turn[] = [];
    for (let round = 0; round < options.rounds; round++) {
      turns.push(await takeTurn(client, cluster, cell, options.roundMs));
    }
    const { operation, inFlight } = cell;
    const middle = (pick: (turn: Turn) => number): number => median(turns.map(pick));
    rows.push({
      replicas,
      operation,
      inFlight,
      perSecond: middle((turn) => turn.perSecond),
      p50: middle((turn) => turn.p50),
      clientMicros: middle((turn) => turn.clientMicros),
      driveMicros: middle((turn) => turn.driveMicros),
    });
  }
  return rows;
}

export async function compareReplicas(options: BenchOptions): Promise<Section> {
  const rows = [...(await measureReplicas(1, options)), ...(await measureReplicas(3, options))];
  return {
    name: 'replicas',
    title: 'One copy and three copies on three drives, 128-byte values, flush',
    columns: [
      { key: 'operation', title: 'operation' },
      { key: 'inFlight', title: 'in flight' },
      { key: 'replicas', title: 'copies' },
      { key: 'perSecond', title: 'operations/s', show: showCount },
      { key: 'p50', title: 'p50 ms', show: showPlain },
      { key: 'clientMicros', title: 'client CPU us/op', show: showPlain },
      { key: 'driveMicros', title: 'drives CPU us/op', show: showPlain },
    ],
    rows,
    notes: ['CPU time from /proc, all threads; drives: the three together.'],
  };
}
