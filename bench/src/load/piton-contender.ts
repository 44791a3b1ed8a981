// Piton through its public library, with values as bytes.

import { KVClient } from '@piton/sdk';
import type { Contender } from './contender.ts';

export async function openPiton(
  metaAddress: string,
  reads: 'any' | 'tail' = 'any',
): Promise<Contender> {
  const kv = await KVClient.connect({
    metadata: [metaAddress],
    keyspace: 'default',
    codec: 'binary',
    reads,
    // As the other side: with 256 MiB in flight calls wait for room instead of being refused.
    limits: { whenFull: 'wait' },
  });
  return {
    put: (key, value) => kv.put(key, value),
    get: (key) => kv.get(key),
    close: () => kv.close(),
  };
}
