// The drive's data folder: its identity and its store, behind one seam.
//
// The identity may be read before the store is open; it is written only while the store is, because the
// store holds the folder's lock. A drive that finds the lock taken, another owner or a newer format has
// written nothing by then.

import type { Owner, Store } from '../engine/store.ts';
import type { Identity, IdentityKeeper } from './identity.ts';

export interface OpenStoreOptions {
  readonly owner: Owner;
  readonly identity: Identity;
  readonly capacityBytes: number | undefined;
  readonly cacheBytes: number;
}

export interface DataFolder {
  /** For messages to people. */
  readonly name: string;
  readonly identity: IdentityKeeper;
  /** Throws StoreError, or what the system throws. */
  openStore(options: OpenStoreOptions): Promise<Store>;
}
