// The numbers and names that identify things, each a type of its own.
//
// A branded id can only be made here, after a check, so that a sequence is never passed where an
// epoch is wanted. Zero is reserved everywhere: zeroed memory is never a valid id.

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** Name of a drive, unique in its cluster: 1..64 characters of `A-Z a-z 0-9 . _ -`. */
export type DriveId = Brand<string, 'DriveId'>;
/** Name of a cluster: a random UUID, made once by its metadata server. */
export type ClusterId = Brand<string, 'ClusterId'>;
/** Number of a keyspace, 1..2^32-1, never used twice. */
export type KeyspaceId = Brand<number, 'KeyspaceId'>;
/** Number of a range, 1..2^32-1, never used twice. A split keeps it for the left half. */
export type RangeId = Brand<number, 'RangeId'>;
/** Counts the memberships and borders of one range, from 1. */
export type Epoch = Brand<number, 'Epoch'>;
/** Counts the changes of the whole range index, from 1. Version 0 is "no index yet". */
export type IndexVersion = Brand<number, 'IndexVersion'>;
/** Place of a write in the order of its range, from 1, a safe integer. Sequence 0 is "nothing yet". */
export type Sequence = Brand<number, 'Sequence'>;
/** Counts the starts of one drive on its data folder, from 1. */
export type Incarnation = Brand<number, 'Incarnation'>;
/** Counts how often one drive was stripped of its rights, from 1. Leases of an older number are void. */
export type Fence = Brand<number, 'Fence'>;

/** Thrown when a value that should identify something cannot. The message never holds user data. */
export class InvalidIdError extends TypeError {
  readonly code = 'KV_INVALID_ARGUMENT';
}

function refuse(what: string, expected: string, came: unknown): never {
  throw new InvalidIdError(`${what}: expected ${expected}, got ${describe(came)}`);
}

/** What came, in a few characters, whatever it is: the value may be a stranger's. */
function describe(came: unknown): string {
  if (typeof came === 'string') {
    return JSON.stringify(came.length > 80 ? `${came.slice(0, 80)}...` : came);
  }
  if (came === null || typeof came !== 'object') return String(came);
  return Array.isArray(came) ? 'an array' : 'an object';
}

function checkCounter(what: string, value: unknown, lowest: number, highest: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < lowest || (value as number) > highest) {
    refuse(what, `an integer from ${lowest} to ${highest}`, value);
  }
  return value as number;
}

const DRIVE_ID = /^[A-Za-z0-9._-]{1,64}$/;
const CLUSTER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const U32_MAX = 0xffff_ffff;

/** Makes a drive id. Throws InvalidIdError for anything but 1..64 characters of `A-Za-z0-9._-`. */
export function driveId(value: unknown): DriveId {
  if (typeof value !== 'string' || !DRIVE_ID.test(value)) {
    refuse('drive id', '1 to 64 characters of A-Z a-z 0-9 . _ -', value);
  }
  return value as DriveId;
}

/** Makes a cluster id. Throws InvalidIdError for anything but a lower-case UUID. */
export function clusterId(value: unknown): ClusterId {
  if (typeof value !== 'string' || !CLUSTER_ID.test(value)) {
    refuse('cluster id', 'a lower-case UUID', value);
  }
  return value as ClusterId;
}

/** Each of these throws InvalidIdError when the value is not an integer in its range. */
export const keyspaceId = (value: unknown): KeyspaceId =>
  checkCounter('keyspace id', value, 1, U32_MAX) as KeyspaceId;
export const rangeId = (value: unknown): RangeId =>
  checkCounter('range id', value, 1, U32_MAX) as RangeId;
export const epoch = (value: unknown): Epoch => checkCounter('epoch', value, 1, U32_MAX) as Epoch;
export const fence = (value: unknown): Fence => checkCounter('fence', value, 1, U32_MAX) as Fence;
export const incarnation = (value: unknown): Incarnation =>
  checkCounter('incarnation', value, 1, U32_MAX) as Incarnation;
export const indexVersion = (value: unknown): IndexVersion =>
  checkCounter('index version', value, 0, Number.MAX_SAFE_INTEGER) as IndexVersion;
export const sequence = (value: unknown): Sequence =>
  checkCounter('sequence', value, 0, Number.MAX_SAFE_INTEGER) as Sequence;
