// A range record: which keys a range holds, and the chain of drives that hold it.
//
// Records are values: never changed, only replaced by a newer one. Between two records of one range
// the higher epoch is the newer; between records that overlap, the higher index version. On the
// wire a record is a msgpack array (see `recordToWire`), because an index may have a million.

import { compareKeys, PLACED_KEY_BYTES_MAX } from '../keys/keys.ts';
import {
  type DriveId,
  driveId,
  type Epoch,
  epoch,
  type Incarnation,
  type IndexVersion,
  incarnation,
  indexVersion,
  type KeyspaceId,
  keyspaceId,
  type RangeId,
  rangeId,
} from '../words/ids.ts';
import { CHAIN_MEMBERS_MAX, KEYSPACE_NAME_CHARS_MAX } from '../words/limits.ts';

/** Public states of a chain member (SOURCES.md 2.3; the names are those of 3FS). */
export const MemberState = {
  /** In sync: part of the commit path, may serve reads. */
  serving: 1,
  /** Receives live writes behind the official tail while a copy runs. */
  syncing: 2,
  /** Has to sync and waits for its turn. */
  waiting: 3,
  /** Was the last in-sync member when it went away: only it may bring the range back. */
  last: 4,
  offline: 5,
} as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

export interface Member {
  readonly drive: DriveId;
  readonly state: MemberState;
}

export interface RangeRecord {
  readonly id: RangeId;
  readonly keyspace: KeyspaceId;
  /** First placed key, included. Empty: from the beginning. */
  readonly start: Uint8Array;
  /** First placed key that does not belong any more. Undefined: to the end. */
  readonly end: Uint8Array | undefined;
  readonly epoch: Epoch;
  /** Index version at which this record was made. */
  readonly version: IndexVersion;
  /** Serving members from head to tail, then the others. */
  readonly chain: readonly Member[];
}

export const Partitioning = { range: 'range', hash: 'hash' } as const;
export type Partitioning = (typeof Partitioning)[keyof typeof Partitioning];

export interface KeyspaceRecord {
  readonly id: KeyspaceId;
  readonly name: string;
  readonly partitioning: Partitioning;
  readonly replicas: number;
}

/** Where a drive listens. A higher incarnation is newer. */
export interface DriveAddress {
  readonly drive: DriveId;
  /** HOST:PORT */
  readonly address: string;
  readonly incarnation: Incarnation;
}

/** Thrown when bytes from outside are not a record. */
export class InvalidRecordError extends TypeError {
  readonly code = 'KV_PROTOCOL';
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new InvalidRecordError(`range record: ${what}`);
}

export function headOf(record: RangeRecord): DriveId | undefined {
  const first = record.chain[0];
  return first?.state === MemberState.serving ? first.drive : undefined;
}

export function tailOf(record: RangeRecord): DriveId | undefined {
  let tail: DriveId | undefined;
  for (const member of record.chain) {
    if (member.state === MemberState.serving) tail = member.drive;
  }
  return tail;
}

export type WireRecord = [
  id: number,
  keyspace: number,
  start: Uint8Array,
  end: Uint8Array | null,
  epoch: number,
  version: number,
  chain: (string | number)[],
];

export function recordToWire(record: RangeRecord): WireRecord {
  return [
    record.id,
    record.keyspace,
    record.start,
    record.end ?? null,
    record.epoch,
    record.version,
    record.chain.flatMap((member) => [member.drive, member.state]),
  ];
}

/** A copy: a record lives long, and a view would keep the whole chunk that it came in alive. */
function keyFromWire(value: unknown): Uint8Array {
  check(value instanceof Uint8Array, `expected a key as bytes, got ${typeof value}`);
  check(value.length <= PLACED_KEY_BYTES_MAX, `key of ${value.length} bytes is too long`);
  return new Uint8Array(value);
}

function chainFromWire(value: unknown): Member[] {
  check(Array.isArray(value), 'expected a chain as array');
  check(
    value.length % 2 === 0 && value.length <= 4 * CHAIN_MEMBERS_MAX,
    'chain has a wrong length',
  );
  const chain: Member[] = [];
  let hasLeft = false;
  for (let position = 0; position < value.length; position += 2) {
    const state = value[position + 1];
    check(isMemberState(state), 'no such member state');
    check(state !== MemberState.serving || !hasLeft, 'a serving member behind one that is not');
    hasLeft ||= state !== MemberState.serving;
    const drive = driveId(value[position]);
    check(!chain.some((member) => member.drive === drive), 'a drive stands twice in the chain');
    chain.push({ drive, state });
  }
  return chain;
}

function isMemberState(value: unknown): value is MemberState {
  return (
    Number.isInteger(value) &&
    (value as number) >= MemberState.serving &&
    (value as number) <= MemberState.offline
  );
}

/** Upper bound of what a record takes on the wire. */
export function recordBytes(record: RangeRecord): number {
  const keys = record.start.length + (record.end?.length ?? 0);
  return 48 + keys + 68 * record.chain.length;
}

/** The first records, as many as `recordsMax` and `bytesMax` allow; at least one. */
export function recordsThatFit(
  records: readonly RangeRecord[],
  recordsMax: number,
  bytesMax: number,
): readonly RangeRecord[] {
  let bytes = 0;
  let count = 0;
  while (count < records.length && count < recordsMax) {
    bytes += recordBytes(records[count] as RangeRecord);
    if (bytes > bytesMax && count > 0) break;
    count++;
  }
  return count === records.length ? records : records.slice(0, count);
}

/** Throws InvalidRecordError or InvalidIdError for anything that is not a well-formed record. */
export function recordFromWire(wire: unknown): RangeRecord {
  check(Array.isArray(wire) && wire.length === 7, 'expected an array of 7');
  const start = keyFromWire(wire[2]);
  const end = wire[3] === null ? undefined : keyFromWire(wire[3]);
  check(end === undefined || compareKeys(start, end) < 0, 'start is not before end');
  return {
    id: rangeId(wire[0]),
    keyspace: keyspaceId(wire[1]),
    start,
    end,
    epoch: epoch(wire[4]),
    version: indexVersion(wire[5]),
    chain: chainFromWire(wire[6]),
  };
}

export function addressToWire(address: DriveAddress): [string, string, number] {
  return [address.drive, address.address, address.incarnation];
}

export function addressFromWire(wire: unknown): DriveAddress {
  check(Array.isArray(wire) && wire.length === 3, 'expected a drive address as array of 3');
  check(typeof wire[1] === 'string' && wire[1].length <= 300, 'expected HOST:PORT as string');
  return { drive: driveId(wire[0]), address: wire[1], incarnation: incarnation(wire[2]) };
}

const KEYSPACE_NAME = new RegExp(`^[A-Za-z0-9._-]{1,${KEYSPACE_NAME_CHARS_MAX}}$`);

export function isKeyspaceName(name: unknown): name is string {
  return typeof name === 'string' && KEYSPACE_NAME.test(name);
}

export function keyspaceToWire(keyspace: KeyspaceRecord): [number, string, string, number] {
  return [keyspace.id, keyspace.name, keyspace.partitioning, keyspace.replicas];
}

export function keyspaceFromWire(wire: unknown): KeyspaceRecord {
  check(Array.isArray(wire) && wire.length === 4, 'expected a keyspace as array of 4');
  const [id, name, partitioning, replicas] = wire;
  check(isKeyspaceName(name), 'keyspace name is not 1..64 characters of A-Za-z0-9._-');
  check(partitioning === 'range' || partitioning === 'hash', 'no such partitioning');
  check(
    Number.isInteger(replicas) && replicas >= 1 && replicas <= CHAIN_MEMBERS_MAX,
    `replicas: expected 1 to ${CHAIN_MEMBERS_MAX}`,
  );
  return { id: keyspaceId(id), name, partitioning, replicas };
}
