// What tests of operations look at: the first range of the default keyspace, its drives, and how a request was refused.

import { type RangeRecord, RefusedError, Status } from '@piton/protocol';
import type { TestCluster } from './cluster.ts';

export async function firstRecord(cluster: TestCluster): Promise<RangeRecord> {
  const keyspace = await cluster.client.keyspaceWhenReady();
  const [record] = await cluster.client.records(keyspace.id);
  if (record === undefined) throw new Error('the keyspace has no range');
  return record;
}

export const drivesIn = (record: RangeRecord): string[] => record.chain.map(({ drive }) => drive);

/** The drive of the cluster that the chain does not name. */
export const outside = (cluster: TestCluster, record: RangeRecord): string =>
  cluster.drives.find(({ id }) => !drivesIn(record).includes(id))?.id as string;

export async function statusOf(work: Promise<unknown>): Promise<Status> {
  try {
    await work;
  } catch (error) {
    if (error instanceof RefusedError) return error.status;
    throw error;
  }
  return Status.ok;
}
