// The cluster for people and their tools: what /api/* and the admin messages answer.
//
// Numbers have their unit in the name; keys are as key-json.ts says. Fields are only ever added.

import {
  type DriveId,
  type KeyspaceId,
  type Member,
  MemberState,
  type OperationProgress,
  OperationState,
  Partitioning,
  type RangeRecord,
  witnessesOf,
} from '@piton/protocol';
import type { DriveWord, Failover } from '../failover/failover.ts';
import type { RequestCounts } from '../handlers/request-counts.ts';
import { type RightsView, rightsViewOf } from '../leases/rights.ts';
import type { DriveConnections } from '../members/drive-connections.ts';
import { addLoads, NO_LOAD, type RangeLoad, type Statistics } from '../members/statistics.ts';
import type { Watchers } from '../news/watchers.ts';
import type { DefaultKeyspace } from '../operations/default-keyspace.ts';
import type { Operations } from '../operations/operations.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import {
  type DrainState,
  type DriveEntry,
  drainStateOf,
  type OperationEntry,
} from '../state/entries.ts';
import { type KeyJson, keyJson } from './key-json.ts';
import { type Page, pageOf } from './pages.ts';

export interface DriveView extends RangeLoad {
  readonly id: string;
  readonly address: string;
  readonly zone: string;
  /** up, silent or down; suspected, unreachable or fenced when nothing is heard of it; cut-off when others do not reach it. */
  readonly state: DriveWord;
  /** Whether it takes ranges: open, draining, drained. */
  readonly drain: DrainState;
  /** Whether it may have a lease: member, fencing (being taken away), fenced. */
  readonly rights: RightsView;
  readonly fence: number;
  /** Who renews its lease. While it changes: the set that it is to take up. */
  readonly witnesses: readonly string[];
  /** Sets of witnesses that may count for it; more than one until it has taken up the newest. */
  readonly witnessSets: number;
  /** As of its last heartbeat; null: it has no lease, or is not connected. */
  readonly leaseMsLeft: number | null;
  readonly incarnation: number;
  readonly capacityBytes: number;
  /** What it has on its device: live data, tombstones, and what waits for compaction. */
  readonly usedBytes: number;
  readonly bandwidthBytesPerSecond: number;
  readonly isFull: boolean;
  readonly storeFailed: boolean;
  readonly ranges: number;
  readonly heads: number;
  readonly tails: number;
  /** Null while it is not connected. */
  readonly lastHeardMsAgo: number | null;
}

export interface RangeView extends RangeLoad {
  readonly id: number;
  readonly keyspace: string;
  readonly keyspaceId: number;
  readonly start: KeyJson;
  /** Null: to the end. */
  readonly end: KeyJson | null;
  readonly epoch: number;
  readonly version: number;
  readonly chain: readonly { readonly drive: string; readonly state: string }[];
  /** The operation that has it in hand. */
  readonly operation: number | null;
}

export interface KeyspaceView {
  readonly id: number;
  readonly name: string;
  readonly partitioning: string;
  readonly replicas: number;
  readonly state: string;
  readonly ranges: number;
}

export interface OperationView {
  readonly id: number;
  readonly kind: string;
  readonly state: string;
  readonly step: string;
  readonly message: string;
  readonly startedAtMs: number;
  /** How far it is; null for an operation that is one step, or has ended. */
  readonly progress: OperationProgress | null;
}

export interface StatusView {
  readonly clusterId: string;
  readonly software: string;
  readonly createdAtMs: number;
  readonly uptimeMs: number;
  readonly indexVersion: number;
  readonly replicas: number;
  readonly partitioning: string;
  readonly drives: { readonly total: number; readonly up: number };
  readonly ranges: number;
  /** With fewer serving members than their keyspace asks for, or others beside them. */
  readonly rangesUnsound: number;
  readonly watchers: number;
  /** All copies together for rates; keys and bytes count each range once. */
  readonly load: RangeLoad;
  readonly keyspaces: readonly KeyspaceView[];
  /** Running ones first, then the last that ended. */
  readonly operations: readonly OperationView[];
  /** Why the keyspace `default` is not there yet; null when it is. */
  readonly obstacle: string | null;
  readonly requests: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface RangeFilter {
  readonly keyspace?: KeyspaceId | undefined;
  readonly drive?: DriveId | undefined;
}

export interface ViewSources {
  readonly state: ClusterState;
  readonly drives: DriveConnections;
  readonly failover: Failover;
  readonly statistics: Statistics;
  readonly operations: Operations;
  readonly watchers: Watchers;
  readonly counts: RequestCounts;
  readonly defaultKeyspace: DefaultKeyspace;
  readonly software: string;
  readonly replicas: number;
  readonly partitioning: string;
  readonly uptimeMs: () => number;
}

const OPERATIONS_SHOWN = 50;
const TOTAL_KEPT_MS = 500;

const MEMBER_STATES: ReadonlyMap<number, string> = new Map(
  Object.entries(MemberState).map(([name, number]) => [number, name]),
);

export class Views {
  readonly #sources: ViewSources;
  #total: RangeLoad | undefined;
  #totalAtMs = 0;

  constructor(sources: ViewSources) {
    this.#sources = sources;
  }

  status(): StatusView {
    const { state, failover, watchers, counts, defaultKeyspace } = this.#sources;
    const { software, replicas, partitioning, uptimeMs } = this.#sources;
    const all = this.#remembered().map(({ id }) => id);
    return {
      clusterId: state.clusterId,
      software,
      createdAtMs: state.createdAtMs,
      uptimeMs: Math.round(uptimeMs()),
      indexVersion: state.indexVersion,
      replicas,
      partitioning,
      drives: { total: all.length, up: all.filter((id) => failover.wordFor(id) === 'up').length },
      ranges: state.ranges.size,
      rangesUnsound: state.unsound.size,
      watchers: watchers.count,
      load: this.totalLoad(),
      keyspaces: this.#keyspaces(),
      operations: this.#operations(),
      obstacle: defaultKeyspace.obstacle ?? null,
      requests: counts.toJson(),
    };
  }

  drives(offset: number, limit: number): Page {
    const all = this.#remembered();
    all.sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
    return pageOf(all, offset, limit, (drive) => this.drive(drive));
  }

  /** Without those that will never be back. */
  #remembered(): DriveEntry[] {
    return [...this.#sources.state.drives.values()].filter(({ isForgotten }) => !isForgotten);
  }

  /** Published ranges, keyspace by keyspace, in key order. */
  ranges(filter: RangeFilter, offset: number, limit: number): Page {
    return pageOf(this.#records(filter), offset, limit, (record) => this.#range(record));
  }

  drive(entry: DriveEntry): DriveView {
    const { state, drives, statistics, failover } = this.#sources;
    const { id, address, zone, incarnation, capacityBytes, bandwidthBytesPerSecond } = entry;
    const { ranges, heads, tails } = state.shareOf(id);
    const report = drives.report(id);
    const isConnected = drives.connectionOf(id) !== undefined;
    return {
      id,
      address,
      zone,
      state: failover.wordFor(id),
      drain: drainStateOf(entry),
      rights: rightsViewOf(entry),
      fence: entry.fence,
      witnesses: entry.witnessSets.slice(-1).flatMap(witnessesOf),
      witnessSets: entry.witnessSets.length,
      leaseMsLeft: roundedOrNull(isConnected ? report?.leaseMsLeft : undefined),
      incarnation,
      capacityBytes,
      usedBytes: report?.usedBytes ?? 0,
      bandwidthBytesPerSecond,
      isFull: report?.isFull ?? false,
      storeFailed: report?.storeFailed ?? false,
      ranges: ranges.size,
      heads,
      tails,
      ...rounded(statistics.ofDrive(id)),
      lastHeardMsAgo: roundedOrNull(drives.lastHeardMsAgo(id)),
    };
  }

  /** Walks all ranges, so it does that only now and then. */
  totalLoad(): RangeLoad {
    const { state, statistics, uptimeMs } = this.#sources;
    if (this.#total !== undefined && uptimeMs() - this.#totalAtMs < TOTAL_KEPT_MS) {
      return this.#total;
    }
    let sum = NO_LOAD;
    for (const { published } of state.ranges.values()) {
      if (published !== undefined) sum = addLoads(sum, statistics.ofRange(published));
    }
    this.#total = rounded(sum);
    this.#totalAtMs = uptimeMs();
    return this.#total;
  }

  #records({ keyspace, drive }: RangeFilter): readonly RangeRecord[] {
    const { state } = this.#sources;
    const ids = keyspace === undefined ? [...state.keyspaces.keys()] : [keyspace];
    const lists = ids.map((id) => state.indexOf(id)?.records() ?? []);
    const all = lists.length === 1 ? (lists[0] ?? []) : lists.flat();
    if (drive === undefined) return all;
    return all.filter((record) => record.chain.some((member) => member.drive === drive));
  }

  #range(record: RangeRecord): RangeView {
    const { state, statistics, operations } = this.#sources;
    const keyspace = state.keyspaces.get(record.keyspace);
    const partitioning = keyspace?.partitioning ?? Partitioning.range;
    return {
      id: record.id,
      keyspace: keyspace?.name ?? '',
      keyspaceId: record.keyspace,
      start: keyJson(record.start, partitioning),
      end: record.end === undefined ? null : keyJson(record.end, partitioning),
      epoch: record.epoch,
      version: record.version,
      chain: record.chain.map((member) => ({
        drive: member.drive,
        state: this.#memberState(member),
      })),
      ...rounded(statistics.ofRange(record)),
      operation: operations.holderOf(record.id) ?? null,
    };
  }

  /** An offline member whose drive is back waits for its turn to be brought up to date. */
  #memberState({ drive, state }: Member): string {
    const isWaiting = state === MemberState.offline && this.#sources.failover.isAlive(drive);
    const shown = isWaiting ? MemberState.waiting : state;
    return MEMBER_STATES.get(shown) ?? String(shown);
  }

  #keyspaces(): KeyspaceView[] {
    const { state } = this.#sources;
    return [...state.keyspaces.values()].map((entry) => ({
      id: entry.id,
      name: entry.name,
      partitioning: entry.partitioning,
      replicas: entry.replicas,
      state: entry.state,
      ranges: state.indexOf(entry.id)?.size ?? 0,
    }));
  }

  #operations(): OperationView[] {
    const { state, operations } = this.#sources;
    const all = [...state.operations.values()].reverse();
    const isRunning = (entry: OperationEntry): boolean => entry.state === OperationState.running;
    const shown = [...all.filter(isRunning), ...all.filter((entry) => !isRunning(entry))];
    return shown.slice(0, OPERATIONS_SHOWN).map((entry) => {
      const {
        id,
        kind,
        state: how,
        step,
        message,
        startedAtMs,
      } = operations.get(entry.id) ?? entry;
      const progress = operations.progressOf(id) ?? null;
      return { id, kind, state: how, step, message, startedAtMs, progress };
    });
  }
}

function roundedOrNull(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}

/** Rates to a tenth: more is noise, and makes answers longer. */
function rounded(load: RangeLoad): RangeLoad {
  const tenth = (rate: number): number => Math.round(rate * 10) / 10;
  return {
    keys: load.keys,
    bytes: load.bytes,
    readsPerSecond: tenth(load.readsPerSecond),
    writesPerSecond: tenth(load.writesPerSecond),
    readBytesPerSecond: tenth(load.readBytesPerSecond),
    writtenBytesPerSecond: tenth(load.writtenBytesPerSecond),
  };
}
