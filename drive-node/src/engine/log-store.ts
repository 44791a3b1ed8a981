// The store over a log: the parts put together, behind the interface of store.ts.
//
//   append -> log writer (group commit) -> device
//   apply  -> record index (newest record of a key) and key filler (order of the keys)
//   get    -> record index -> block cache -> cold reader
//   scan   -> key index and overlay -> get
//
// Nothing here waits for the device inside a call. Beside the calls run: the key filler, the
// verifier of replaced records, the sweeper of dropped intervals, compaction and checkpoints.
// Opening and recovering: open-log-store.ts.

import { Predecessor } from './index/record-index.ts';
import { RangeScanner } from './keys/range-scanner.ts';
import { PENDING_BYTES_MAX } from './log/log-writer.ts';
import { ownRecord, recordBytes, StoreRecordKind, VALUE_BYTES_MAX } from './log/record.ts';
import type { Drop } from './log/store-facts.ts';
import { LogReads } from './log-reads.ts';
import {
  type Appended,
  type Extent,
  type LogPosition,
  type LogRecord,
  type Mender,
  type Namespace,
  type Place,
  RecordKind,
  type ScanPage,
  type ScanSelector,
  type Store,
  type StoredRecord,
  StoreError,
  type StoreStatistics,
} from './store.ts';
import { type StoreParts, shutDown } from './store-parts.ts';
import { statisticsOf } from './store-statistics.ts';

export class LogStore implements Store {
  readonly #parts: StoreParts;
  readonly #scanner: RangeScanner;
  readonly #reads: LogReads;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#reads = new LogReads(parts);
    const { clock, overlay, filler, keyIndex } = parts;
    this.#scanner = new RangeScanner(clock, overlay, filler, keyIndex, (namespace, key) =>
      this.get(namespace, key),
    );
  }

  get appendedPosition(): LogPosition {
    return this.#parts.writer.appendedPosition as LogPosition;
  }
  get writtenPosition(): LogPosition {
    return this.#parts.writer.writtenPosition as LogPosition;
  }
  get durablePosition(): LogPosition {
    return this.#parts.writer.durablePosition as LogPosition;
  }
  /** Where the log ended when the store was opened: everything below was recovered. */
  get recoveredPosition(): LogPosition {
    return this.#parts.recoveredPosition as LogPosition;
  }
  get putBytesFree(): number {
    const { space } = this.#parts;
    return space.isDeviceFull ? 0 : Math.max(0, space.freeBytes);
  }
  /** True when there was no usable checkpoint and everything was rebuilt from the log. */
  get isRebuilt(): boolean {
    return this.#parts.isRebuilt;
  }
  get states(): ReadonlyMap<string, Uint8Array> {
    return this.#parts.facts.states;
  }

  onProgress(listener: (failure?: StoreError) => void): void {
    this.#parts.listeners.push(listener);
  }

  append(record: LogRecord, flush: boolean, isTaken: boolean = false): Appended {
    this.#checkWritable();
    const { segments, facts, index, unapplied, writer } = this.#parts;
    const length = recordBytes(record, false);
    const bytes = segments.paddedBytes(length);
    this.#checkRoom(record.kind, bytes, isTaken);
    const position = writer.append(record, undefined, facts.dropCount, flush);
    const isSilent = record.kind === RecordKind.sessionOnly;
    unapplied.add(position, position + bytes, record.namespace, record.rangeId, isSilent);
    index.hasher.hash(record.namespace, record.key, 0, record.key.length);
    return {
      place: position as Place,
      end: (position + bytes) as LogPosition,
      // Signed, because then they are small integers and not objects.
      hashHigh: index.hasher.high | 0,
      hashLow: index.hasher.low | 0,
    };
  }

  apply(record: LogRecord, appended: Appended): void {
    this.#checkOpen();
    const isShown = record.kind !== RecordKind.sessionOnly && !this.#isDropped(record, appended);
    if (isShown) this.#applyToIndexes(record, appended);
    // Last: the key must be with the filler before its position counts as settled.
    this.#parts.unapplied.settle(appended.place);
  }

  settle(place: Place): void {
    this.#parts.unapplied.settle(place);
  }

  get(
    namespace: Namespace,
    key: Uint8Array,
  ): StoredRecord | undefined | Promise<StoredRecord | undefined> {
    this.#checkOpen();
    return this.#reads.get(namespace, key);
  }

  mendWith(mender: Mender): void {
    this.#reads.mendWith(mender);
  }

  isReadable(namespace: Namespace, key: Uint8Array): Promise<boolean> {
    return this.#reads.isReadable(namespace, key);
  }

  readPlace(place: Place): LogRecord | undefined | Promise<LogRecord | undefined> {
    this.#checkOpen();
    return this.#reads.readPlace(place);
  }

  async scan(namespace: Namespace, selector: ScanSelector): Promise<ScanPage> {
    this.#checkOpen();
    return this.#scanner.scan(namespace, selector);
  }

  async measure(
    namespace: Namespace,
    start: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<Extent> {
    this.#checkOpen();
    return this.#scanner.measure({ namespace, start, end });
  }

  async findMiddleKey(
    namespace: Namespace,
    start: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.#scanner.findMiddleKey({ namespace, start, end });
  }

  createNamespace(): Namespace {
    this.#checkOpen();
    return this.#parts.facts.namespaceNext++ as Namespace;
  }

  startEra(): number {
    this.#checkOpen();
    this.#parts.facts.dropCount++;
    return this.#parts.facts.dropCount;
  }

  async dropInterval(
    namespace: Namespace,
    start: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<void> {
    this.#checkWritable();
    const { facts, segments, unapplied, writer, sweeper } = this.#parts;
    const number = facts.dropCount + 1;
    const interval = { namespace, start: start.slice(), end: end?.slice() };
    const position = this.#appendOwn(StoreRecordKind.drop, facts.encodeDrop(number, interval));
    const segmentLast = Math.floor(position / segments.segmentBytes);
    const drop: Drop = {
      ...interval,
      number,
      position,
      segmentLast,
      isSwept: false,
      isDone: false,
    };
    facts.addDrop(drop);
    unapplied.settle(position);
    if (start.length === 0 && end === undefined) unapplied.settleNamespace(namespace);
    await writer.whenDurable(position + 1);
    sweeper.start();
  }

  async putStates(changes: ReadonlyMap<string, Uint8Array | undefined>): Promise<void> {
    this.#checkWritable();
    const { facts, unapplied, writer } = this.#parts;
    const copies = new Map([...changes].map(([name, value]) => [name, value?.slice()] as const));
    const position = this.#appendOwn(StoreRecordKind.states, facts.encodeStates(copies));
    facts.noteStates(copies);
    await writer.whenDurable(position + 1);
    facts.applyStates(copies);
    unapplied.settle(position);
  }

  statistics(): StoreStatistics {
    return statisticsOf(this.#parts);
  }

  async checkpoint(): Promise<void> {
    this.#checkOpen();
    await this.#parts.checkpoints.take();
  }

  /** Settles when nothing is worth compacting any more: for tests and for tools. */
  async compact(): Promise<void> {
    this.#checkOpen();
    await this.#parts.verifier.whenIdle();
    await this.#parts.sweeper.whenIdle();
    await this.#parts.compactor.whenIdle();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    this.#reads.close();
    await shutDown(this.#parts, true);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StoreError('closed', 'the store is closed');
  }

  #checkWritable(): void {
    this.#checkOpen();
    const { writer, overlay } = this.#parts;
    if (writer.failure !== undefined) throw writer.failure;
    if (writer.pendingBytes > PENDING_BYTES_MAX) {
      throw new StoreError('busy', 'too many bytes wait for the device');
    }
    if (overlay.isFull) throw new StoreError('busy', 'too many keys wait for the key index');
    if (!writer.hasSlot) throw new StoreError('no-space', 'no segment is free');
  }

  #checkRoom(kind: RecordKind, bytes: number, isTaken: boolean): void {
    const { space, compactor, deviceRoom, writer } = this.#parts;
    if (kind !== RecordKind.put) {
      space.checkReserved(bytes);
      return;
    }
    if (isTaken) space.checkTakenPut(bytes);
    else if (!space.hasRoomForPut(bytes)) {
      compactor.consider();
      deviceRoom.advanced(writer.appendedPosition);
      throw space.refusal();
    }
  }

  /** A put whose interval was dropped after it was appended. */
  #isDropped({ kind, namespace, key }: LogRecord, { place }: Appended): boolean {
    return kind === RecordKind.put && this.#parts.facts.isDroppedAt(namespace, key, place);
  }

  #applyToIndexes(record: LogRecord, appended: Appended): void {
    const { segments, index, filler } = this.#parts;
    const { kind, namespace, key } = record;
    const segment = segments.segmentAt(appended.place);
    if (segment === undefined) throw new StoreError('damaged', 'an unapplied record is gone');
    const place = segments.placeOf(segment, segments.offsetAt(appended.place));
    const length = recordBytes(record, false);
    const { hashHigh, hashLow } = appended;
    const predecessor = index.apply(kind, namespace, key, hashHigh, hashLow, place, length);
    const isTombstone = kind === RecordKind.tombstone;
    if (isTombstone) segment.tombstoneBytes += segments.paddedBytes(length);
    if (predecessor === Predecessor.sameBytes && !isTombstone) return;
    if (predecessor === Predecessor.none && isTombstone) return;
    filler.add(namespace, key, isTombstone ? 0 : length, appended.place);
  }

  /** Appends one of the store's own records; it counts as unapplied. */
  #appendOwn(kind: number, value: Uint8Array): number {
    const { segments, space, facts, unapplied, writer } = this.#parts;
    const record = ownRecord(kind, value);
    const bytes = segments.paddedBytes(recordBytes(record, false));
    space.checkReserved(bytes);
    // Compaction repeats all of them in one record, which has to be readable again.
    if (facts.snapshotBytes + bytes > Math.min(segments.segmentBytes / 2, VALUE_BYTES_MAX)) {
      throw new StoreError('no-space', 'the states do not fit one record, or half a segment');
    }
    const position = writer.append(record, undefined, facts.dropCount, true);
    unapplied.add(position, position + bytes, 0, 0, false);
    writer.active.storeRecords++;
    return position;
  }
}
