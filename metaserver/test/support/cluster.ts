// A metadata server with fake drives and a client, over real sockets, for one test.

import { nodeEnvironment, Partitioning } from '@piton/protocol';
import { MemoryCatalog, type Meta, type MetaOptions, startMeta } from '../../src/index.ts';
import { connectClient, type FakeClient } from './fake-client.ts';
import { FakeDrive, type FakeDriveOptions } from './fake-drive.ts';

export interface TestCluster {
  readonly catalog: MemoryCatalog;
  meta: Meta;
  readonly drives: FakeDrive[];
  readonly client: FakeClient;
  drive(id: string): FakeDrive;
  addDrive(options: Omit<FakeDriveOptions, 'address'>): Promise<FakeDrive>;
  /** Stops the server as it is and starts another one on the same catalog. Drives dial again. */
  restart(options?: Partial<MetaOptions>): Promise<void>;
}

const NO_FOLDER = 'not used';

export const key = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

export async function withCluster(
  driveCount: number,
  options: Partial<MetaOptions>,
  run: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  const catalog = new MemoryCatalog();
  const base = {
    dataDir: NO_FOLDER,
    catalog,
    environment: nodeEnvironment,
    partitioning: Partitioning.range,
    settleMs: 20,
    patienceMs: 300,
    // Fake drives send no heartbeats by themselves.
    failover: false,
    ...(driveCount > 0 ? { drivesExpected: driveCount } : {}),
    ...options,
  };
  const meta = await startMeta(base);
  const drives: FakeDrive[] = [];
  const client = await connectClient(meta.address);
  const cluster: TestCluster = {
    catalog,
    meta,
    drives,
    client,
    drive: (id) => drives.find((drive) => drive.id === id) as FakeDrive,
    async addDrive(given) {
      const drive = new FakeDrive({ ...given, address: cluster.meta.address });
      drives.push(drive);
      await drive.register();
      return drive;
    },
    async restart(changed = {}) {
      const port = Number(cluster.meta.address.split(':')[1]);
      await cluster.meta.stop();
      catalog.reopen();
      cluster.meta = await startMeta({ ...base, port, ...changed });
    },
  };
  try {
    for (let number = 1; number <= driveCount; number++)
      await cluster.addDrive({ id: `d${number}` });
    await run(cluster);
  } finally {
    for (const drive of drives) drive.close();
    client.close();
    await cluster.meta.stop();
  }
}
