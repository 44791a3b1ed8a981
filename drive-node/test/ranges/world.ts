// Drives in a simulated world: real ranges, real peer pools, real connections, stores in memory, and a
// clock that only moves when a test lets it. Commands of the metadata server are given by hand.

import {
  type Connection,
  type DriveAddress,
  driveId,
  type Environment,
  epoch,
  type Frame,
  incarnation,
  indexVersion,
  keyspaceId,
  MemberState,
  NodeKind,
  type RangeRecord,
  rangeId,
  type Self,
  type Server,
  SimWorld,
  type MemberState as State,
  serve,
} from '@piton/protocol';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { createMemoryStore } from '../../src/engine/memory-store.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import type { Owner, Store } from '../../src/engine/store.ts';
import { openRanges } from '../../src/ranges/open-ranges.ts';
import type { RangeHost } from '../../src/ranges/range-host.ts';
import { PeerPool } from '../../src/shell/network/peer-pool.ts';
import { CLUSTER, SimClient } from './scripted-client.ts';

const DISK_MS_MAX = 2;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const utf8 = (text: string): Buffer => Buffer.from(text);

export interface SimDrive {
  readonly name: string;
  readonly host: RangeHost;
  readonly store: Store;
  readonly finished: { range: number; target: string; epoch: number }[];
  readonly trouble: string[];
  readonly lease: { isGranted: boolean };
  readonly address: DriveAddress;
  readonly pool: PeerPool;
  readonly server: Server;
}

/** Sees what comes to a drive before the drive does; true: the drive does not see it. */
export type Intercept = (world: World, connection: Connection, frame: Frame) => boolean;

export function record(
  id: number,
  epochNumber: number,
  chain: readonly (string | [string, State])[],
  borders: { start?: string; end?: string } = {},
): RangeRecord {
  return {
    id: rangeId(id),
    keyspace: keyspaceId(1),
    start: utf8(borders.start ?? ''),
    end: borders.end === undefined ? undefined : utf8(borders.end),
    epoch: epoch(epochNumber),
    version: indexVersion(epochNumber + id),
    chain: chain.map((member) =>
      typeof member === 'string'
        ? { drive: driveId(member), state: MemberState.serving }
        : { drive: driveId(member[0]), state: member[1] },
    ),
  };
}

function selfOf(name: string, life: number): Self & { cluster: typeof CLUSTER } {
  return {
    kind: NodeKind.drive,
    node: name,
    cluster: CLUSTER,
    incarnation: life,
    software: 'test',
  };
}

function listen(
  environment: Environment,
  self: Self & { cluster: typeof CLUSTER },
  host: RangeHost,
  pool: PeerPool,
  frame: (connection: Connection, frame: Frame) => void,
): Promise<Server> {
  return serve(environment, {
    self,
    host: self.node,
    port: 7410,
    handlers: {
      frame,
      closed: (connection, reason) => {
        pool.handleInboundClosed(connection, reason);
        host.connectionClosed(connection);
      },
    },
    opened: (connection) => pool.opened(connection),
  });
}

export class World {
  readonly sim: SimWorld;
  /** Of drives that are started from now on. */
  copyBytesPerSecond: number = Number.POSITIVE_INFINITY;
  /** Of drives in memory that are started from now on; the others have plenty. */
  readonly capacityBytes: Map<string, number> = new Map();
  readonly drives: Map<string, SimDrive> = new Map();
  /** The drives' devices, when their stores are real logs. */
  readonly disks: Map<string, MemoryDisk> | undefined;
  readonly #lives: Map<string, number> = new Map();

  readonly #intercept: Intercept | undefined;

  constructor(
    seed: number = 1,
    options: { hasDisks?: boolean; intercept?: Intercept | undefined } = {},
  ) {
    this.sim = new SimWorld({ seed });
    this.#intercept = options.intercept;
    this.disks = options.hasDisks === true ? new Map() : undefined;
  }

  /** kill -9, or the power goes: unflushed writes are lost, whole or in part. */
  crash(name: string, kind: 'process' | 'power'): void {
    const drive = this.drives.get(name) as SimDrive;
    this.drives.delete(name);
    const disk = this.disks?.get(name) as MemoryDisk;
    if (kind === 'power') disk.crash();
    else disk.processCrash();
    this.sim.crash(name);
    void drive.host.stop();
    drive.pool.stop();
  }

  /** Starts a crashed drive again on its device and tells it what it holds. */
  async restart(name: string, records: readonly RangeRecord[]): Promise<void> {
    const [drive] = await this.start(name);
    await this.sim.until(drive?.host.startServing(records, [], indexVersion(1)) as Promise<void>);
  }

  async #openStore(name: string, environment: Environment, owner: Owner): Promise<Store> {
    if (this.disks === undefined) {
      const capacityBytes = this.capacityBytes.get(name) ?? Number.MAX_SAFE_INTEGER;
      return createMemoryStore({ clock: environment.clock, owner, capacityBytes });
    }
    const disk = this.disks.get(name) ?? new MemoryDisk(() => this.sim.random());
    this.disks.set(name, disk);
    // A device takes its time, so that there is always something that is not flushed yet.
    disk.delay = () =>
      new Promise((resolve) => this.sim.schedule(this.sim.random() * DISK_MS_MAX, resolve));
    return openLogStore({
      directory: `/${name}`,
      disk,
      owner,
      clock: environment.clock,
      random: environment.random,
      identity: { clusterId: CLUSTER, driveId: name },
      capacityBytes: 256 * 1024 * 1024,
      cacheBytes: 4 * 1024 * 1024,
      checkpointBytes: 64 * 1024,
    });
  }

  async start(...names: string[]): Promise<SimDrive[]> {
    const started: SimDrive[] = [];
    for (const name of names) started.push(await this.sim.until(this.#startDrive(name)));
    const addresses = [...this.drives.values()].map((drive) => drive.address);
    for (const drive of this.drives.values()) {
      drive.pool.learn(addresses);
      drive.host.learnAddresses(addresses);
    }
    return started;
  }

  async #startDrive(name: string): Promise<SimDrive> {
    const environment = this.sim.environmentFor(name);
    const life = (this.#lives.get(name) ?? 0) + 1;
    this.#lives.set(name, life);
    const self = selfOf(name, life);
    let host: RangeHost | undefined;
    const handle = (connection: Connection, frame: Frame): void => {
      if (this.#intercept?.(this, connection, frame) !== true) host?.handleFrame(connection, frame);
    };
    const pool: PeerPool = new PeerPool({
      environment,
      self: () => self,
      log: silent as never,
      frame: handle,
      closed: (connection) => host?.connectionClosed(connection),
      connected: (drive, connection) => host?.peerConnected(drive, connection),
      lost: (drive, connection) => host?.peerLost(drive, connection),
    });
    const finished: SimDrive['finished'] = [];
    const trouble: string[] = [];
    const lease = { isGranted: true };
    let store: Store | undefined;
    host = await openRanges(
      {
        environment,
        drive: driveId(name),
        defaultDurability: 'flush',
        peers: pool,
        lease: { isValid: () => lease.isGranted },
        copyBytesPerSecond: this.copyBytesPerSecond,
        reportSyncFinished: async ({ range, target, epoch }) => {
          finished.push({ range, target, epoch });
        },
        reportTrouble: (message) => trouble.push(message),
      },
      async (owner) => {
        store = await this.#openStore(name, environment, owner);
        return store;
      },
    );
    const server = await listen(environment, self, host, pool, handle);
    if (life === 1) await host.startServing([], [], indexVersion(0));
    const address = {
      drive: driveId(name),
      address: server.address,
      incarnation: incarnation(life),
    };
    const drive = {
      name,
      host,
      store: store as Store,
      finished,
      trouble,
      lease,
      address,
      pool,
      server,
    };
    this.drives.set(name, drive);
    return drive;
  }

  /** Gives a record to drives in an order. */
  async install(
    given: RangeRecord,
    order: readonly string[],
    isNew: boolean = false,
  ): Promise<void> {
    for (const name of order) {
      const drive = this.drives.get(name) as SimDrive;
      await this.sim.until(drive.host.install({ record: given, addresses: [], isNew }));
    }
  }

  client(name: string = 'client'): Promise<SimClient> {
    return this.sim.until(SimClient.make(this.sim, name));
  }
}
