// What the metadata server commands a drive. Each command is idempotent, keyed by range and epoch:
// a drive that is already there answers as if it had just been told.
//
// The drive derives its role from the record: its place among the serving members says head, middle
// or tail; a syncing member stands behind the tail. It persists the record before it answers and
// before it acts on it.

import type { DriveAddress, RangeRecord } from '../ranges/range-record.ts';
import type { Epoch, RangeId, Sequence } from '../words/ids.ts';
import { Opcode } from '../words/opcodes.ts';
import {
  addressField,
  epochField,
  keyField,
  rangeIdField,
  recordField,
  sequenceField,
} from './fields.ts';
import { boolean, list, type MessageType, messageType, optional } from './schema.ts';

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
 */
export interface SplitRange {
  readonly left: RangeRecord;
  readonly right: RangeRecord;
}
export const splitRange: MessageType<SplitRange> = messageType('splitRange', Opcode.splitRange, {
  left: recordField,
  right: recordField,
});

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
