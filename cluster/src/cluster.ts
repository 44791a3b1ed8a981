// A whole cluster on this machine: one metadata server and some drives, started together, stopped
// together, and killed one by one for those who want to see what happens then.
//
// Every program keeps its address for as long as the cluster lives, also when it is started again, so
// that what happens to a client is what would happen with machines that keep their names.

import { AdminClient } from './admin/admin-client.ts';
import {
  type ClusterFolder,
  closeFolder,
  driveFolder,
  drivesIn,
  metaFolder,
  openFolder,
} from './folders.ts';
import {
  ClusterError,
  type Host,
  type HostEvents,
  type RunningMeta,
  type RunningProgram,
} from './host/host.ts';
import { InProcessHost } from './host/in-process-host.ts';
import { ProcessHost } from './host/process-host.ts';
import { DRIVES_EXPECTED, ensureKeyspace } from './keyspace.ts';
import { type ClusterOptions, type ClusterSettings, settingsFrom } from './options.ts';

/** One drive, as it is at the moment of asking. */
export interface ClusterDrive {
  readonly id: string;
  /** HOST:PORT */
  readonly address: string;
  readonly dataDir: string;
  readonly zone: string | undefined;
  /** Process id; undefined inside this process. */
  readonly pid: number | undefined;
  readonly isRunning: boolean;
}

interface Place {
  readonly number: number;
  readonly id: string;
  readonly dataDir: string;
  program: RunningProgram | undefined;
}

export class Cluster implements AsyncDisposable {
  readonly #settings: ClusterSettings;
  readonly #folder: ClusterFolder;
  readonly #host: Host;
  readonly #places: Map<string, Place> = new Map();
  #meta: RunningMeta | undefined;
  #stopped: Promise<void> | undefined;

  /** Made by startCluster. */
  constructor(settings: ClusterSettings, folder: ClusterFolder, host: Host) {
    this.#settings = settings;
    this.#folder = folder;
    this.#host = host;
  }

  /** HOST:PORT of the metadata server. */
  get metaAddress(): string {
    return this.#runningMeta().address;
  }

  /** HOST:PORT of its status page. */
  get httpAddress(): string {
    return this.#runningMeta().httpAddress;
  }

  /** What KVClient.connect takes. */
  get url(): string {
    return `piton://${this.metaAddress}/default`;
  }

  get dataDir(): string {
    return this.#folder.path;
  }

  get isMetaRunning(): boolean {
    return this.#meta?.isRunning ?? false;
  }

  get metaPid(): number | undefined {
    return this.#meta?.pid;
  }

  get drives(): readonly ClusterDrive[] {
    return [...this.#places.values()].map((place) => this.#describe(place));
  }

  /** The operator's client for this cluster; the caller closes it. */
  admin(): AdminClient {
    const { environment } = this.#settings;
    return new AdminClient([this.metaAddress], environment === undefined ? {} : { environment });
  }

  /** Ends a drive as a crash would: SIGKILL, or a cut network inside this process. */
  async kill(id: string): Promise<void> {
    await this.#place(id).program?.kill();
  }

  /** Starts a drive again on its data and its address; one that runs is stopped first. */
  async restart(id: string): Promise<void> {
    this.#checkNotStopped();
    const place = this.#place(id);
    await place.program?.stop();
    await this.#startDrive(place);
  }

  /** Stops a drive cleanly; `restart` brings it back. */
  async stopDrive(id: string): Promise<void> {
    await this.#place(id).program?.stop();
  }

  async killMeta(): Promise<void> {
    await this.#runningMeta().kill();
  }

  async stopMeta(): Promise<void> {
    await this.#runningMeta().stop();
  }

  /** Starts the metadata server again on its data and its addresses. */
  async restartMeta(): Promise<void> {
    this.#checkNotStopped();
    await this.#runningMeta().stop();
    await this.#startMeta();
  }

  /** One more drive. It holds nothing until a range is moved to it. */
  async addDrive(): Promise<ClusterDrive> {
    this.#checkNotStopped();
    const highest = Math.max(0, ...[...this.#places.values()].map((place) => place.number));
    const place = this.#addPlace(highest + 1);
    try {
      await this.#startDrive(place);
    } catch (error) {
      this.#places.delete(place.id);
      throw error;
    }
    return this.#describe(place);
  }

  /** Stops every program, drives first, and removes the folder if it was a temporary one. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Called once by startCluster. */
  async start(): Promise<void> {
    await this.#startMeta();
    const found = await drivesIn(this.#folder);
    const asked = Array.from({ length: this.#settings.drives }, (_, position) => position + 1);
    const numbers = [...new Set([...asked, ...found])].sort((a, b) => a - b);
    const places = numbers.map((number) => this.#addPlace(number));
    await Promise.all(places.map((place) => this.#startDrive(place)));
    await using admin = this.admin();
    await ensureKeyspace(admin, this.#settings);
  }

  async #startMeta(): Promise<void> {
    const { balance, rangeBytesMax, rangeOperationsMax } = this.#settings;
    const { host, port, httpPort, replicas, partitioning } = this.#settings;
    const { leaseMs, repairAfterMs } = this.#settings;
    this.#meta = await this.#host.startMeta({
      dataDir: metaFolder(this.#folder),
      host,
      port: portOf(this.#meta?.address) ?? port,
      httpPort: portOf(this.#meta?.httpAddress) ?? httpPort,
      replicas,
      partitioning,
      leaseMs,
      repairAfterMs,
      drivesExpected: DRIVES_EXPECTED,
      ...{ balance, rangeBytesMax, rangeOperationsMax },
    });
  }

  async #startDrive(place: Place): Promise<void> {
    const { host, capacityBytes, bandwidthBytesPerSecond, cacheBytes, durability } = this.#settings;
    const { detours } = this.#settings;
    const detour = detours?.drive(place.id);
    place.program = await this.#host.startDrive({
      id: place.id,
      dataDir: place.dataDir,
      metaAddress: detours?.metaFor(place.id, this.metaAddress) ?? this.metaAddress,
      host,
      port: detour?.port ?? portOf(place.program?.address) ?? 0,
      advertise: detour?.advertise,
      zone: this.#settings.zoneOf(place.number),
      capacityBytes,
      bandwidthBytesPerSecond,
      cacheBytes,
      durability,
    });
  }

  async #stopAll(): Promise<void> {
    const programs = [...this.#places.values()].map((place) => place.program);
    const ends = await Promise.allSettled(programs.map((program) => program?.stop()));
    ends.push(...(await Promise.allSettled([this.#meta?.stop()])));
    await closeFolder(this.#folder);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #addPlace(number: number): Place {
    const id = `drive-${number}`;
    const dataDir = driveFolder(this.#folder, id);
    const place: Place = { number, id, dataDir, program: undefined };
    this.#places.set(id, place);
    return place;
  }

  #describe(place: Place): ClusterDrive {
    return {
      id: place.id,
      address: place.program?.address ?? '',
      dataDir: place.dataDir,
      zone: this.#settings.zoneOf(place.number),
      pid: place.program?.pid,
      isRunning: place.program?.isRunning ?? false,
    };
  }

  #place(id: string): Place {
    const place = this.#places.get(id);
    if (place === undefined) {
      const ids = [...this.#places.keys()].join(', ');
      throw new ClusterError(`there is no drive "${id}" in this cluster; there are: ${ids}`);
    }
    return place;
  }

  #runningMeta(): RunningMeta {
    if (this.#meta === undefined) throw new ClusterError('the cluster has not been started');
    return this.#meta;
  }

  #checkNotStopped(): void {
    if (this.#stopped !== undefined) throw new ClusterError('the cluster has been stopped');
  }
}

function portOf(address: string | undefined): number | undefined {
  if (address === undefined) return undefined;
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

function hostFor(settings: ClusterSettings, events: HostEvents): Host {
  const { environment, faultPoint, startMs } = settings;
  if (settings.inProcess) return new InProcessHost(environment, faultPoint);
  const processes = new ProcessHost(events, startMs);
  if (faultPoint === undefined) return processes;
  const here = new InProcessHost(environment, faultPoint);
  return {
    startMeta: (meta) => here.startMeta(meta),
    startDrive: (drive) => processes.startDrive(drive),
  };
}

/**
 * Starts a metadata server and drives, and waits until the default keyspace can be used. Rejects
 * with ClusterError, or with what a program said, after it has ended everything that it started.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const settings = settingsFrom(options);
  const events: HostEvents = { exited: settings.onExit, logged: settings.onLog };
  const host = hostFor(settings, events);
  const folder = await openFolder(settings.dataDir);
  const cluster = new Cluster(settings, folder, host);
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop().catch(() => {});
    throw error;
  }
}
