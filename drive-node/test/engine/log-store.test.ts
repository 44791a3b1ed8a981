// The log store passes the suite of all stores: on a real disk with its threads, and on a disk in
// memory without any.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryDisk } from '../../src/engine/disk/memory-disk.ts';
import { openLogStore } from '../../src/engine/open-log-store.ts';
import { clock, identity, random } from './suite/harness.ts';
import { runStoreSuite } from './suite/store-suite.ts';

const folders: string[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'piton-engine-'));
  folders.push(folder);
  return folder;
}

runStoreSuite('log store', {
  open: async (options) =>
    openLogStore({ directory: await newFolder(), clock, random, identity, ...options }),
  cleanUp: async () => {
    for (const folder of folders) await rm(folder, { recursive: true });
  },
});

runStoreSuite('log store with a tiny cache on a disk in memory', {
  open: (options) =>
    openLogStore({
      directory: '/data',
      clock,
      random,
      identity,
      disk: new MemoryDisk(),
      cacheBytes: 1,
      ...options,
    }),
  cleanUp: async () => {},
});
