// Where a cluster keeps its data: `meta` for the metadata server and one folder for each drive, under
// one folder that is the caller's, or a temporary one that is removed when the cluster stops.

import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DRIVE_FOLDER = /^drive-([1-9]\d*)$/;

export interface ClusterFolder {
  readonly path: string;
  readonly isTemporary: boolean;
}

export async function openFolder(dataDir: string | undefined): Promise<ClusterFolder> {
  if (dataDir === undefined) {
    return { path: await mkdtemp(join(tmpdir(), 'piton-')), isTemporary: true };
  }
  await mkdir(dataDir, { recursive: true });
  return { path: dataDir, isTemporary: false };
}

export async function closeFolder(folder: ClusterFolder): Promise<void> {
  if (!folder.isTemporary) return;
  await rm(folder.path, { recursive: true, force: true, maxRetries: 3 });
}

export function metaFolder(folder: ClusterFolder): string {
  return join(folder.path, 'meta');
}

export function driveFolder(folder: ClusterFolder, id: string): string {
  return join(folder.path, id);
}

/** Numbers of the drives that an earlier cluster left in the folder, in order. */
export async function drivesIn(folder: ClusterFolder): Promise<number[]> {
  const names = await readdir(folder.path);
  return names
    .flatMap((name) => {
      const number = DRIVE_FOLDER.exec(name)?.[1];
      return number === undefined ? [] : [Number(number)];
    })
    .sort((a, b) => a - b);
}
