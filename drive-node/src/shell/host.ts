// What the shell and the ranges behind it ask of each other.
//
// The shell owns sockets, time-outs and reconnects; the ranges own keys, chains and epochs. `RangeHost`
// (ranges/range-host.ts) is the one that runs; tests of the shell put a small one in its place.

import type {
  Connection,
  DriveAddress,
  DriveId,
  DropRange,
  Environment,
  Frame,
  HeldRange,
  HistoryGap,
  IndexVersion,
  InstallAnswer,
  InstallRange,
  MergeAnswer,
  MergeRange,
  MiddleKey,
  MiddleKeyAnswer,
  RangeId,
  RangeRecord,
  RangeReport,
  RangeState,
  RangeStateAnswer,
  RangeWithoutRoom,
  SplitRange,
  SyncFinished,
} from '@piton/protocol';
import type { Owner, Store } from '../engine/store.ts';

/** The connections to other drives, as the ranges see them. */
export interface PeerLinks {
  connectionTo(drive: DriveId): Connection | undefined;
  /** "Keep a connection to this drive open." Counted: each `want` has its own `unwant`. */
  want(drive: DriveId): void;
  unwant(drive: DriveId): void;
}

export interface LeaseHolder {
  /** Whether a reply to a read may leave now. Asked after the read, before the reply. */
  isValid(): boolean;
}

export interface RangesOptions {
  readonly environment: Environment;
  readonly drive: DriveId;
  readonly defaultDurability: 'flush' | 'os';
  readonly peers: PeerLinks;
  readonly lease: LeaseHolder;
  /** What all copies from this drive may take together. */
  readonly copyBytesPerSecond: number;
  readonly reportSyncFinished: (message: SyncFinished) => Promise<void>;
  /** For the operator: what the ranges cannot mend themselves. */
  readonly reportTrouble?: (message: string) => void;
}

/** Ranges for whose puts there is no room: on this drive, or on one behind it in the chain. */
export interface WithoutRoom {
  readonly own: readonly RangeWithoutRoom[];
  readonly behind: readonly RangeWithoutRoom[];
}

export interface Ranges {
  /** Returns false for an opcode that is not the ranges' business. */
  handleFrame(connection: Connection, frame: Frame): boolean;
  connectionClosed(connection: Connection): void;
  peerConnected(drive: DriveId, connection: Connection): void;
  peerLost(drive: DriveId, connection: Connection): void;

  /**
   * A registration was answered. `hasLostRights`: the drive was fenced since the one before, or this is the
   * first: whatever it has and `records` does not name is not to be served.
   */
  startServing(
    records: readonly RangeRecord[],
    addresses: readonly DriveAddress[],
    version: IndexVersion,
    hasLostRights: boolean,
  ): Promise<void>;
  stopServing(): void;
  learnAddresses(addresses: readonly DriveAddress[]): void;

  install(command: InstallRange): Promise<InstallAnswer>;
  drop(command: DropRange): Promise<void>;
  split(command: SplitRange): Promise<void>;
  merge(command: MergeRange): Promise<MergeAnswer>;
  middleKey(command: MiddleKey): Promise<MiddleKeyAnswer>;
  rangeState(question: RangeState): RangeStateAnswer;

  held(): readonly HeldRange[];
  /** Counters since the last call. */
  report(): readonly RangeReport[];
  /** Members that have to be copied anew, for as long as that is so. */
  gaps(): readonly HistoryGap[];
  /** Ranges whose newest write did not fit this drive. */
  withoutRoom(): WithoutRoom;
  /** Served ranges of which this copy may lack the end, until it has agreed with a neighbour. */
  unagreed(): readonly RangeId[];
  stop(): Promise<void>;
}

/** Makes the ranges and opens the store with them as its owner. */
export type OpenRanges = (
  options: RangesOptions,
  openStore: (owner: Owner) => Promise<Store>,
) => Promise<Ranges>;
