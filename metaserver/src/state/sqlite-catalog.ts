// The catalog in one SQLite file of the data folder: the embedded default.
//
// A commit is one transaction, flushed to the device before it returns (WAL, synchronous=FULL), so
// kill -9 and power loss leave either all of it or nothing. The exclusive locking mode keeps a second
// process out for as long as this one lives, and the system lets go of it however the process ends.
//
// Calls into SQLite block the event loop for one flush. That is accepted: the catalog changes when
// the cluster does, not when data is read or written.

import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import {
  assertCommitSize,
  type Catalog,
  type CatalogChange,
  type CatalogCondition,
  type CatalogEntry,
  CatalogError,
  type CatalogNews,
  type CommitResult,
} from './catalog.ts';

/** Tells our files from other SQLite files ("Pitn"). */
const APPLICATION_ID = 0x5069746e;
/** History. 1: entries(key, value, revision) and one row of revision. */
export const CATALOG_FORMAT: number = 1;
export const CATALOG_FILE: string = 'catalog.sqlite';
/** Time for a process that was just killed to vanish; the start blocks for that long at most. */
const LOCK_WAIT_MS = 250;

const SCHEMA = `
  CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, revision INTEGER NOT NULL)
    WITHOUT ROWID;
  CREATE TABLE revision (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
  INSERT INTO revision VALUES (1, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${CATALOG_FORMAT};
`;

type Statements = ReturnType<typeof prepare>;

function prepare(database: Database.Database) {
  return {
    list: database.prepare<[string, string, string, number], CatalogEntry>(
      `SELECT key, value, revision FROM entries
       WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?`,
    ),
    revisionOf: database.prepare<[string], { revision: number }>(
      'SELECT revision FROM entries WHERE key = ?',
    ),
    put: database.prepare<[string, string, number]>(
      `INSERT INTO entries VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, revision = excluded.revision`,
    ),
    remove: database.prepare<[string]>('DELETE FROM entries WHERE key = ?'),
    revision: database.prepare<[], { number: number }>('SELECT number FROM revision'),
    setRevision: database.prepare<[number]>('UPDATE revision SET number = ?'),
  };
}

/** The smallest text behind all texts with this prefix. */
const behind = (prefix: string): string => `${prefix}\u{10ffff}`;

export class SqliteCatalog implements Catalog {
  readonly #database: Database.Database;
  readonly #statements: Statements;
  readonly #listeners: Set<(news: CatalogNews) => void> = new Set();
  readonly #write: (
    conditions: readonly CatalogCondition[],
    changes: readonly CatalogChange[],
  ) => CommitResult;
  #revision: number;

  /** Use `openSqliteCatalog`. */
  constructor(database: Database.Database) {
    this.#database = database;
    this.#statements = prepare(database);
    this.#revision = this.#statements.revision.get()?.number ?? 0;
    this.#write = database.transaction((conditions, changes) => this.#apply(conditions, changes));
  }

  async list(prefix: string, after: string, entriesMax: number): Promise<readonly CatalogEntry[]> {
    this.#checkOpen();
    return this.#statements.list.all(prefix, behind(prefix), after, entriesMax);
  }

  async commit(
    conditions: readonly CatalogCondition[],
    changes: readonly CatalogChange[],
  ): Promise<CommitResult> {
    this.#checkOpen();
    assertCommitSize(changes);
    const result = this.#tryWrite(conditions, changes);
    if (result.isCommitted) {
      this.#revision = result.revision;
      for (const listener of this.#listeners) listener({ revision: result.revision, changes });
    }
    return result;
  }

  watch(listener: (news: CatalogNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#database.close();
  }

  #tryWrite(
    conditions: readonly CatalogCondition[],
    changes: readonly CatalogChange[],
  ): CommitResult {
    try {
      return this.#write(conditions, changes);
    } catch (cause) {
      if (!(cause instanceof Database.SqliteError)) throw cause;
      throw new CatalogError('write', `catalog: cannot write (${cause.message})`, { cause });
    }
  }

  #apply(conditions: readonly CatalogCondition[], changes: readonly CatalogChange[]): CommitResult {
    const { revisionOf, put, remove, setRevision } = this.#statements;
    for (const { key, revision } of conditions) {
      if ((revisionOf.get(key)?.revision ?? 0) !== revision) {
        return { isCommitted: false, conflict: key };
      }
    }
    const revision = this.#revision + 1;
    for (const { key, value } of changes) {
      if (value === undefined) remove.run(key);
      else put.run(key, value, revision);
    }
    setRevision.run(revision);
    return { isCommitted: true, revision };
  }

  #checkOpen(): void {
    if (!this.#database.open) throw new CatalogError('closed', 'the catalog has been closed');
  }
}

/**
 * Opens the catalog of a data folder, making both when they are not there. Throws CatalogError:
 * locked, newer-format, not-a-catalog, folder; in each case nothing has been changed.
 */
export function openSqliteCatalog(dataDir: string): SqliteCatalog {
  makeFolder(dataDir);
  const file = join(dataDir, CATALOG_FILE);
  let database: Database.Database | undefined;
  try {
    database = new Database(file, { timeout: LOCK_WAIT_MS });
    // First of all: whoever has the lock may look at the rest.
    database.pragma('locking_mode = EXCLUSIVE');
    database.exec('BEGIN IMMEDIATE; COMMIT');
    checkFormat(database, file);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    if (isEmpty(database)) database.exec(`BEGIN; ${SCHEMA} COMMIT;`);
    return new SqliteCatalog(database);
  } catch (cause) {
    database?.close();
    throw explain(cause, dataDir, file);
  }
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
    if (!statSync(dataDir).isDirectory()) throw new Error('it is not a folder');
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new CatalogError('folder', `data folder ${dataDir} cannot be used: ${reason}`, { cause });
  }
}

function isEmpty(database: Database.Database): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

function checkFormat(database: Database.Database, file: string): void {
  if (isEmpty(database)) return;
  const id = database.pragma('application_id', { simple: true });
  if (id !== APPLICATION_ID) {
    throw new CatalogError('not-a-catalog', `${file} is an SQLite file of another program`);
  }
  const format = database.pragma('user_version', { simple: true }) as number;
  if (format > CATALOG_FORMAT) {
    throw new CatalogError(
      'newer-format',
      `${file} has format ${format}, this piton-meta knows up to ${CATALOG_FORMAT}; run the newer one`,
    );
  }
}

function explain(cause: unknown, dataDir: string, file: string): unknown {
  if (!(cause instanceof Database.SqliteError)) return cause;
  if (cause.code.startsWith('SQLITE_BUSY')) {
    const message = `data folder ${dataDir} is in use by another piton-meta; stop it first, or use another --data`;
    return new CatalogError('locked', message, { cause });
  }
  if (cause.code === 'SQLITE_NOTADB' || cause.code.startsWith('SQLITE_CORRUPT')) {
    const message = `${file} is damaged or is no catalog (${cause.message})`;
    return new CatalogError('not-a-catalog', message, { cause });
  }
  const message = `data folder ${dataDir} cannot be used: ${cause.message}`;
  return new CatalogError('folder', message, { cause });
}
