// What changed in the index of a keyspace since a version: the one answer behind fetching changes,
// watching, and news.

import type { Changes, DriveAddress, IndexVersion, KeyspaceId, RangeRecord } from '@piton/protocol';
import type { ClusterState } from '../state/cluster-state.ts';
import { drivesOf } from '../state/published-index.ts';

/** The addresses that go with records, and those that changed since a version. */
function addressesWith(
  state: ClusterState,
  records: readonly RangeRecord[],
  since: IndexVersion,
): DriveAddress[] {
  const drives = drivesOf(records);
  for (const { drive } of state.addressesSince(since)) drives.add(drive);
  return state.addressesOf(drives);
}

/** Undefined when there is no such keyspace, or not yet. */
export function changesOf(
  state: ClusterState,
  keyspace: KeyspaceId,
  since: IndexVersion,
  recordsMax: number,
): Changes | undefined {
  const index = state.indexOf(keyspace);
  if (index === undefined) return undefined;
  const base = { keyspace, since, version: state.indexVersion };
  // A client from the future has seen a catalog that was lost: what it knows proves nothing.
  const isFromFuture = since > state.indexVersion;
  const view = isFromFuture ? undefined : index.changesSince(since, recordsMax);
  if (view === undefined || view.tooOld) {
    return { ...base, records: [], addresses: [], hasMore: false, tooOld: true };
  }
  return {
    ...base,
    version: view.upTo ?? base.version,
    records: view.records,
    addresses: addressesWith(state, view.records, since),
    hasMore: view.upTo !== undefined,
    tooOld: false,
  };
}
