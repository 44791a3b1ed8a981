// The cluster that chaos is made in: real processes, each drive behind a proxy, and each drive's way to
// the metadata server through a proxy of its own.

import { type AdminClient, type Cluster, type RangeView, startCluster } from '@piton/cluster';
import type { Partitioning } from '@piton/protocol';
import { freePort, LinkProxy, ProxyMode } from '../network/proxy.ts';

export const Role = { head: 'head', middle: 'middle', tail: 'tail' } as const;
export type Role = (typeof Role)[keyof typeof Role];

export interface ChaosClusterOptions {
  readonly drives: number;
  readonly replicas: number;
  readonly leaseMs: number;
  readonly partitioning: Partitioning;
  readonly capacityBytes: number;
  /** Told when a program ends that nobody has killed. */
  readonly onExit: (what: string) => void;
}

interface Place {
  readonly port: number;
  /** In front of the drive: what clients and other drives dial. */
  readonly inward: LinkProxy;
  /** From the drive to the metadata server. */
  readonly upward: LinkProxy;
}

/**
 * While a program is down its port may go to anybody's outgoing connection on this machine. That is no
 * fault of the cluster: the program is started again until the port is free.
 */
const PORT_TRIES_MAX = 60;
const PORT_PAUSE_MS = 1_000;
const PORT_TAKEN = 'is in use';

/** One drive's id for each number from 1, as `startCluster` names them. */
const driveName = (number: number): string => `drive-${number}`;

export class ChaosCluster implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly options: ChaosClusterOptions;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #paused: Set<number> = new Set();

  private constructor(
    cluster: Cluster,
    options: ChaosClusterOptions,
    places: ReadonlyMap<string, Place>,
  ) {
    this.cluster = cluster;
    this.options = options;
    this.#places = places;
  }

  static async start(options: ChaosClusterOptions): Promise<ChaosCluster> {
    const places = new Map<string, Place>();
    for (let number = 1; number <= options.drives; number++) {
      const [inward, upward] = await Promise.all([LinkProxy.listen(), LinkProxy.listen()]);
      const port = await freePort();
      inward.leadTo(`127.0.0.1:${port}`);
      places.set(driveName(number), { port, inward, upward });
    }
    try {
      const cluster = await startCluster({
        drives: options.drives,
        replicas: options.replicas,
        leaseMs: options.leaseMs,
        partitioning: options.partitioning,
        capacityBytes: options.capacityBytes,
        cacheBytes: 8 * 1024 * 1024,
        // It waits for the metadata server, which may be killed again and again.
        startMs: 180_000,
        onExit: ({ name, code, signal, lastLines }) => {
          if (lastLines.some((line) => line.includes(PORT_TAKEN))) return;
          options.onExit(`${name} ended (${signal ?? code}): ${lastLines.join(' | ')}`);
        },
        detours: {
          drive: (id) => {
            const place = places.get(id);
            return place && { port: place.port, advertise: place.inward.address };
          },
          metaFor: (id, metaAddress) => {
            const upward = places.get(id)?.upward;
            upward?.leadTo(metaAddress);
            return upward?.address;
          },
        },
      });
      return new ChaosCluster(cluster, options, places);
    } catch (error) {
      await closeAll(places);
      throw error;
    }
  }

  get driveIds(): string[] {
    return [...this.#places.keys()];
  }

  admin(): AdminClient {
    return this.cluster.admin();
  }

  /** Everything that others say to the drive. */
  setInward(id: string, mode: ProxyMode): void {
    this.#placeOf(id).inward.setMode(mode);
  }

  /** The drive's way to the metadata server. */
  setUpward(id: string, mode: ProxyMode): void {
    this.#placeOf(id).upward.setMode(mode);
  }

  /** SIGSTOP: it does nothing and keeps its connections. */
  pauseDrive(id: string): void {
    this.#signal(this.#describe(id)?.pid, true);
  }

  resumeDrive(id: string): void {
    this.#signal(this.#describe(id)?.pid, false);
  }

  pauseMeta(): void {
    this.#signal(this.cluster.metaPid, true);
  }

  resumeMeta(): void {
    this.#signal(this.cluster.metaPid, false);
  }

  isRunning(id: string): boolean {
    return this.#describe(id)?.isRunning ?? false;
  }

  /** Takes back every fault: all proxies open, all processes running. */
  async heal(): Promise<void> {
    for (const { inward, upward } of this.#places.values()) {
      inward.setMode(ProxyMode.open);
      upward.setMode(ProxyMode.open);
    }
    for (const pid of this.#paused) signal(pid, 'SIGCONT');
    this.#paused.clear();
    if (!this.cluster.isMetaRunning) await this.restartMeta();
    await Promise.all(
      this.driveIds.filter((id) => !this.isRunning(id)).map((id) => this.restart(id)),
    );
  }

  restart(id: string): Promise<void> {
    return untilPortIsFree(() => this.cluster.restart(id));
  }

  restartMeta(): Promise<void> {
    return untilPortIsFree(() => this.cluster.restartMeta());
  }

  /** Drives that are in this role in some range, as the metadata server sees it now. */
  async drivesIn(role: Role): Promise<string[]> {
    await using admin = this.admin();
    const ranges = await admin.ranges(await admin.keyspace('default'));
    return [...new Set(ranges.flatMap((range) => inRole(range, role)))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#paused) signal(pid, 'SIGCONT');
    await this.cluster.stop();
    await closeAll(this.#places);
  }

  #describe(id: string): Cluster['drives'][number] | undefined {
    return this.cluster.drives.find((drive) => drive.id === id);
  }

  #placeOf(id: string): Place {
    const place = this.#places.get(id);
    if (place === undefined) throw new Error(`there is no drive ${id}`);
    return place;
  }

  #signal(pid: number | undefined, isPause: boolean): void {
    if (pid === undefined) return;
    if (isPause) this.#paused.add(pid);
    else this.#paused.delete(pid);
    signal(pid, isPause ? 'SIGSTOP' : 'SIGCONT');
  }
}

function inRole(range: RangeView, role: Role): string[] {
  const serving = range.chain.filter(({ state }) => state === 'serving').map(({ drive }) => drive);
  if (role === Role.head) return serving.slice(0, 1);
  if (role === Role.tail) return serving.slice(-1);
  return serving.slice(1, -1);
}

/** A process that has ended meanwhile needs no signal. */
function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function untilPortIsFree(start: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      const isTaken = error instanceof Error && error.message.includes(PORT_TAKEN);
      if (!isTaken || tries === PORT_TRIES_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, PORT_PAUSE_MS));
    }
  }
}

async function closeAll(places: ReadonlyMap<string, Place>): Promise<void> {
  await Promise.all(
    [...places.values()].flatMap(({ inward, upward }) => [inward.close(), upward.close()]),
  );
}
