// What an operator's command asks the metadata server. Changes are operations with a number: they
// are persisted, go on after a crash of anyone, and can be asked about.

import type { RangeRecord } from '../ranges/range-record.ts';
import type { DriveId, KeyspaceId } from '../words/ids.ts';
import { Opcode } from '../words/opcodes.ts';
import { driveIdField, keyField, keyspaceIdField, recordField } from './fields.ts';
import {
  boolean,
  integer,
  list,
  type MessageType,
  messageType,
  optional,
  text,
  tuple,
  word,
} from './schema.ts';

/** Cut the range that holds `key`. */
export interface AdminSplit {
  readonly keyspace: KeyspaceId;
  readonly key: Uint8Array;
  /** True: cut exactly at key. False: cut the range that holds key in the middle of its bytes. */
  readonly exact: boolean;
}
export const adminSplit: MessageType<AdminSplit> = messageType('adminSplit', Opcode.adminSplit, {
  keyspace: keyspaceIdField,
  key: keyField,
  exact: boolean,
});

/** Make one range of the range that holds `key` and the one behind it. */
export interface AdminMerge {
  readonly keyspace: KeyspaceId;
  readonly key: Uint8Array;
}
export const adminMerge: MessageType<AdminMerge> = messageType('adminMerge', Opcode.adminMerge, {
  keyspace: keyspaceIdField,
  key: keyField,
});

/** Move the copy of the range that holds `key` from one drive to another. */
export interface AdminMove {
  readonly keyspace: KeyspaceId;
  readonly key: Uint8Array;
  readonly from: DriveId;
  readonly to: DriveId;
}
export const adminMove: MessageType<AdminMove> = messageType('adminMove', Opcode.adminMove, {
  keyspace: keyspaceIdField,
  key: keyField,
  from: driveIdField,
  to: driveIdField,
});

/**
 * Empty a drive: all its copies go to others, and it gets no new ones. With `isCancel`: stop that, or
 * let a drive that was drained take ranges again.
 */
export interface AdminDrain {
  readonly drive: DriveId;
  readonly isCancel: boolean;
}
export const adminDrain: MessageType<AdminDrain> = messageType('adminDrain', Opcode.adminDrain, {
  drive: driveIdField,
  isCancel: boolean,
});

/**
 * Level the drives by bytes and work. The answer is the plan as JSON, with the number of the operation that
 * carries it out; dry: the plan alone.
 */
export interface AdminRebalance {
  readonly isDry: boolean;
}
export const adminRebalance: MessageType<AdminRebalance> = messageType(
  'adminRebalance',
  Opcode.adminRebalance,
  {
    isDry: boolean,
  },
);

/**
 * A drive will never be back. The answer says as JSON what others hold as well and what is lost with it, and the number
 * of the operation; dry: it only says that. Refused while data would be lost and `losesData` is not said.
 */
export interface AdminForget {
  readonly drive: DriveId;
  readonly losesData: boolean;
  readonly isDry: boolean;
}
export const adminForget: MessageType<AdminForget> = messageType(
  'adminForget',
  Opcode.adminForget,
  {
    drive: driveIdField,
    losesData: boolean,
    isDry: boolean,
  },
);

/** Stop an operation and undo what can be undone. It may be too late; its end tells. */
export interface CancelOperation {
  readonly operation: number;
}
export const cancelOperation: MessageType<CancelOperation> = messageType(
  'cancelOperation',
  Opcode.cancelOperation,
  {
    operation: integer(1),
  },
);

/** Answer to all of them: the operation goes on by itself. */
export interface OperationAccepted {
  readonly operation: number;
}
export const operationAccepted: MessageType<OperationAccepted> = messageType(
  'operationAccepted',
  Opcode.answer,
  {
    operation: integer(1),
  },
);

export interface OperationStatus {
  readonly operation: number;
  /** Answer when it has ended, or after this time. */
  readonly waitMs: number;
}
export const operationStatus: MessageType<OperationStatus> = messageType(
  'operationStatus',
  Opcode.operationStatus,
  {
    operation: integer(1),
    waitMs: integer(0, 60_000),
  },
);
export const OperationState = {
  running: 'running',
  done: 'done',
  failed: 'failed',
} as const;
export type OperationState = (typeof OperationState)[keyof typeof OperationState];
/** How far an operation of many moves is. */
export interface OperationProgress {
  readonly rangesDone: number;
  readonly rangesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
}
export interface OperationStatusAnswer {
  readonly operation: number;
  readonly kind: string;
  readonly state: OperationState;
  /** For people: what it is doing, or why it failed and what to do next. */
  readonly message: string;
  readonly records: readonly RangeRecord[];
  /** Undefined for an operation that is one step. */
  readonly progress: OperationProgress | undefined;
}
export const operationStatusAnswer: MessageType<OperationStatusAnswer> = messageType(
  'operationStatusAnswer',
  Opcode.answer,
  {
    operation: integer(1),
    kind: text(32),
    state: word(OperationState.running, OperationState.done, OperationState.failed),
    message: text(1000),
    records: list(recordField, 16),
    progress: optional(
      tuple<OperationProgress>({
        rangesDone: integer(),
        rangesTotal: integer(),
        bytesDone: integer(),
        bytesTotal: integer(),
      }),
    ),
  },
);

export interface ClusterStatus {
  readonly details: boolean;
}
export const clusterStatus: MessageType<ClusterStatus> = messageType(
  'clusterStatus',
  Opcode.clusterStatus,
  {
    details: boolean,
  },
);
/** The same text that /api/status, /api/drives or /api/ranges give, as JSON. */
export interface JsonAnswer {
  readonly json: string;
  /** Where the next page starts; undefined on the last. */
  readonly next: number | undefined;
}
export const jsonAnswer: MessageType<JsonAnswer> = messageType('jsonAnswer', Opcode.answer, {
  json: text(900_000),
  next: optional(integer()),
});
export interface ListDrives {
  readonly offset: number;
}
export const listDrives: MessageType<ListDrives> = messageType('listDrives', Opcode.listDrives, {
  offset: integer(),
});
export interface ListRanges {
  readonly keyspace: KeyspaceId | undefined;
  readonly offset: number;
  readonly limit: number;
}
export const listRanges: MessageType<ListRanges> = messageType('listRanges', Opcode.listRanges, {
  keyspace: optional(keyspaceIdField),
  offset: integer(),
  limit: integer(1, 1_000),
});
