// Which part of the ranges takes which frame.

import { type Connection, type Frame, Opcode } from '@piton/protocol';
import type { Borders } from '../chain/borders.ts';
import type { RecordMender } from '../chain/mender.ts';
import type { Receiver } from '../chain/receive.ts';
import type { VersionAnswerer } from '../chain/version-answers.ts';
import type { SyncTarget } from '../migration/sync-target.ts';
import type { BatchHandler } from '../requests/batch.ts';
import type { Canceller } from '../requests/cancel.ts';
import type { OutcomeHandler } from '../requests/outcome.ts';
import type { ScanHandler } from '../requests/scan.ts';

export type FrameHandler = (connection: Connection, frame: Frame) => void;

export interface FrameTakers {
  readonly batches: BatchHandler;
  readonly scans: ScanHandler;
  readonly canceller: Canceller;
  readonly outcomes: OutcomeHandler;
  readonly receiver: Receiver;
  readonly versions: VersionAnswerer;
  readonly borders: Borders;
  readonly syncTarget: SyncTarget;
  readonly mender: RecordMender;
}

export function frameHandlers(takers: FrameTakers): Map<number, FrameHandler> {
  const { batches, scans, canceller, outcomes, receiver, versions, borders, syncTarget, mender } =
    takers;
  return new Map<number, FrameHandler>([
    [Opcode.batch, (connection, frame) => batches.handle(connection, frame)],
    [Opcode.scan, (connection, frame) => scans.handle(connection, frame)],
    [Opcode.cancel, (connection, frame) => canceller.handle(connection, frame)],
    [Opcode.resolveOutcome, (connection, frame) => outcomes.handle(connection, frame)],
    [Opcode.updates, (connection, frame) => receiver.handleUpdates(connection, frame)],
    [Opcode.acknowledge, (connection, frame) => receiver.handleAcknowledge(connection, frame)],
    [Opcode.updatesRefused, (connection, frame) => receiver.handleRefused(connection, frame)],
    [Opcode.versionQuery, (connection, frame) => versions.handle(connection, frame)],
    [Opcode.chainState, (connection, frame) => receiver.handleChainState(connection, frame)],
    [Opcode.chainSplit, (connection, frame) => borders.handleChainSplit(connection, frame)],
    [Opcode.copyPage, (connection, frame) => syncTarget.handlePage(connection, frame)],
    [Opcode.fetchRecord, (connection, frame) => mender.handleFetch(connection, frame)],
    [Opcode.copyFinished, (connection, frame) => syncTarget.handleFinished(connection, frame)],
  ]);
}
