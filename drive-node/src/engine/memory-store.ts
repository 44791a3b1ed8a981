// The store without a disk: what the tests of the layers above run on.
//
// It keeps the order of things of the contract: a record becomes written and durable at the end of
// the turn, never inside `append`, and visible only by `apply`. Nothing survives `close`.

import type { Clock } from '@piton/protocol';
import { SortedTable, type TableEntry } from './keys/sorted-table.ts';
import {
  type Appended,
  type Extent,
  type LogPosition,
  type LogRecord,
  type Namespace,
  type Owner,
  type Place,
  RecordKind,
  type ScanEntry,
  type ScanPage,
  type ScanSelector,
  type Store,
  type StoredRecord,
  StoreError,
  type StoreStatistics,
} from './store.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Puts are refused above; tombstones have a twentieth more. Default: unlimited. */
  readonly capacityBytes?: number;
  /** Told once that there is nothing to recover. */
  readonly owner?: Owner;
}

/** What a record is charged beside its key and value. */
const RECORD_OVERHEAD_BYTES = 64;
const RESERVE_SHARE = 20;

const bytesOf = (record: LogRecord): number =>
  RECORD_OVERHEAD_BYTES + record.key.length + record.value.length;

function copyRecord(record: LogRecord): LogRecord {
  return { ...record, key: record.key.slice(), value: record.value.slice() };
}

function foundOf({ record, era }: TableEntry): StoredRecord {
  const { sequence, epoch, valueTag, value } = record;
  return { sequence, epoch, valueTag, value, era };
}

/** Opens an empty store. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  options.owner?.recover({ ownerState: undefined, states: new Map() });
  return new MemoryStore(options);
}

export class MemoryStore implements Store {
  readonly #clock: Clock;
  readonly #capacityBytes: number;
  readonly #tables = new Map<Namespace, SortedTable>();
  readonly #places = new Map<Place, { record: LogRecord; era: number }>();
  readonly #states = new Map<string, Uint8Array>();
  readonly #listeners: ((failure?: StoreError) => void)[] = [];
  #namespaceNext = 1;
  #era = 0;
  #appendedPosition = 0;
  #durablePosition = 0;
  #liveBytes = 0;
  #flushes = 0;
  #isFull = false;
  #isScheduled = false;
  #isClosed = false;

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock;
    this.#capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
  }

  get appendedPosition(): LogPosition {
    return this.#appendedPosition as LogPosition;
  }
  get writtenPosition(): LogPosition {
    return this.#durablePosition as LogPosition;
  }
  get durablePosition(): LogPosition {
    return this.#durablePosition as LogPosition;
  }
  get putBytesFree(): number {
    return Math.max(0, this.#capacityBytes - this.#liveBytes);
  }
  get states(): ReadonlyMap<string, Uint8Array> {
    return this.#states;
  }

  onProgress(listener: (failure?: StoreError) => void): void {
    this.#listeners.push(listener);
  }

  append(record: LogRecord, _flush: boolean, isTaken: boolean = false): Appended {
    this.#checkOpen();
    this.#checkRoom(record, isTaken);
    const place = this.#appendedPosition as Place;
    this.#appendedPosition += bytesOf(record);
    this.#places.set(place, { record: copyRecord(record), era: this.#era });
    this.#schedule();
    const end = this.#appendedPosition as LogPosition;
    return { place, end, hashHigh: 0, hashLow: 0 };
  }

  apply(record: LogRecord, appended: Appended): void {
    this.#checkOpen();
    if (record.kind === RecordKind.sessionOnly) return;
    const table = this.#table(record.namespace);
    const older = table.find(record.key);
    if (older !== undefined) this.#liveBytes -= bytesOf(older.record);
    if (record.kind === RecordKind.tombstone) {
      table.remove(record.key);
      return;
    }
    const kept = this.#places.get(appended.place) ?? { record: copyRecord(record), era: this.#era };
    table.put({ ...kept, place: appended.place });
    this.#liveBytes += bytesOf(kept.record);
  }

  /** Nothing is ever replayed. */
  settle(): void {}

  get(namespace: Namespace, key: Uint8Array): StoredRecord | undefined {
    this.#checkOpen();
    const entry = this.#tables.get(namespace)?.find(key);
    return entry === undefined ? undefined : foundOf(entry);
  }

  /** Nothing is ever damaged. */
  mendWith(): void {}

  async isReadable(): Promise<boolean> {
    return true;
  }

  readPlace(place: Place): LogRecord | undefined {
    this.#checkOpen();
    return this.#places.get(place)?.record;
  }

  async scan(namespace: Namespace, selector: ScanSelector): Promise<ScanPage> {
    this.#checkOpen();
    const table = this.#table(namespace);
    const [from, to] = table.bounds(selector.start, selector.end);
    const entries: ScanEntry[] = [];
    let bytes = 0;
    for (let count = 0; count < to - from; count++) {
      const entry = table.entries[selector.reverse ? to - 1 - count : from + count] as TableEntry;
      const scanned = this.#scanEntry(entry, selector.keysOnly);
      bytes += scanned.key.length + scanned.value.length;
      const isFull = entries.length >= selector.entriesMax || bytes > selector.bytesMax;
      if (entries.length > 0 && isFull) return { entries, isLast: false };
      entries.push(scanned);
    }
    return { entries, isLast: true };
  }

  async measure(
    namespace: Namespace,
    start: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<Extent> {
    this.#checkOpen();
    const table = this.#table(namespace);
    const [from, to] = table.bounds(start, end);
    let bytes = 0;
    for (const { record } of table.entries.slice(from, to)) bytes += bytesOf(record);
    return { keys: to - from, bytes };
  }

  async findMiddleKey(
    namespace: Namespace,
    start: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const { keys, bytes } = await this.measure(namespace, start, end);
    if (keys < 2) return undefined;
    const table = this.#table(namespace);
    const [from, to] = table.bounds(start, end);
    let below = 0;
    for (let position = from; position < to - 1; position++) {
      below += bytesOf((table.entries[position] as TableEntry).record);
      const next = (table.entries[position + 1] as TableEntry).record.key;
      if (below * 2 >= bytes || position === to - 2) return next.slice();
    }
    return undefined;
  }

  createNamespace(): Namespace {
    this.#checkOpen();
    return this.#namespaceNext++ as Namespace;
  }

  startEra(): number {
    this.#checkOpen();
    return ++this.#era;
  }

  async dropInterval(
    namespace: Namespace,
    start: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<void> {
    this.#checkOpen();
    this.#era++;
    this.#table(namespace).removeInterval(start, end);
    await this.#endOfTurn();
  }

  async putStates(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    this.#checkOpen();
    const copies = [...changes].map(([name, value]) => [name, value?.slice()] as const);
    await this.#endOfTurn();
    for (const [name, value] of copies) {
      if (value === undefined) this.#states.delete(name);
      else this.#states.set(name, value);
    }
  }

  statistics(): StoreStatistics {
    let keys = 0;
    for (const table of this.#tables.values()) keys += table.entries.length;
    return {
      keys,
      logBytes: this.#appendedPosition,
      liveBytes: this.#liveBytes,
      capacityBytes: this.#capacityBytes,
      indexBytes: 0,
      cacheBytes: 0,
      unflushedBytes: this.#appendedPosition - this.#durablePosition,
      keyIndexLagBytes: 0,
      compactedBytes: 0,
      flushes: this.#flushes,
      coldReads: 0,
      isFull: this.#isFull,
    };
  }

  async checkpoint(): Promise<void> {
    this.#checkOpen();
    await this.#endOfTurn();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#endOfTurn();
    this.#isClosed = true;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StoreError('closed', 'the store is closed');
  }

  #checkRoom(record: LogRecord, isTaken: boolean): void {
    const isPut = record.kind === RecordKind.put;
    const excess = this.#liveBytes + bytesOf(record) - this.#capacityBytes;
    if (isPut) this.#isFull = excess > 0;
    const reserve = this.#capacityBytes / RESERVE_SHARE;
    const allowed = isPut ? (isTaken ? reserve / 2 : 0) : reserve;
    if (excess <= allowed) return;
    throw new StoreError(
      'no-space',
      `no room: ${this.#capacityBytes} bytes of capacity are in use`,
    );
  }

  #table(namespace: Namespace): SortedTable {
    let table = this.#tables.get(namespace);
    if (table === undefined) {
      table = new SortedTable();
      this.#tables.set(namespace, table);
    }
    return table;
  }

  #scanEntry(entry: TableEntry, keysOnly: boolean): ScanEntry {
    const found = foundOf(entry);
    const value = keysOnly ? new Uint8Array(0) : found.value;
    return { ...found, value, key: entry.record.key };
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(() => this.#progress());
  }

  #progress(): void {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    this.#durablePosition = this.#appendedPosition;
    this.#flushes++;
    for (const listener of this.#listeners) listener();
  }

  #endOfTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#schedule();
      this.#clock.defer(resolve);
    });
  }
}
