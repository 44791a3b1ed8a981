// Fake drives and a fake metadata server as one cluster, and the small steps that tests need.

import { type DriveAddress, MemberState, type RangeRecord } from '@piton/protocol';
import { type ClientOptions, KVClient } from '../../src/index.ts';
import { FakeDrive, FakeStore } from './fake-drive.ts';
import { FakeMeta } from './fake-meta.ts';

export interface FakeClusterOptions {
  readonly drives?: number;
  readonly partitioning?: 'range' | 'hash';
  /** Keys at which the keyspace is cut; ranges go to the drives in turn. */
  readonly cuts?: readonly Uint8Array[];
}

export class FakeCluster {
  readonly store: FakeStore = new FakeStore();
  readonly meta: FakeMeta = new FakeMeta();
  readonly drives: FakeDrive[] = [];
  readonly #clients: KVClient<never>[] = [];

  static async start(options: FakeClusterOptions = {}): Promise<FakeCluster> {
    const cluster = new FakeCluster();
    const { drives = 1, partitioning = 'range', cuts = [] } = options;
    for (let number = 1; number <= drives; number++) {
      const drive = new FakeDrive(`drive-${number}`, cluster.store);
      await drive.start();
      cluster.drives.push(drive);
    }
    cluster.meta.keyspace = { ...cluster.meta.keyspace, partitioning };
    cluster.publishAddresses();
    const borders = [new Uint8Array(0), ...cuts];
    const records = borders.map((start, position) =>
      rangeRecord({
        id: position + 1,
        start,
        end: cuts[position],
        drives: [`drive-${(position % drives) + 1}`],
      }),
    );
    cluster.meta.records = records;
    for (const drive of cluster.drives) drive.records = [...records];
    await cluster.meta.start();
    return cluster;
  }

  publishAddresses(incarnation: number = 1): void {
    const addresses = this.drives.map(
      (drive) => ({ drive: drive.id, address: drive.address, incarnation }) as DriveAddress,
    );
    this.meta.addresses = addresses;
    for (const drive of this.drives) drive.addresses = addresses;
  }

  /** Tells drives (not the metadata server) of new records. */
  install(records: readonly RangeRecord[], drives: readonly FakeDrive[] = this.drives): void {
    for (const drive of drives) {
      const ids = new Set(records.map(({ id }) => id));
      drive.records = [...drive.records.filter(({ id }) => !ids.has(id)), ...records];
      drive.indexVersion = Math.max(...records.map(({ version }) => version));
    }
  }

  options(options: Partial<ClientOptions> = {}): ClientOptions {
    return { metadata: [this.meta.address], timeoutMs: 3_000, ...options };
  }

  async connect<V = unknown>(options: Partial<ClientOptions> = {}): Promise<KVClient<V>> {
    const client = await KVClient.connect<V>(this.options(options));
    this.#clients.push(client as unknown as KVClient<never>);
    return client;
  }

  lazy<V = unknown>(options: Partial<ClientOptions> = {}): KVClient<V> {
    const client = new KVClient<V>(this.options(options));
    this.#clients.push(client as unknown as KVClient<never>);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) await client.close({ drainMs: 0 });
    await this.meta.stop();
    for (const drive of this.drives) await drive.stop();
  }
}

export interface RecordOptions {
  readonly id: number;
  readonly start?: Uint8Array;
  readonly end?: Uint8Array | undefined;
  readonly epoch?: number;
  readonly version?: number;
  readonly drives: readonly string[];
}

export function rangeRecord(options: RecordOptions): RangeRecord {
  const { id, start = new Uint8Array(0), end, epoch = 1, version = 1, drives } = options;
  const chain = drives.map((drive) => ({ drive, state: MemberState.serving }));
  return { id, keyspace: 1, start, end, epoch, version, chain } as unknown as RangeRecord;
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}
