// better-sqlite3 as a key-value store: one table without row ids, write-ahead log, one transaction for
// each batch.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { KeyArena } from './key-arena.ts';
import {
  BATCH,
  type Subject,
  type SubjectOptions,
  type SubjectStatistics,
  VALUE_BYTES,
} from './subject.ts';

const KIB = 1024;

export function openSqliteSubject(options: SubjectOptions): Subject {
  return new SqliteSubject(options);
}

class SqliteSubject implements Subject {
  readonly #database: Database.Database;
  readonly #put: Database.Statement;
  readonly #get: Database.Statement;
  readonly #value: Buffer = Buffer.alloc(VALUE_BYTES, 7);

  #count = 0;

  constructor(options: SubjectOptions) {
    const database = new Database(join(options.directory, 'data.sqlite'));
    database.pragma('journal_mode = WAL');
    database.pragma(`synchronous = ${options.kind === 'sqlite-full' ? 'FULL' : 'NORMAL'}`);
    database.pragma(`cache_size = ${-Math.floor(options.cacheBytes / KIB)}`);
    database.exec(
      'CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID',
    );
    this.#database = database;
    this.#put = database.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?)');
    this.#get = database.prepare('SELECT value FROM entries WHERE key = ?').pluck();
  }

  async put(arena: KeyArena, from: number, to: number): Promise<void> {
    const transaction = this.#database.transaction((first: number, end: number) => {
      for (let number = first; number < end; number++) {
        // Another value each time: SQLite writes no page that does not change.
        this.#value.writeDoubleLE(++this.#count, 0);
        this.#put.run(arena.key(number % arena.count), this.#value);
      }
    });
    for (let first = from; first < to; first += BATCH) {
      transaction(first, Math.min(first + BATCH, to));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async get(arena: KeyArena, numbers: Uint32Array): Promise<void> {
    for (const number of numbers) {
      const value = this.#get.get(arena.key(number)) as Buffer | undefined;
      if (value?.length !== VALUE_BYTES) throw new Error('a key was lost');
    }
  }

  statistics(): SubjectStatistics {
    const keys = this.#database.prepare('SELECT count(*) FROM entries').pluck().get() as number;
    return { keys, indexBytes: undefined, compactedBytes: undefined };
  }

  async close(): Promise<void> {
    this.#database.close();
  }
}
