// What the entries of the catalog say, and how they are written down (JSON; keys of ranges in hex).
//
//   key                      entry
//   cluster                  ClusterEntry: made once, at the first start
//   counter/NAME             last number given out; numbers are never used twice
//   drive/ID                 DriveEntry
//   keyspace/NUMBER          KeyspaceEntry
//   range/NUMBER             RangeEntry
//   operation/NUMBER         OperationEntry
//
// Numbers in keys have ten digits, so that their order is that of the numbers.

import {
  type ClusterId,
  clusterId,
  type DriveId,
  driveId,
  epoch,
  type Fence,
  fence,
  type Incarnation,
  type IndexVersion,
  incarnation,
  indexVersion,
  type KeyspaceId,
  type KeyspaceRecord,
  keyspaceId,
  type Member,
  type OperationState,
  Partitioning,
  type RangeId,
  type RangeRecord,
  rangeId,
  type WitnessSet,
} from '@piton/protocol';

export interface ClusterEntry {
  readonly id: ClusterId;
  /** Unix milliseconds; for people. */
  readonly createdAtMs: number;
}

export const DriveState = {
  member: 'member',
  /** Its rights are being taken away, or are gone: it has to register before it has any. */
  fenced: 'fenced',
} as const;
/** Draining and removed come with the operations that make them. */
export type DriveState = (typeof DriveState)[keyof typeof DriveState];

/** Whether a drive takes ranges. Apart from `DriveState`: a drive may be away while it is drained. */
export const DrainState = {
  open: 'open',
  /** Its copies go elsewhere, and it gets no new ones. */
  draining: 'draining',
  /** It is empty, and gets no new ones. */
  drained: 'drained',
} as const;
export type DrainState = (typeof DrainState)[keyof typeof DrainState];

export interface DriveEntry {
  readonly id: DriveId;
  readonly folderId: string;
  readonly address: string;
  readonly zone: string;
  readonly capacityBytes: number;
  readonly bandwidthBytesPerSecond: number;
  readonly incarnation: Incarnation;
  readonly state: DriveState;
  /** Absent: open. */
  readonly drain?: DrainState;
  /** The operator has said that it will never be back. A registration says otherwise. Its fence is kept. */
  readonly isForgotten?: true;
  /** Raised when the drive's rights are taken away without its help; never goes down. */
  readonly fence: Fence;
  /** Of a fenced drive: no lease under an older number can be valid any more. */
  readonly isFenceComplete: boolean;
  /** The longest lease that this life of the drive was told. */
  readonly leaseMs: number;
  /** The witness sets that may count for the drive, oldest first. It is told the last one. */
  readonly witnessSets: readonly WitnessSet[];
  /** Index version at which address or incarnation last changed. */
  readonly version: IndexVersion;
}

export function drainStateOf(drive: DriveEntry): DrainState {
  return drive.drain ?? DrainState.open;
}

/** Whether copies may be planned onto the drive; whether it is there now is another question. */
export function takesRanges(drive: DriveEntry): boolean {
  return drainStateOf(drive) === DrainState.open;
}

export const KeyspaceState = {
  /** Its ranges are being made; clients do not see it yet. */
  creating: 'creating',
  ready: 'ready',
} as const;
export type KeyspaceState = (typeof KeyspaceState)[keyof typeof KeyspaceState];

export interface KeyspaceEntry extends KeyspaceRecord {
  readonly state: KeyspaceState;
  /** Ranges that somebody asked for: cold ones are merged down to so many. Absent: none are merged. */
  readonly rangesWanted?: number;
}

export interface RangeEntry {
  /** The newest record: persisted before anyone is told. */
  readonly record: RangeRecord;
  /** What clients are told. Behind `record` while an operation tells the drives; undefined: nothing. */
  readonly published: RangeRecord | undefined;
}

export interface OperationEntry {
  readonly id: number;
  readonly kind: string;
  readonly state: OperationState;
  /** Where it goes on after a restart. */
  readonly step: string;
  /** For people: what it is doing, or how it ended. */
  readonly message: string;
  /** The ranges that no other operation may touch meanwhile. */
  readonly ranges: readonly RangeId[];
  /** The kind's own data, as JSON values. */
  readonly payload: Readonly<Record<string, unknown>>;
  readonly startedAtMs: number;
  /** Somebody wants it stopped: it undoes what it can, and ends. */
  readonly isCancelled?: boolean;
}

export const CounterName = {
  keyspace: 'keyspace',
  range: 'range',
  operation: 'operation',
  indexVersion: 'indexVersion',
} as const;
export type CounterName = (typeof CounterName)[keyof typeof CounterName];

const digits = (number: number): string => String(number).padStart(10, '0');
export const CLUSTER_KEY: string = 'cluster';
export const counterKey = (name: CounterName): string => `counter/${name}`;
export const driveKey = (id: DriveId): string => `drive/${id}`;
export const keyspaceKey = (id: KeyspaceId): string => `keyspace/${digits(id)}`;
export const rangeKey = (id: RangeId): string => `range/${digits(id)}`;
export const operationKey = (id: number): string => `operation/${digits(id)}`;

interface StoredRecord {
  readonly id: number;
  readonly keyspace: number;
  readonly start: string;
  readonly end: string | null;
  readonly epoch: number;
  readonly version: number;
  readonly chain: readonly Member[];
}

const toHex = (key: Uint8Array): string => Buffer.from(key).toString('hex');
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

function storedRecord(record: RangeRecord): StoredRecord {
  const end = record.end === undefined ? null : toHex(record.end);
  return { ...record, start: toHex(record.start), end };
}

function recordFrom(stored: StoredRecord): RangeRecord {
  return {
    id: rangeId(stored.id),
    keyspace: keyspaceId(stored.keyspace),
    start: fromHex(stored.start),
    end: stored.end === null ? undefined : fromHex(stored.end),
    epoch: epoch(stored.epoch),
    version: indexVersion(stored.version),
    chain: stored.chain.map(({ drive, state }) => ({ drive: driveId(drive), state })),
  };
}

/** The published record is written once more only while it differs from the newest. */
export function encodeRange({ record, published }: RangeEntry): string {
  const isPublished = published === record;
  return JSON.stringify({
    record: storedRecord(record),
    isPublished,
    published: isPublished || published === undefined ? undefined : storedRecord(published),
  });
}

export function decodeRange(value: string): RangeEntry {
  const stored = JSON.parse(value);
  const record = recordFrom(stored.record);
  if (stored.isPublished) return { record, published: record };
  return {
    record,
    published: stored.published === undefined ? undefined : recordFrom(stored.published),
  };
}

export function decodeCluster(value: string): ClusterEntry {
  const stored = JSON.parse(value);
  return { id: clusterId(stored.id), createdAtMs: stored.createdAtMs };
}

export function decodeDrive(value: string): DriveEntry {
  const stored = JSON.parse(value);
  const { isFenceComplete = false, leaseMs = 0, witnessSets = [] } = stored;
  return {
    ...stored,
    id: driveId(stored.id),
    incarnation: incarnation(stored.incarnation),
    version: indexVersion(stored.version),
    fence: fence(stored.fence ?? 1),
    isFenceComplete,
    leaseMs,
    witnessSets,
  };
}

export function decodeKeyspace(value: string): KeyspaceEntry {
  const stored = JSON.parse(value);
  const partitioning =
    stored.partitioning === Partitioning.hash ? Partitioning.hash : Partitioning.range;
  return { ...stored, id: keyspaceId(stored.id), partitioning };
}

export function decodeOperation(value: string): OperationEntry {
  const stored = JSON.parse(value);
  return { ...stored, ranges: stored.ranges.map(rangeId) };
}
