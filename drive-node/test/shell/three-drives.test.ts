// Three whole drives in one process, as one chain: what the head acknowledges is at the tail, and a member
// that goes away and comes back finds its neighbours again.

import { join } from 'node:path';
import {
  driveId,
  epoch,
  indexVersion,
  keyspaceId,
  MemberState,
  type RangeRecord,
  rangeId,
} from '@piton/protocol';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Drive, startDrive } from '../../src/shell/drive.ts';
import { Reader } from '../kill/reader.ts';
import { SteadyWorkload } from '../kill/steady-workload.ts';
import { SteadyWriter } from '../kill/steady-writer.ts';
import { verifySteady } from '../kill/verify.ts';
import { deadline } from './deadline.ts';
import { FakeMeta } from './fake-meta.ts';
import { withFolder } from './temporary-folder.ts';

const chain = suite('a chain of three drives');

const NAMES = ['d1', 'd2', 'd3'];
const RECORD: RangeRecord = {
  id: rangeId(1),
  keyspace: keyspaceId(1),
  start: new Uint8Array(0),
  end: undefined,
  epoch: epoch(1),
  version: indexVersion(1),
  chain: NAMES.map((name) => ({ drive: driveId(name), state: MemberState.serving })),
};

interface Scene {
  readonly drives: Map<string, Drive>;
  readonly writer: SteadyWriter;
  /** Resolves with how many writes had been sent when the drive was gone. */
  restart(name: string): Promise<number>;
  /** Everything acknowledged is at the tail. */
  verify(): Promise<void>;
}

async function withChain(run: (scene: Scene) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const meta = await FakeMeta.start();
    const drives = new Map<string, Drive>();
    const start = async (name: string): Promise<void> => {
      const options = { meta: [meta.address], dataDir: join(folder, name), id: name, port: 0 };
      drives.set(name, await startDrive(options));
    };
    const workload = new SteadyWorkload(503);
    const writer = new SteadyWriter({ workload, rangeId: RECORD.id, epoch: RECORD.epoch });
    try {
      for (const name of NAMES) await start(name);
      await meta.install(RECORD, true);
      await run({
        drives,
        writer,
        async restart(name) {
          await drives.get(name)?.stop();
          const { sent } = writer;
          await start(name);
          return sent;
        },
        async verify() {
          const reader = await Reader.open((drives.get('d3') as Drive).address, RECORD);
          await verifySteady(reader, workload, writer.acknowledged, writer.sent);
          reader.close();
        },
      });
    } finally {
      for (const drive of drives.values()) await drive.stop();
      await meta.stop();
    }
  });
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** The writer tells nobody how far it is: it is looked at now and then. */
async function until(isDone: () => boolean, complaint: string): Promise<void> {
  const patienceMs = 10_000;
  for (const endMs = Date.now() + patienceMs; !isDone(); ) {
    assert.ok(Date.now() < endMs, complaint);
    await pause(10);
  }
}

chain(
  'what the head acknowledges is read at the tail',
  deadline(20_000, () =>
    withChain(async ({ drives, writer, verify }) => {
      await writer.start((drives.get('d1') as Drive).address);
      await pause(300);
      await writer.finish();
      assert.is(writer.failure, undefined);
      assert.ok(writer.acknowledged > 100, `only ${writer.acknowledged} writes`);
      assert.is((drives.get('d2') as Drive).statistics().peers, 2);
      await verify();
    }),
  ),
);

chain(
  'writes that wait for a member are done when it is back',
  deadline(30_000, () =>
    withChain(async ({ drives, writer, restart, verify }) => {
      await writer.start((drives.get('d1') as Drive).address);
      for (const name of ['d2', 'd3']) {
        await pause(100);
        // All that was under way then is acknowledged, and more.
        const sent = await restart(name);
        await until(() => writer.acknowledged > sent, `${name} is back and nothing moves`);
      }
      await writer.finish();
      assert.is(writer.failure, undefined);
      await verify();
    }),
  ),
);

chain.run();
