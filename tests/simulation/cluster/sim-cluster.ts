// A whole cluster in one process and one virtual time: a metadata server, drives, clients and an operator,
// each on a machine of its own.

import { AdminClient } from '@piton/cluster';
import { SimWorld } from '@piton/protocol';
import { KVClient } from '@piton/sdk';
import { LogBook } from './log-book.ts';
import { OperationBook } from './operation-book.ts';
import { type DriveShape, SimDrive } from './sim-drive.ts';
import { META_HOST, type MetaShape, SimMeta } from './sim-meta.ts';
import { settlePromises } from './turn.ts';

export interface ClusterShape {
  readonly seed: number;
  readonly drives: readonly DriveShape[];
  /** Machines that stand beside until somebody lets them join. */
  readonly spares?: readonly DriveShape[];
  readonly meta: MetaShape;
  readonly clients: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly keepsLog: boolean;
}

export const KEYSPACE = 'default';
const META_ADDRESSES = [`${META_HOST}:7400`];
const START_MS = 120_000;

export class SimCluster {
  readonly world: SimWorld;
  readonly log: LogBook;
  readonly meta: SimMeta;
  readonly operations: OperationBook = new OperationBook();
  readonly #drives: SimDrive[];
  readonly #spares: SimDrive[];
  /** Those that have joined, those that stand beside, and those that are lost. */
  readonly allDrives: readonly SimDrive[];
  readonly clientHosts: readonly string[];
  readonly admin: AdminClient;

  constructor(shape: ClusterShape) {
    const { seed, latencyMs, jitterMs } = shape;
    const settle = settlePromises === undefined ? {} : { settle: settlePromises };
    this.world = new SimWorld({ seed, latencyMs, jitterMs, ...settle });
    this.log = new LogBook(() => this.world.nowMs, shape.keepsLog);
    this.meta = new SimMeta(this.world, shape.meta, this.log);
    this.meta.watchCatalog((news) => this.operations.take(news));
    this.allDrives = [...shape.drives, ...(shape.spares ?? [])].map(
      (drive, at) => new SimDrive(this.world, `d${at + 1}`, drive, this.log),
    );
    this.#drives = this.allDrives.slice(0, shape.drives.length);
    this.#spares = this.allDrives.slice(shape.drives.length);
    this.clientHosts = Array.from({ length: shape.clients }, (_, at) => `c${at + 1}`);
    this.admin = new AdminClient(META_ADDRESSES, {
      environment: this.world.environmentFor('admin'),
      timeoutMs: 5_000,
    });
  }

  /** Those that have joined. */
  get drives(): readonly SimDrive[] {
    return this.#drives;
  }

  /** A spare drive joins; undefined: there is none left. */
  join(): SimDrive | undefined {
    const drive = this.#spares.shift();
    if (drive === undefined) return undefined;
    this.#drives.push(drive);
    drive.start();
    return drive;
  }

  /** A drive is gone for ever, with its disk. */
  lose(name: string): void {
    const drive = this.drive(name);
    drive.lose();
    this.#drives.splice(this.#drives.indexOf(drive), 1);
  }

  /** Every host that can be cut off: metadata server, drives, clients. */
  get hosts(): readonly string[] {
    return [META_HOST, ...this.drives.map(({ name }) => name), ...this.clientHosts];
  }

  drive(name: string): SimDrive {
    const found = this.drives.find((drive) => drive.name === name);
    if (found === undefined) throw new Error(`no drive ${name}`);
    return found;
  }

  /** Starts everything; resolves when a client can begin. Not driven from here: the world must run. */
  async start(): Promise<void> {
    this.meta.start();
    for (const drive of this.drives) {
      this.world.schedule(this.world.random() * 200, () => drive.start());
    }
    if (!(await this.waitFor(() => this.#isReady(), START_MS, 50))) {
      throw new Error('the cluster did not come up');
    }
  }

  client(host: string): KVClient<string> {
    return new KVClient<string>({
      metadata: META_ADDRESSES,
      keyspace: KEYSPACE,
      environment: this.world.environmentFor(host),
    });
  }

  /** Asks again and again until the answer is yes; false when it is still no after `forMs`. */
  async waitFor(isDone: () => Promise<boolean>, forMs: number, everyMs: number): Promise<boolean> {
    const endMs = this.world.nowMs + forMs;
    while (this.world.nowMs < endMs) {
      if (await isDone()) return true;
      await this.sleep(everyMs);
    }
    return false;
  }

  sleep(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.schedule(forMs, resolve);
    });
  }

  async #isReady(): Promise<boolean> {
    try {
      const { keyspaces } = await this.admin.status();
      return keyspaces.some(({ name, state }) => name === KEYSPACE && state === 'ready');
    } catch {
      return false;
    }
  }
}
