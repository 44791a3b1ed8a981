// From what an operator asks to an accepted operation: everything that can be said at once is checked
// here, with a status; what turns out later is the operation's closing message.

import {
  compareKeys,
  type DriveId,
  type KeyspaceId,
  type LayoutRange,
  MemberState,
  type RangeRecord,
  RefusedError,
  Status,
} from '@piton/protocol';
import { problemWithMerge } from '../balancer/merge-payload.ts';
import type { DriveConnections } from '../members/drive-connections.ts';
import type { Statistics } from '../members/statistics.ts';
import {
  type KeyspacePlanInput,
  type PlannedRange,
  placementDrives,
  planKeyspace,
  problemWithKeyspace,
  rangeCount,
} from '../placement/plan-keyspace.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { Draft } from '../state/draft.ts';
import {
  type DriveEntry,
  DriveState,
  drainStateOf,
  KeyspaceState,
  takesRanges,
} from '../state/entries.ts';
import type { PendingPlans } from './create-keyspace.ts';
import type { Operations } from './operations.ts';
import { type Growth, problemWithGrowth } from './room.ts';

const RETRY_MS = 200;
/** Keyspaces of one cluster; a list of all fits one message. */
const KEYSPACES_MAX = 1_000;

function refuse(status: Status, message: string, retryAfterMs?: number): never {
  throw new RefusedError(
    status,
    retryAfterMs === undefined ? { message } : { message, retryAfterMs },
  );
}

export interface RequestParts {
  readonly state: ClusterState;
  readonly drives: DriveConnections;
  readonly statistics: Statistics;
  readonly operations: Operations;
  readonly plans: PendingPlans;
}

export class OperationRequests {
  readonly #state: ClusterState;
  readonly #drives: DriveConnections;
  readonly #statistics: Statistics;
  readonly #operations: Operations;
  readonly #plans: PendingPlans;

  constructor({ state, drives, statistics, operations, plans }: RequestParts) {
    this.#state = state;
    this.#drives = drives;
    this.#statistics = statistics;
    this.#operations = operations;
    this.#plans = plans;
  }

  /** Rejects with RefusedError. */
  async createKeyspace(input: KeyspacePlanInput): Promise<number> {
    const problem = problemWithKeyspace(input);
    if (problem !== undefined) refuse(Status.invalidArgument, problem);
    const request = {
      kind: 'createKeyspace',
      ranges: [],
      payload: { name: input.name },
      message: `making keyspace ${input.name}`,
    };
    return this.#operations.begin(request, (draft) => this.#draftKeyspace(input, draft));
  }

  /** Cuts at `key`, or, when not `exact`, the range of `key` in its middle. */
  async split(keyspace: KeyspaceId, key: Uint8Array, exact: boolean): Promise<number> {
    const record = this.#recordAt(keyspace, key);
    if (exact && compareKeys(record.start, key) === 0) {
      refuse(Status.invalidArgument, `range ${record.id} begins at this key already`);
    }
    const payload = exact ? { key: Buffer.from(key).toString('hex') } : {};
    const request = {
      kind: 'split',
      ranges: [record.id],
      payload: { range: record.id, ...payload },
      message: `cutting range ${record.id}`,
    };
    return this.#operations.begin(request, (draft) => this.#wantRanges(draft, keyspace, 1));
  }

  /** Makes one range of the range of the key and the one behind it. */
  async merge(keyspace: KeyspaceId, key: Uint8Array): Promise<number> {
    const left = this.#recordAt(keyspace, key);
    if (left.end === undefined) {
      refuse(Status.invalidArgument, `range ${left.id} is the last one: none is behind it`);
    }
    const right = this.#recordAt(keyspace, left.end);
    const request = {
      kind: 'merge',
      ranges: [left.id, right.id],
      payload: { left: left.id, right: right.id },
      message: `merging ranges ${left.id} and ${right.id}`,
    };
    return this.#operations.begin(request, (draft) => {
      const problem = problemWithMerge(left, right);
      if (problem !== undefined) refuse(Status.invalidArgument, `not merged: ${problem}`);
      return this.#wantRanges(draft, keyspace, -1);
    });
  }

  /** An operator's cut is not undone by the balancer, and an operator's merge is no cut any more. */
  #wantRanges(draft: Draft, keyspace: KeyspaceId, change: number): Record<string, never> {
    const entry = this.#state.keyspaces.get(keyspace);
    if (entry === undefined) return {};
    const known = entry.rangesWanted ?? this.#state.indexOf(keyspace)?.size ?? 1;
    draft.putKeyspace({ ...entry, rangesWanted: Math.max(1, known + change) });
    return {};
  }

  async move(keyspace: KeyspaceId, key: Uint8Array, from: DriveId, to: DriveId): Promise<number> {
    const { id } = this.#recordAt(keyspace, key);
    const request = {
      kind: 'move',
      ranges: [id],
      payload: { range: id, from, to },
      message: `moving range ${id} from ${from} to ${to}`,
    };
    return this.#operations.begin(request, () => {
      const record = this.#recordAt(keyspace, key);
      if (record.id !== id) refuse(Status.conflictingOperation, 'the range was just cut', RETRY_MS);
      this.#checkMove(record, from, to);
      return {};
    });
  }

  #recordAt(keyspace: KeyspaceId, key: Uint8Array): RangeRecord {
    const index = this.#state.indexOf(keyspace);
    if (index === undefined) refuse(Status.noSuchKeyspace, `there is no keyspace ${keyspace}`);
    const record = index.find(key);
    if (record === undefined) refuse(Status.noSuchRange, 'no range holds this key');
    return record;
  }

  #checkMove(record: RangeRecord, from: DriveId, to: DriveId): void {
    const source = record.chain.find(({ drive }) => drive === from);
    const chain = record.chain.map(({ drive }) => drive).join(', ');
    if (source?.state !== MemberState.serving) {
      refuse(
        Status.invalidArgument,
        `drive ${from} holds no copy of range ${record.id}; its chain is ${chain}`,
      );
    }
    const target = this.#state.drives.get(to);
    if (target === undefined) {
      const names = [...this.#state.drives.keys()].slice(0, 20).join(', ');
      refuse(Status.noSuchDrive, `there is no drive ${to} in this cluster; there are: ${names}`);
    }
    if (!takesRanges(target)) {
      const message = `drive ${to} is ${drainStateOf(target)}: it takes no ranges`;
      refuse(Status.invalidArgument, `${message}; let it with: piton drain ${to} --cancel`);
    }
    if (record.chain.some(({ drive }) => drive === to)) {
      refuse(
        Status.invalidArgument,
        `drive ${to} holds a copy of range ${record.id} already; its chain is ${chain}`,
      );
    }
    const growth = new Map([[to, { ranges: 1, recordBytes: 100 + record.start.length }]]);
    const problem = problemWithGrowth(this.#state, 0, growth);
    if (problem !== undefined) refuse(Status.invalidArgument, problem);
  }

  #draftKeyspace(input: KeyspacePlanInput, draft: Draft): { keyspace: KeyspaceId } {
    const { name, partitioning, replicas } = input;
    this.#checkName(name);
    const drives = this.#drivesToUse(replicas);
    if (input.layout !== undefined) this.#checkLayout(input.layout, drives);
    const problem = problemWithGrowth(this.#state, rangeCount(input, drives.length), new Map());
    if (problem !== undefined) refuse(Status.invalidArgument, problem);
    const plan = planKeyspace(
      input,
      placementDrives(
        drives,
        (drive) => this.#state.shareOf(drive),
        (drive) => this.#loadOf(drive),
      ),
    );
    const tooMuch = problemWithGrowth(this.#state, plan.length, growthOf(plan));
    if (tooMuch !== undefined) refuse(Status.invalidArgument, tooMuch);
    const id = draft.takeKeyspaceId();
    const rangesWanted = plan.length;
    const state = KeyspaceState.creating;
    draft.putKeyspace({ id, name, partitioning, replicas, state, rangesWanted });
    this.#plans.set(id, plan);
    return { keyspace: id };
  }

  #checkName(name: string): void {
    const known = this.#state.keyspaceNamed(name);
    if (known?.state === KeyspaceState.creating) {
      refuse(Status.conflictingOperation, `keyspace ${name} is being made`, RETRY_MS);
    }
    if (known !== undefined) refuse(Status.keyspaceExists, `there is a keyspace ${name} already`);
    if (this.#state.keyspaces.size >= KEYSPACES_MAX) {
      refuse(Status.invalidArgument, `a cluster has at most ${KEYSPACES_MAX} keyspaces`);
    }
  }

  #checkLayout(layout: readonly LayoutRange[], usable: readonly DriveEntry[]): void {
    const ids = new Set(usable.map(({ id }) => id));
    const wrong = new Set<DriveId>();
    for (const { drives } of layout) for (const id of drives) if (!ids.has(id)) wrong.add(id);
    if (wrong.size === 0) return;
    const named = [...wrong].slice(0, 20).join(', ');
    const known = [...ids].slice(0, 20).join(', ');
    refuse(
      Status.noSuchDrive,
      `the plan names drives that are not up in this cluster, or take no ranges: ${named}; there are: ${known}`,
    );
  }

  /** The fuller of its two measures: bytes on the device, bytes per second. */
  #loadOf({ id, capacityBytes, bandwidthBytesPerSecond }: DriveEntry): number {
    const { readBytesPerSecond, writtenBytesPerSecond } = this.#statistics.ofDrive(id);
    const usedBytes = this.#drives.report(id)?.usedBytes ?? 0;
    const rate = readBytesPerSecond + writtenBytesPerSecond;
    return Math.max(
      usedBytes / Math.max(1, capacityBytes),
      rate / Math.max(1, bandwidthBytesPerSecond),
    );
  }

  /** New ranges go to drives that are here now, and to such as take writes if there are enough. */
  #drivesToUse(replicas: number): DriveEntry[] {
    const drives: DriveEntry[] = [];
    for (const id of this.#drives.connected()) {
      const drive = this.#state.drives.get(id);
      const isMember = drive?.state === DriveState.member;
      if (isMember && takesRanges(drive)) drives.push(drive);
    }
    const sound = drives.filter(({ id }) => {
      const report = this.#drives.report(id);
      return report === undefined || !(report.isFull || report.storeFailed);
    });
    if (sound.length >= replicas) return sound;
    if (drives.length < replicas) {
      refuse(
        Status.notEnoughDrives,
        `${replicas} replicas need ${replicas} drives, ${drives.length} are connected and take ranges; start more`,
      );
    }
    return drives;
  }
}

function growthOf(plan: readonly PlannedRange[]): Map<DriveId, Growth> {
  const growth = new Map<DriveId, { ranges: number; recordBytes: number }>();
  for (const { start, end, chain } of plan) {
    const names = chain.reduce((sum, { drive }) => sum + drive.length + 4, 0);
    const recordBytes = 40 + start.length + (end?.length ?? 0) + names;
    for (const { drive } of chain) {
      const known = growth.get(drive) ?? { ranges: 0, recordBytes: 0 };
      growth.set(drive, {
        ranges: known.ranges + 1,
        recordBytes: known.recordBytes + recordBytes,
      });
    }
  }
  return growth;
}
