// A running drive: puts data folder, ranges, peers, server and metadata link together, in the one order
// that is safe, and takes them apart again.
//
// Nothing is written before the metadata server has shown its cluster and the folder's lock is held.
// The new incarnation is on the device before anybody hears of it. The server listens before the
// registration, because the registration tells others where; the ranges serve only after it. When the
// metadata server goes away later, nothing here stops: only the link dials again.

import {
  type ClusterId,
  type Connection,
  type DriveId,
  type Frame,
  formatAddress,
  incarnation,
  indexVersion,
  NodeKind,
  Opcode,
  type Self,
  type Server,
  serve,
} from '@piton/protocol';
import type { Owner, Store } from '../engine/store.ts';
import { DriveError, folderFailure, listenFailure } from './failures.ts';
import { DataFolder } from './folder/data-folder.ts';
import { type Identity, IdentityBook, identityFor, nextIncarnation } from './folder/identity.ts';
import type { Ranges } from './host.ts';
import { refuseUnknown } from './membership/commands.ts';
import { Lease, type LeaseView } from './membership/lease.ts';
import { Membership, sendSyncFinished } from './membership/membership.ts';
import { Renewal } from './membership/renewal.ts';
import { Witness } from './membership/witness.ts';
import { advertisedAddress } from './network/advertise.ts';
import { pause } from './network/back-off.ts';
import { MetaLink } from './network/meta-link.ts';
import { PeerPool } from './network/peer-pool.ts';
import { Reach } from './network/reach.ts';
import { type LoopDelayMonitor, noLoopDelay, RealLoopDelay } from './observation/loop-delay.ts';
import type { DriveStatistics } from './observation/statistics.ts';
import { type DriveOptions, type DriveSettings, settingsFrom } from './options.ts';
import { software } from './version.ts';

/** How long a stop waits for writes that are under way. */
const DRAIN_MS_MAX = 1_000;

export interface Drive {
  readonly id: DriveId;
  /** HOST:PORT under which others reach this drive. */
  readonly address: string;
  /** What the drive may do now, and under which number; for simulations, which ask all the time. */
  readonly lease: LeaseView;
  statistics(): DriveStatistics;
  /** Finishes what was begun, saves the indexes, lets go of the folder. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts a drive and resolves when it serves. Rejects with DriveError, whose message tells the
 * operator what to do next; everything that was opened is closed again by then.
 */
export async function startDrive(options: DriveOptions): Promise<Drive> {
  const drive = new RunningDrive(settingsFrom(options));
  const abort = (): void => drive.abort();
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    if (options.signal?.aborted) throw new DriveError('stopped', 'stopped before the start');
    await drive.start();
    return drive;
  } catch (error) {
    await drive.stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

class RunningDrive implements Drive {
  readonly #settings: DriveSettings;
  readonly #folder: DataFolder;
  readonly #link: MetaLink;
  readonly #peers: PeerPool;
  readonly #reach: Reach;
  readonly #lease: Lease;
  readonly #witness: Witness;
  readonly #renewal: Renewal;
  readonly #loopDelay: LoopDelayMonitor;
  readonly #startedAtMs: number;
  // Made one after the other by `start`; `stop` takes whatever is there.
  #book: IdentityBook | undefined;
  #store: Store | undefined;
  #ranges: Ranges | undefined;
  #server: Server | undefined;
  #membership: Membership | undefined;
  #address = '';
  #stopped: Promise<void> | undefined;

  constructor(settings: DriveSettings) {
    const { environment, log, disk, dataDir, store } = settings;
    this.#settings = settings;
    this.#loopDelay = settings.watchesLoop ? new RealLoopDelay() : noLoopDelay;
    this.#folder = new DataFolder(disk, dataDir, store);
    this.#startedAtMs = environment.clock.nowMs();
    this.#lease = new Lease(environment.clock);
    this.#witness = new Witness(environment.clock, this.#lease);
    const self = (): Self => this.#self();
    this.#link = new MetaLink({ environment, addresses: settings.meta, self, log });
    this.#peers = new PeerPool({
      environment,
      self,
      log,
      frame: (connection, frame) => this.#handleFrame(connection, frame),
      closed: (connection) => this.#ranges?.connectionClosed(connection),
      connected: (drive, connection) => this.#handlePeer(drive, connection),
      lost: (drive, connection) => this.#ranges?.peerLost(drive, connection),
    });
    this.#renewal = new Renewal({
      ...{ clock: environment.clock, log, lease: this.#lease, peers: this.#peers },
      self: () => ({
        drive: this.id,
        incarnation: incarnation(this.#identity.incarnation),
      }),
      meta: () => this.#link.connection,
    });
    this.#reach = new Reach({
      ...{ clock: environment.clock, log, peers: this.#peers, self: () => this.id },
      leaseMs: () => this.#renewal.leaseMs,
    });
  }

  get id(): DriveId {
    return this.#identity.drive;
  }

  get address(): string {
    return this.#address;
  }

  get lease(): LeaseView {
    return this.#lease;
  }

  async start(): Promise<void> {
    const { metaWaitMs } = this.#settings;
    this.#loopDelay.start();
    await this.#inFolder(async () => {
      const { identity: keeper } = this.#folder;
      this.#book = new IdentityBook(keeper, this.#identityFrom(await keeper.read()));
    });
    const { peer } = await this.#link.connect(metaWaitMs);
    const cluster = this.#identity.cluster ?? (peer.cluster as ClusterId);
    await this.#inFolder(() => this.#openFolder(cluster));
    await this.#listen(cluster);
    this.#membership = this.#join(cluster);
    await this.#link.start(this.#membership, metaWaitMs);
    this.#reach.start();
  }

  /** Ends a start that is under way: what it waits for rejects, and `startDrive` cleans up. */
  abort(): void {
    void this.#link.stop();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  statistics(): DriveStatistics {
    return {
      drive: this.id,
      incarnation: this.#identity.incarnation,
      uptimeMs: this.#settings.environment.clock.nowMs() - this.#startedAtMs,
      indexVersion: this.#membership?.indexVersion ?? indexVersion(0),
      isRegistered: this.#link.connection !== undefined,
      leaseMsLeft: this.#lease.msLeft,
      connections: this.#server?.connections.size ?? 0,
      peers: this.#peers.connectedCount,
      ranges: this.#ranges?.held().length ?? 0,
      loopDelay: this.#loopDelay.total(),
      store: (this.#store as Store).statistics(),
    };
  }

  get #identity(): Identity {
    return (this.#book as IdentityBook).current;
  }

  #self(): Self {
    const { drive, cluster, incarnation } = this.#identity;
    return { kind: NodeKind.drive, node: drive, cluster, incarnation, software };
  }

  #identityFrom(stored: Identity | undefined): Identity {
    const { id, dataDir, environment } = this.#settings;
    return identityFor(stored, id, dataDir, environment.random);
  }

  /** Runs a step on the data folder; what the system throws becomes the operator's sentence. */
  async #inFolder(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      throw folderFailure(this.#folder.path, error);
    }
  }

  async #openFolder(cluster: ClusterId): Promise<void> {
    const { environment, log, durability, capacityBytes, cacheBytes, ranges } = this.#settings;
    await this.#folder.take();
    await this.#countStart();
    const { drive, folderId } = this.#identity;
    const openStore = async (owner: Owner): Promise<Store> => {
      this.#store = await this.#folder.openStore({
        environment,
        owner,
        identity: { clusterId: cluster, driveId: folderId },
        capacityBytes,
        cacheBytes,
        onDamage: (bytes) => log.error({ bytes }, 'a part of the log cannot be read any more'),
      });
      return this.#store;
    };
    this.#ranges = await ranges(
      {
        environment,
        drive,
        defaultDurability: durability,
        peers: this.#peers,
        lease: this.#lease,
        copyBytesPerSecond: this.#settings.copyBytesPerSecond,
        reportSyncFinished: (message) => sendSyncFinished(this.#link.connection, message),
        reportTrouble: (message) => log.warn({}, message),
      },
      openStore,
    );
  }

  /** The lock is held now: what another process wrote before we had it counts. */
  async #countStart(): Promise<void> {
    const stored = await this.#folder.identity.read();
    const identity = stored === undefined ? this.#identity : this.#identityFrom(stored);
    await this.#book?.write({ ...identity, incarnation: nextIncarnation(identity) });
  }

  async #listen(cluster: ClusterId): Promise<void> {
    const { environment, host, port, advertise, log } = this.#settings;
    try {
      this.#server = await serve(environment, {
        self: { ...this.#self(), cluster },
        host,
        port,
        handlers: {
          frame: (connection, frame) => this.#handleFrame(connection, frame),
          closed: (connection, reason) => this.#handleClosed(connection, reason),
        },
        opened: (connection) => this.#peers.opened(connection),
      });
    } catch (error) {
      throw listenFailure(formatAddress(host, port), error);
    }
    this.#address = advertisedAddress(this.#server.address, advertise);
    log.info({ listening: this.#server.address, advertised: this.#address }, 'listening');
  }

  #join(cluster: ClusterId): Membership {
    const { environment, log, zone, bandwidthBytesPerSecond } = this.#settings;
    return new Membership({
      environment,
      log,
      folder: this.#folder.path,
      book: this.#book as IdentityBook,
      cluster,
      address: this.#address,
      zone,
      bandwidthBytesPerSecond,
      store: this.#store as Store,
      ranges: this.#ranges as Ranges,
      peers: this.#peers,
      reach: this.#reach,
      lease: this.#lease,
      renewal: this.#renewal,
      witness: this.#witness,
      loopDelay: this.#loopDelay,
    });
  }

  #handleFrame(connection: Connection, frame: Frame): void {
    if (this.#ranges?.handleFrame(connection, frame)) return;
    if (this.#witness.handle(connection, frame)) return;
    // A late CANCEL has nothing left to take back.
    if (frame.opcode !== Opcode.cancel) refuseUnknown(connection, frame);
  }

  #handlePeer(drive: DriveId, connection: Connection): void {
    this.#ranges?.peerConnected(drive, connection);
    this.#renewal.peerConnected(drive);
  }

  #handleClosed(connection: Connection, reason: Error | undefined): void {
    const { kind, node, address } = connection.peer;
    this.#settings.log.debug({ kind, node, address, reason: reason?.message }, 'connection ended');
    this.#peers.handleInboundClosed(connection, reason);
    this.#ranges?.connectionClosed(connection);
  }

  /** New work is refused first, what was begun is finished, then the sockets go, the folder last. */
  async #stopAll(): Promise<void> {
    this.#ranges?.stopServing();
    await this.#link.stop();
    if (this.#store !== undefined) await this.#drain(this.#store);
    await this.#ranges?.stop();
    this.#renewal.stop();
    this.#reach.stop();
    this.#lease.revoke();
    this.#peers.stop();
    await this.#server?.close();
    await this.#store?.close();
    await this.#folder.release();
    this.#loopDelay.stop();
  }

  /** Writes that are in the log still get their answer, when the device is not too slow. */
  async #drain(store: Store): Promise<void> {
    const { durability, environment } = this.#settings;
    const target = store.appendedPosition;
    const isDone = (): boolean =>
      (durability === 'flush' ? store.durablePosition : store.writtenPosition) >= target;
    if (isDone()) return;
    const drained = new AbortController();
    store.onProgress((failure) => {
      if (failure !== undefined || isDone()) drained.abort();
    });
    await pause(environment.clock, DRAIN_MS_MAX, drained.signal);
  }
}
