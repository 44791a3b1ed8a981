// The drive's data folder: its lock, its identity and its store, on one disk.
//
// The identity may be read at any time; everything else needs the lock, which is held until `release`.
// A drive that finds it taken, or another owner, or a newer format, has written nothing by then. The
// store is bound to the random folder id: an identity file and a store that do not belong together are
// never put together.

import type { Environment } from '@piton/protocol';
import { type Disk, type DiskLock, diskErrorCode } from '../../engine/disk/disk.ts';
import type { StoreIdentity } from '../../engine/disk/folder.ts';
import { type Owner, type Store, StoreError } from '../../engine/store.ts';
import { IdentityFile } from './identity.ts';

export interface OpenStoreOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly environment: Environment;
  readonly owner: Owner;
  readonly identity: StoreIdentity;
  readonly capacityBytes: number;
  readonly cacheBytes: number;
  /** Told of a part of the log that cannot be read any more. */
  readonly onDamage: (bytes: number) => void;
}

/** Makes what is missing. Throws StoreError, or what the system throws. */
export type OpenStore = (options: OpenStoreOptions) => Promise<Store>;

const LOCK_NAME = 'drive.lock';
const LOG_FOLDER_NAME = 'log';
/** Most that a drive takes of a disk when nobody says how much. */
const CAPACITY_BYTES_DEFAULT = 31 * 1024 ** 3;

export class DataFolder {
  readonly path: string;
  readonly identity: IdentityFile;
  readonly #disk: Disk;
  readonly #openStore: OpenStore;
  #lock: DiskLock | undefined;

  constructor(disk: Disk, path: string, openStore: OpenStore) {
    this.path = path;
    this.identity = new IdentityFile(disk, path);
    this.#disk = disk;
    this.#openStore = openStore;
  }

  /** Makes the folder when it is missing, and owns it. Throws StoreError `in-use`. */
  async take(): Promise<void> {
    await this.#disk.makeDirectory(this.path);
    this.#lock = await this.#disk.lock(`${this.path}/${LOCK_NAME}`);
    if (this.#lock === undefined) throw new StoreError('in-use', 'in use by another process');
  }

  async openStore(
    options: Omit<OpenStoreOptions, 'disk' | 'directory' | 'capacityBytes'> & {
      readonly capacityBytes: number | undefined;
    },
  ): Promise<Store> {
    const capacityBytes = options.capacityBytes ?? (await this.#usualCapacity());
    return this.#openStore({ ...options, capacityBytes, disk: this.#disk, directory: this.path });
  }

  async release(): Promise<void> {
    await this.#lock?.release();
    this.#lock = undefined;
  }

  /** What is free, and what the log has already; not more than the default. */
  async #usualCapacity(): Promise<number> {
    const freeBytes = await this.#disk.freeBytes(this.path);
    const folder = `${this.path}/${LOG_FOLDER_NAME}`;
    let usedBytes = 0;
    for (const name of await this.#disk.list(folder)) {
      usedBytes += await this.#sizeOf(`${folder}/${name}`);
    }
    return Math.min(CAPACITY_BYTES_DEFAULT, freeBytes + usedBytes);
  }

  async #sizeOf(path: string): Promise<number> {
    try {
      const file = await this.#disk.open(path, 'read');
      try {
        return await file.size();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (diskErrorCode(error) === 'ENOENT') return 0;
      throw error;
    }
  }
}
