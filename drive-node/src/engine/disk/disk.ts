// The seam between the storage engine and the device.
//
// Three qualities of a write, and the engine never confuses them: accepted (the promise of `write`
// is pending), with the operating system (`write` settled), on the device (`flush` or
// `writeFlushed` settled). A failed flush says nothing about what arrived, and a second flush that
// succeeds says nothing about the first: whoever sees one fail must stop trusting the file.
//
// A full device is an error whose `code` is ENOSPC. Paths are opaque names below one root.

/** Bytes to be written: in one piece, or in several that lie one behind the other in the file. */
export type Pieces = Uint8Array | readonly Uint8Array[];

export interface DiskFile {
  /** Fills `target` from `offset` on; fewer bytes than asked only at the end of the file. */
  read(target: Uint8Array, offset: number): Promise<number>;
  /** `data` must not change until the promise settles. */
  write(data: Pieces, offset: number): Promise<void>;
  /**
   * Like `write`, and these bytes (not what was written before) are on the device afterwards. With
   * `zeroBytes` so many zeros follow: a later write in their place changes nothing about the file,
   * so the device is spared to note a new length.
   */
  writeFlushed(data: Pieces, offset: number, zeroBytes?: number): Promise<void>;
  /** Everything whose `write` had settled before the call is on the device afterwards. */
  flush(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** `create` fails with EEXIST when the file is there; the others with ENOENT when it is not. */
export type OpenMode = 'read' | 'write' | 'create';

/** Exclusive ownership of a folder. It ends with the process, however that dies. */
export interface DiskLock {
  release(): Promise<void>;
}

export interface Disk {
  /** Creates the folder and its parents when they are missing. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a folder, in no order. Empty when the folder does not exist. */
  list(path: string): Promise<string[]>;
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Replaces what had the new name. Durable after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Durable after `syncDirectory`. Fails with ENOENT when it is not there. */
  unlink(path: string): Promise<void>;
  /** Makes creations, renames and removals in this folder durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that the device would still take. */
  freeBytes(path: string): Promise<number>;
  /** Undefined when someone else holds it. */
  lock(path: string): Promise<DiskLock | undefined>;
}

/** The `code` of a system error, or an empty text. */
export function diskErrorCode(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** Reads a small file whole; undefined when it does not exist. */
export async function readWholeFile(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  let file: DiskFile;
  try {
    file = await disk.open(path, 'read');
  } catch (error) {
    if (diskErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const content = new Uint8Array(await file.size());
    const readBytes = await file.read(content, 0);
    return content.subarray(0, readBytes);
  } finally {
    await file.close();
  }
}

/** Removes a file that may not be there. */
export async function unlinkIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path);
  } catch (error) {
    if (diskErrorCode(error) !== 'ENOENT') throw error;
  }
}
