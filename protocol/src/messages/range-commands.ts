// What the metadata server commands a drive. Each command is idempotent, keyed by range and epoch:
// a drive that is already there answers as if it had just been told.
//
// The drive derives its role from the record: its place among the serving members says head, middle
// or tail; a syncing member stands behind the tail. It persists the record before it answers and
// before it acts on it.

import type { DriveAddress, RangeRecord } from '../ranges/range-record.ts';
import type { Epoch, RangeId, Sequence } from '../words/ids.ts';
import { INSTALLS_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import {
  addressField,
  epochField,
  keyField,
  rangeIdField,
  recordField,
  sequenceField,
} from './fields.ts';
import {
  boolean,
  integer,
  list,
  type MessageType,
  messageType,
  optional,
  tuple,
} from './schema.ts';

/**
 * "This is the chain of the range now." Also sent to a drive that is no longer in the chain: it
 * stops serving, answers stale index with this record, and keeps its data until `dropRange`.
 */
export interface InstallRange {
  readonly record: RangeRecord;
  readonly addresses: readonly DriveAddress[];
  /** True for a range that is new in the whole cluster: start empty. */
  readonly isNew: boolean;
}
export const installRange: MessageType<InstallRange> = messageType(
  'installRange',
  Opcode.installRange,
  {
    record: recordField,
    addresses: list(addressField, 64),
    isNew: boolean,
  },
);

export interface InstallAnswer {
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** Last sequence in this drive's log for the range. */
  readonly sequence: Sequence;
}
export const installAnswer: MessageType<InstallAnswer> = messageType(
  'installAnswer',
  Opcode.answer,
  {
    range: rangeIdField,
    epoch: epochField,
    sequence: sequenceField,
  },
);

/**
 * `installRange` for many ranges at once: a drive that died was in hundreds of chains. Each record is taken
 * by itself; the answer comes when all have been tried, and names those that were not taken.
 */
export interface InstallRanges {
  readonly records: readonly RangeRecord[];
  readonly addresses: readonly DriveAddress[];
}
export const installRanges: MessageType<InstallRanges> = messageType(
  'installRanges',
  Opcode.installRanges,
  {
    records: list(recordField, INSTALLS_MAX),
    addresses: list(addressField, 1_024),
  },
);

export interface InstallRefusal {
  readonly range: RangeId;
  readonly status: number;
}
export interface InstallRangesAnswer {
  /** Empty: all were taken. */
  readonly refused: readonly InstallRefusal[];
}
export const installRangesAnswer: MessageType<InstallRangesAnswer> = messageType(
  'installRangesAnswer',
  Opcode.answer,
  {
    refused: list(tuple<InstallRefusal>({ range: rangeIdField, status: integer(1) }), INSTALLS_MAX),
  },
);

/** Forget the data of a range that this drive does not hold any more (its epoch or an older one). */
export interface DropRange {
  readonly range: RangeId;
  readonly epoch: Epoch;
}
export const dropRange: MessageType<DropRange> = messageType('dropRange', Opcode.dropRange, {
  range: rangeIdField,
  epoch: epochField,
});

/**
 * To the head: cut the range at `right.start`. Both records have the old chain and the next epoch.
 * The head passes the cut down the chain in the order of its writes (chainSplit) and answers when
 * every member has installed both halves.
 *
 * Direct, to any member: the head that began the cut is gone. The records have any higher epoch and
 * their own chain. The member cuts by itself, passes nothing on, and takes both records; one that has
 * cut already only takes the records. It refuses with `conflictingOperation`, and changes nothing, when
 * its last sequence is not that of the cut.
 */
export interface SplitRange {
  readonly left: RangeRecord;
  readonly right: RangeRecord;
  readonly isDirect?: boolean | undefined;
  /** Where those who have cut have cut (`rangeStateAnswer.cutSequence`). Only, and always, if direct. */
  readonly sequence?: Sequence | undefined;
}
export const splitRange: MessageType<SplitRange> = messageType('splitRange', Opcode.splitRange, {
  left: recordField,
  right: recordField,
  isDirect: optional(boolean),
  sequence: optional(sequenceField),
});

/**
 * To the head of two neighbouring ranges with the same chain: let their writes drain, make one range of both,
 * and answer at which sequences they stood. To the other members, with these sequences: do the same; a member
 * that does not stand there exactly refuses with `conflictingOperation`, and changes nothing. One that has merged
 * already answers the same sequences, and takes the record if it is newer.
 */
export interface MergeRange {
  /** Both as they are before. */
  readonly left: RangeRecord;
  readonly right: RangeRecord;
  /** The id of the left one, the borders of both, and an epoch above both. */
  readonly merged: RangeRecord;
  /** Only say whether it could be done here: both complete, and in one namespace of the log. */
  readonly isCheck: boolean;
  /** Undefined for the head. */
  readonly leftSequence: Sequence | undefined;
  readonly rightSequence: Sequence | undefined;
}
export const mergeRange: MessageType<MergeRange> = messageType('mergeRange', Opcode.mergeRange, {
  left: recordField,
  right: recordField,
  merged: recordField,
  isCheck: boolean,
  leftSequence: optional(sequenceField),
  rightSequence: optional(sequenceField),
});
export interface MergeAnswer {
  readonly leftSequence: Sequence;
  readonly rightSequence: Sequence;
}
export const mergeAnswer: MessageType<MergeAnswer> = messageType('mergeAnswer', Opcode.answer, {
  leftSequence: sequenceField,
  rightSequence: sequenceField,
});

/** How far is this drive with a range? Asked before a failed change is carried on or taken back. */
export interface RangeState {
  readonly range: RangeId;
}
export const rangeState: MessageType<RangeState> = messageType('rangeState', Opcode.rangeState, {
  range: rangeIdField,
});
export interface RangeStateAnswer {
  readonly range: RangeId;
  /** The newest that this drive has persisted or heard of; undefined: it never heard of the range. */
  readonly record: RangeRecord | undefined;
  /** Its data is here, as a member of that record. False after it left, or never came. */
  readonly isHeld: boolean;
  /** False while a copy to this drive is not finished, or when it was taken out for being away. */
  readonly isComplete: boolean;
  /** Last sequence in the log, and up to where everything is committed. 0 when it is not held. */
  readonly sequence: Sequence;
  readonly committed: Sequence;
  /** For the right half of a cut: the last sequence before it. Stays, whatever record follows. */
  readonly cutSequence: Sequence | undefined;
}
export const rangeStateAnswer: MessageType<RangeStateAnswer> = messageType(
  'rangeStateAnswer',
  Opcode.answer,
  {
    range: rangeIdField,
    record: optional(recordField),
    isHeld: boolean,
    isComplete: boolean,
    sequence: sequenceField,
    committed: sequenceField,
    cutSequence: optional(sequenceField),
  },
);

/** Asks for a key that halves the bytes of a range. */
export interface MiddleKey {
  readonly range: RangeId;
}
export const middleKey: MessageType<MiddleKey> = messageType('middleKey', Opcode.middleKey, {
  range: rangeIdField,
});
export interface MiddleKeyAnswer {
  readonly key: Uint8Array | undefined;
}
export const middleKeyAnswer: MessageType<MiddleKeyAnswer> = messageType(
  'middleKeyAnswer',
  Opcode.answer,
  {
    key: optional(keyField),
  },
);

/** Empty answer: done. */
export interface Done {
  readonly done: boolean;
}
export const done: MessageType<Done> = messageType('done', Opcode.answer, { done: boolean });
