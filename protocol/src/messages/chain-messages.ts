// What chain members tell each other beside updates (frames/updates.ts).
//
// Every message names range and epoch; a member takes only its own epoch, from the neighbour that
// this epoch gives it. Older: refused with the record. Newer: parked until its own record arrives.

import type { RangeRecord } from '../ranges/range-record.ts';
import type { Epoch, RangeId, Sequence } from '../words/ids.ts';
import { SCAN_ENTRIES_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { epochField, keyField, rangeIdField, recordField, sequenceField } from './fields.ts';
import {
  boolean,
  bytes,
  integer,
  list,
  type MessageType,
  messageType,
  object,
  optional,
  tuple,
} from './schema.ts';

/** Ranges in one version query. */
export const VERSION_QUERIES_MAX: number = 4_096;

/** One way, to the predecessor: every member behind me and I have everything up to `sequence`. */
export interface Acknowledgement {
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** Cumulative. */
  readonly sequence: Sequence;
  /**
   * Bytes of puts that may be under way to us and behind us; none: there is no room. Left out: as many as the
   * head likes.
   */
  readonly room?: number | undefined;
}
export interface Acknowledge {
  readonly ranges: readonly Acknowledgement[];
}
const acknowledgement = object<Acknowledgement>({
  range: rangeIdField,
  epoch: epochField,
  sequence: sequenceField,
  room: optional(integer()),
});
export const acknowledge: MessageType<Acknowledge> = messageType(
  'acknowledge',
  Opcode.acknowledge,
  {
    ranges: list(acknowledgement, 4_096),
  },
);

/** One way, to the predecessor: an update did not fit (gap or other epoch): ask chainState, resend. */
export interface UpdatesRefused {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
}
export const updatesRefused: MessageType<UpdatesRefused> = messageType(
  'updatesRefused',
  Opcode.updatesRefused,
  {
    range: rangeIdField,
    epoch: epochField,
    sequence: sequenceField,
  },
);

/** From predecessor to successor at the start of an epoch or of a connection: how far are you? */
export interface ChainState {
  readonly range: RangeId;
  readonly epoch: Epoch;
  /** What the predecessor has, and up to where it knows everything to be acknowledged. */
  readonly sequence: Sequence;
  readonly acknowledged: Sequence;
  /**
   * The predecessor was started again and does not know yet what it has lost: it asks once more when its
   * own predecessor has told it. Until then its `sequence` is no bound for what may have been read.
   */
  readonly isPartial?: boolean | undefined;
}
export const chainState: MessageType<ChainState> = messageType('chainState', Opcode.chainState, {
  range: rangeIdField,
  epoch: epochField,
  sequence: sequenceField,
  acknowledged: sequenceField,
  isPartial: optional(boolean),
});
export interface ChainStateAnswer {
  /** Last sequence in the successor's log, and its own acknowledged watermark. Incomplete: both are 0. */
  readonly sequence: Sequence;
  readonly acknowledged: Sequence;
  /**
   * Of a syncing member whose copy is not complete, but that has data from before: of two records of one
   * key with the same version up to here, and the same epoch, it may be said that they are the same.
   */
  readonly keptMark?: Sequence | undefined;
  /**
   * Of a syncing member: its copy is complete, so it must not be begun anew, whatever its sequence: the end of
   * it may have been told.
   */
  readonly isComplete?: boolean | undefined;
}
export const chainStateAnswer: MessageType<ChainStateAnswer> = messageType(
  'chainStateAnswer',
  Opcode.answer,
  {
    sequence: sequenceField,
    acknowledged: sequenceField,
    keptMark: optional(sequenceField),
    isComplete: optional(boolean),
  },
);

/**
 * From a serving member that was asked for a key with a write under way, to the tail: up to where is
 * everything committed? For many ranges at once; each under the epoch that both must be at.
 */
export interface VersionQuestion {
  readonly range: RangeId;
  readonly epoch: Epoch;
}
export interface VersionQuery {
  readonly ranges: readonly VersionQuestion[];
}
const versionQuestion = tuple<VersionQuestion>({ range: rangeIdField, epoch: epochField });
export const versionQuery: MessageType<VersionQuery> = messageType(
  'versionQuery',
  Opcode.versionQuery,
  { ranges: list(versionQuestion, VERSION_QUERIES_MAX) },
);

/** A range that is missing was refused: not the tail, not that epoch, no lease, not readable now. */
export interface CommittedSequence {
  readonly range: RangeId;
  readonly sequence: Sequence;
}
export interface VersionAnswer {
  readonly ranges: readonly CommittedSequence[];
}
const committedSequence = tuple<CommittedSequence>({
  range: rangeIdField,
  sequence: sequenceField,
});
export const versionAnswer: MessageType<VersionAnswer> = messageType(
  'versionAnswer',
  Opcode.answer,
  { ranges: list(committedSequence, VERSION_QUERIES_MAX) },
);

/** A split, passed down the chain at one place in the order of writes. */
export interface ChainSplit {
  readonly left: RangeRecord;
  readonly right: RangeRecord;
  /** Last sequence before the cut: the receiver must have exactly this. */
  readonly sequence: Sequence;
}
export const chainSplit: MessageType<ChainSplit> = messageType('chainSplit', Opcode.chainSplit, {
  left: recordField,
  right: recordField,
  sequence: sequenceField,
});

/**
 * A page of the background copy to a syncing member; the payload holds entries.
 *
 * With a kept mark the receiver keeps what it has, and puts it right page by page: entries up to the mark
 * come thin, without their values. The receiver deletes what it has in the page's interval and the page
 * does not name, and answers with the entries whose values it wants; they follow in fills.
 */
export interface CopyPage {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly count: number;
  readonly tableBytes: number;
  /** First page of this copy, empty: without a kept mark the receiver throws away what it has. */
  readonly isFirst: boolean;
  /**
   * Sequence of the official tail when the copy began: live updates continue behind it. Everything up to
   * there is on the tail's device before it sends a second page.
   */
  readonly baseSequence: Sequence;
  readonly from: Uint8Array;
  /** First key behind this page; undefined when the copy is complete. */
  readonly next: Uint8Array | undefined;
  /** What the receiver told, on the first page of a copy that builds on what it has. */
  readonly keptMark?: Sequence | undefined;
  /** This is no page of its own: it settles so many wanted entries; those left out do not exist any more. */
  readonly fills?: number | undefined;
}
export const copyPage: MessageType<CopyPage> = messageType('copyPage', Opcode.copyPage, {
  range: rangeIdField,
  epoch: epochField,
  count: integer(0, SCAN_ENTRIES_MAX),
  tableBytes: integer(),
  isFirst: boolean,
  baseSequence: sequenceField,
  from: keyField,
  next: optional(keyField),
  keptMark: optional(sequenceField),
  fills: optional(integer(1, SCAN_ENTRIES_MAX)),
});
export interface CopyPageAnswer {
  readonly done: boolean;
  /** Positions in the page of the thin entries whose values are wanted. */
  readonly wanted?: readonly number[] | undefined;
}
export const copyPageAnswer: MessageType<CopyPageAnswer> = messageType(
  'copyPageAnswer',
  Opcode.answer,
  {
    done: boolean,
    wanted: optional(list(integer(0, SCAN_ENTRIES_MAX - 1), SCAN_ENTRIES_MAX)),
  },
);

/** Behind the last page: what must travel beside the entries, and what must match. */
export interface CopyFinished {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly entries: number;
  /** Session table of the range, as the drive saves it. */
  readonly sessions: Uint8Array;
  readonly baseSequence: Sequence;
}
export const copyFinished: MessageType<CopyFinished> = messageType(
  'copyFinished',
  Opcode.copyFinished,
  {
    range: rangeIdField,
    epoch: epochField,
    entries: integer(),
    sessions: bytes(900_000),
    baseSequence: sequenceField,
  },
);
export interface CopyFinishedAnswer {
  readonly isComplete: boolean;
  readonly entries: number;
  readonly sequence: Sequence;
}
export const copyFinishedAnswer: MessageType<CopyFinishedAnswer> = messageType(
  'copyFinishedAnswer',
  Opcode.answer,
  {
    isComplete: boolean,
    entries: integer(),
    sequence: sequenceField,
  },
);

/**
 * To another serving member, for a record that is damaged here: what is the newest state of the key up
 * to `committed`? One that has let go of that state already gives the one that it has committed.
 */
export interface FetchRecord {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly key: Uint8Array;
  /** Up to where everything is committed at the asker. */
  readonly committed: Sequence;
}
export const fetchRecord: MessageType<FetchRecord> = messageType(
  'fetchRecord',
  Opcode.fetchRecord,
  { range: rangeIdField, epoch: epochField, key: keyField, committed: sequenceField },
);
/** The payload holds one entry, or none: the key is absent. */
export interface FetchRecordAnswer {
  readonly count: number;
  readonly tableBytes: number;
  /** Up to where everything is committed at the one who answers. */
  readonly committed: Sequence;
}
export const fetchRecordAnswer: MessageType<FetchRecordAnswer> = messageType(
  'fetchRecordAnswer',
  Opcode.answer,
  { count: integer(0, 1), tableBytes: integer(), committed: sequenceField },
);
