// Group commit: the end of the log, and the one loop that brings it to the device.
//
//   append -> [current group] -> queue -> [in flight] -> written -> durable
//
// `append` only copies into the current group. At the end of the turn the loop takes the group;
// what arrives while a write is under way gathers in the next one. So one flush carries a whole
// batch, and the positions written and durable are simple watermarks over one order.
//
// A file is made longer in steps, with zeros, by the small write that needs it: the writes after it
// only fill the zeros in, and the device need not note a new length with each (decision 0020). The
// zeros are cut off before the next segment begins and when the writer stops.
//
// A segment is flushed before its successor is created. A failed write or flush is final: what the
// device holds is unknown from then on, so nothing is claimed durable any more. Only a full device
// is waited for: nothing was promised, and the same bytes are written again.

import { type Clock, limits } from '@piton/protocol';
import { type Disk, diskErrorCode } from '../disk/disk.ts';
import { StoreError } from '../store.ts';
import { GroupPool, type LogGroup } from './log-group.ts';
import { PositionWaiters } from './position-waiters.ts';
import { type AnyRecord, type RecordExtra, recordBytes } from './record.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type Segment } from './segment.ts';
import type { SegmentTable } from './segment-table.ts';

/**
 * Bytes that may wait for the device before `append` answers busy: as much as one client may have in flight. With
 * less, its large values come all the way, are refused, and come again.
 */
export const PENDING_BYTES_MAX: number = limits.IN_FLIGHT_BYTES_MAX + limits.PAYLOAD_BYTES_MAX;
/** Written but unflushed bytes are flushed at this size or age. */
const UNFLUSHED_BYTES_MAX = 8 * 1024 * 1024;
const UNFLUSHED_MS_MAX = 1000;
/** A file becomes longer by this when a small group is flushed at its end. */
const EXTENSION_BYTES = 256 * 1024;
/** What is larger pays for its own length: zeros would double the bytes that go to the device. */
const EXTENDING_GROUP_BYTES_MAX = 32 * 1024;
/** How often a write that met a full device is tried again. */
const FULL_RETRY_MS = 100;

export interface LogWriterOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly clock: Clock;
  readonly segments: SegmentTable;
  /** A group is with the operating system: its bytes may be cached. Called before the buffer is used again. */
  written(group: LogGroup): void;
  /** A position moved, or the log failed for good. */
  progress(failure?: StoreError): void;
  /** The device is full, or takes writes again. */
  deviceFull(isFull: boolean): void;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #segments: SegmentTable;
  readonly #pool = new GroupPool();
  readonly #waiters = new PositionWaiters();
  readonly #queue: LogGroup[] = [];
  /** Filled in anew for each record. */
  readonly #extra: RecordExtra = { origin: undefined, drops: 0, durableUnits: 0 };
  #current: LogGroup | undefined;
  #inFlight: LogGroup | undefined;
  #active: Segment;
  #appendedPosition: number;
  #writtenPosition: number;
  #durablePosition: number;
  #isScheduled = false;
  #isRunning = false;
  #isFlushWanted = false;
  #isFlushTimed = false;
  #isPatient = true;
  #failure: StoreError | undefined;
  #idle: (() => void)[] = [];
  flushes = 0;

  /** `active` has a file, all of it durable, or it is new and its file will be made. */
  constructor(options: LogWriterOptions, active: Segment) {
    this.#options = options;
    this.#segments = options.segments;
    this.#active = active;
    this.#appendedPosition = this.#segments.positionOf(active, active.appendedBytes);
    this.#writtenPosition = this.#appendedPosition;
    this.#durablePosition = this.#appendedPosition;
  }

  get appendedPosition(): number {
    return this.#appendedPosition;
  }
  get writtenPosition(): number {
    return this.#writtenPosition;
  }
  get durablePosition(): number {
    return this.#durablePosition;
  }
  get failure(): StoreError | undefined {
    return this.#failure;
  }
  get active(): Segment {
    return this.#active;
  }
  /** Appended bytes that are not yet with the operating system. */
  get pendingBytes(): number {
    return this.#appendedPosition - this.#writtenPosition;
  }

  /** The group that still holds this byte in memory, if any. */
  groupOf(segment: Segment, offset: number): LogGroup | undefined {
    if (offset < segment.writtenBytes) return undefined;
    if (this.#current?.contains(segment, offset)) return this.#current;
    if (this.#inFlight?.contains(segment, offset)) return this.#inFlight;
    return this.#queue.find((group) => group.contains(segment, offset));
  }

  /**
   * Adds a record to the end; gives where it begins. A large value is not copied: it must not change
   * any more. Throws when there is no slot left.
   */
  append(record: AnyRecord, origin: number | undefined, drops: number, flush: boolean): number {
    const length = recordBytes(record, origin !== undefined);
    const padded = this.#segments.paddedBytes(length);
    const group = this.#groupFor(padded);
    const position = this.#segments.positionOf(group.segment, group.end);
    const extra = this.#extra;
    extra.origin = origin;
    extra.drops = drops;
    extra.durableUnits = this.#durableUnits(position);
    group.add(record, length, padded, extra);
    this.#segments.grow(group.segment, padded);
    if (flush) group.wantsFlush = true;
    this.#appendedPosition = position + padded;
    this.#schedule();
    return position;
  }

  /** False when the log must not begin another segment. */
  get hasSlot(): boolean {
    return this.#segments.freeSlots > 1;
  }

  /** Ends the active segment: the next record goes into a new one. */
  roll(): void {
    const next = this.#segments.add(this.#active.number + 1, undefined);
    if (next === undefined) throw new StoreError('no-space', 'no segment slot is free');
    this.#closeCurrent();
    this.#active = next;
    this.#appendedPosition = this.#segments.positionOf(next, SEGMENT_HEADER_BYTES);
  }

  /** Flushes everything appended so far. */
  async flush(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const position = this.#appendedPosition;
    if (this.#durablePosition >= position) return;
    this.#isFlushWanted = true;
    const durable = this.#waiters.wait(position);
    this.#schedule();
    return durable;
  }

  /** Settles when everything below `position` is durable, or the log failed. */
  async whenDurable(position: number): Promise<void> {
    if (this.#durablePosition >= position) return;
    if (this.#failure !== undefined) throw this.#failure;
    return this.#waiters.wait(position);
  }

  /** From now on a full device is an error like any other: whoever stops cannot wait for room. */
  endPatience(): void {
    this.#isPatient = false;
  }

  /** Lets the operation under way end; nothing is begun any more. */
  async stop(): Promise<void> {
    const hasFailed = this.#failure !== undefined;
    this.#failure ??= new StoreError('closed', 'the store is closed');
    if (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#waiters.failAll(this.#failure);
    // Only tidiness: a file that ends in zeros is read all the same.
    if (!hasFailed) await this.#trim(this.#active).catch(() => undefined);
  }

  #durableUnits(position: number): number {
    const units = (position - this.#durablePosition) / this.#segments.unitBytes;
    return Math.min(0xffff_ffff, Math.ceil(units));
  }

  #groupFor(bytes: number): LogGroup {
    if (this.#active.appendedBytes + bytes > this.#segments.segmentBytes) this.roll();
    if (this.#current?.isFull) this.#closeCurrent();
    if (this.#current === undefined) {
      this.#current = this.#pool.take(this.#active, this.#active.appendedBytes);
    }
    return this.#current;
  }

  #closeCurrent(): void {
    if (this.#current !== undefined) this.#queue.push(this.#current);
    this.#current = undefined;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isRunning) return;
    this.#isScheduled = true;
    this.#options.clock.defer(this.#start);
  }

  /** Made once: a new function for each group costs more than what it does. */
  readonly #start = (): void => {
    this.#isScheduled = false;
    void this.#run();
  };

  /** One write or one flush. The next one begins at the end of a turn, too: what has just come goes along. */
  async #run(): Promise<void> {
    if (this.#isRunning || this.#failure !== undefined || !this.#hasWork()) return;
    this.#isRunning = true;
    try {
      await this.#step();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isRunning = false;
    }
    for (const resolve of this.#idle.splice(0)) resolve();
    if (this.#failure === undefined && this.#hasWork()) this.#schedule();
  }

  #hasWork(): boolean {
    return this.#queue.length > 0 || this.#current !== undefined || this.#isFlushWanted;
  }

  #step(): Promise<void> {
    if (this.#queue.length === 0) this.#closeCurrent();
    const group = this.#queue.shift();
    if (group !== undefined) {
      this.#inFlight = group;
      return this.#writeGroup(group);
    }
    this.#isFlushWanted = false;
    return this.#flushWritten();
  }

  async #writeGroup(group: LogGroup): Promise<void> {
    const { segment } = group;
    if (segment.file === undefined) await this.#whenRoom(() => this.#create(segment));
    const isClean = this.#durablePosition >= this.#writtenPosition;
    const becomesDurable = group.wantsFlush && isClean;
    const zeroBytes = becomesDurable ? this.#zerosBehind(group) : 0;
    try {
      await this.#bring(group, becomesDurable, zeroBytes);
      segment.allocatedBytes = Math.max(segment.allocatedBytes, group.end + zeroBytes);
    } catch (error) {
      await this.#bringLater(error, group, becomesDurable);
    }
    segment.writtenBytes = group.end;
    this.#writtenPosition = this.#segments.positionOf(segment, group.end);
    this.#inFlight = undefined;
    this.#options.written(group);
    this.#pool.giveBack(group);
    if (becomesDurable) this.#becameDurable(this.#writtenPosition);
    else if (group.wantsFlush) await this.#flushWritten();
    else this.#afterPlainWrite();
  }

  #bring(group: LogGroup, becomesDurable: boolean, zeroBytes: number): Promise<void> {
    const { file } = group.segment;
    if (file === undefined) throw new Error('a segment was created without a file');
    if (becomesDurable) return file.writeFlushed(group.data(), group.start, zeroBytes);
    return file.write(group.data(), group.start);
  }

  /** Without zeros: a device that is nearly full may still take what matters. */
  async #bringLater(error: unknown, group: LogGroup, becomesDurable: boolean): Promise<void> {
    await this.#afterRoom(error, () => this.#bring(group, becomesDurable, 0));
    const { segment } = group;
    segment.allocatedBytes = Math.max(segment.allocatedBytes, group.end);
  }

  /** How many zeros to write behind a group. */
  #zerosBehind({ segment, length, end }: LogGroup): number {
    if (end <= segment.allocatedBytes || length > EXTENDING_GROUP_BYTES_MAX) return 0;
    const step = Math.ceil((end + 1) / EXTENSION_BYTES) * EXTENSION_BYTES;
    return Math.max(0, Math.min(step, this.#segments.segmentBytes) - end);
  }

  /** Takes off the zeros behind the last record of a file. */
  async #trim(segment: Segment | undefined): Promise<void> {
    const file = segment?.file;
    if (segment === undefined || file === undefined) return;
    if (segment.allocatedBytes <= segment.writtenBytes) return;
    await file.truncate(segment.writtenBytes);
    await file.flush();
    segment.allocatedBytes = segment.writtenBytes;
  }

  #afterPlainWrite(): void {
    this.#options.progress();
    if (this.#writtenPosition - this.#durablePosition >= UNFLUSHED_BYTES_MAX) {
      this.#isFlushWanted = true;
    }
    if (this.#isFlushTimed) return;
    this.#isFlushTimed = true;
    this.#options.clock.setTimer(UNFLUSHED_MS_MAX, () => {
      this.#isFlushTimed = false;
      if (this.#failure !== undefined) return;
      this.#isFlushWanted = this.#durablePosition < this.#writtenPosition;
      this.#schedule();
    });
  }

  async #flushWritten(): Promise<void> {
    const position = this.#writtenPosition;
    await this.#segments.segmentAt(position - 1)?.file?.flush();
    this.#becameDurable(position);
  }

  #becameDurable(position: number): void {
    this.flushes++;
    this.#durablePosition = position;
    // A roll moved the appended position over a hole that nobody has to write. The group that begins a
    // segment is in no queue any more while the segment before it is flushed.
    const isHole = this.#queue.length === 0 && this.#current === undefined;
    if (isHole && this.#inFlight === undefined) {
      this.#writtenPosition = this.#appendedPosition;
      this.#durablePosition = this.#appendedPosition;
    }
    this.#options.progress();
    this.#waiters.reached(this.#durablePosition);
  }

  /** Makes the file of a new segment, after the one before it is flushed. */
  async #create(segment: Segment): Promise<void> {
    const { disk, folder } = this.#options;
    if (this.#durablePosition < this.#writtenPosition) await this.#flushWritten();
    await this.#trim(this.#segments.byNumber(segment.number - 1));
    const file = await disk.open(segment.path, await this.#modeFor(segment));
    try {
      await file.writeFlushed(encodeSegmentHeader(segment.number, this.#segments.geometry), 0);
      await disk.syncDirectory(folder);
    } catch (error) {
      // On a full device this is tried again and again.
      await file.close();
      throw error;
    }
    segment.file = file;
  }

  /** A creation that a full device interrupted has left a file. */
  async #modeFor(segment: Segment): Promise<'create' | 'write'> {
    const names = await this.#options.disk.list(this.#options.folder);
    return names.some((name) => segment.path.endsWith(`/${name}`)) ? 'write' : 'create';
  }

  #whenRoom(run: () => Promise<void>): Promise<void> {
    return run().catch((error: unknown) => this.#afterRoom(error, run));
  }

  /** What met a full device is tried again until there is room; any other error is final. */
  async #afterRoom(error: unknown, run: () => Promise<void>): Promise<void> {
    let met = error;
    for (;;) {
      const isOver = this.#failure !== undefined || !this.#isPatient;
      if (diskErrorCode(met) !== 'ENOSPC' || isOver) throw met;
      this.#options.deviceFull(true);
      await this.#pause();
      try {
        await run();
        this.#options.deviceFull(false);
        return;
      } catch (again) {
        met = again;
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimer(FULL_RETRY_MS, resolve);
    });
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    this.#failure = new StoreError('flush-failed', `the log cannot be written: ${reason}`, {
      cause,
    });
    this.#waiters.failAll(this.#failure);
    this.#options.progress(this.#failure);
  }
}
