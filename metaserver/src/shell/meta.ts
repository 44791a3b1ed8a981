// The metadata server as one object: opens the catalog, puts the parts together, listens, resumes.
//
// Order at the start: the catalog first (a second server on the folder must not get any further),
// then HTTP, then the operations that were under way, then the protocol. At stop the other way round.

import {
  type ClusterId,
  clusterId,
  type DriveId,
  type Environment,
  NodeKind,
  type RangeRecord,
  type Server,
  serve,
} from '@piton/protocol';
import { Balancer } from '../balancer/balancer.ts';
import { balancerKinds } from '../balancer/kinds.ts';
import { Pace } from '../balancer/pace.ts';
import type { RebalancePayload } from '../balancer/rebalance.ts';
import { BalancerRequests } from '../balancer/requests.ts';
import { Failover } from '../failover/failover.ts';
import { Dispatch } from '../handlers/dispatch.ts';
import { RequestCounts } from '../handlers/request-counts.ts';
import { type HttpServer, startHttp } from '../http/http-server.ts';
import type { Fencing } from '../leases/fencing.ts';
import { Leases } from '../leases/leases.ts';
import { DriveConnections } from '../members/drive-connections.ts';
import { Statistics } from '../members/statistics.ts';
import { Watchers } from '../news/watchers.ts';
import { Commands } from '../operations/commands.ts';
import { CreateKeyspace, type PendingPlans } from '../operations/create-keyspace.ts';
import { DefaultKeyspace } from '../operations/default-keyspace.ts';
import { ForgetDrive } from '../operations/forget-drive.ts';
import { ForgetRequests } from '../operations/forget-request.ts';
import { MoveKind, MoveRange } from '../operations/move-range.ts';
import { Operations } from '../operations/operations.ts';
import { RangeHolds } from '../operations/range-holds.ts';
import { OperationRequests } from '../operations/requests.ts';
import { Slots } from '../operations/slots.ts';
import { SplitRangeOperation } from '../operations/split-range.ts';
import { SyncSignals } from '../operations/sync-signals.ts';
import type { Catalog } from '../state/catalog.ts';
import { ClusterState } from '../state/cluster-state.ts';
import type { ClusterEntry } from '../state/entries.ts';
import { openSqliteCatalog } from '../state/sqlite-catalog.ts';
import { Views } from '../views/views.ts';
import { type MetaOptions, type MetaSettings, settingsFrom } from './options.ts';
import { software } from './version.ts';

export interface Meta {
  /** HOST:PORT of the piton protocol. */
  readonly address: string;
  /** HOST:PORT of the status page; empty when there is no HTTP. */
  readonly httpAddress: string;
  readonly clusterId: ClusterId;
  /** Takes drives' rights away. */
  readonly fencing: Fencing;
  /** Resolves with the reason when the server can no longer go on by itself. */
  readonly failed: Promise<Error>;
  /** Stops and closes the catalog. Operations under way go on at the next start. */
  stop(): Promise<void>;
}

/** Clients, drives and operators together. */
const CONNECTIONS_MAX = 4_096;
/** Copies into one drive at once; more would only share its device. */
const COPIES_PER_DRIVE = 4;

/**
 * Starts a metadata server. Rejects with MetaOptionError, CatalogError, or the network's error when an
 * address cannot be bound; then nothing is left open.
 */
export async function startMeta(options: MetaOptions): Promise<Meta> {
  const settings = settingsFrom(options);
  const catalog = settings.catalog ?? openSqliteCatalog(settings.dataDir);
  const closers: (() => Promise<void> | void)[] = [() => catalog.close()];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await assemble(settings, catalog, closers, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** A random UUID, from the environment so that a simulation can be repeated. */
function makeClusterId({ random }: Environment): ClusterId {
  const bytes = Buffer.from(random.bytes(16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return clusterId([...parts, hex.slice(20)].join('-'));
}

type Parts = ReturnType<typeof makeParts>;

/** Everything that needs no socket, wired up. */
function makeParts(settings: MetaSettings, state: ClusterState, lost: (error: Error) => void) {
  const { environment, log, heartbeatMs, leaseMs, replicas, partitioning } = settings;
  const { clock, random } = environment;
  const drives = new DriveConnections(clock, heartbeatMs);
  const statistics = new Statistics();
  const counts = new RequestCounts();
  const watchers = new Watchers(state, clock);
  const syncs = new SyncSignals();
  const plans: PendingPlans = new Map();
  const commands = new Commands(clock, random, drives);
  const leases = new Leases({ state, clock, drives, commands, log, leaseMs });
  const holds = new RangeHolds();
  const watched = { state, clock, drives, statistics, holds, log, fault: settings.faultPoint };
  const failover = new Failover({
    ...{ ...settings, ...watched, fencing: leases },
    membersChanged: () => leases.attendanceChanged(),
  });
  // Unlike the fences, operations do not wait for drives that are fenced.
  const orders = new Commands(clock, random, drives, failover);
  // Asked for when an operation runs: by then everything is there.
  const pace = new Pace(clock, state, settings.moveBytesPerSecond);
  const loadsFor = (by: RebalancePayload['by']) => (record: RangeRecord) =>
    by === 'balancer' ? autoBalancer.loadOf(record) : statistics.ofRange(record);
  const balancing = () => ({ state, drives, statistics, operations, pace, loadsFor });
  const operations: Operations = new Operations({
    services: {
      state,
      clock,
      drives,
      commands: orders,
      standing: failover,
      holds,
      syncs,
      fault: settings.faultPoint,
      patienceMs: settings.patienceMs,
      copySlots: slotsByDrive(),
    },
    kinds: [
      ...[
        new CreateKeyspace(plans),
        new SplitRangeOperation(),
        new MoveRange(),
        new MoveRange(MoveKind.repair),
        new ForgetDrive(),
      ],
      ...balancerKinds(balancing),
    ],
    log,
    lost,
  });
  const requests = new OperationRequests({ state, drives, statistics, operations, plans });
  const defaultKeyspace = new DefaultKeyspace({
    ...settings,
    ...{ state, drives, requests, clock },
  });
  const startedMs = clock.nowMs();
  const views = new Views({
    ...{ state, drives, failover, statistics, operations, watchers, counts },
    ...{ defaultKeyspace, software },
    ...{ replicas, partitioning, uptimeMs: () => clock.nowMs() - startedMs },
  });
  const balancer = new BalancerRequests(balancing());
  const autoBalancer = new Balancer(balancing(), balancer, settings.balancing, clock, log);
  const services = {
    ...{ state, clock, log, drives, leases, statistics, operations, requests, syncs, watchers },
    ...{ failover, orders, balancer, defaultKeyspace, counts, views, leaseMs, heartbeatMs },
    forgetting: new ForgetRequests(balancing()),
  };
  return { ...services, autoBalancer, dispatch: new Dispatch(services) };
}

function slotsByDrive(): (drive: DriveId) => Slots {
  const byDrive = new Map<DriveId, Slots>();
  return (drive) => {
    const slots = byDrive.get(drive) ?? new Slots(COPIES_PER_DRIVE);
    byDrive.set(drive, slots);
    return slots;
  };
}

async function assemble(
  settings: MetaSettings,
  catalog: Catalog,
  closers: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<Meta> {
  const { environment, log } = settings;
  const { promise: failed, resolve: lost } = withResolver<Error>();
  const makeCluster = (): ClusterEntry => ({
    id: makeClusterId(environment),
    createdAtMs: environment.clock.wallMs(),
  });
  const state = await ClusterState.open(catalog, settings.changesMax, makeCluster, lost);
  closers.push(() => state.close());
  const parts = makeParts(settings, state, lost);
  closers.push(() => parts.watchers.stop());
  closers.push(() => parts.leases.stop());
  closers.push(() => parts.operations.stop());
  closers.push(() => parts.autoBalancer.stop());
  closers.push(() => parts.failover.stop());
  closers.push(() => parts.defaultKeyspace.stop());
  const http = await openHttp(settings, parts);
  if (http !== undefined) closers.push(() => http.close());
  // Before anyone can connect: what was under way has its ranges in hand again.
  parts.leases.start();
  parts.operations.resume();
  if (settings.failover) parts.failover.start(parts.orders, parts.operations);
  parts.autoBalancer.start();
  const server = await listen(settings, parts);
  closers.push(() => server.close());
  const { address } = server;
  log.info({ address, http: http?.address, cluster: state.clusterId }, 'metadata server serves');
  return {
    address,
    httpAddress: http?.address ?? '',
    clusterId: state.clusterId,
    fencing: parts.leases,
    failed,
    stop: closeAll,
  };
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((given) => {
    resolve = given;
  });
  return { promise, resolve };
}

async function openHttp(settings: MetaSettings, parts: Parts): Promise<HttpServer | undefined> {
  const { httpPort, host } = settings;
  if (httpPort === undefined) return undefined;
  return startHttp({ host, port: httpPort, ...parts });
}

function listen(settings: MetaSettings, parts: Parts): Promise<Server> {
  const { environment, host, port, log } = settings;
  const { dispatch, drives, leases, statistics, watchers, state } = parts;
  return serve(environment, {
    self: {
      kind: NodeKind.meta,
      node: 'meta',
      cluster: state.clusterId,
      incarnation: 0,
      software,
    },
    host,
    port,
    connectionsMax: CONNECTIONS_MAX,
    handlers: {
      frame: (connection, frame) => dispatch.handle(connection, frame),
      closed(connection, reason) {
        const { kind, node, address } = connection.peer;
        const isDrive = drives.connectionOf(node as DriveId) === connection;
        drives.left(connection);
        if (isDrive) statistics.forget(node as DriveId);
        if (isDrive) leases.attendanceChanged();
        watchers.left(connection);
        dispatch.left(connection);
        const fields = { kind, node, address, reason: reason?.message };
        log[isDrive ? 'info' : 'debug'](fields, 'connection ended');
      },
    },
  });
}
