// What a drive asks of its storage, and nothing about how it is done.
//
// The order of things is the whole contract. `append` puts a record at the end of one ordered log
// and returns at once; the record is neither durable nor visible. Two positions in that log move on
// by themselves: `writtenPosition` (handed to the operating system) and `durablePosition` (flushed
// to the device); they are cumulative, so everything below them has the same quality. `apply` makes
// a record visible to `get` and `scan`: the owner calls it, in sequence order, when the record is
// committed. So a reader never meets a value that a power cut could take back.
//
// Keys live in namespaces. A namespace is a local number for one stay of one range on this drive;
// every stay gets a fresh one, so data of an earlier stay can never come back to life. A drive that was
// away and is brought up to date in place begins a new *era* in the same namespace: of two records of a
// key the one of the later era is newer, whatever their sequences say.
//
// Implementations: log-store.ts (the real one) and memory-store.ts (tests). One suite runs over both.

import type { Epoch, RangeId, Sequence } from '@piton/protocol';

declare const brand: unique symbol;
/** Local number of one stay of a range on this drive, from 1, never used twice. */
export type Namespace = number & { readonly [brand]: 'Namespace' };
/** A byte position in the log counted since the store was made; never goes back. */
export type LogPosition = number & { readonly [brand]: 'LogPosition' };
/** Where a record lies: opaque, valid until compaction moves the record. */
export type Place = number & { readonly [brand]: 'Place' };

export const RecordKind = {
  put: 1,
  /** A deleted key. The record is kept as long as an older record of the key may exist. */
  tombstone: 2,
  /** No key changes: it only remembers the result of a session's write. */
  sessionOnly: 3,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** Who asked for a write, and what it was told. Travels in the record (DESIGN.md section 7). */
export interface SessionEntry {
  /** 64 random bits as two unsigned halves. */
  readonly sessionHigh: number;
  readonly sessionLow: number;
  /** Number of this write in its session, from 1, a safe integer. */
  readonly writeNumber: number;
  /** Lowest number that the session still waits for; everything below may be forgotten. */
  readonly lowestOutstanding: number;
  /** What the write was told, as the chain encodes it: 0..255. Opaque to the store. */
  readonly result: number;
}

export interface LogRecord {
  readonly kind: RecordKind;
  readonly namespace: Namespace;
  readonly rangeId: RangeId;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly key: Uint8Array;
  /** Empty for a tombstone. For sessionOnly: the saved answer, if any. */
  readonly value: Uint8Array;
  /** Opaque to the store: how the value is encoded (the client's codec). 0..255. */
  readonly valueTag: number;
  readonly session: SessionEntry | undefined;
}

/** A record that is in the log. `end` is the position up to which it must be durable. */
export interface Appended {
  readonly place: Place;
  readonly end: LogPosition;
  /** Two lanes of one hash over namespace and key, so that it is made once: 32 bits, signed. */
  readonly hashHigh: number;
  readonly hashLow: number;
}

/**
 * What a read finds. `value` is only valid until the next turn of the event loop, copy to keep;
 * unless it `isStable`: then nobody writes to it any more.
 */
export interface FoundRecord {
  readonly isStable?: boolean;
  readonly sequence: Sequence;
  readonly epoch: Epoch;
  readonly valueTag: number;
  readonly value: Uint8Array;
}

/** What a read of the store finds. */
export interface StoredRecord extends FoundRecord {
  /** The era in which it was appended: it keeps it when compaction moves it. */
  readonly era: number;
}

export interface ScanSelector {
  /** First key, included. Empty: from the beginning. */
  readonly start: Uint8Array;
  /** First key that does not belong any more. Undefined: to the end. */
  readonly end: Uint8Array | undefined;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly entriesMax: number;
  /** Keys plus values; a page holds at least one entry, however large. */
  readonly bytesMax: number;
}

export interface ScanEntry extends StoredRecord {
  readonly key: Uint8Array;
}

export interface ScanPage {
  readonly entries: readonly ScanEntry[];
  /** True when the selector is exhausted; otherwise continue behind the last key. */
  readonly isLast: boolean;
}

export interface Extent {
  readonly keys: number;
  readonly bytes: number;
}

export interface StoreStatistics {
  readonly keys: number;
  readonly logBytes: number;
  readonly liveBytes: number;
  readonly capacityBytes: number;
  readonly indexBytes: number;
  readonly cacheBytes: number;
  readonly unflushedBytes: number;
  readonly keyIndexLagBytes: number;
  readonly compactedBytes: number;
  readonly flushes: number;
  readonly coldReads: number;
  readonly isFull: boolean;
}

/** What a store gives back when it is opened on old data; see `OpenOptions.replay`. */
export interface Recovery {
  /** The owner's own state as of the last checkpoint (`OwnerState.save`), or undefined. */
  readonly ownerState: Uint8Array | undefined;
  readonly states: ReadonlyMap<string, Uint8Array>;
}

/** The layer above, as far as the store needs it. */
export interface Owner {
  /** Called once on open, before any replay: the owner restores what it saved. */
  recover(recovery: Recovery): void;
  /**
   * Called on open for each record behind the checkpoint, in log order, after the store has
   * applied it. Idempotent: a record that the saved state already knows may come again. True: the
   * owner is not done with the record, so it has to come again until `Store.settle` is called.
   */
  replay(record: LogRecord, place: Place, era: number): boolean;
  /** Called when a checkpoint is taken: everything of the owner that only the log knows, bounded. */
  save(): Uint8Array;
}

export type StoreErrorCode =
  | 'no-space'
  | 'busy'
  | 'flush-failed'
  | 'checksum'
  | 'closed'
  | 'in-use'
  | 'wrong-owner'
  | 'newer-format'
  | 'damaged';

/** Every failure of a store. After `flush-failed` the store takes no write until it is reopened. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}

/**
 * Gets a record anew that is damaged here, and appends it. True: the key may be read again. Never rejects.
 */
export type Mender = (namespace: Namespace, key: Uint8Array) => Promise<boolean>;

export interface Store {
  /** Everything appended so far ends here. */
  readonly appendedPosition: LogPosition;
  /** Everything below is with the operating system: it survives the process. */
  readonly writtenPosition: LogPosition;
  /** Everything below is on the device: it survives the power. */
  readonly durablePosition: LogPosition;

  /** Bytes of puts for which there is room; none while the device is full. */
  readonly putBytesFree: number;

  /**
   * Tells, once per group commit, that one of the positions moved, or that the log failed; also when room was made, and
   * when the device is full or takes writes again.
   */
  onProgress(listener: (failure?: StoreError) => void): void;

  /**
   * Puts a record at the end of the log; copies the key, and a value of less than 16 KiB. A larger one
   * is kept as it is and must not change any more. With `flush` the group that carries
   * it is flushed. Throws StoreError: `no-space` (tombstones have a reserve and still pass),
   * `busy` (too many bytes wait for the device), `flush-failed`, `closed`. `isTaken`: a put that others
   * have stored already, so that it may use a part of the reserve, and waits for a device that is full.
   */
  append(record: LogRecord, flush: boolean, isTaken?: boolean): Appended;

  /**
   * Makes a record of `append` visible. In sequence order per range. Never waits. Session-only
   * records too: the log is replayed, and kept, from the oldest record that was not applied.
   */
  apply(record: LogRecord, appended: Appended): void;

  /** The owner is done with a record of which its `replay` said that it is not. */
  settle(place: Place): void;

  /**
   * The visible record of a key. What is in memory is answered at once; a promise means a cold
   * read, which never blocks the event loop: the key must not change before it settles. Rejects with StoreError `checksum` when the record is
   * damaged, and the mender, if there is one, has not got it anew: it is never served.
   */
  get(
    namespace: Namespace,
    key: Uint8Array,
  ): StoredRecord | undefined | Promise<StoredRecord | undefined>;

  /** Who is asked when a read meets a damaged record, before it fails. */
  mendWith(mender: Mender): void;

  /** Whether a read of the key would meet no damage: for the mender, who must not be asked again. */
  isReadable(namespace: Namespace, key: Uint8Array): Promise<boolean>;

  /** The record at a place that `append` or `replay` named, for a resend. Undefined when it is gone. */
  readPlace(place: Place): LogRecord | undefined | Promise<LogRecord | undefined>;

  /** One page of the visible entries in key order. */
  scan(namespace: Namespace, selector: ScanSelector): Promise<ScanPage>;

  /** Keys and bytes of an interval, from the key index: near the truth, not exact. */
  measure(namespace: Namespace, start: Uint8Array, end: Uint8Array | undefined): Promise<Extent>;

  /** A key that halves the bytes of an interval, or undefined when it holds fewer than two keys. */
  findMiddleKey(
    namespace: Namespace,
    start: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined>;

  /** A namespace that was never used before. Durable when the next `putStates` is. */
  createNamespace(): Namespace;

  /**
   * Begins an era: what is appended from now on is of it. Eras are numbered from 1 and only grow; other
   * events begin eras too. To be called before a record may be appended over one with a higher
   * sequence: order within an era is that of the sequences, also for a store that is rebuilt.
   */
  startEra(): number;

  /**
   * Forgets an interval of a namespace without rewriting the log: at once for readers, in the
   * background for the indexes. Durable and resumed after a crash when the promise settles. It
   * covers everything appended before the call, applied or not; what is appended later is kept.
   */
  dropInterval(namespace: Namespace, start: Uint8Array, end: Uint8Array | undefined): Promise<void>;

  /**
   * Durable small states of the owner (roles, epochs): all of them or none, in log order with the
   * records. Undefined deletes. Visible in `states` when the promise settles.
   */
  putStates(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void>;
  readonly states: ReadonlyMap<string, Uint8Array>;

  statistics(): StoreStatistics;

  /** Saves the indexes so that the next open is fast. Also done by itself, and by `close`. */
  checkpoint(): Promise<void>;

  /** Flushes, checkpoints and lets go of the folder. */
  close(): Promise<void>;
}
