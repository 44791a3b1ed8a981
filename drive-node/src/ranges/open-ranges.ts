// From a data folder to ranges that can serve: the store is opened with the ranges as its owner, and
// the range copies are made from what it holds.

import type { Owner, Store } from '../engine/store.ts';
import { Routes } from '../requests/routes.ts';
import type { RangesOptions } from '../shell/host.ts';
import { RangeHost } from './range-host.ts';
import { RangeRecovery } from './recovery.ts';

/** Opens the store with the ranges as its owner, and makes the ranges from what it holds. */
export async function openRanges(
  options: RangesOptions,
  openStore: (owner: Owner) => Promise<Store>,
): Promise<RangeHost> {
  const routes = new Routes();
  const recovery = new RangeRecovery(() => routes.replicas.values());
  const store = await openStore(recovery);
  const nowMs = options.environment.clock.nowMs();
  const rebuilt = recovery.rebuild(store, options.drive, nowMs);
  return new RangeHost(options, store, routes, rebuilt);
}
