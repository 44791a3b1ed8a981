// End to end against Redis: Piton with three drives and flush, three Redis masters in memory, three with an
// append-only file that is flushed always. One client process each; in each cell they take turns
// (A B C, A B C, ...), so that what disturbs the machine disturbs all of them.

import { startCluster } from '@piton/cluster';
import { type Cell, cellsOf, keysFor } from '../load/cells.ts';
import type { ContenderSpec } from '../load/contender.ts';
import { LoadClient } from '../load/load-client.ts';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { cpuMsOf } from '../processes/cpu-time.ts';
import { REDIS_HELP, redisVersion, startRedisCluster } from '../redis/redis-cluster.ts';
import { median, ratio, showBytes, showCount, showPlain, showRatio } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import { type Row, type Section, skipped } from '../report/section.ts';

const NAME = 'redis';
const TITLE = 'End to end against ioredis 6 Cluster on three Redis masters, operations per second';
const DRIVES = 3;

interface Side {
  readonly key: 'piton' | 'memory' | 'fsync';
  readonly client: LoadClient;
  /** The three servers or drives. */
  readonly pids: readonly number[];
}

interface Turn {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** CPU time for each operation. */
  readonly clientMicros: number;
  readonly serverMicros: number;
}

async function takeTurn(side: Side, cell: Cell, durationMs: number): Promise<Turn> {
  const before = cpuMsOf(side.pids);
  const { operations, seconds, latencyP50, latencyP99, cpuMs } = await side.client.run(
    cell,
    durationMs,
  );
  const after = cpuMsOf(side.pids);
  const serverMs = before === undefined || after === undefined ? Number.NaN : after - before;
  return {
    perSecond: operations / seconds,
    p50: latencyP50,
    p99: latencyP99,
    clientMicros: (cpuMs * 1000) / operations,
    serverMicros: (serverMs * 1000) / operations,
  };
}

async function measureCell(
  sides: readonly Side[],
  cell: Cell,
  options: BenchOptions,
): Promise<Row> {
  const turns = new Map<string, Turn[]>(sides.map((side) => [side.key, []]));
  for (let round = 0; round <= options.rounds; round++) {
    for (const side of sides) {
      const { operation, valueBytes, inFlight } = cell;
      showProgress(
        `${operation} ${showBytes(valueBytes)}, ${inFlight} in flight, ` +
          `round ${round} of ${options.rounds}: ${side.client.name}`,
      );
      // Round 0 warms up: compilers, caches, connections.
      const durationMs = round === 0 ? options.roundMs / 2 : options.roundMs;
      const turn = await takeTurn(side, cell, durationMs);
      if (round > 0) turns.get(side.key)?.push(turn);
    }
  }
  return rowOf(cell, turns);
}

function rowOf(cell: Cell, turns: ReadonlyMap<string, readonly Turn[]>): Row {
  const of = (side: string, pick: (turn: Turn) => number): number =>
    median((turns.get(side) ?? []).map(pick));
  const row: Record<string, number | string | undefined> = { ...cell };
  for (const side of turns.keys()) {
    row[side] = of(side, (turn) => turn.perSecond);
    row[`${side}P50`] = of(side, (turn) => turn.p50);
    row[`${side}P99`] = of(side, (turn) => turn.p99);
    row[`${side}ClientMicros`] = of(side, (turn) => turn.clientMicros);
    row[`${side}ServerMicros`] = of(side, (turn) => turn.serverMicros);
  }
  const piton = row['piton'] as number | undefined;
  row['toMemory'] = ratio(piton, row['memory'] as number | undefined);
  row['toFsync'] = ratio(piton, row['fsync'] as number | undefined);
  return row;
}

const NOTES = [
  'ratio = Piton / Redis. Piton flushes every write before it answers; compare puts with "fsync", gets with "memory".',
  'p50, p99: latency of Piton; us: CPU time for each operation in the client and in all servers (Redis: in memory).',
  'ioredis with enableAutoPipelining; the same key count, value bytes and number of loops in flight on each side.',
];

export async function compareWithRedis(options: BenchOptions): Promise<Section> {
  const version = redisVersion();
  if (version === undefined) return skipped(NAME, TITLE, REDIS_HELP);
  await using stack = new Closers();
  showProgress('starting Piton and two Redis clusters');
  const cluster = await startCluster({ drives: DRIVES, replicas: 1, partitioning: 'hash' });
  stack.defer(() => cluster.stop());
  const memory = await startRedisCluster('memory');
  stack.defer(() => memory.stop());
  const fsync = await startRedisCluster('fsync');
  stack.defer(() => fsync.stop());
  const sides: Side[] = [];
  const join = async (
    key: Side['key'],
    name: string,
    spec: ContenderSpec,
    pids: readonly number[],
  ): Promise<void> => {
    const client = await LoadClient.open(name, spec);
    stack.defer(() => client.close());
    sides.push({ key, client, pids });
  };
  const drives = cluster.drives.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  await join('piton', 'piton', { kind: 'piton', metaAddress: cluster.metaAddress }, drives);
  await join('memory', 'redis-memory', { kind: 'redis', ports: memory.ports }, memory.pids);
  await join('fsync', 'redis-fsync', { kind: 'redis', ports: fsync.ports }, fsync.pids);
  const rows = await measureAll(sides, options);
  return {
    name: NAME,
    title: TITLE,
    columns: COLUMNS,
    rows,
    notes: [`Redis ${version}`, ...NOTES],
  };
}

async function measureAll(sides: readonly Side[], options: BenchOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const valueBytes of options.valueBytes) {
    const keys = keysFor(valueBytes, options.keys);
    for (const side of sides) {
      showProgress(`filling ${keys} keys of ${showBytes(valueBytes)}: ${side.client.name}`);
      await side.client.fill(valueBytes, keys);
    }
    for (const cell of cellsOf([valueBytes], options.inFlight)) {
      rows.push(await measureCell(sides, cell, options));
    }
  }
  return rows;
}

const COLUMNS = [
  { key: 'operation', title: 'operation' },
  { key: 'valueBytes', title: 'value', show: showBytes },
  { key: 'inFlight', title: 'in flight' },
  { key: 'piton', title: 'Piton', show: showCount },
  { key: 'memory', title: 'Redis memory', show: showCount },
  { key: 'fsync', title: 'Redis fsync', show: showCount },
  { key: 'toMemory', title: 'to memory', show: showRatio },
  { key: 'toFsync', title: 'to fsync', show: showRatio },
  { key: 'pitonP50', title: 'p50 ms', show: showPlain },
  { key: 'pitonP99', title: 'p99 ms', show: showPlain },
  { key: 'pitonClientMicros', title: 'client us', show: showPlain },
  { key: 'pitonServerMicros', title: 'drives us', show: showPlain },
  { key: 'memoryClientMicros', title: 'ioredis us', show: showPlain },
  { key: 'memoryServerMicros', title: 'Redis us', show: showPlain },
];
