// Who may register, and with which records a drive that registers goes on.
//
// A name belongs to one data folder, and a folder only moves forward: an older incarnation is a copy
// that was restored or a process that should be dead.
//
// While a chain is being changed, the newest record is persisted but not every member has been told. A
// drive that registers just then must not gain a right before others have lost it: then it gets the
// published record, and whoever changes the chain brings it the rest in its order. In every other case
// it gets the newest, unless that is cut by a split: only the split's own command cuts a copy that serves.
// So a drive that was fenced learns at once what it has lost, and whoever changed a record while it was
// fenced need not wait for it.

import {
  compareKeys,
  type DriveId,
  type Epoch,
  headOf,
  type Incarnation,
  MemberState,
  type RangeRecord,
  type RegisterDrive,
  tailOf,
} from '@piton/protocol';
import type { DriveEntry, RangeEntry } from '../state/entries.ts';

/** Why a drive may not register; undefined when it may. */
export function problemWithIdentity(
  request: RegisterDrive,
  known: DriveEntry | undefined,
  isNamedByRecords: boolean,
  isConnected: boolean,
): string | undefined {
  if (known === undefined) return undefined;
  const { drive, incarnation } = request;
  if (request.folderId !== known.folderId) {
    if (isConnected) {
      return `drive id ${drive} is taken by a drive that is connected now, with another data folder`;
    }
    if (isNamedByRecords) {
      return `drive id ${drive} belongs to another data folder, which holds ranges of this cluster; start the drive on that folder, or give this one another id`;
    }
    return undefined;
  }
  if (incarnation < known.incarnation) {
    return `drive ${drive} came with incarnation ${incarnation}, but ${known.incarnation} has been here: this data folder is an old copy`;
  }
  return undefined;
}

function names(record: RangeRecord, drive: DriveId): boolean {
  return record.chain.some((member) => member.drive === drive);
}

/** Whether the drive is a serving member of the record's chain. */
export function serves(record: RangeRecord, drive: DriveId): boolean {
  return record.chain.some((m) => m.drive === drive && m.state === MemberState.serving);
}

/** True when a drive may do something under `before` that it may not do under `after`. */
export function losesRight(before: RangeRecord, after: RangeRecord, drive: DriveId): boolean {
  if (headOf(before) === drive && headOf(after) !== drive) return true;
  if (tailOf(before) === drive && tailOf(after) !== drive) return true;
  return serves(before, drive) && !serves(after, drive);
}

/** A split is under way: only its own command, which comes later, cuts the copy of a serving drive. */
function isBeingCut(published: RangeRecord | undefined, record: RangeRecord): boolean {
  if (published?.end === undefined || record.end === undefined)
    return published?.end !== record.end;
  return compareKeys(published.end, record.end) !== 0;
}

/** The record with which a drive goes on after registering; undefined when it holds nothing. */
export function recordToResume(
  { record, published }: RangeEntry,
  drive: DriveId,
  heldEpoch: Epoch | undefined,
): RangeRecord | undefined {
  const gains =
    published === undefined ? serves(record, drive) : losesRight(record, published, drive);
  const isUncut = published !== undefined && serves(record, drive) && isBeingCut(published, record);
  const takesNewest = heldEpoch === record.epoch || !(gains || isUncut);
  const chosen = takesNewest ? record : published;
  return chosen !== undefined && names(chosen, drive) ? chosen : undefined;
}

/** What a drive says about itself. */
export type DriveFacts = Pick<
  DriveEntry,
  | 'id'
  | 'folderId'
  | 'address'
  | 'zone'
  | 'capacityBytes'
  | 'bandwidthBytesPerSecond'
  | 'incarnation'
>;

export function factsOf(request: RegisterDrive): DriveFacts {
  return {
    id: request.drive,
    folderId: request.folderId,
    address: request.address,
    zone: request.zone,
    capacityBytes: request.capacityBytes,
    bandwidthBytesPerSecond: request.bandwidthBytesPerSecond,
    incarnation: request.incarnation,
  };
}

/** What has to be written down about a drive that registers; undefined when nothing is new. */
export function driveToPut(request: RegisterDrive, known: DriveEntry): DriveFacts | undefined {
  const next = factsOf(request);
  const fields = Object.keys(next) as (keyof typeof next)[];
  return fields.some((field) => next[field] !== known[field]) ? next : undefined;
}

/** True when others must learn it: they would dial another place, or meet another life of it. */
export function isNewsToOthers(
  next: { readonly address: string; readonly incarnation: Incarnation },
  known: DriveEntry | undefined,
): boolean {
  return next.address !== known?.address || next.incarnation !== known.incarnation;
}
