// What the handlers of messages share.

import type { Clock } from '@piton/protocol';
import type { BalancerRequests } from '../balancer/requests.ts';
import type { Failover } from '../failover/failover.ts';
import type { Leases } from '../leases/leases.ts';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { Statistics } from '../members/statistics.ts';
import type { Watchers } from '../news/watchers.ts';
import type { DefaultKeyspace } from '../operations/default-keyspace.ts';
import type { ForgetRequests } from '../operations/forget-request.ts';
import type { Operations } from '../operations/operations.ts';
import type { OperationRequests } from '../operations/requests.ts';
import type { SyncSignals } from '../operations/sync-signals.ts';
import type { Log } from '../shell/log.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { Views } from '../views/views.ts';
import type { RequestCounts } from './request-counts.ts';

export interface HandlerServices {
  readonly state: ClusterState;
  readonly clock: Clock;
  readonly log: Log;
  readonly drives: DriveConnections;
  readonly leases: Leases;
  readonly failover: Failover;
  readonly statistics: Statistics;
  readonly operations: Operations;
  readonly requests: OperationRequests;
  readonly forgetting: ForgetRequests;
  readonly balancer: BalancerRequests;
  readonly syncs: SyncSignals;
  readonly watchers: Watchers;
  readonly defaultKeyspace: DefaultKeyspace;
  readonly counts: RequestCounts;
  readonly views: Views;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
}
