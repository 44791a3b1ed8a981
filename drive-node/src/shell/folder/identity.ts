// Who this data folder is: drive, folder, cluster, and how often it was started.
//
// One small JSON file (`drive.json`), readable by people, replaced as a whole: written beside, flushed,
// renamed, folder flushed. The cluster is empty until the first registration and fixed from then on;
// the incarnation is raised and on the device before anybody hears of it. The file is only written by
// the process that holds the folder's lock; it may be read without.

import { hostname } from 'node:os';
import {
  type ClusterId,
  clusterId,
  type DriveId,
  driveId,
  type Incarnation,
  incarnation,
  type Random,
} from '@piton/protocol';
import { type Disk, readWholeFile, unlinkIfThere } from '../../engine/disk/disk.ts';
import { DriveError } from '../failures.ts';

export interface Identity {
  readonly drive: DriveId;
  /** Random, made once with the folder: two folders can never claim one drive id. */
  readonly folderId: string;
  /** Undefined until the first registration. */
  readonly cluster: ClusterId | undefined;
  /** Of the latest start; 0 before the first. */
  readonly incarnation: number;
}

const FORMAT = 1;
const FILE = 'drive.json';
const FOLDER_ID_BYTES = 16;

/** The identity in force: what was written last. */
export class IdentityBook {
  readonly #keeper: IdentityFile;
  #current: Identity;

  constructor(keeper: IdentityFile, start: Identity) {
    this.#keeper = keeper;
    this.#current = start;
  }

  get current(): Identity {
    return this.#current;
  }

  async write(identity: Identity): Promise<void> {
    await this.#keeper.write(identity);
    this.#current = identity;
  }
}

/** Highest incarnation that the protocol can carry is 2^32-1: 136 years of a restart each second. */
export function nextIncarnation(identity: Identity): Incarnation {
  return incarnation(identity.incarnation + 1);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A new name: host name, so that people recognise it, and chance, so that two never collide. */
function inventDriveId(random: Random): DriveId {
  const host = hostname()
    .split('.', 1)[0]
    ?.replace(/[^A-Za-z0-9_-]/g, '-');
  return driveId(`${(host || 'drive').slice(0, 50)}-${hexOf(random.bytes(4))}`);
}

/**
 * The identity to start with. A folder that already joined a cluster keeps its name for ever; one
 * that never did may still be given another. Throws DriveError `folder-of-another`.
 */
export function identityFor(
  stored: Identity | undefined,
  wantedId: string | undefined,
  folder: string,
  random: Random,
): Identity {
  if (stored === undefined) {
    const drive = wantedId === undefined ? inventDriveId(random) : driveId(wantedId);
    const folderId = hexOf(random.bytes(FOLDER_ID_BYTES));
    return { drive, folderId, cluster: undefined, incarnation: 0 };
  }
  if (wantedId === undefined || wantedId === stored.drive) return stored;
  if (stored.cluster === undefined) return { ...stored, drive: driveId(wantedId) };
  throw new DriveError(
    'folder-of-another',
    `data folder ${folder} belongs to drive ${stored.drive}, not to ${wantedId}; ` +
      `leave --id away, or give ${wantedId} a folder of its own with --data`,
  );
}

export class IdentityFile {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #path: string;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#path = `${folder}/${FILE}`;
  }

  /** Undefined for a folder that no drive has used. Throws DriveError. */
  async read(): Promise<Identity | undefined> {
    const bytes = await readWholeFile(this.#disk, this.#path);
    return bytes === undefined ? undefined : this.#parse(Buffer.from(bytes).toString());
  }

  /** All or nothing, on the device when it settles. */
  async write(identity: Identity): Promise<void> {
    const beside = `${this.#path}.new`;
    const text = `${JSON.stringify({ format: FORMAT, ...identity }, undefined, 2)}\n`;
    await unlinkIfThere(this.#disk, beside);
    try {
      await this.#writeFlushed(beside, Buffer.from(text));
      await this.#disk.rename(beside, this.#path);
    } catch (error) {
      await unlinkIfThere(this.#disk, beside);
      throw error;
    }
    await this.#disk.syncDirectory(this.#folder);
  }

  async #writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(path, 'create');
    try {
      await file.writeFlushed(bytes, 0);
      await file.flush();
    } finally {
      await file.close();
    }
  }

  #parse(text: string): Identity {
    let fields: Record<string, unknown>;
    try {
      fields = JSON.parse(text) as Record<string, unknown>;
      const { format, folderId, cluster } = fields;
      if (typeof format === 'number' && format > FORMAT) throw this.#newer(format);
      if (typeof folderId !== 'string') throw new TypeError('folder id is missing');
      const starts = fields['incarnation'];
      return {
        drive: driveId(fields['drive']),
        folderId,
        cluster: cluster === undefined ? undefined : clusterId(cluster),
        incarnation: starts === 0 ? 0 : incarnation(starts),
      };
    } catch (cause) {
      if (cause instanceof DriveError) throw cause;
      const message =
        `data folder ${this.#folder}: ${FILE} cannot be read (${(cause as Error).message}); ` +
        'restore it from a copy, or start this drive with an empty --data';
      throw new DriveError('damaged', message, { cause });
    }
  }

  #newer(format: number): DriveError {
    return new DriveError(
      'newer-format',
      `data folder ${this.#folder}: ${FILE} has format ${format}, this version knows ${FORMAT}; ` +
        'start it with the newer version of Piton that wrote it',
    );
  }
}
