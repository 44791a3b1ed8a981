// Changes of the layout while faults happen: each may be refused or fail, none may do harm.

import { KVClient } from '@piton/sdk';
import type { ChaosCluster } from '../cluster/chaos-cluster.ts';
import { type Fault, Target } from './fault.ts';

const KEYSPACE = 'default';
const SETTLE_MS = 20_000;
/** No more is split above this. */
const RANGES_MAX = 400;

type Change = (chaos: ChaosCluster, key: string) => Promise<number | undefined>;

/** Asks for the change and waits a while for it; what becomes of it in the end is the cluster's care. */
function layoutChange(name: string, what: string, change: Change): Fault {
  return {
    name,
    what,
    target: Target.layout,
    drives: 0,
    weight: 4,
    holdMs: [0, 2_000],
    inject: async (chaos) => {
      try {
        const operation = await change(chaos, anyKey());
        await using admin = chaos.admin();
        if (operation !== undefined) await admin.waitFor(operation, { timeoutMs: SETTLE_MS });
      } catch {
        // The metadata server is away, or a drive is, or another change has the range in hand.
      }
      return async () => {};
    },
  };
}

/** Between the keys of the workload. */
function anyKey(): string {
  return `k${String(Math.floor(Math.random() * 280)).padStart(3, '0')}`;
}

const move: Change = async (chaos, key) => {
  await using admin = chaos.admin();
  const keyspace = await admin.keyspace(KEYSPACE);
  const kv = await KVClient.connect({ metadata: [chaos.cluster.metaAddress], keyspace: KEYSPACE });
  const chain = (await kv.locate(key)).chain.map(({ drive }) => String(drive));
  await kv.close();
  const targets = chaos.driveIds.filter((id) => !chain.includes(id));
  const [from, to] = [anyOf(chain), anyOf(targets)];
  if (from === undefined || to === undefined) return undefined;
  return admin.move(keyspace, Buffer.from(key), from, to);
};

const split: Change = async (chaos, key) => {
  await using admin = chaos.admin();
  const keyspace = await admin.keyspace(KEYSPACE);
  if ((await admin.ranges(keyspace)).length >= RANGES_MAX) return undefined;
  return admin.split(keyspace, Buffer.from(key), true);
};

function anyOf<T>(from: readonly T[]): T | undefined {
  return from[Math.floor(Math.random() * from.length)];
}

export const CHANGES: readonly Fault[] = [
  layoutChange('move', 'a copy is moved to another drive', move),
  layoutChange('split', 'a range is cut', split),
];
