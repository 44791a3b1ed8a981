// What runs behind the shell when nobody says otherwise: the log store in the data folder, and the real
// ranges.

import { mkdir } from 'node:fs/promises';
import { nodeEnvironment } from '@piton/protocol';
import { createMemoryStore } from '../engine/memory-store.ts';
import type { DataFolder } from './data-folder.ts';
import { DriveError } from './failures.ts';
import type { OpenRanges } from './host.ts';
import { FileIdentity } from './identity.ts';

export function defaultDataFolder(folder: string): DataFolder {
  return {
    name: folder,
    identity: new FileIdentity(folder),
    async openStore({ owner }) {
      await mkdir(folder, { recursive: true });
      return createMemoryStore({ clock: nodeEnvironment.clock, owner });
    },
  };
}

export const openRangeHost: OpenRanges = () =>
  Promise.reject(new DriveError('store-failed', 'there are no ranges to serve yet'));
