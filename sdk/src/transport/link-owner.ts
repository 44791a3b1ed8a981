// What a link to a drive needs from the client around it. The dispatcher is the one owner.

import type { ClusterId, Environment, Frame } from '@piton/protocol';
import type { Counters } from '../diagnostics/counters.ts';
import type { Operation } from '../operations/operation.ts';
import type { DriveLink } from './drive-link.ts';

export interface LinkOwner {
  readonly environment: Environment;
  readonly counters: Counters;
  readonly maxInFlightPerDrive: number;
  /** The index version up to which the metadata server's changes are known. */
  readonly indexVersion: number;
  /** Undefined until the metadata server has said which cluster this is. */
  readonly cluster: ClusterId | undefined;
  /** Random name of this client, for the logs of the others. */
  readonly clientName: string;
  addressOf(drive: string): string | undefined;
  /** Nobody has said where this drive listens. */
  missAddress(drive: string): void;
  encodeKey(operation: Operation): void;
  /** The operation is in the frame. */
  sent(operation: Operation, link: DriveLink): void;
  /** The link has a frame to flush at the end of this turn. */
  markDirty(link: DriveLink): void;
  /** The link may send what waits in it: pump it in this turn. */
  markReady(link: DriveLink): void;
  /** A read is watched for how long its answer takes. */
  watching(link: DriveLink): void;
  /** A new connection. */
  handleOpened(link: DriveLink): void;
  /** An attempt to connect has failed, the first in a row. */
  handleUnreachable(link: DriveLink): void;
  /** A results frame. What this throws closes the connection. */
  handleResults(link: DriveLink, frame: Frame): void;
  /** The connection ended: what was sent over it will not be answered. */
  handleLost(link: DriveLink, reason: Error | undefined): void;
}
