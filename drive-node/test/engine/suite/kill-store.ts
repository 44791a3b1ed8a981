// The store of the kill test, opened the same way by the writer and by who looks afterwards.

import { openLogStore } from '../../../src/engine/open-log-store.ts';
import type { Store } from '../../../src/engine/store.ts';
import { bytes, clock, identity, RememberingOwner, random, text } from './harness.ts';

export interface KillStore {
  readonly store: Store;
  readonly owner: RememberingOwner;
  /** The last write that the log holds. */
  readonly last: number;
}

/** Small checkpoints and fast compaction, so that kills meet both. */
export async function openKillStore(directory: string): Promise<KillStore> {
  const owner = new RememberingOwner();
  const store = await openLogStore({
    directory,
    clock,
    random,
    identity,
    owner,
    cacheBytes: 1 << 20,
    capacityBytes: 1 << 26,
    segmentBytes: 1 << 21,
    checkpointBytes: 1 << 21,
    compactionBytesPerSecond: 1 << 28,
  });
  const saved = Number(text(owner.recovery?.ownerState ?? new Uint8Array(0)) || '0');
  let last = saved;
  for (const { sequence } of owner.replayed) last = Math.max(last, sequence);
  owner.state = bytes(String(last));
  return { store, owner, last };
}
