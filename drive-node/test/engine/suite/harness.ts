// Small hands for the store tests: records in a line, a deadline, an owner that remembers.

import type { Clock, Epoch, Random, RangeId, Sequence } from '@piton/protocol';
import {
  type FoundRecord,
  type LogRecord,
  type Namespace,
  type Owner,
  type Place,
  RecordKind,
  type Recovery,
  type ScanSelector,
  type SessionEntry,
  type Store,
} from '../../../src/engine/store.ts';

export const clock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (run) => void setImmediate(run),
};

export const random: Random = {
  next: () => 0.5,
  bytes: (count) => new Uint8Array(count).fill(7),
};

export const identity = {
  clusterId: '00000000-0000-4000-8000-000000000001',
  driveId: 'drive-1',
};

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
export const text = (data: Uint8Array): string => Buffer.from(data).toString('latin1');

/** Fails an async test that does not end by itself. */
export function deadline(ms: number, run: () => Promise<void>): () => Promise<void> {
  return () => {
    let timer: NodeJS.Timeout;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not finished within ${ms} ms`)), ms);
    });
    return Promise.race([run(), late]).finally(() => clearTimeout(timer));
  };
}

/** A generator of numbers in [0, 1) that gives the same ones for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4_294_967_296;
  };
}

export class RememberingOwner implements Owner {
  recovery: Recovery | undefined;
  readonly replayed: LogRecord[] = [];
  readonly places: Place[] = [];
  readonly eras: number[] = [];
  state: Uint8Array = new Uint8Array(0);
  /** Whether replayed records have to come again until they are settled. */
  keepsReplayed = false;

  recover(recovery: Recovery): void {
    this.recovery = recovery;
  }
  replay(record: LogRecord, place: Place, era: number): boolean {
    this.eras.push(era);
    this.replayed.push({ ...record, key: record.key.slice(), value: record.value.slice() });
    this.places.push(place);
    return this.keepsReplayed;
  }
  save(): Uint8Array {
    return this.state;
  }
}

/** Writes records one after the other, as a chain of one member would. */
export class Scribe {
  readonly store: Store;
  readonly namespace: Namespace;
  sequence = 0;
  flush = true;

  constructor(store: Store, namespace: Namespace) {
    this.store = store;
    this.namespace = namespace;
  }

  record(kind: RecordKind, key: Uint8Array, value: Uint8Array, session?: SessionEntry): LogRecord {
    return {
      kind,
      namespace: this.namespace,
      rangeId: 7 as RangeId,
      epoch: 3 as Epoch,
      sequence: ++this.sequence as Sequence,
      key,
      value,
      valueTag: value.length & 0xff,
      session,
    };
  }

  /** Appends and applies at once. */
  write(record: LogRecord, isTaken: boolean = false): number {
    const appended = this.store.append(record, this.flush, isTaken);
    this.store.apply(record, appended);
    return appended.end;
  }

  put(key: string | Uint8Array, value: string | Uint8Array, isTaken: boolean = false): number {
    const keyBytes = typeof key === 'string' ? bytes(key) : key;
    const valueBytes = typeof value === 'string' ? bytes(value) : value;
    return this.write(this.record(RecordKind.put, keyBytes, valueBytes), isTaken);
  }

  delete(key: string | Uint8Array): number {
    const keyBytes = typeof key === 'string' ? bytes(key) : key;
    return this.write(this.record(RecordKind.tombstone, keyBytes, new Uint8Array(0)));
  }
}

/** Settles when everything appended so far is on the device. */
export function durable(store: Store): Promise<void> {
  const end = store.appendedPosition;
  return new Promise((resolve, reject) => {
    const look = (failure?: Error): void => {
      if (failure !== undefined) reject(failure);
      else if (store.durablePosition >= end) resolve();
    };
    store.onProgress(look);
    look();
  });
}

export async function read(
  store: Store,
  namespace: Namespace,
  key: string,
): Promise<string | undefined> {
  const found: FoundRecord | undefined = await store.get(namespace, bytes(key));
  return found === undefined ? undefined : text(found.value);
}

export function selector(changes: Partial<ScanSelector> = {}): ScanSelector {
  const all = { start: new Uint8Array(0), end: undefined, reverse: false, keysOnly: false };
  return { ...all, entriesMax: 1000, bytesMax: 1 << 20, ...changes };
}

/** All entries of a scan, page by page, as `key=value`. */
export async function scanAll(
  store: Store,
  namespace: Namespace,
  changes: Partial<ScanSelector> = {},
): Promise<string[]> {
  const seen: string[] = [];
  let next = selector(changes);
  for (;;) {
    const page = await store.scan(namespace, next);
    for (const entry of page.entries) seen.push(`${text(entry.key)}=${text(entry.value)}`);
    const last = page.entries.at(-1);
    if (page.isLast || last === undefined) return seen;
    next = next.reverse
      ? { ...next, end: last.key }
      : { ...next, start: new Uint8Array([...last.key, 0]) };
  }
}
