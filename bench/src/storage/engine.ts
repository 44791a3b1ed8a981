// The storage engine of a drive, without a drive around it.
//
// The engine is no public part of @piton/drive-node: this file alone reaches into it.

import { nodeEnvironment } from '@piton/protocol';
import type * as Opening from '../../../drive-node/dist/src/engine/open-log-store.js';
import type { Store } from '../../../drive-node/dist/src/engine/store.js';

export type {
  Appended,
  LogRecord,
  Namespace,
  Store,
} from '../../../drive-node/dist/src/engine/store.js';

const url = new URL('../../../../drive-node/dist/src/engine/open-log-store.js', import.meta.url);

export async function openEngine(directory: string, cacheBytes: number): Promise<Store> {
  const { openLogStore } = (await import(url.href)) as typeof Opening;
  const identity = { clusterId: '0f8fad5b-d9cb-469f-a165-70867728950e', driveId: 'bench' };
  const { clock, random } = nodeEnvironment;
  return openLogStore({ directory, cacheBytes, identity, clock, random });
}
