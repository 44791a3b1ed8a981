// The real device: node:fs, asynchronous, so that the event loop never waits for it.
//
// `writeFlushed` goes through a second descriptor that was opened with O_DSYNC: one system call
// instead of write and fdatasync, about half the time. The lock is a SQLite database that is held
// open exclusively: the kernel releases it when the process dies, and SQLite also refuses a second
// owner inside the same process.

import { constants, read as readAt, write as writeAt, writev as writePiecesAt } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import SqliteDatabase from 'better-sqlite3';
import {
  type Disk,
  type DiskFile,
  type DiskLock,
  diskErrorCode,
  type OpenMode,
  type Pieces,
} from './disk.ts';

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};

// The plain calls with a descriptor instead of the handle's methods: less than half of the processor
// time for each group commit. The handle does not know of them, so `NodeFile` counts them: a number
// that is closed under a call may already mean another file when the call is carried out.

type Done = (error: Error | null) => void;

/** Writes all pieces one behind the other, in one call where the system takes them at once. */
function writeAll(
  descriptor: number,
  pieces: readonly Uint8Array[],
  offset: number,
  done: Done,
): void {
  const written = (error: Error | null, bytes: number): void => {
    if (error !== null || bytes === byteCount(pieces)) done(error);
    else writeAll(descriptor, behind(pieces, bytes), offset + bytes, done);
  };
  const only = pieces[0] as Uint8Array;
  if (pieces.length === 1) writeAt(descriptor, only, 0, only.length, offset, written);
  else writePiecesAt(descriptor, pieces, offset, written);
}

function byteCount(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const piece of pieces) bytes += piece.length;
  return bytes;
}

/** What is left of the pieces when so many bytes are taken off. */
function behind(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes;
  let first = 0;
  while (left >= (pieces[first] as Uint8Array).length) {
    left -= (pieces[first] as Uint8Array).length;
    first++;
  }
  return [(pieces[first] as Uint8Array).subarray(left), ...pieces.slice(first + 1)];
}

function piecesOf(data: Pieces, zeroBytes: number): readonly Uint8Array[] {
  const pieces = data instanceof Uint8Array ? [data] : data;
  return zeroBytes === 0 ? pieces : [...pieces, zerosOf(zeroBytes)];
}

let zeroPage: Uint8Array = new Uint8Array(0);

function zerosOf(bytes: number): Uint8Array {
  if (bytes > zeroPage.length) zeroPage = new Uint8Array(bytes);
  return zeroPage.subarray(0, bytes);
}

/** Tells how many bytes were there; fewer than asked only at the end of the file. */
function readAll(
  descriptor: number,
  target: Uint8Array,
  offset: number,
  done: (error: Error | null, bytes: number) => void,
): void {
  const step = (had: number): void => {
    readAt(descriptor, target, had, target.length - had, offset + had, (error, count) => {
      if (error === null && count > 0 && had + count < target.length) step(had + count);
      else done(error, had + count);
    });
  };
  step(0);
}

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #handle: FileHandle;
  #flushedHandle: FileHandle | undefined;
  #underWay = 0;
  #isClosing = false;
  #whenIdle: (() => void) | undefined;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  read(target: Uint8Array, offset: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#begin();
      readAll(this.#handle.fd, target, offset, (error, bytes) => {
        this.#end();
        if (error === null) resolve(bytes);
        else reject(error);
      });
    });
  }

  write(data: Pieces, offset: number): Promise<void> {
    return this.#write(this.#handle.fd, piecesOf(data, 0), offset);
  }

  writeFlushed(data: Pieces, offset: number, zeroBytes: number = 0): Promise<void> {
    const pieces = piecesOf(data, zeroBytes);
    const handle = this.#flushedHandle;
    if (handle === undefined) return this.#writeFlushedFirst(pieces, offset);
    return this.#write(handle.fd, pieces, offset);
  }

  async #writeFlushedFirst(pieces: readonly Uint8Array[], offset: number): Promise<void> {
    const handle = await open(this.#path, constants.O_WRONLY | constants.O_DSYNC);
    if (this.#flushedHandle === undefined) this.#flushedHandle = handle;
    else await handle.close();
    return this.#write(this.#flushedHandle.fd, pieces, offset);
  }

  flush(): Promise<void> {
    return this.#handle.datasync();
  }

  truncate(bytes: number): Promise<void> {
    return this.#handle.truncate(bytes);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await this.#flushedHandle?.close();
    await this.#handle.close();
  }

  #write(descriptor: number, pieces: readonly Uint8Array[], offset: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#begin();
      writeAll(descriptor, pieces, offset, (error) => {
        this.#end();
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  #begin(): void {
    if (this.#isClosing) throw new Error(`${this.#path} is closed`);
    this.#underWay++;
  }

  #end(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#whenIdle?.();
  }
}

export class NodeDisk implements Disk {
  async makeDirectory(path: string): Promise<void> {
    await mkdir(path, { recursive: true });
  }

  async list(path: string): Promise<string[]> {
    try {
      return await readdir(path);
    } catch (error) {
      if (diskErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    return new NodeFile(path, await open(path, FLAGS[mode], 0o644));
  }

  rename(from: string, to: string): Promise<void> {
    return rename(from, to);
  }

  unlink(path: string): Promise<void> {
    return unlink(path);
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await open(path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async freeBytes(path: string): Promise<number> {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  }

  async lock(path: string): Promise<DiskLock | undefined> {
    const database = new SqliteDatabase(path, { timeout: 0 });
    try {
      database.pragma('locking_mode = EXCLUSIVE');
      database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      database.close();
      if (diskErrorCode(error).startsWith('SQLITE_BUSY')) return undefined;
      throw error;
    }
    return { release: async () => void database.close() };
  }
}
