// The fault of a full disk: ballast of a keyspace of its own is written to one drive until it refuses,
// stays for a while, and is deleted again.

import { KVClient, type KVError } from '@piton/sdk';
import type { ChaosCluster } from '../cluster/chaos-cluster.ts';
import { type Fault, Target } from './fault.ts';

export const BALLAST_KEYSPACE = 'ballast';
const VALUE_BYTES = 512 * 1024;
const AT_ONCE = 4;
const CALL_MS = 60_000;

const keyOf = (number: number): string => `ballast/${String(number).padStart(6, '0')}`;

export const fill: Fault = {
  name: 'fill',
  what: 'one drive is filled with ballast until it refuses puts',
  target: Target.drives,
  drives: 1,
  weight: 2,
  holdMs: [500, 5_000],
  inject: async (chaos, [victim]) => {
    const kv = await connect(chaos);
    // The metadata server is away: there is nobody to ask where the ballast goes.
    if (kv === undefined) return async () => {};
    await moveBallast(chaos, kv, victim as string);
    const written = await fillUp(kv, (2 * chaos.options.capacityBytes) / VALUE_BYTES);
    return async () => {
      const keys = Array.from({ length: written }, (_, number) => keyOf(number));
      await kv.deleteMany(keys, { timeoutMs: CALL_MS });
      await kv.close();
    };
  },
};

async function connect(chaos: ChaosCluster): Promise<KVClient<Uint8Array> | undefined> {
  try {
    return await KVClient.connect<Uint8Array>({
      metadata: [chaos.cluster.metaAddress],
      keyspace: BALLAST_KEYSPACE,
      codec: 'binary',
      timeoutMs: CALL_MS,
    });
  } catch (error) {
    if ((error as KVError).code === undefined) throw error;
    return undefined;
  }
}

/** A move that cannot be done now leaves the ballast where it is: that is a full disk as well. */
async function moveBallast(
  chaos: ChaosCluster,
  kv: KVClient<Uint8Array>,
  to: string,
): Promise<void> {
  const from = String((await kv.locate(keyOf(0))).chain[0]?.drive);
  if (from === to) return;
  await using admin = chaos.admin();
  try {
    const keyspace = await admin.keyspace(BALLAST_KEYSPACE);
    const operation = await admin.move(keyspace, Buffer.from(keyOf(0)), from, to);
    await admin.waitFor(operation, { timeoutMs: 10_000 });
  } catch {
    // The ballast stays.
  }
}

/** Returns how many keys may have been written. */
async function fillUp(kv: KVClient<Uint8Array>, countMax: number): Promise<number> {
  const value = new Uint8Array(VALUE_BYTES);
  let next = 0;
  let isFull = false;
  const write = async (): Promise<void> => {
    while (!isFull && next < countMax) {
      try {
        await kv.put(keyOf(next++), value, { durability: 'os', timeoutMs: 5_000 });
      } catch (error) {
        // Whatever the reason: it cannot be filled any further now.
        isFull = (error as KVError).code !== undefined;
        if (!isFull) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, write));
  return next;
}
