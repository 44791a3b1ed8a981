// The metadata server as a library: for clusters in one process, and for tests.
export type { RebalanceMove, RebalancePlan, RebalanceView } from './balancer/rebalance-plan.ts';
export type { FaultHook, FaultPoint } from './operations/fault-points.ts';
export { FAULT_POINTS } from './operations/fault-points.ts';
export type { ForgetView, LostRangeView } from './operations/forget-request.ts';
export type { Log } from './shell/log.ts';
export { type Meta, startMeta } from './shell/meta.ts';
export { MetaOptionError, type MetaOptions } from './shell/options.ts';
export type {
  Catalog,
  CatalogChange,
  CatalogCondition,
  CatalogEntry,
  CatalogNews,
  CommitResult,
} from './state/catalog.ts';
export { CatalogError } from './state/catalog.ts';
export { MemoryCatalog } from './state/memory-catalog.ts';
export type { KeyJson } from './views/key-json.ts';
export type {
  DriveView,
  KeyspaceView,
  OperationView,
  RangeView,
  StatusView,
} from './views/views.ts';
