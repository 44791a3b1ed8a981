// What a drive and the metadata server tell each other about the drive itself.
//
// The drive dials; commands come back on the same connection (range-commands.ts), so a drive behind
// a firewall works and a dead connection is noticed by both.

import type { DriveAddress, RangeRecord } from '../ranges/range-record.ts';
import type {
  DriveId,
  Epoch,
  Fence,
  Incarnation,
  IndexVersion,
  RangeId,
  Sequence,
} from '../words/ids.ts';
import {
  DRIVES_MAX,
  HISTORY_GAPS_MAX,
  LEASE_MS_MAX,
  RANGES_PER_DRIVE_MAX,
  UNREACHED_MAX,
} from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import {
  addressField,
  driveIdField,
  epochField,
  fenceField,
  incarnationField,
  indexVersionField,
  rangeIdField,
  recordField,
  sequenceField,
} from './fields.ts';
import { type WitnessSet, witnessSetField } from './lease-messages.ts';
import {
  amount,
  boolean,
  integer,
  list,
  type MessageType,
  messageType,
  optional,
  text,
  tuple,
} from './schema.ts';

/** A range copy that a drive has on its device when it registers. */
export interface HeldRange {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
}

export interface RegisterDrive {
  readonly drive: DriveId;
  readonly address: string;
  readonly incarnation: Incarnation;
  /** Random text made once on the data folder: two folders can never claim one drive id. */
  readonly folderId: string;
  readonly zone: string;
  readonly capacityBytes: number;
  readonly bandwidthBytesPerSecond: number;
  readonly held: readonly HeldRange[];
  /**
   * Ranges that it serves and of which it may lack the end: it was started again, and has not agreed with
   * the members behind it since.
   */
  readonly unagreed?: readonly RangeId[] | undefined;
}
export const registerDrive: MessageType<RegisterDrive> = messageType(
  'registerDrive',
  Opcode.registerDrive,
  {
    drive: driveIdField,
    address: text(300),
    incarnation: incarnationField,
    folderId: text(64),
    zone: text(64),
    capacityBytes: integer(),
    bandwidthBytesPerSecond: integer(),
    held: list(
      tuple<HeldRange>({ range: rangeIdField, epoch: epochField, sequence: sequenceField }),
      RANGES_PER_DRIVE_MAX,
    ),
    unagreed: optional(list(rangeIdField, RANGES_PER_DRIVE_MAX)),
  },
);

/** The newest fence of a drive: whoever asks for a lease under an older number gets none. */
export interface DriveFence {
  readonly drive: DriveId;
  readonly fence: Fence;
}

export interface RegisterAnswer {
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  /** Every record whose chain names this drive: what it must hold, and drop all else. */
  readonly records: readonly RangeRecord[];
  readonly addresses: readonly DriveAddress[];
  readonly indexVersion: IndexVersion;
  /** The number under which this drive asks its witnesses for leases from now on. */
  readonly fence: Fence;
  readonly witnesses: WitnessSet;
  /** Of all drives: without them this drive cannot be a witness. */
  readonly fences: readonly DriveFence[];
}
export const registerAnswer: MessageType<RegisterAnswer> = messageType(
  'registerAnswer',
  Opcode.answer,
  {
    leaseMs: integer(1, LEASE_MS_MAX),
    heartbeatMs: integer(1),
    records: list(recordField, RANGES_PER_DRIVE_MAX),
    addresses: list(addressField, DRIVES_MAX),
    indexVersion: indexVersionField,
    fence: fenceField,
    witnesses: witnessSetField,
    fences: list(tuple<DriveFence>({ drive: driveIdField, fence: fenceField }), DRIVES_MAX),
  },
);

/** Counters of one range on one drive since its last heartbeat, except where "now" is said. */
export interface RangeReport {
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** Now. */
  readonly keys: number;
  /** Now: keys and values. */
  readonly bytes: number;
  readonly reads: number;
  readonly writes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Two neighbours of a chain cannot be joined from what they have: `drive` has to be copied anew. */
export interface HistoryGap {
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** The one that lacks something, and that the other one can do without. */
  readonly drive: DriveId;
}

/** Writes of this range do not fit the drive: the newest one was refused for lack of room. */
export interface RangeWithoutRoom {
  readonly range: RangeId;
  readonly epoch: Epoch;
}

/** A drive that the sender needs and does not reach, though it tries. */
export interface UnreachedDrive {
  readonly drive: DriveId;
  /** Since it last answered on a connection that the sender had dialled. */
  readonly forMs: number;
}

export interface Heartbeat {
  readonly drive: DriveId;
  readonly incarnation: Incarnation;
  /** Time that the counters cover. */
  readonly intervalMs: number;
  readonly usedBytes: number;
  readonly isFull: boolean;
  readonly storeFailed: boolean;
  readonly ranges: readonly RangeReport[];
  readonly indexVersion: IndexVersion;
  /** Repeated while they last. Cure: take the drive out as `offline`, then bring it back `syncing`. */
  readonly gaps?: readonly HistoryGap[] | undefined;
  /** What is left of its lease; missing: it has none. */
  readonly leaseMsLeft?: number | undefined;
  /** Repeated while they last. Who is to blame is for the metadata server to find out. */
  readonly unreached?: readonly UnreachedDrive[] | undefined;
  /** Repeated while they last: their chains should go on without this drive. */
  readonly withoutRoom?: readonly RangeWithoutRoom[] | undefined;
  /** Of the sender as a head: where it has refused puts because a member behind it has no room, and has none yet. */
  readonly withoutRoomBehind?: readonly RangeWithoutRoom[] | undefined;
  /** As in `RegisterDrive`, as it is now. */
  readonly unagreed?: readonly RangeId[] | undefined;
}
export const heartbeat: MessageType<Heartbeat> = messageType('heartbeat', Opcode.heartbeat, {
  drive: driveIdField,
  incarnation: incarnationField,
  intervalMs: amount,
  usedBytes: integer(),
  isFull: boolean,
  storeFailed: boolean,
  ranges: list(
    tuple<RangeReport>({
      range: rangeIdField,
      epoch: epochField,
      keys: integer(),
      bytes: integer(),
      reads: integer(),
      writes: integer(),
      readBytes: integer(),
      writtenBytes: integer(),
    }),
    RANGES_PER_DRIVE_MAX,
  ),
  indexVersion: indexVersionField,
  gaps: optional(
    list(
      tuple<HistoryGap>({ range: rangeIdField, epoch: epochField, drive: driveIdField }),
      HISTORY_GAPS_MAX,
    ),
  ),
  leaseMsLeft: optional(amount),
  unreached: optional(
    list(tuple<UnreachedDrive>({ drive: driveIdField, forMs: amount }), UNREACHED_MAX),
  ),
  withoutRoom: optional(
    list(tuple<RangeWithoutRoom>({ range: rangeIdField, epoch: epochField }), RANGES_PER_DRIVE_MAX),
  ),
  withoutRoomBehind: optional(
    list(tuple<RangeWithoutRoom>({ range: rangeIdField, epoch: epochField }), RANGES_PER_DRIVE_MAX),
  ),
  unagreed: optional(list(rangeIdField, RANGES_PER_DRIVE_MAX)),
});

export interface HeartbeatAnswer {
  readonly indexVersion: IndexVersion;
  /** Addresses of drives that changed since the heartbeat's index version. */
  readonly addresses: readonly DriveAddress[];
}
export const heartbeatAnswer: MessageType<HeartbeatAnswer> = messageType(
  'heartbeatAnswer',
  Opcode.answer,
  {
    indexVersion: indexVersionField,
    addresses: list(addressField, DRIVES_MAX),
  },
);

/** From the official tail: the syncing member behind it has everything up to `sequence`. */
export interface SyncFinished {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly target: DriveId;
  readonly sequence: Sequence;
}
export const syncFinished: MessageType<SyncFinished> = messageType(
  'syncFinished',
  Opcode.syncFinished,
  {
    range: rangeIdField,
    epoch: epochField,
    target: driveIdField,
    sequence: sequenceField,
  },
);
