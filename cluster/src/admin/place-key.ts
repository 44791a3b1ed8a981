// Where a key stands in the order of its keyspace: behind its hash in a hash keyspace.

import { type KeyspaceRecord, Partitioning, PLACEMENT_BYTES, writeKeyHash } from '@piton/protocol';

export function placeKey(keyspace: KeyspaceRecord, key: Uint8Array): Uint8Array {
  if (keyspace.partitioning !== Partitioning.hash) return key;
  const placed = new Uint8Array(PLACEMENT_BYTES + key.length);
  writeKeyHash(key, placed, 0);
  placed.set(key, PLACEMENT_BYTES);
  return placed;
}
