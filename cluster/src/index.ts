// A whole cluster on one machine, for tests and for a first look; and the operator's client.
export type {
  DriveView,
  ForgetView,
  KeyJson,
  OperationView,
  RangeView,
  RebalanceView,
  StatusView,
} from '@piton/metaserver';
export { AdminClient, type AdminClientOptions, type WaitOptions } from './admin/admin-client.ts';
export { AdminError } from './admin/admin-errors.ts';
export { placeKey } from './admin/place-key.ts';
export { type Cluster, type ClusterDrive, startCluster } from './cluster.ts';
export { ClusterError, Durability, type UnexpectedExit } from './host/host.ts';
export type { ClusterOptions, Detours } from './options.ts';
