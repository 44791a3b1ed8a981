// The right of a drive to answer from its state, renewed by its witnesses, and how it is taken away
// (docs/decisions/0008).
//
// A grant is valid for its length from the moment before the request was sent, on the clock of the
// drive that asked. A witness remembers it for longer (leases/grant-length.ts), because clocks differ.

import type { DriveAddress } from '../ranges/range-record.ts';
import type { DriveId, Fence, Incarnation } from '../words/ids.ts';
import { DRIVES_MAX, LEASE_MS_MAX, WITNESS_DRIVES_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { addressField, driveIdField, fenceField, incarnationField } from './fields.ts';
import {
  amount,
  boolean,
  type Field,
  integer,
  list,
  type MessageType,
  messageType,
  object,
  tuple,
} from './schema.ts';

/** Who renews the lease of one drive: a majority of them has to. */
export interface WitnessSet {
  /** Counts the sets of this drive, from 1. */
  readonly generation: number;
  readonly hasMetadataServer: boolean;
  /** Names the drive itself where it votes for itself. */
  readonly drives: readonly DriveId[];
}
export const witnessSetField: Field<WitnessSet> = object<WitnessSet>({
  generation: integer(1),
  hasMetadataServer: boolean,
  drives: list(driveIdField, WITNESS_DRIVES_MAX),
});

/** Drive to its witnesses: may I answer for `leaseMs` from the moment at which I sent this? */
export interface RenewLease {
  readonly drive: DriveId;
  readonly incarnation: Incarnation;
  readonly fence: Fence;
  readonly leaseMs: number;
}
export const renewLease: MessageType<RenewLease> = messageType('renewLease', Opcode.renewLease, {
  drive: driveIdField,
  incarnation: incarnationField,
  fence: fenceField,
  leaseMs: integer(1, LEASE_MS_MAX),
});

export interface LeaseAnswer {
  readonly isGranted: boolean;
  /** The newest that the witness knows. Higher than the asked one: the drive has to register. */
  readonly fence: Fence;
}
export const leaseAnswer: MessageType<LeaseAnswer> = messageType('leaseAnswer', Opcode.answer, {
  isGranted: boolean,
  fence: fenceField,
});

/** Metadata server to a witness: grant nothing to this drive under an older number any more. */
export interface FenceDrive {
  readonly drive: DriveId;
  readonly fence: Fence;
  /** The longest lease that the drive can have: counts for grants that the witness has forgotten. */
  readonly leaseMs: number;
}
export const fenceDrive: MessageType<FenceDrive> = messageType('fenceDrive', Opcode.fenceDrive, {
  drive: driveIdField,
  fence: fenceField,
  leaseMs: integer(1, LEASE_MS_MAX),
});

export interface FenceAnswer {
  /** For how long a grant of this witness under an older number can still be valid. */
  readonly remainingMs: number;
}
export const fenceAnswer: MessageType<FenceAnswer> = messageType('fenceAnswer', Opcode.answer, {
  remainingMs: amount,
});

/** Metadata server to drive: use this set as soon as a majority of it has granted. */
export interface SetWitnesses {
  readonly witnesses: WitnessSet;
  readonly addresses: readonly DriveAddress[];
}
export const setWitnesses: MessageType<SetWitnesses> = messageType(
  'setWitnesses',
  Opcode.setWitnesses,
  {
    witnesses: witnessSetField,
    addresses: list(addressField, 64),
  },
);

export interface WitnessesAnswer {
  /** The set that counts for the drive now; older sets count for it never again. */
  readonly generation: number;
}
export const witnessesAnswer: MessageType<WitnessesAnswer> = messageType(
  'witnessesAnswer',
  Opcode.answer,
  { generation: integer(1) },
);

/** Metadata server to a witness: when did you last hear of these drives? */
export interface HeardOf {
  readonly drives: readonly DriveId[];
}
export const heardOf: MessageType<HeardOf> = messageType('heardOf', Opcode.heardOf, {
  drives: list(driveIdField, DRIVES_MAX),
});

export interface HeardDrive {
  readonly drive: DriveId;
  readonly agoMs: number;
}
export interface HeardOfAnswer {
  /** Without those that the witness has not heard of in this life. */
  readonly heard: readonly HeardDrive[];
}
export const heardOfAnswer: MessageType<HeardOfAnswer> = messageType(
  'heardOfAnswer',
  Opcode.answer,
  {
    heard: list(tuple<HeardDrive>({ drive: driveIdField, agoMs: amount }), DRIVES_MAX),
  },
);
