// Three Redis masters on this machine, as a cluster, in a temporary folder.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findRedisPorts } from '../processes/free-ports.ts';

export const REDIS_HELP: string =
  'redis-server was not found; on Debian: apt-get update && apt-get install -y redis-server';

const MASTERS = 3;
const SLOTS = 16_384;
const START_MS_MAX = 15_000;

/** The version that `redis-server --version` names; undefined when there is no such program. */
export function redisVersion(): string | undefined {
  const { stdout, status } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return status === 0 ? (/v=(\S+)/.exec(stdout)?.[1] ?? 'unknown') : undefined;
}

/** `memory`: nothing is written. `fsync`: append-only file, flushed before each answer. */
export type RedisDurability = 'memory' | 'fsync';

export interface RedisCluster {
  readonly ports: readonly number[];
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

function startServer(port: number, folder: string, durability: RedisDurability): ChildProcess {
  const isDurable = durability === 'fsync';
  const settings: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: isDurable ? 'yes' : 'no',
    appendfsync: 'always',
    'cluster-enabled': 'yes',
    'cluster-config-file': 'nodes.conf',
    daemonize: 'no',
  };
  const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(folder, 'redis.log'));
  server.stdout?.pipe(log);
  server.stderr?.pipe(log, { end: false });
  return server;
}

async function untilReady(redis: Redis, holds: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + START_MS_MAX;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > until) {
      throw new Error(`Redis on port ${redis.options.port} is not ready after ${START_MS_MAX} ms`);
    }
    await sleep(50);
  }
}

/** Gives each master its third of the slots and makes them meet. */
async function form(nodes: readonly Redis[], ports: readonly number[]): Promise<void> {
  for (const [position, node] of nodes.entries()) {
    await untilReady(node, async () => (await node.ping()) === 'PONG');
    const from = Math.floor((position * SLOTS) / MASTERS);
    const to = Math.floor(((position + 1) * SLOTS) / MASTERS);
    const slots = Array.from({ length: to - from }, (_, at) => from + at);
    await node.call('CLUSTER', 'ADDSLOTS', ...slots.map(String));
    await node.call('CLUSTER', 'SET-CONFIG-EPOCH', String(position + 1));
  }
  const [first] = nodes as readonly [Redis];
  for (const port of ports.slice(1)) await first.call('CLUSTER', 'MEET', '127.0.0.1', String(port));
  for (const node of nodes) {
    await untilReady(node, async () => {
      const info = String(await node.call('CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${MASTERS}`);
    });
  }
}

async function stopServers(servers: readonly ChildProcess[], folder: string): Promise<void> {
  await Promise.all(
    servers.map(async (server) => {
      if (server.exitCode !== null || server.signalCode !== null) return;
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGKILL');
      await ended;
    }),
  );
  await rm(folder, { recursive: true, force: true });
}

export async function startRedisCluster(durability: RedisDurability): Promise<RedisCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'piton-bench-redis-'));
  const ports = await findRedisPorts(MASTERS);
  const servers: ChildProcess[] = [];
  for (const port of ports) {
    const own = join(folder, String(port));
    await mkdir(own);
    servers.push(startServer(port, own, durability));
  }
  const nodes = ports.map((port) => new Redis({ port, host: '127.0.0.1', lazyConnect: false }));
  for (const node of nodes) node.on('error', () => {});
  try {
    await form(nodes, ports);
  } catch (error) {
    await stopServers(servers, folder);
    throw error;
  } finally {
    for (const node of nodes) node.disconnect();
  }
  const pids = servers.map((server) => server.pid as number);
  return { ports, pids, stop: () => stopServers(servers, folder) };
}
