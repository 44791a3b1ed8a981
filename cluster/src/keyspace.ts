// Sees to it that the default keyspace is there before anyone uses the cluster.
//
// A metadata server alone makes it when no further drive has come for a moment. Here it is known when
// the last drive is there, so the server is told to leave it to us: it is made at once, over all
// drives, with the cuts that were asked for.

import { type KeyspaceRecord, nodeEnvironment, Status } from '@piton/protocol';
import type { AdminClient } from './admin/admin-client.ts';
import { AdminError } from './admin/admin-errors.ts';
import { ClusterError } from './host/host.ts';
import type { ClusterSettings } from './options.ts';

const NAME = 'default';
const POLL_MS = 25;
/** More drives than a cluster on one machine has: the server does not make it by itself. */
export const DRIVES_EXPECTED: number = 1_000;

/** Rejects with ClusterError when the keyspace is not there in time. */
export async function ensureKeyspace(admin: AdminClient, settings: ClusterSettings): Promise<void> {
  if ((await findKeyspace(admin)) !== undefined) return;
  if (await tryCreate(admin, settings)) return;
  await waitUntilThere(admin, settings);
}

async function findKeyspace(admin: AdminClient): Promise<KeyspaceRecord | undefined> {
  return (await admin.keyspaces()).find((keyspace) => keyspace.name === NAME);
}

/** False when an earlier run, cut short, has begun to make it: the server goes on with that. */
async function tryCreate(admin: AdminClient, settings: ClusterSettings): Promise<boolean> {
  const { partitioning, replicas, splitKeys } = settings;
  const keys = splitKeys.length === 0 ? undefined : [...splitKeys].sort(Buffer.compare);
  try {
    await admin.createKeyspace(NAME, partitioning, replicas, keys);
    return true;
  } catch (error) {
    const status = error instanceof AdminError ? error.status : undefined;
    if (status === Status.keyspaceExists || status === Status.conflictingOperation) return false;
    throw error;
  }
}

async function waitUntilThere(admin: AdminClient, settings: ClusterSettings): Promise<void> {
  const { clock } = settings.environment ?? nodeEnvironment;
  const deadlineMs = clock.nowMs() + settings.startMs;
  while (clock.nowMs() < deadlineMs) {
    if ((await findKeyspace(admin)) !== undefined) return;
    await new Promise<void>((resolve) => clock.setTimer(POLL_MS, resolve));
  }
  throw new ClusterError(`the keyspace "${NAME}" was not made within ${settings.startMs} ms`);
}
