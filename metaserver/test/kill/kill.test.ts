// kill -9 of the real process, again and again, while drives register, ranges are cut and moved, and
// keyspaces are made. Whatever was answered before the kill must be there after it.
//
// PITON_META_KILLS sets how often; the default keeps the run short.

import { Partitioning } from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { DriveView, StatusView } from '../../src/index.ts';
import { deadline, eventually } from '../support/deadline.ts';
import { connectClient, type FakeClient } from '../support/fake-client.ts';
import { FakeDrive } from '../support/fake-drive.ts';
import { withFolder } from '../support/folder.ts';
import { type MetaProcess, startMetaProcess } from '../support/meta-process.ts';

const test = suite('kill -9');

const KILLS = Number(process.env['PITON_META_KILLS'] ?? 5);
const DRIVES = 4;

/** What the server has answered for; it may know more, never less. */
class Ledger {
  cluster: string | undefined;
  readonly incarnations: Map<string, number> = new Map();
  readonly keyspaces: Map<string, number> = new Map();
  readonly borders: Set<string> = new Set();
  /** Number of the operation to the border that it makes. */
  readonly accepted: Map<number, string> = new Map();
  indexVersion = 0;

  /** Remembers what is answered; what the kill cuts off is nobody's promise. */
  async try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch {
      // The server is gone, or another operation has the range: both are fine here.
    }
  }
}

async function register(drives: readonly FakeDrive[], ledger: Ledger): Promise<void> {
  await Promise.all(
    drives.map((drive) =>
      ledger.try(async () => {
        drive.incarnation++;
        await drive.register();
        ledger.incarnations.set(drive.id, drive.incarnation);
      }),
    ),
  );
}

async function work(client: FakeClient, ledger: Ledger, round: number): Promise<void> {
  const { id } = await client.keyspaceWhenReady();
  for (let step = 0; client.connection.isOpen; step++) {
    const name = `k${round}-${step}`;
    const border = `${(step * 7919) % 1000}-${round}-${step}`;
    await Promise.all([
      ledger.try(async () => {
        const made = await client.create(name, Partitioning.hash, 2);
        ledger.keyspaces.set(name, made.id);
      }),
      ledger.try(async () => {
        const operation = await client.split(id, new Uint8Array(Buffer.from(border)));
        ledger.accepted.set(operation, border);
        if ((await client.ended(operation)).state === 'done') ledger.borders.add(border);
      }),
      ledger.try(async () => {
        const [record] = await client.records(id);
        const from = record?.chain[0]?.drive as string;
        const to = [1, 2, 3, 4].map((n) => `d${n}`).find((n) => n !== from) as string;
        await client.ended(await client.move(id, new Uint8Array(0), from, to));
      }),
    ]);
  }
}

async function checkLedger(meta: MetaProcess, client: FakeClient, ledger: Ledger): Promise<void> {
  const ask = async (path: string) => (await fetch(`http://${meta.httpAddress}${path}`)).json();
  const status = (await ask('/api/status')) as StatusView;
  ledger.cluster ??= status.clusterId;
  assert.is(status.clusterId, ledger.cluster);
  assert.ok(status.indexVersion >= ledger.indexVersion, 'the index version never goes back');
  ledger.indexVersion = status.indexVersion;
  const { drives } = (await ask('/api/drives')) as { drives: DriveView[] };
  for (const [id, incarnation] of ledger.incarnations) {
    const found = drives.find((drive) => drive.id === id);
    assert.ok(found !== undefined && found.incarnation >= incarnation, `drive ${id}`);
  }
  for (const [name, id] of ledger.keyspaces) {
    assert.is((await client.keyspace(name)).id, id, `keyspace ${name}`);
  }
}

/** Every accepted operation ends, and every border that was answered for is there. */
async function checkBorders(client: FakeClient, ledger: Ledger): Promise<void> {
  const { id } = await client.keyspaceWhenReady();
  for (const [operation, border] of ledger.accepted) {
    const { state } = await client.ended(operation);
    if (state === 'done') ledger.borders.add(border);
  }
  ledger.accepted.clear();
  const records = await client.records(id);
  const starts = new Set(records.map(({ start }) => Buffer.from(start).toString()));
  for (const border of ledger.borders) assert.ok(starts.has(border), `border ${border}`);
  records.slice(1).forEach((record, at) => {
    assert.equal(record.start, records[at]?.end, 'no hole');
  });
  assert.is(new Set(records.map((record) => record.id)).size, records.length, 'no number twice');
}

test(
  `nothing that was answered is forgotten, ${KILLS} times`,
  deadline(20_000 + 3_000 * KILLS, () =>
    withFolder(async (folder) => {
      const ledger = new Ledger();
      let ports = ['--port', '0', '--http-port', '0'];
      const base = ['--data', folder, '--replicas', '2', '--expect-drives', `${DRIVES}`];
      let drives: FakeDrive[] = [];
      for (let round = 0; round <= KILLS; round++) {
        const meta = await startMetaProcess([...base, ...ports]);
        const portOf = (address: string): string => address.split(':')[1] as string;
        ports = ['--port', portOf(meta.address), '--http-port', portOf(meta.httpAddress)];
        if (drives.length === 0) {
          drives = Array.from(
            { length: DRIVES },
            (_, n) => new FakeDrive({ address: meta.address, id: `d${n + 1}` }),
          );
        }
        const client = await connectClient(meta.address);
        const registered = register(drives, ledger);
        if (round > 0) await checkLedger(meta, client, ledger);
        await registered;
        await checkBorders(client, ledger);
        const working = round < KILLS ? work(client, ledger, round) : undefined;
        working?.catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 20 + ((round * 37) % 200)));
        // On a busy machine nothing may have been answered yet: then there would be nothing to forget.
        const isEnough = (): boolean =>
          round === KILLS || Math.min(ledger.keyspaces.size, ledger.borders.size) > round / 2;
        await eventually(isEnough);
        await meta.kill();
        await eventually(() => !client.connection.isOpen);
        await working?.catch(() => {});
      }
      assert.ok(ledger.keyspaces.size >= KILLS / 2, `${ledger.keyspaces.size} keyspaces were made`);
      assert.ok(ledger.borders.size >= KILLS / 2, `${ledger.borders.size} ranges were cut`);
      for (const drive of drives) drive.close();
    }),
  ),
);

test.run();
