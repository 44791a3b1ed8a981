// What lies in the folder when a store is opened: segments, and a checkpoint when it is usable.

import { type Disk, unlinkIfThere } from '../disk/disk.ts';
import { LOG_FOLDER_NAME, type StoreFolder } from '../disk/folder.ts';
import { SEGMENT_HEADER_BYTES, segmentName, segmentNumber } from '../log/segment.ts';
import { SegmentTable } from '../log/segment-table.ts';
import { StoreFacts } from '../log/store-facts.ts';
import { StoreError } from '../store.ts';
import { type LoadedCheckpoint, readCheckpoint } from './checkpoint.ts';

export interface SavedState {
  readonly segments: SegmentTable;
  readonly facts: StoreFacts;
  /** Undefined: everything has to be rebuilt from the log. */
  readonly checkpoint: LoadedCheckpoint | undefined;
  /** Highest number that any segment file had. */
  readonly numberLast: number;
}

export async function readSavedState(
  disk: Disk,
  directory: string,
  folder: StoreFolder,
): Promise<SavedState> {
  const { sizes, numberLast } = await listSegments(disk, `${directory}/${LOG_FOLDER_NAME}`);
  const saved = await tryCheckpoint(disk, directory, folder, sizes);
  if (saved !== undefined) return { ...saved, numberLast };
  const segments = newTable(directory, folder);
  addSegments(segments, sizes);
  return { segments, facts: new StoreFacts(), checkpoint: undefined, numberLast };
}

/** Undefined when there is no checkpoint, or it is not whole or does not fit the segments. */
async function tryCheckpoint(
  disk: Disk,
  directory: string,
  folder: StoreFolder,
  sizes: ReadonlyMap<number, number>,
): Promise<Omit<SavedState, 'numberLast'> | undefined> {
  const segments = newTable(directory, folder);
  const facts = new StoreFacts();
  const existing = new Set(sizes.keys());
  const path = `${directory}/checkpoint`;
  try {
    const checkpoint = await readCheckpoint(disk, path, segments, facts, existing);
    if (checkpoint === undefined) return undefined;
    addSegments(segments, sizes);
    return { segments, facts, checkpoint };
  } catch (error) {
    if (error instanceof StoreError && error.code === 'damaged') return undefined;
    throw error;
  }
}

function newTable(directory: string, folder: StoreFolder): SegmentTable {
  return new SegmentTable(`${directory}/${LOG_FOLDER_NAME}`, folder.geometry);
}

/** Numbers and bytes of the files. One without a byte behind its header never held a record. */
async function listSegments(
  disk: Disk,
  logFolder: string,
): Promise<{ sizes: Map<number, number>; numberLast: number }> {
  const sizes = new Map<number, number>();
  let numberLast = 0;
  for (const name of await disk.list(logFolder)) {
    const number = segmentNumber(name);
    if (number === undefined || name !== segmentName(number)) continue;
    numberLast = Math.max(numberLast, number);
    const path = `${logFolder}/${name}`;
    const file = await disk.open(path, 'read');
    const bytes = await file.size().finally(() => file.close());
    if (bytes > SEGMENT_HEADER_BYTES) sizes.set(number, bytes);
    else await unlinkIfThere(disk, path);
  }
  return { sizes, numberLast };
}

function addSegments(segments: SegmentTable, sizes: ReadonlyMap<number, number>): void {
  for (const [number, bytes] of [...sizes].sort(([a], [b]) => a - b)) {
    const segment = segments.byNumber(number) ?? segments.add(number, undefined);
    if (segment === undefined || bytes > segments.segmentBytes) {
      throw new StoreError('damaged', `segment ${number} does not fit this store`);
    }
    segments.grow(segment, bytes - segment.appendedBytes);
    segment.writtenBytes = bytes;
  }
}
