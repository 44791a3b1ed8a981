// The heart of the client: takes operations in, and at the end of the turn sends each to its drive.
//
// Everything that is issued in one turn of the event loop is routed together, so that it leaves as
// one frame for each drive. A call costs one object and its promise; nothing here is asynchronous.
//
//   issue -> turn -> dispatch -> link of the drive -> frame -> results -> settler
//              ^                                         |
//              +--------------- retrier <----------------+
//
// Not here: what the answers mean (answers.ts), and how the index is kept (routing/).

import {
  type Clock,
  type ClusterId,
  type Environment,
  type Frame,
  OperationFlag,
  ResultsReader,
} from '@piton/protocol';
import { attemptChannel, dedupeChannel, isTraced, queueChannel } from '../diagnostics/channels.ts';
import type { Counters } from '../diagnostics/counters.ts';
import { failureOf } from '../errors/failures.ts';
import type { Attempt } from '../errors/kv-error.ts';
import type { KeyEncoder } from '../keys/key-encoder.ts';
import type { Retrier } from '../retry/retrier.ts';
import type { Sweeper } from '../retry/sweeper.ts';
import type { Readers } from '../routing/readers.ts';
import type { Refresher } from '../routing/refresher.ts';
import type { Route } from '../routing/route.ts';
import type { Routing } from '../routing/routing.ts';
import type { DriveLink, LinkOwner } from '../transport/drive-link.ts';
import type { DriveLinks } from '../transport/drive-links.ts';
import type { Fifo } from '../transport/fifo.ts';
import { isAnswer, resultOf } from './answers.ts';
import { KIND_NAMES, type Operation, State } from './operation.ts';
import type { OperationTable } from './operation-table.ts';
import type { Room } from './room.ts';
import type { Settler } from './settler.ts';

/** The parts around the dispatcher; some need it in turn, so they are given after it is made. */
export interface DispatcherParts {
  readonly table: OperationTable;
  readonly room: Room;
  readonly settler: Settler;
  readonly retrier: Retrier;
  readonly sweeper: Sweeper;
  readonly routing: Routing;
  readonly readers: Readers;
  readonly links: DriveLinks;
  readonly refresher: Refresher;
  readonly early: Fifo;
  readonly encoder: () => KeyEncoder;
  readonly lookUp: (operation: Operation) => void;
  readonly missAddress: (drive: string) => void;
  readonly addressOf: (drive: string) => string | undefined;
  readonly indexVersion: () => number;
  readonly cluster: () => ClusterId | undefined;
}

/** The clock is read again after this many calls of one turn. */
const CALLS_PER_CLOCK = 256;

export class Dispatcher implements LinkOwner {
  readonly environment: Environment;
  readonly counters: Counters;
  readonly maxInFlightPerDrive: number;
  readonly clientName: string;
  readonly #clock: Clock;
  #parts!: DispatcherParts;
  #turn: Operation[] = [];
  #spareTurn: Operation[] = [];
  #dirty: DriveLink[] = [];
  #readyLinks: DriveLink[] = [];
  #isScheduled = false;
  #isReady = false;
  #nowMs = 0;
  #isAttemptTraced = false;
  /** One function for all turns. */
  readonly #runTurnBound = (): void => this.#runTurn();

  constructor(
    environment: Environment,
    counters: Counters,
    maxInFlightPerDrive: number,
    clientName: string,
  ) {
    this.environment = environment;
    this.counters = counters;
    this.maxInFlightPerDrive = maxInFlightPerDrive;
    this.clientName = clientName;
    this.#clock = environment.clock;
  }

  attach(parts: DispatcherParts): void {
    this.#parts = parts;
  }

  get indexVersion(): number {
    return this.#parts.indexVersion();
  }

  get cluster(): ClusterId | undefined {
    return this.#parts.cluster();
  }

  addressOf(drive: string): string | undefined {
    return this.#parts.addressOf(drive);
  }

  missAddress(drive: string): void {
    this.#parts.missAddress(drive);
  }

  /** Takes a new operation in. `mayWait`: it stands in line rather than being refused. */
  issue(operation: Operation, timeoutMs: number, mayWait: boolean): void {
    const { table, room, sweeper } = this.#parts;
    if ((this.#turn.length & (CALLS_PER_CLOCK - 1)) === 0) {
      this.#nowMs = Math.floor(this.#clock.nowMs());
    }
    operation.deadlineMs = this.#nowMs + timeoutMs;
    operation.weightBytes = operation.callKey.length + operation.value.length + 48;
    this.counters.operations++;
    table.add(operation);
    sweeper.note(operation.deadlineMs);
    // What has left the room since the last turn has made place for the line, and perhaps for this one.
    if (!room.isLineEmpty) {
      this.#takeFromLine();
      if (!this.#isScheduled) this.#schedule();
    }
    if (room.isLineEmpty && room.hasRoom) {
      room.enter(operation);
      this.#turn.push(operation);
      if (!this.#isScheduled) this.#schedule();
    } else this.#refuseOrWait(operation, mayWait);
  }

  /** Routes an operation of this client anew, at the end of this turn. */
  requeue(operation: Operation): void {
    this.#turn.push(operation);
    if (!this.#isScheduled) this.#schedule();
  }

  /** The index is there: what waited for it can go. */
  becomeReady(): void {
    this.#isReady = true;
    for (const operation of this.#parts.early.drain()) this.requeue(operation);
  }

  /** The index is gone: what comes from now on waits for the next. */
  becomeUnready(): void {
    this.#isReady = false;
    this.rerouteWaiting();
  }

  /** Routes have changed: what waits for a drive that is not connected may belong to another. */
  rerouteWaiting(): void {
    for (const link of this.#parts.links.all()) {
      if (!link.isConnected && link.queued > 0) this.#reroute(link.drain());
    }
  }

  /** The same for drives that seem connected: they may be gone all the same. */
  rerouteAll(): void {
    for (const link of this.#parts.links.all()) {
      if (link.queued > 0) this.#reroute(link.drain());
    }
  }

  /** Reads that wait for a drive that is not reached, or silent, may be answered by another one. */
  rerouteReads(link: DriveLink): void {
    if (link.queued > 0) this.#reroute(link.drainReads());
  }

  #reroute(operations: readonly Operation[]): void {
    for (const operation of operations) {
      operation.link = undefined;
      this.requeue(operation);
    }
  }

  encodeKey(operation: Operation): void {
    operation.key = this.#parts.encoder().encode(operation.callKey);
  }

  sent(operation: Operation, link: DriveLink): void {
    this.#parts.room.leave(operation);
    operation.state = State.sent;
    if ((operation.flags & OperationFlag.retry) !== 0) this.#noteResent(operation, link);
    if (this.#isAttemptTraced) traceAttempt(operation, link);
  }

  markDirty(link: DriveLink): void {
    this.#dirty.push(link);
    if (!this.#isScheduled) this.#schedule();
  }

  markReady(link: DriveLink): void {
    this.#readyLinks.push(link);
    if (!this.#isScheduled) this.#schedule();
  }

  handleResults(link: DriveLink, frame: Frame): void {
    const { table, retrier, routing } = this.#parts;
    const reader = new ResultsReader(frame);
    if (reader.news !== null) routing.takeNewsOnReply(link, reader.news);
    while (reader.next()) {
      const operation = table.get(reader.operationId);
      if (operation === undefined || operation.link !== link || operation.state !== State.sent) {
        link.releaseAbandoned(reader.operationId);
        continue;
      }
      link.release(operation);
      if (isAnswer(operation.kind, reader.status)) this.#answer(operation, reader);
      else retrier.handleRefusal(operation, link, reader);
    }
    if (link.queued > 0) this.markReady(link);
    if (!this.#parts.room.isLineEmpty && !this.#isScheduled) this.#schedule();
  }

  watching(link: DriveLink): void {
    this.#parts.sweeper.note(link.health.silentAtMs);
  }

  handleOpened(link: DriveLink): void {
    // What waits for another member, which may never be reached, can be answered by this one.
    for (const other of this.#parts.links.all()) {
      if (other !== link && !other.isConnected) this.rerouteReads(other);
    }
  }

  handleUnreachable(link: DriveLink): void {
    this.rerouteReads(link);
    this.#parts.refresher.note();
  }

  handleLost(link: DriveLink, reason: Error | undefined): void {
    this.#parts.retrier.handleLost(link, reason);
  }

  #answer(operation: Operation, reader: ResultsReader): void {
    const { settler } = this.#parts;
    let result: unknown;
    try {
      result = resultOf(operation, reader);
    } catch (error) {
      settler.fail(operation, error);
      return;
    }
    if (operation.isTrial) this.#welcome(operation);
    settler.succeed(operation, result);
  }

  #welcome(operation: Operation): void {
    const { routing, readers } = this.#parts;
    const route = routing.routeOf(operation);
    if (route !== undefined && operation.link !== undefined) readers.welcome(route, operation.link);
  }

  #schedule(): void {
    this.#isScheduled = true;
    this.#clock.defer(this.#runTurnBound);
  }

  #runTurn(): void {
    this.#isScheduled = false;
    this.#isAttemptTraced = isTraced(attemptChannel);
    const nowMs = Math.floor(this.#clock.nowMs());
    this.#takeFromLine();
    const turn = this.#turn;
    this.#turn = this.#spareTurn;
    this.#parts.readers.beginTurn(turn.length);
    for (const operation of turn) {
      if (operation.state === State.queued) this.#dispatch(operation, nowMs);
    }
    turn.length = 0;
    this.#spareTurn = turn;
    this.#pumpReady(nowMs);
    this.#flushDirty();
  }

  #dispatch(operation: Operation, nowMs: number): void {
    const { routing, settler, retrier, early, lookUp } = this.#parts;
    if (!this.#isReady) {
      early.push(operation);
      return;
    }
    try {
      this.encodeKey(operation);
    } catch (error) {
      settler.fail(operation, error);
      return;
    }
    const route = routing.index.find(operation.key);
    if (route === undefined) {
      lookUp(operation);
      return;
    }
    const { record } = route;
    operation.rangeId = record.id;
    operation.epoch = record.epoch;
    const link = operation.isWrite ? route.head : this.#readerOf(route, operation, nowMs);
    if (link !== undefined) link.accept(operation, nowMs);
    else {
      operation.noteTrouble(noMember(record.epoch));
      retrier.rest(operation, 'noRoute');
    }
  }

  #readerOf(route: Route, operation: Operation, nowMs: number): DriveLink | undefined {
    if (route.readers.length < 2) return route.readers[0];
    const rounds = operation.trouble?.rounds ?? 0;
    const { readers } = this.#parts;
    const link = readers.choose(route, operation.key, rounds, nowMs);
    if (route.absences !== undefined) operation.isTrial = readers.takeTrial();
    return link;
  }

  #pumpReady(nowMs: number): void {
    if (this.#readyLinks.length === 0) return;
    const links = this.#readyLinks;
    this.#readyLinks = [];
    for (const link of links) link.pump(nowMs);
  }

  #flushDirty(): void {
    const links = this.#dirty;
    this.#dirty = [];
    for (const link of links) link.flush();
  }

  #takeFromLine(): void {
    const { room } = this.#parts;
    while (!room.isLineEmpty) {
      const operation = room.takeFromLine();
      if (operation === undefined) return;
      operation.state = State.queued;
      this.#turn.push(operation);
    }
  }

  #refuseOrWait(operation: Operation, mayWait: boolean): void {
    const { room, settler } = this.#parts;
    const isWaiting = (mayWait || room.limits.whenFull === 'wait') && room.standInLine(operation);
    if (queueChannel.isHeard) {
      const state = isWaiting ? 'waiting' : 'rejected';
      queueChannel.publish({ state, queued: room.count, queuedBytes: room.bytes });
    }
    if (isWaiting) {
      operation.state = State.inLine;
      if (!this.#isScheduled) this.#schedule();
      return;
    }
    const { message } = room.fullError();
    room.enter(operation);
    settler.fail(operation, failureOf(operation, 'KV_QUEUE_FULL', message));
  }

  #noteResent(operation: Operation, link: DriveLink): void {
    this.counters.resentWrites++;
    if (!dedupeChannel.isHeard) return;
    const { writeNumber } = operation;
    const name = KIND_NAMES[operation.kind];
    dedupeChannel.publish({ operation: name, drive: link.drive, writeNumber });
  }
}

function noMember(epoch: number): Attempt {
  return { drive: undefined, epoch, sent: false, status: undefined, cause: 'noRoute' };
}

function traceAttempt(operation: Operation, link: DriveLink): void {
  const trace = {
    operation: KIND_NAMES[operation.kind],
    drive: link.drive,
    rangeId: operation.rangeId,
    epoch: operation.epoch,
    isRetry: operation.trouble !== undefined,
  };
  operation.extras ??= { unlisten: undefined, attemptTrace: undefined };
  operation.extras.attemptTrace = trace;
  attemptChannel.start.publish(trace);
}
