// Who owns a data folder: one process, of one drive of one cluster, in one format.
//
// Everything is judged before anything is touched: a folder of another owner, or of a newer
// format, stays exactly as it is. The geometry of the log is chosen when the folder is made and
// written down here, because places and checksums depend on it.

import type { Random } from '@piton/protocol';
import { readWord } from '../log/record.ts';
import { FORMAT_VERSION, type LogGeometry } from '../log/segment.ts';
import { StoreError } from '../store.ts';
import { type Disk, type DiskLock, readWholeFile, unlinkIfThere } from './disk.ts';

/** Whom the data belongs to. */
export interface StoreIdentity {
  readonly clusterId: string;
  readonly driveId: string;
}

export interface StoreFolder {
  readonly lock: DiskLock;
  readonly geometry: LogGeometry;
  /** Names the store; made once with the folder. */
  readonly storeId: string;
}

const IDENTITY_NAME = 'identity.json';
const LOCK_NAME = 'lock';
export const LOG_FOLDER_NAME = 'log';

interface IdentityFile extends StoreIdentity, LogGeometry {
  readonly format: number;
}

/** Takes the folder, or makes it. Throws StoreError in-use, wrong-owner, newer-format, damaged. */
export async function openFolder(
  disk: Disk,
  directory: string,
  identity: StoreIdentity,
  random: Random,
  shape: { readonly segmentBits: number; readonly unitBits: number },
): Promise<StoreFolder> {
  const path = `${directory}/${IDENTITY_NAME}`;
  const before = await readIdentity(disk, path);
  if (before !== undefined) checkIdentity(before, identity, directory);
  await disk.makeDirectory(`${directory}/${LOG_FOLDER_NAME}`);
  const lock = await disk.lock(`${directory}/${LOCK_NAME}`);
  if (lock === undefined) {
    throw new StoreError('in-use', `${directory} is in use by another process`);
  }
  try {
    const file = (await readIdentity(disk, path)) ?? newIdentity(identity, random, shape);
    checkIdentity(file, identity, directory);
    if (before === undefined) await writeIdentity(disk, directory, path, file);
    const { segmentBits, unitBits, seedHigh, seedLow } = file;
    const storeId = `${seedHigh.toString(16)}-${seedLow.toString(16)}`;
    return { lock, geometry: { segmentBits, unitBits, seedHigh, seedLow }, storeId };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function newIdentity(
  identity: StoreIdentity,
  random: Random,
  shape: { readonly segmentBits: number; readonly unitBits: number },
): IdentityFile {
  const { clusterId, driveId } = identity;
  const seed = random.bytes(8);
  const seeds = { seedHigh: readWord(seed, 0), seedLow: readWord(seed, 4) };
  return { format: FORMAT_VERSION, clusterId, driveId, ...shape, ...seeds };
}

async function writeIdentity(
  disk: Disk,
  directory: string,
  path: string,
  identity: IdentityFile,
): Promise<void> {
  const draft = `${path}.new`;
  await unlinkIfThere(disk, draft);
  const file = await disk.open(draft, 'create');
  try {
    await file.writeFlushed(Buffer.from(`${JSON.stringify(identity, undefined, 2)}\n`), 0);
  } finally {
    await file.close();
  }
  await disk.rename(draft, path);
  await disk.syncDirectory(directory);
}

async function readIdentity(disk: Disk, path: string): Promise<IdentityFile | undefined> {
  const content = await readWholeFile(disk, path);
  if (content === undefined) return undefined;
  let parsed: Partial<IdentityFile> | null;
  try {
    parsed = JSON.parse(Buffer.from(content).toString('utf8')) as Partial<IdentityFile> | null;
  } catch (cause) {
    throw new StoreError('damaged', `${path} is not JSON`, { cause });
  }
  if (!isIdentity(parsed)) throw new StoreError('damaged', `${path} is not an identity`);
  return parsed;
}

function isIdentity(value: Partial<IdentityFile> | null): value is IdentityFile {
  if (value === null || typeof value !== 'object') return false;
  // A newer format may have other fields; it is told apart before they are looked at.
  if (Number.isSafeInteger(value.format) && (value.format as number) > FORMAT_VERSION) return true;
  const isBetween = (number: unknown, lowest: number, highest: number): boolean =>
    Number.isSafeInteger(number) && (number as number) >= lowest && (number as number) <= highest;
  return (
    isBetween(value.format, 1, FORMAT_VERSION) &&
    typeof value.clusterId === 'string' &&
    typeof value.driveId === 'string' &&
    isBetween(value.unitBits, 3, 12) &&
    isBetween(value.segmentBits, (value.unitBits as number) + 8, 31) &&
    isBetween(value.seedHigh, 0, 0xffff_ffff) &&
    isBetween(value.seedLow, 0, 0xffff_ffff)
  );
}

function checkIdentity(file: IdentityFile, identity: StoreIdentity, directory: string): void {
  if (file.format > FORMAT_VERSION) {
    const known = `this program knows formats up to ${FORMAT_VERSION}`;
    throw new StoreError('newer-format', `${directory} has format ${file.format}; ${known}`);
  }
  if (file.clusterId !== identity.clusterId) {
    const whose = `cluster ${file.clusterId}, not ${identity.clusterId}`;
    throw new StoreError('wrong-owner', `${directory} belongs to ${whose}`);
  }
  if (file.driveId !== identity.driveId) {
    const whose = `drive ${file.driveId}, not ${identity.driveId}`;
    throw new StoreError('wrong-owner', `${directory} belongs to ${whose}`);
  }
}
