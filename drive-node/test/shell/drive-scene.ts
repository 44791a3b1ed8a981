// A drive whose ranges and storage are stand-ins, before a metadata server that does what a test wants.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  epoch,
  indexVersion,
  keyspaceId,
  type MemberState,
  type RangeRecord,
  rangeId,
  driveId as toDriveId,
} from '@piton/protocol';
import { type Drive, startDrive } from '../../src/shell/drive.ts';
import type { DriveOptions } from '../../src/shell/options.ts';
import { FakeMeta, type FakeMetaOptions } from './fake-meta.ts';
import { type FakeRanges, fakeRanges, memoryStore } from './fake-ranges.ts';
import { withFolder } from './temporary-folder.ts';

export interface Scene {
  readonly meta: FakeMeta;
  readonly folder: string;
  readonly ranges: FakeRanges[];
  start(options?: Partial<DriveOptions>): Promise<Drive>;
}

/** A metadata server and a folder; every drive that was started is stopped at the end. */
export async function withScene(
  run: (scene: Scene) => Promise<void>,
  options: FakeMetaOptions = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const meta = await FakeMeta.start(options);
    const started: Drive[] = [];
    const ranges: FakeRanges[] = [];
    const start = async (given: Partial<DriveOptions> = {}): Promise<Drive> => {
      const drive = await startDrive({
        meta: [meta.address],
        dataDir: folder,
        id: 'd1',
        port: 0,
        metaWaitMs: 500,
        store: memoryStore,
        ranges: fakeRanges((made) => ranges.push(made)),
        ...given,
      });
      started.push(drive);
      return drive;
    };
    try {
      await run({ meta, folder, ranges, start });
    } finally {
      for (const drive of started) await drive.stop();
      await meta.stop();
    }
  });
}

export function recordOf(id: number, ...chain: string[]): RangeRecord {
  return {
    id: rangeId(id),
    keyspace: keyspaceId(1),
    start: new Uint8Array(0),
    end: undefined,
    epoch: epoch(1),
    version: indexVersion(1),
    chain: chain.map((drive) => ({ drive: toDriveId(drive), state: 1 as MemberState })),
  };
}

export const identityIn = async (folder: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(folder, 'drive.json'), 'utf8'));
