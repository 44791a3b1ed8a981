// Connections to the other drives: one for each drive that somebody here wants, dialled here, and those that
// other drives have dialled.
//
// A connection that exists is used in both directions. When two drives have dialled each other, both
// connections stay and each side uses the one it dialled: no rule about who wins, so no moment without a
// connection. A wanted drive is dialled even when it has dialled us: clients have to dial it as well, and
// whether that works is what `reach.ts` finds out. A link that breaks is dialled again after a jittered pause for as
// long as it is wanted; a new address or a new life (incarnation) of the other drive replaces it at once.
//
// Not here: what is said on them (RangeHost), which drives are wanted (the chains), and whether a drive
// still answers (reach.ts).

import {
  type Connection,
  type ConnectionHandlers,
  type DriveAddress,
  type DriveId,
  dial,
  driveId,
  type Environment,
  type Frame,
  InvalidIdError,
  NodeKind,
  type Self,
  Status,
  type Timer,
} from '@piton/protocol';
import type { PeerLinks } from '../host.ts';
import { type Log, reasonOf } from '../observation/log.ts';
import { BackOff } from './back-off.ts';

const RETRY_MS_FIRST = 50;
/** A chain stands still meanwhile, so never long; a drive wants few others. */
const RETRY_MS_LONGEST = 1_000;
/** A network that swallows what is sent must not hold up the next attempt. */
const HANDSHAKE_MS = 3_000;

export interface PeerPoolOptions {
  readonly environment: Environment;
  readonly self: () => Self;
  readonly log: Log;
  readonly frame: (connection: Connection, frame: Frame) => void;
  readonly closed: (connection: Connection) => void;
  readonly connected: (drive: DriveId, connection: Connection) => void;
  readonly lost: (drive: DriveId, connection: Connection) => void;
}

interface PeerDrive {
  readonly drive: DriveId;
  readonly backOff: BackOff;
  address: DriveAddress | undefined;
  wants: number;
  /** The connection in use: told with `connected`, not yet with `lost`. */
  current: Connection | undefined;
  /** The one that was dialled here. */
  dialled: Connection | undefined;
  /** The newest that the other side dialled, whether in use or not. */
  inbound: Connection | undefined;
  isDialling: boolean;
  retryTimer: Timer | undefined;
}

export class PeerPool implements PeerLinks {
  readonly #options: PeerPoolOptions;
  readonly #peers: Map<DriveId, PeerDrive> = new Map();
  readonly #handlers: ConnectionHandlers;
  #isStopped = false;

  constructor(options: PeerPoolOptions) {
    this.#options = options;
    this.#handlers = {
      frame: (connection, frame) => {
        // A quick peer talks in the same packet that welcomes us, before `dial` has returned.
        this.#dialled(connection);
        options.frame(connection, frame);
      },
      closed: (connection, reason) => {
        this.#handleClosed(connection, reason);
        options.closed(connection);
      },
    };
  }

  get connectedCount(): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.current !== undefined) count++;
    return count;
  }

  connectionTo(drive: DriveId): Connection | undefined {
    return this.#peers.get(drive)?.current;
  }

  /** Drives that somebody here wants, and of which it is known where they are. */
  *wanted(): Iterable<DriveId> {
    for (const { drive, wants, address } of this.#peers.values()) {
      if (wants > 0 && address !== undefined) yield drive;
    }
  }

  /** The connection to a drive that was dialled here. */
  dialledTo(drive: DriveId): Connection | undefined {
    return this.#peers.get(drive)?.dialled;
  }

  want(drive: DriveId): void {
    const peer = this.#peer(drive);
    peer.wants++;
    this.#dial(peer);
  }

  unwant(drive: DriveId): void {
    const peer = this.#peers.get(drive);
    if (peer === undefined || peer.wants === 0) return;
    peer.wants--;
    if (peer.wants > 0) return;
    // What is open stays open, the other side may be using it; it is only not dialled again.
    peer.retryTimer?.cancel();
    peer.retryTimer = undefined;
  }

  /** Takes addresses from the metadata server; older lives of a drive are passed over. */
  learn(addresses: readonly DriveAddress[]): void {
    for (const address of addresses) {
      if (address.drive === this.#options.self().node) continue;
      const peer = this.#peer(address.drive);
      const known = peer.address;
      if (known !== undefined && known.incarnation > address.incarnation) continue;
      peer.address = address;
      const { dialled, inbound } = peer;
      if (inbound !== undefined && isStale(inbound, address)) this.#replace(peer, inbound);
      if (dialled !== undefined && isStale(dialled, address)) this.#replace(peer, dialled);
      else this.#dial(peer);
    }
  }

  /** Somebody has dialled us. A drive must say which one it is, and of which cluster. */
  opened(connection: Connection): void {
    if (connection.peer.kind !== NodeKind.drive || this.#isStopped) return;
    const drive = this.#nameOf(connection);
    if (drive === undefined) return;
    const peer = this.#peer(drive);
    const older = peer.inbound;
    peer.inbound = connection;
    if (peer.current === undefined || peer.current === older) this.#use(peer, connection);
    if (older !== undefined) older.close(Status.stopping, 'replaced by a newer connection');
  }

  /** A connection that came through the server has ended. */
  handleInboundClosed(connection: Connection, reason: Error | undefined): void {
    if (connection.peer.kind === NodeKind.drive) this.#handleClosed(connection, reason);
  }

  stop(): void {
    this.#isStopped = true;
    for (const peer of this.#peers.values()) {
      peer.retryTimer?.cancel();
      for (const connection of new Set([peer.dialled, peer.inbound])) {
        connection?.close(Status.stopping, 'stopping');
      }
    }
  }

  #nameOf(connection: Connection): DriveId | undefined {
    const { node, cluster } = connection.peer;
    if (cluster === undefined) {
      connection.close(Status.wrongCluster, 'expected a drive that knows its cluster');
      return undefined;
    }
    if (!isDriveId(node) || node === this.#options.self().node) {
      connection.close(Status.wrongNode, 'expected the id of another drive');
      return undefined;
    }
    return node;
  }

  #peer(drive: DriveId): PeerDrive {
    let peer = this.#peers.get(drive);
    if (peer === undefined) {
      peer = {
        drive,
        backOff: new BackOff(this.#options.environment.random, RETRY_MS_FIRST, RETRY_MS_LONGEST),
        address: undefined,
        wants: 0,
        current: undefined,
        dialled: undefined,
        inbound: undefined,
        isDialling: false,
        retryTimer: undefined,
      };
      this.#peers.set(drive, peer);
    }
    return peer;
  }

  #dial(peer: PeerDrive): void {
    const { address } = peer;
    const isNeeded = peer.wants > 0 && peer.dialled === undefined && !peer.isDialling;
    if (this.#isStopped || !isNeeded || address === undefined) return;
    peer.retryTimer?.cancel();
    peer.retryTimer = undefined;
    peer.isDialling = true;
    const { environment, self } = this.#options;
    dial(environment, address.address, {
      self: self(),
      expects: peer.drive,
      handlers: this.#handlers,
      timeoutMs: HANDSHAKE_MS,
    }).then(
      (connection) => this.#dialled(connection, address),
      (error: unknown) => this.#dialFailed(peer, address, error),
    );
  }

  #dialled(connection: Connection, at?: DriveAddress): void {
    const peer = this.#peer(connection.peer.node as DriveId);
    if (at !== undefined) peer.isDialling = false;
    if (!connection.isOpen) {
      // It ended before it was ours; then nobody else dials again.
      if (at !== undefined) this.#dialLater(peer);
      return;
    }
    if (peer.dialled === connection) return;
    if (this.#isStopped) {
      connection.close(Status.stopping, 'stopping');
    } else {
      peer.backOff.reset();
      peer.dialled = connection;
      this.#use(peer, connection);
    }
  }

  #dialFailed(peer: PeerDrive, address: DriveAddress, error: unknown): void {
    peer.isDialling = false;
    this.#options.log.debug(
      { drive: peer.drive, address: address.address, reason: reasonOf(error) },
      'drive cannot be reached',
    );
    this.#dialLater(peer);
  }

  #dialLater(peer: PeerDrive): void {
    if (this.#isStopped || peer.wants === 0 || peer.retryTimer !== undefined) return;
    peer.retryTimer = this.#options.environment.clock.setTimer(peer.backOff.takeMs(), () => {
      peer.retryTimer = undefined;
      this.#dial(peer);
    });
  }

  /** The other drive lives elsewhere or anew: nothing that we say here reaches it any more. */
  #replace(peer: PeerDrive, current: Connection): void {
    peer.backOff.reset();
    current.close(Status.stopping, 'the drive has a new address');
  }

  #use(peer: PeerDrive, connection: Connection): void {
    const before = peer.current;
    if (before === connection) return;
    peer.current = connection;
    if (before !== undefined) this.#options.lost(peer.drive, before);
    this.#options.log.debug(
      { drive: peer.drive, address: connection.peer.address },
      'drive connected',
    );
    this.#options.connected(peer.drive, connection);
  }

  #handleClosed(connection: Connection, reason: Error | undefined): void {
    const peer = this.#peers.get(connection.peer.node as DriveId);
    if (peer === undefined) return;
    if (peer.inbound === connection) peer.inbound = undefined;
    if (peer.dialled === connection) {
      peer.dialled = undefined;
      this.#dialLater(peer);
    }
    if (peer.current !== connection) return;
    peer.current = undefined;
    this.#options.log.debug({ drive: peer.drive, reason: reason?.message }, 'drive disconnected');
    this.#options.lost(peer.drive, connection);
    if (this.#isStopped) return;
    const other = peer.dialled ?? peer.inbound;
    if (other !== undefined) this.#use(peer, other);
    this.#forgetStranger(peer);
  }

  /** Nobody may fill this table by dialling under ever new names. */
  #forgetStranger(peer: PeerDrive): void {
    const isKnown = peer.address !== undefined || peer.wants > 0 || peer.current !== undefined;
    if (!isKnown) this.#peers.delete(peer.drive);
  }
}

function isDriveId(node: string): node is DriveId {
  try {
    return driveId(node) === node;
  } catch (error) {
    if (error instanceof InvalidIdError) return false;
    throw error;
  }
}

/** Whether a connection leads to an earlier life or an earlier address of its drive. */
function isStale(connection: Connection, now: DriveAddress): boolean {
  const { incarnation } = connection.peer;
  return incarnation !== 0 && incarnation < now.incarnation;
}
