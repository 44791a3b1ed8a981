// What a client asks a drive beside batches: pages of a scan, and what became of a write.

import type { Epoch, IndexVersion, RangeId } from '../words/ids.ts';
import { OPERATIONS_PER_FRAME_MAX, SCAN_BYTES_MAX, SCAN_ENTRIES_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { epochField, indexVersionField, keyField, rangeIdField } from './fields.ts';
import type { Cancel } from './handshake.ts';
import { boolean, integer, list, type MessageType, messageType, optional } from './schema.ts';

export const cancel: MessageType<Cancel> = messageType('cancel', Opcode.cancel, {
  operations: list(integer(1, 0xffff_ffff), OPERATIONS_PER_FRAME_MAX),
  requests: list(integer(1, 0xffff_ffff), OPERATIONS_PER_FRAME_MAX),
});

/** One page of one range, in key order. `start` and `end` are clipped to the range by the client. */
export interface Scan {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly indexVersion: IndexVersion;
  /** Placed keys. */
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Only keys that have this prefix behind their placement bytes: for hash keyspaces. */
  readonly placedPrefix: Uint8Array | undefined;
  readonly budgetMs: number;
}

export const scan: MessageType<Scan> = messageType('scan', Opcode.scan, {
  range: rangeIdField,
  epoch: epochField,
  indexVersion: indexVersionField,
  start: keyField,
  end: optional(keyField),
  reverse: boolean,
  keysOnly: boolean,
  entriesMax: integer(1, SCAN_ENTRIES_MAX),
  bytesMax: integer(1, SCAN_BYTES_MAX),
  placedPrefix: optional(keyField),
  budgetMs: integer(1),
});

/** The answer to `scan`; the payload holds the entries (frames/entries.ts). */
export interface ScanAnswer {
  readonly count: number;
  readonly tableBytes: number;
  /** True when no key of the selector is left in this range. */
  readonly isLast: boolean;
  /** Last placed key that was looked at, when it was not taken into the page; continue behind it. */
  readonly resumeKey: Uint8Array | undefined;
}

export const scanAnswer: MessageType<ScanAnswer> = messageType('scanAnswer', Opcode.answer, {
  count: integer(0, SCAN_ENTRIES_MAX),
  tableBytes: integer(),
  isLast: boolean,
  resumeKey: optional(keyField),
});

/** Asks the head of a range what became of a write of a session. */
export interface ResolveOutcome {
  readonly range: RangeId;
  readonly epoch: Epoch;
  readonly sessionHigh: number;
  readonly sessionLow: number;
  readonly writeNumber: number;
}

export const resolveOutcome: MessageType<ResolveOutcome> = messageType(
  'resolveOutcome',
  Opcode.resolveOutcome,
  {
    range: rangeIdField,
    epoch: epochField,
    sessionHigh: integer(0, 0xffff_ffff),
    sessionLow: integer(0, 0xffff_ffff),
    writeNumber: integer(1),
  },
);

export interface OutcomeAnswer {
  /** 1 applied, 2 not applied and never will be, 3 not known. */
  readonly outcome: number;
  readonly version: number;
}

export const outcomeAnswer: MessageType<OutcomeAnswer> = messageType(
  'outcomeAnswer',
  Opcode.answer,
  {
    outcome: integer(1, 3),
    version: integer(),
  },
);
