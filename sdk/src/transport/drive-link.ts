// The way to one drive: its connection, what waits for it, and the frame that is being filled.
//
// One connection per drive id. Everything that is accepted in one turn leaves as one frame, as long
// as the drive has given credit; the rest waits here in order. When the connection ends, what was
// sent and not answered goes back to the owner, which tries it again.
//
// Not here: which operation belongs to which drive (operations/dispatcher.ts), and what an answer
// means (operations/answers.ts, retry/).

import {
  BatchWriter,
  type Connection,
  type Frame,
  limits,
  MalformedFrameError,
  messages,
  Opcode,
} from '@piton/protocol';
import type { Carrier, Operation } from '../operations/operation.ts';
import { Credit } from './credit.ts';
import { Dialer, type DialerOwner } from './dialer.ts';
import { Fifo } from './fifo.ts';
import { FrameHold } from './frame-hold.ts';
import { LinkHealth } from './link-health.ts';
import { ReadShare } from './read-share.ts';
import { Session } from './session.ts';

const { FRAME_BYTES_TARGET, OPERATIONS_PER_FRAME_MAX } = limits;
/** A session that must be replaced because its window is tight lives at least this long. */
const SESSION_LIFE_MS = 10_000;
const NO_SESSION = { high: 0, low: 0, lowest: 0 } as const;

/** What a link needs from the client around it. The dispatcher is the one owner. */
export interface LinkOwner extends DialerOwner {
  readonly maxInFlightPerDrive: number;
  /** The index version up to which the metadata server's changes are known. */
  readonly indexVersion: number;
  encodeKey(operation: Operation): void;
  /** The operation is in the frame. */
  sent(operation: Operation, link: DriveLink): void;
  /** The link has a frame to flush at the end of this turn. */
  markDirty(link: DriveLink): void;
  /** The link may send what waits in it: pump it in this turn. */
  markReady(link: DriveLink): void;
  /** A read is watched for how long its answer takes. */
  watching(link: DriveLink): void;
  /** A new connection. */
  handleOpened(link: DriveLink): void;
  /** An attempt to connect has failed, the first in a row. */
  handleUnreachable(link: DriveLink): void;
  /** A results frame. What this throws closes the connection. */
  handleResults(link: DriveLink, frame: Frame): void;
  /** The connection ended: what was sent over it will not be answered. */
  handleLost(link: DriveLink, reason: Error | undefined): void;
}

export class DriveLink implements Carrier {
  readonly drive: string;
  readonly dialer: Dialer;
  readonly health: LinkHealth = new LinkHealth();
  readonly readShare: ReadShare = new ReadShare();
  readonly #owner: LinkOwner;
  readonly #credit: Credit;
  readonly #queue: Fifo = new Fifo();
  /** Writes that wait for a number of the session. */
  readonly #numberless: Fifo = new Fifo();
  readonly #writer: BatchWriter = new BatchWriter();
  readonly #hold: FrameHold;
  /** The owner calls `flush` at the end of this turn. */
  #isDirty = false;
  #connection: Connection | undefined;
  #session: Session | undefined;
  /** The session of the writes in the writer; a frame carries one. */
  #frameSession: Session | undefined;
  /** The newest index version of which this drive has told us what it knows. */
  #newsVersion = 0;
  #cancelled: number[] = [];

  constructor(drive: string, owner: LinkOwner) {
    this.drive = drive;
    this.#owner = owner;
    this.#credit = new Credit(owner.maxInFlightPerDrive);
    this.#hold = new FrameHold(owner.environment.clock, () => this.#markDirty());
    this.dialer = new Dialer(drive, owner, {
      frame: (connection, frame) => this.#handleFrame(connection, frame),
      closed: (connection, reason) => this.#handleClosed(connection, reason),
      opened: (connection) => this.#handleOpened(connection),
      failed: () => this.#owner.handleUnreachable(this),
      isWanted: () => this.queued > 0,
    });
  }

  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  /** Connected, and no reason is known to prefer another drive. */
  get isFine(): boolean {
    return this.#connection !== undefined && !this.health.isAvoided;
  }

  get inFlight(): number {
    return this.#credit.operations;
  }

  get queued(): number {
    return this.#queue.length + this.#numberless.length;
  }

  /** Takes an operation whose `key` is encoded: writes it to the frame, or keeps it for later. */
  accept(operation: Operation, nowMs: number): void {
    operation.link = this;
    if (this.#queue.length === 0 && this.#maySend(operation)) {
      if (operation.isWrite && !this.#giveNumber(operation, nowMs)) return;
      this.#write(operation, nowMs);
      return;
    }
    this.#queue.push(operation);
    if (this.#connection === undefined) this.dialer.wake();
  }

  /** Sends on what waits, as far as there is credit. The frame leaves at the end of the turn. */
  pump(nowMs: number): void {
    if (this.#numberless.length > 0) this.#pumpNumberless(nowMs);
    if (this.#queue.length > 0) this.#pumpQueue(nowMs);
  }

  /** Sends the frame that has been filled, unless it had better wait, and the cancellations. */
  flush(): void {
    this.#isDirty = false;
    const isCancelling = this.#cancelled.length > 0;
    const { count, payloadBytes } = this.#writer;
    if (count > 0 && (isCancelling || !this.#hold.waits(payloadBytes))) this.#sendFrame();
    if (isCancelling) this.#sendCancelled();
  }

  release(operation: Operation): void {
    this.#credit.release(operation);
    if (operation.isWrite) this.#hold.ended();
    if (this.health.isWatched(operation.operationId)) this.#sample();
  }

  releaseAbandoned(operationId: number): void {
    this.#credit.releaseAbandoned(operationId);
    if (this.health.isWatched(operationId)) this.#sample();
  }

  /** What one more read costs here, beside other drives. */
  costAt(nowMs: number): number {
    return this.health.costAt(nowMs, this.#credit.operations);
  }

  /** An operation that was sent has been given up: the drive need not do it any more. */
  cancel(operation: Operation): void {
    if (this.#connection === undefined) return;
    this.#credit.abandon(operation);
    if (operation.isWrite) this.#hold.ended();
    this.#markDirty();
    this.#cancelled.push(operation.operationId);
  }

  get lastError(): unknown {
    return this.dialer.lastError;
  }

  /** An operation that waits here has been settled. */
  noteSettled(): void {
    // In which of the two it waits is not recorded: a queue that tidies too often loses nothing.
    this.#numberless.noteSettled();
    this.#queue.noteSettled();
  }

  /** Hands back the reads that wait. */
  drainReads(): Operation[] {
    const waiting = this.#queue.drain();
    for (const operation of waiting) if (operation.isWrite) this.#queue.push(operation);
    return waiting.filter((operation) => !operation.isWrite);
  }

  /** Hands back everything that waits. */
  drain(): Operation[] {
    return [...this.#numberless.drain(), ...this.#queue.drain()];
  }

  takeNewsVersion(version: number): void {
    if (version > this.#newsVersion) this.#newsVersion = version;
  }

  /** Ends the connection: what was sent over it goes back to the owner. */
  disconnect(): void {
    this.#connection?.close();
  }

  close(): void {
    this.#hold.reset();
    this.dialer.close();
    this.#connection?.close();
    this.#connection = undefined;
  }

  #maySend(operation: Operation): boolean {
    return this.#connection !== undefined && this.#credit.has(operation.weightBytes);
  }

  #write(operation: Operation, nowMs: number): void {
    if (operation.session !== undefined && operation.session !== this.#frameSession) {
      if (this.#frameSession !== undefined && this.#writer.count > 0) this.#sendFrame();
      this.#frameSession = operation.session;
    }
    const writer = this.#writer;
    this.#markDirty();
    operation.budgetMs = Math.max(1, operation.deadlineMs - nowMs);
    writer.add(operation);
    this.#hold.add(operation.isWrite);
    this.#credit.use(operation);
    if (!this.health.isWatching && !operation.isWrite) this.#watch(operation);
    this.#owner.sent(operation, this);
    if (writer.payloadBytes >= FRAME_BYTES_TARGET || writer.count >= OPERATIONS_PER_FRAME_MAX) {
      this.#sendFrame();
    }
  }

  #markDirty(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#owner.markDirty(this);
  }

  #watch(operation: Operation): void {
    this.health.watch(operation.operationId, this.#owner.environment.clock.nowMs());
    this.#owner.watching(this);
  }

  #sample(): void {
    this.health.sample(this.#owner.environment.clock.nowMs());
  }

  #sendFrame(): void {
    const session = this.#frameSession ?? NO_SESSION;
    const chunks = this.#writer.finish({
      indexVersion: Math.max(this.#newsVersion, this.#owner.indexVersion),
      sessionHigh: session.high,
      sessionLow: session.low,
      lowestOutstanding: session.lowest,
    });
    this.#frameSession = undefined;
    this.#hold.sent();
    this.#owner.counters.frames++;
    this.#connection?.sendFrame(chunks);
  }

  #sendCancelled(): void {
    const operations = this.#cancelled;
    this.#cancelled = [];
    for (let from = 0; from < operations.length; from += OPERATIONS_PER_FRAME_MAX) {
      const some = operations.slice(from, from + OPERATIONS_PER_FRAME_MAX);
      this.#connection?.notify(messages.cancel, { operations: some, requests: [] });
    }
  }

  /** False when the window is used up: then the write waits in its own queue. */
  #giveNumber(operation: Operation, nowMs: number): boolean {
    if (operation.session !== undefined) return true;
    if (this.#numberless.length > 0 || !this.#ensureSession(nowMs).hasRoom) {
      this.#numberless.push(operation);
      return false;
    }
    operation.session = this.#session as Session;
    operation.writeNumber = operation.session.take();
    return true;
  }

  #ensureSession(nowMs: number): Session {
    const session = this.#session;
    if (session !== undefined && !session.isTight) return session;
    if (session === undefined || nowMs - session.startedAtMs >= SESSION_LIFE_MS) {
      return this.#startSession(nowMs);
    }
    session.releaseHeld();
    return session;
  }

  #startSession(nowMs: number): Session {
    const id = this.#owner.environment.random.bytes(8);
    this.#session = new Session(id, nowMs, () => this.#owner.markReady(this));
    return this.#session;
  }

  /** The session is not known to the drive any more: writes from now on use another. */
  abandonSession(session: Session, nowMs: number): void {
    if (this.#session === session) this.#startSession(nowMs);
  }

  #pumpNumberless(nowMs: number): void {
    for (;;) {
      const operation = this.#numberless.peek();
      if (operation === undefined) return;
      if (!this.#maySend(operation) || !this.#ensureSession(nowMs).hasRoom) return;
      this.#numberless.shift();
      operation.session = this.#session as Session;
      operation.writeNumber = operation.session.take();
      this.#owner.encodeKey(operation);
      this.#write(operation, nowMs);
    }
  }

  #pumpQueue(nowMs: number): void {
    for (;;) {
      const operation = this.#queue.peek();
      if (operation === undefined || !this.#maySend(operation)) return;
      this.#queue.shift();
      if (operation.isWrite && !this.#giveNumber(operation, nowMs)) continue;
      this.#owner.encodeKey(operation);
      this.#write(operation, nowMs);
    }
  }

  #handleOpened(connection: Connection): void {
    this.#connection = connection;
    const { inFlightOperationsMax, inFlightBytesMax } = connection.peer;
    this.#credit.grant(inFlightOperationsMax, inFlightBytesMax);
    this.#newsVersion = 0;
    this.#owner.markReady(this);
    this.#owner.handleOpened(this);
  }

  #handleFrame(connection: Connection, frame: Frame): void {
    if (connection !== this.#connection) return;
    if (frame.opcode !== Opcode.results) {
      throw new MalformedFrameError(`expected results from a drive, got opcode ${frame.opcode}`);
    }
    this.dialer.prove();
    this.#owner.handleResults(this, frame);
    if (this.#writer.count > 0) this.#markDirty();
  }

  #handleClosed(connection: Connection, reason: Error | undefined): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.health.unwatch();
    this.#cancelled = [];
    this.#hold.reset();
    // What is in the writer counts as sent; whether it was does not matter for a numbered write.
    if (this.#writer.count > 0) this.#writer.finish(EMPTY_CONTEXT);
    this.#frameSession = undefined;
    this.#credit.grant(1, 1);
    this.#owner.handleLost(this, reason);
    if (this.queued > 0) this.dialer.wake();
  }
}

const EMPTY_CONTEXT = { indexVersion: 0, sessionHigh: 0, sessionLow: 0, lowestOutstanding: 0 };
