// The file of a persisted index: written beside itself, flushed, then renamed, so that a reader finds the
// old one or the new one, whatever happens in between, and however many processes share it.

import { randomBytes } from 'node:crypto';
import { open, readFile, rename, stat, unlink } from 'node:fs/promises';
import type { IndexStorage } from '../routing/index-keeper.ts';

/** Far above the largest index; a larger file is something else. */
const BYTES_MAX = 1024 * 1024 * 1024;

export class IndexFile implements IndexStorage {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      const { size } = await stat(this.#path);
      if (size > BYTES_MAX) throw new Error(`${size} bytes, expected at most ${BYTES_MAX}`);
      return await readFile(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    const beside = `${this.#path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const file = await open(beside, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, this.#path);
    } catch (error) {
      await unlink(beside).catch(() => {});
      throw error;
    }
  }
}
