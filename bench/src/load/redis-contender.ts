// ioredis as its documentation recommends it for throughput: a cluster client with auto-pipelining.

import { Cluster } from 'ioredis';
import type { Contender } from './contender.ts';

export async function openRedis(ports: readonly number[]): Promise<Contender> {
  const nodes = ports.map((port) => ({ host: '127.0.0.1', port }));
  const cluster = new Cluster(nodes, { enableAutoPipelining: true, lazyConnect: true });
  await cluster.connect();
  return {
    put: (key, value) => cluster.set(key, value),
    get: (key) => cluster.getBuffer(key),
    close: async () => {
      cluster.disconnect();
    },
  };
}
