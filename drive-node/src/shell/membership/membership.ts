// What the drive tells the metadata server about itself, and what it does with the answers.
//
// The registration fixes the cluster of the data folder and brings every range that this drive must hold;
// when they are installed, the drive may ask for its lease. Heartbeats carry the counters of the ranges since the last one, and bring the
// addresses of other drives.

import {
  type ClusterId,
  type Connection,
  ConnectionClosedError,
  type DriveAddress,
  type Environment,
  type Frame,
  type Heartbeat,
  type HeartbeatAnswer,
  type IndexVersion,
  incarnation,
  indexVersion,
  messages,
  type RegisterAnswer,
  type RegisterDrive,
  type SyncFinished,
} from '@piton/protocol';
import type { Store, StoreError } from '../../engine/store.ts';
import { folderFailure } from '../failures.ts';
import type { IdentityBook } from '../folder/identity.ts';
import type { Ranges } from '../host.ts';
import type { MetaLinkHandlers } from '../network/meta-link.ts';
import type { PeerPool } from '../network/peer-pool.ts';
import type { Reach } from '../network/reach.ts';
import { type Log, reasonOf } from '../observation/log.ts';
import type { LoopDelayMonitor } from '../observation/loop-delay.ts';
import { Commands } from './commands.ts';
import type { Lease } from './lease.ts';
import type { Renewal } from './renewal.ts';
import type { Witness } from './witness.ts';

const SYNC_REPORT_TIMEOUT_MS = 10_000;

export interface MembershipOptions {
  readonly environment: Environment;
  readonly log: Log;
  readonly folder: string;
  readonly book: IdentityBook;
  readonly cluster: ClusterId;
  readonly address: string;
  readonly zone: string;
  readonly bandwidthBytesPerSecond: number;
  readonly store: Store;
  readonly ranges: Ranges;
  readonly peers: PeerPool;
  readonly reach: Reach;
  readonly lease: Lease;
  readonly renewal: Renewal;
  readonly witness: Witness;
  readonly loopDelay: LoopDelayMonitor;
}

export class Membership implements MetaLinkHandlers {
  readonly #options: MembershipOptions;
  readonly #commands: Commands;
  #indexVersion: IndexVersion = indexVersion(0);
  #heartbeatAtMs: number;
  #hasStoreFailed = false;

  constructor(options: MembershipOptions) {
    const { environment, ranges, store, log } = options;
    this.#options = options;
    this.#commands = new Commands({
      ...{ ranges, log, drive: options.book.current.drive },
      ...{ renewal: options.renewal, witness: options.witness },
      learn: (addresses) => this.#learn(addresses),
    });
    this.#heartbeatAtMs = environment.clock.nowMs();
    store.onProgress((failure) => this.#watchStore(failure));
  }

  get indexVersion(): IndexVersion {
    return this.#indexVersion;
  }

  registration(): RegisterDrive {
    const { book, address, zone, bandwidthBytesPerSecond, store, ranges } = this.#options;
    const { drive, folderId } = book.current;
    return {
      drive,
      address,
      incarnation: incarnation(book.current.incarnation),
      folderId,
      zone,
      capacityBytes: store.statistics().capacityBytes,
      bandwidthBytesPerSecond,
      held: ranges.held(),
      unagreed: orNothing(ranges.unagreed()),
    };
  }

  async registered(answer: RegisterAnswer): Promise<void> {
    const { book, cluster, folder, ranges, lease, renewal, witness } = this.#options;
    const { records, addresses } = answer;
    try {
      if (book.current.cluster === undefined) await book.write({ ...book.current, cluster });
      this.#learn(addresses);
      // What a fence took away without a word is not named: it must not be served again.
      const hasLostRights = lease.fence !== answer.fence;
      await ranges.startServing(records, addresses, answer.indexVersion, hasLostRights);
    } catch (error) {
      throw folderFailure(folder, error);
    }
    this.#indexVersion = answer.indexVersion;
    witness.learn(answer.fences);
    // Last: what it may answer from is persisted and installed.
    renewal.begin(answer);
  }

  heartbeat(): Heartbeat {
    const { environment, book, store, ranges, reach } = this.#options;
    const nowMs = environment.clock.nowMs();
    const intervalMs = nowMs - this.#heartbeatAtMs;
    this.#heartbeatAtMs = nowMs;
    const { logBytes, isFull } = store.statistics();
    const gaps = ranges.gaps();
    const unreached = reach.unreached();
    const withoutRoom = ranges.withoutRoom();
    this.#logHeartbeat(intervalMs, logBytes);
    return {
      drive: book.current.drive,
      incarnation: incarnation(book.current.incarnation),
      intervalMs,
      usedBytes: logBytes,
      isFull,
      storeFailed: this.#hasStoreFailed,
      ranges: ranges.report(),
      indexVersion: this.#indexVersion,
      gaps: orNothing(gaps),
      leaseMsLeft: this.#leaseMsLeft(),
      unreached: orNothing(unreached),
      withoutRoom: orNothing(withoutRoom.own),
      withoutRoomBehind: orNothing(withoutRoom.behind),
      unagreed: orNothing(ranges.unagreed()),
    };
  }

  /** A drive that is its own witness has no end to tell: it says the length. */
  #leaseMsLeft(): number | undefined {
    const { lease, renewal } = this.#options;
    const leftMs = Math.min(lease.msLeft, renewal.leaseMs);
    return leftMs > 0 ? leftMs : undefined;
  }

  heartbeatAnswered(answer: HeartbeatAnswer): void {
    this.#learn(answer.addresses);
    this.#indexVersion = answer.indexVersion;
  }

  command(connection: Connection, frame: Frame): void {
    this.#commands.handle(connection, frame);
  }

  #learn(addresses: readonly DriveAddress[]): void {
    this.#options.peers.learn(addresses);
    this.#options.ranges.learnAddresses(addresses);
  }

  #logHeartbeat(intervalMs: number, usedBytes: number): void {
    const { loopDelay, peers, log } = this.#options;
    const fields = {
      intervalMs: Math.round(intervalMs),
      usedBytes,
      peers: peers.connectedCount,
      loopDelay: loopDelay.take(),
    };
    log.debug(fields, 'heartbeat');
  }

  #watchStore(failure: StoreError | undefined): void {
    if (failure === undefined || this.#hasStoreFailed) return;
    this.#hasStoreFailed = true;
    this.#options.log.error(
      { code: failure.code, reason: reasonOf(failure) },
      'the store takes no writes any more; check the device and restart this drive',
    );
  }
}

/** What is usually empty is left out of the message. */
function orNothing<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

/** Tells the metadata server that a copy is complete. Rejects when it is not reached or refuses. */
export async function sendSyncFinished(
  connection: Connection | undefined,
  message: SyncFinished,
): Promise<void> {
  if (connection === undefined) {
    throw new ConnectionClosedError('not connected with the metadata server');
  }
  const timeoutMs = SYNC_REPORT_TIMEOUT_MS;
  await connection.request(messages.syncFinished, message, messages.done, { timeoutMs });
}
