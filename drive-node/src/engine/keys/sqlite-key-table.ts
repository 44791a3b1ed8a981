// The table of the key index in SQLite, as the worker thread uses it: plain synchronous calls.
//
// A batch is sorted before it is written: then neighbouring keys meet in the same page of the tree,
// which is what makes filling several times faster than inserting in the order of arrival.
// The position is part of the same transaction; after a power cut the table may be older than it
// was, but keys and position always fit each other.

import SqliteDatabase from 'better-sqlite3';
import type { KeyBatch } from './key-index.ts';
import { sortedOrder } from './sort-batch.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS entries (
    namespace INTEGER NOT NULL,
    key BLOB NOT NULL,
    position INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (namespace, key)
  ) WITHOUT ROWID;
`;
const CACHE_KIB = 16 * 1024;
const ROW = '(?, ?, ?, ?)';
const ROW_FIELDS = 4;
/** Rows of one statement: half of the time of one statement for each. */
const ROWS_AT_ONCE = 64;

/** Rows as they leave the worker: packed, so that a page is a few buffers and not many objects. */
export interface PackedRows {
  readonly keys: Uint8Array;
  readonly starts: Uint32Array;
  readonly recordBytes: Uint32Array;
  readonly positions: Float64Array;
  readonly isLast: boolean;
}

/** What a count found: of at most so many keys, and the last of them. */
export interface CountedRows {
  readonly keys: number;
  readonly bytes: number;
  readonly last: Uint8Array | null;
}

type Row = [key: Buffer, bytes: number, position: number];

export class SqliteKeyTable {
  readonly #database: SqliteDatabase.Database;
  readonly #put: SqliteDatabase.Statement;
  readonly #putMany: SqliteDatabase.Statement;
  readonly #delete: SqliteDatabase.Statement;
  readonly #setMeta: SqliteDatabase.Statement;
  readonly #pages: ReadonlyMap<string, SqliteDatabase.Statement>;
  readonly #count: SqliteDatabase.Statement;
  readonly #countBounded: SqliteDatabase.Statement;

  /** A table of another store is emptied: it is only a copy of what the log knows. */
  constructor(path: string, storeId: string) {
    this.#database = new SqliteDatabase(path);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = NORMAL');
    this.#database.pragma(`cache_size = -${CACHE_KIB}`);
    this.#database.exec(SCHEMA);
    this.#setMeta = this.#database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)');
    this.#claim(storeId);
    const insert = 'INSERT OR REPLACE INTO entries VALUES ';
    this.#put = this.#database.prepare(insert + ROW);
    this.#putMany = this.#database.prepare(insert + new Array(ROWS_AT_ONCE).fill(ROW).join());
    this.#delete = this.#database.prepare('DELETE FROM entries WHERE namespace = ? AND key = ?');
    this.#pages = new Map(
      ['ASC', 'DESC'].flatMap((direction) => [
        [direction, this.#pageStatement(direction, '')],
        [`${direction} bounded`, this.#pageStatement(direction, 'AND key < ?')],
      ]),
    );
    this.#count = this.#countStatement('');
    this.#countBounded = this.#countStatement('AND key < ?');
  }

  get filledPosition(): number {
    return Number(this.#meta('filledPosition') ?? 0);
  }

  fill(batch: KeyBatch, filledPosition: number): void {
    const order = sortedOrder(batch);
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#writeAll(batch, order);
      this.#setMeta.run('filledPosition', filledPosition);
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  page(
    namespace: number,
    start: Uint8Array,
    end: Uint8Array | undefined,
    reverse: boolean,
    keysMax: number,
  ): PackedRows {
    const name = `${reverse ? 'DESC' : 'ASC'}${end === undefined ? '' : ' bounded'}`;
    const borders = end === undefined ? [start] : [start, end];
    const statement = this.#pages.get(name) as SqliteDatabase.Statement;
    const rows = statement.all(namespace, ...borders, keysMax + 1) as Row[];
    return pack(rows.slice(0, keysMax), rows.length <= keysMax);
  }

  /** Counted inside of SQLite: a row that becomes an object costs ten times as much. */
  count(
    namespace: number,
    start: Uint8Array,
    end: Uint8Array | undefined,
    keysMax: number,
  ): CountedRows {
    const counted =
      end === undefined
        ? this.#count.get(namespace, start, keysMax)
        : this.#countBounded.get(namespace, start, end, keysMax);
    return counted as CountedRows;
  }

  close(): void {
    this.#database.close();
  }

  #pageStatement(direction: string, border: string): SqliteDatabase.Statement {
    return this.#database
      .prepare(
        `SELECT key, bytes, position FROM entries WHERE namespace = ? AND key >= ? ${border}
         ORDER BY key ${direction} LIMIT ?`,
      )
      .raw();
  }

  #countStatement(border: string): SqliteDatabase.Statement {
    return this.#database.prepare(
      `SELECT count(*) AS keys, coalesce(sum(bytes), 0) AS bytes, max(key) AS last FROM (
         SELECT key, bytes FROM entries WHERE namespace = ? AND key >= ? ${border}
         ORDER BY key LIMIT ?)`,
    );
  }

  #meta(name: string): unknown {
    const row = this.#database.prepare('SELECT value FROM meta WHERE name = ?').get(name);
    return (row as { value: unknown } | undefined)?.value;
  }

  #claim(storeId: string): void {
    if (this.#meta('storeId') === storeId) return;
    this.#database.exec('DELETE FROM entries; DELETE FROM meta;');
    this.#setMeta.run('storeId', storeId);
  }

  /** Each key comes once, so deletions may be done before what is put. */
  #writeAll(batch: KeyBatch, order: Uint32Array): void {
    const fields: unknown[] = [];
    for (const entry of order) {
      const namespace = batch.namespaces[entry] as number;
      const key = batch.keys.subarray(batch.starts[entry], batch.starts[entry + 1]);
      const bytes = batch.recordBytes[entry] as number;
      if (bytes === 0) {
        this.#delete.run(namespace, key);
        continue;
      }
      fields.push(namespace, key, batch.positions[entry], bytes);
      if (fields.length < ROWS_AT_ONCE * ROW_FIELDS) continue;
      this.#putMany.run(...fields);
      fields.length = 0;
    }
    for (let at = 0; at < fields.length; at += ROW_FIELDS) {
      this.#put.run(...fields.slice(at, at + ROW_FIELDS));
    }
  }
}

function pack(rows: readonly Row[], isLast: boolean): PackedRows {
  const starts = new Uint32Array(rows.length + 1);
  rows.forEach((row, at) => {
    starts[at + 1] = (starts[at] as number) + row[0].length;
  });
  const keys = new Uint8Array(starts[rows.length] as number);
  rows.forEach((row, at) => {
    keys.set(row[0], starts[at]);
  });
  const recordBytes = Uint32Array.from(rows, (row) => row[1]);
  const positions = Float64Array.from(rows, (row) => row[2]);
  return { keys, starts, recordBytes, positions, isLast };
}
