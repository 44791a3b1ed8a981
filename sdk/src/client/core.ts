// Puts the parts of a client together, and starts and stops them.
//
// The dispatcher is in the middle; routing, retries and the metadata server's feed are around it.
// The public face is kv-client.ts.

import type { KeyspaceRecord } from '@piton/protocol';
import { Counters } from '../diagnostics/counters.ts';
import { failureOf } from '../errors/failures.ts';
import { KVError } from '../errors/kv-error.ts';
import { KeyEncoder } from '../keys/key-encoder.ts';
import { Dispatcher } from '../operations/dispatcher.ts';
import { type Operation, State } from '../operations/operation.ts';
import { OperationTable } from '../operations/operation-table.ts';
import { Room } from '../operations/room.ts';
import { Settler } from '../operations/settler.ts';
import { backOffMs } from '../retry/back-off.ts';
import { Retrier } from '../retry/retrier.ts';
import { Sweeper } from '../retry/sweeper.ts';
import { Addresses } from '../routing/addresses.ts';
import { IndexCache } from '../routing/index-cache.ts';
import { IndexFeed } from '../routing/index-feed.ts';
import { Lookups } from '../routing/lookups.ts';
import { MetadataLink } from '../routing/metadata-link.ts';
import { Readers } from '../routing/readers.ts';
import { Routing } from '../routing/routing.ts';
import type { DriveLink } from '../transport/drive-link.ts';
import { DriveLinks } from '../transport/drive-links.ts';
import { Fifo } from '../transport/fifo.ts';
import type { Settings } from './options.ts';

/** Failures of the feed that an operation need not wait out. */
const FINAL_CODES: ReadonlySet<string> = new Set([
  'KV_NO_KEYSPACE',
  'KV_WRONG_CLUSTER',
  'KV_PROTOCOL',
]);

export class Core {
  readonly settings: Settings;
  readonly counters: Counters = new Counters();
  readonly table: OperationTable = new OperationTable();
  readonly room: Room;
  readonly dispatcher: Dispatcher;
  readonly links: DriveLinks;
  readonly routing: Routing;
  readonly readers: Readers;
  readonly feed: IndexFeed;
  readonly lookups: Lookups;
  readonly settler: Settler;
  readonly retrier: Retrier;
  readonly #addresses: Addresses;
  readonly #metadata: MetadataLink;
  readonly #sweeper: Sweeper;
  readonly #early: Fifo = new Fifo();
  /** Until the keyspace is known, only to check keys. */
  #encoder: KeyEncoder = new KeyEncoder('range');
  readonly #encoderNow = (): KeyEncoder => this.#encoder;
  #isStarted = false;
  #isClosed = false;
  #syncFailures = 0;
  #pause: { cancel(): void } | undefined;
  #readyWaiters: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  #isReady = false;

  constructor(settings: Settings) {
    this.settings = settings;
    const { environment, maxInFlightPerDrive, maxRanges } = settings;
    const { counters } = this;
    const name = `client-${Buffer.from(environment.random.bytes(6)).toString('hex')}`;
    this.room = new Room(settings);
    this.#addresses = new Addresses(settings.addressMap);
    this.dispatcher = new Dispatcher(environment, counters, maxInFlightPerDrive, name);
    this.links = new DriveLinks(this.dispatcher);
    this.readers = new Readers(environment.random);
    this.routing = new Routing({
      index: new IndexCache(this.links, maxRanges, settings.reads),
      addresses: this.#addresses,
      links: this.links,
      counters,
      encoder: this.#encoderNow,
      onChanged: () => this.dispatcher.rerouteWaiting(),
    });
    this.#metadata = new MetadataLink(environment, settings.metadata, counters, name, {
      connected: () => this.#handleMetadata(true),
      lost: () => this.#handleMetadata(false),
      frame: (frame) => this.feed.handleFrame(frame),
    });
    this.feed = this.#makeFeed();
    this.lookups = new Lookups({
      link: this.#metadata,
      routing: this.routing,
      counters,
      keyspace: () => this.feed.keyspace,
    });
    const { table, room } = this;
    const early = this.#early;
    this.settler = new Settler({ table, room, counters, early, encoder: this.#encoderNow });
    this.#sweeper = new Sweeper(
      environment.clock,
      (nowMs) => this.#sweep(nowMs),
      () => 1 + table.capacity / 16_384,
    );
    this.retrier = this.#makeRetrier();
    this.#attachDispatcher();
  }

  #makeFeed(): IndexFeed {
    const { counters, routing, settings } = this;
    return new IndexFeed({
      link: this.#metadata,
      routing,
      counters,
      keyspaceName: settings.keyspace,
      maxRanges: settings.maxRanges,
      onReady: (keyspace) => this.#becomeReady(keyspace),
    });
  }

  #makeRetrier(): Retrier {
    const { counters, table, room, settler, routing } = this;
    const { clock, random } = this.settings.environment;
    return new Retrier({
      clock,
      random,
      counters,
      table,
      room,
      settler,
      routing,
      readers: this.readers,
      sweeper: this.#sweeper,
      requeue: (operation) => this.dispatcher.requeue(operation),
      lookUp: (operation) => this.#lookUp(operation),
    });
  }

  #attachDispatcher(): void {
    const { table, room, settler, retrier, routing } = this;
    this.dispatcher.attach({
      table,
      room,
      settler,
      retrier,
      sweeper: this.#sweeper,
      routing,
      readers: this.readers,
      links: this.links,
      early: this.#early,
      encoder: this.#encoderNow,
      lookUp: (operation) => this.#lookUp(operation),
      missAddress: (drive) => this.#missAddress(drive),
      addressOf: (drive) => this.addressOf(drive),
      indexVersion: () => this.feed.version,
      cluster: () => this.#metadata.cluster,
    });
  }

  get encoder(): KeyEncoder {
    return this.#encoder;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get isMetaConnected(): boolean {
    return this.#metadata.isConnected;
  }

  addressOf(drive: string): string | undefined {
    return this.#addresses.of(drive as never);
  }

  /** Connects in the background, once; what is issued meanwhile waits. */
  start(): void {
    if (this.#isStarted || this.#isClosed) return;
    this.#isStarted = true;
    this.#keepSynced();
  }

  /** Connects now. Rejects when that does not work at the first try. */
  async startNow(): Promise<void> {
    this.#isStarted = true;
    await this.feed.sync();
  }

  /** Resolves when the index is there. */
  whenReady(): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    this.start();
    return new Promise((resolve, reject) => {
      this.#readyWaiters.push({ resolve, reject });
    });
  }

  /** Lets what is under way finish for a while, then ends the rest with KV_CLOSED. */
  async close(drainMs: number): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pause?.cancel();
    this.#failWaiters(new KVError('KV_CLOSED', 'the client was closed'));
    if (this.table.size > 0 && drainMs > 0) await this.#drained(drainMs);
    this.table.forEach((operation) => {
      this.settler.nameRequest(operation);
      this.settler.fail(operation, failureOf(operation, 'KV_CLOSED', 'the client was closed'));
    });
    this.#sweeper.stop();
    this.feed.close();
    this.links.close();
    this.#metadata.close();
  }

  #drained(drainMs: number): Promise<void> {
    const { clock } = this.settings.environment;
    return new Promise((resolve) => {
      const timer = clock.setTimer(drainMs, () => resolve());
      this.settler.onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #keepSynced(): void {
    if (this.#isClosed) return;
    this.feed.sync().then(
      () => {
        this.#syncFailures = 0;
      },
      (error) => this.#handleSyncFailure(error),
    );
  }

  #handleSyncFailure(error: unknown): void {
    if (this.#isClosed || this.#pause !== undefined) return;
    if (!this.#isReady && error instanceof KVError && FINAL_CODES.has(error.code)) {
      this.#failEarly(error);
    }
    const { clock, random } = this.settings.environment;
    const delayMs = backOffMs(random, 'connect', this.#syncFailures++);
    this.#pause = clock.setTimer(delayMs, () => {
      this.#pause = undefined;
      this.#keepSynced();
    });
  }

  /** What waits for an index that will not come. */
  #failEarly(error: KVError): void {
    for (const operation of this.#early.drain()) {
      const { code, message } = error;
      this.settler.fail(operation, failureOf(operation, code, message, { cause: error }));
    }
    this.#failWaiters(error);
  }

  #failWaiters(error: KVError): void {
    const waiters = this.#readyWaiters;
    this.#readyWaiters = [];
    for (const waiter of waiters) waiter.reject(error);
  }

  #handleMetadata(isConnected: boolean): void {
    this.routing.isMetaReachable = isConnected;
    if (isConnected && this.#isReady) this.#keepSynced();
  }

  #becomeReady(keyspace: KeyspaceRecord): void {
    if (this.#isReady) return;
    this.#encoder = new KeyEncoder(keyspace.partitioning);
    this.#isReady = true;
    this.routing.isReady = true;
    this.dispatcher.becomeReady();
    const waiters = this.#readyWaiters;
    this.#readyWaiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  #lookUp(operation: Operation): void {
    operation.state = State.lookingUp;
    operation.link = undefined;
    const key = this.#encoder.encode(operation.callKey);
    this.lookups.ask(key, (error) => {
      if (operation.state !== State.lookingUp) return;
      const isFound =
        this.routing.index.find(this.#encoder.encode(operation.callKey)) !== undefined;
      if (error === undefined && isFound) {
        operation.state = State.queued;
        this.dispatcher.requeue(operation);
        return;
      }
      const cause = error === undefined ? 'noRoute' : 'lookupFailed';
      const { epoch } = operation;
      const attempt = { drive: undefined, epoch, sent: false, status: undefined, cause };
      operation.noteTrouble(attempt).lastError = error;
      this.retrier.rest(operation, cause);
    });
  }

  /** A look-up of any key of that drive brings its address. */
  #missAddress(drive: string): void {
    const record = this.routing.index
      .records()
      .find(({ chain }) => chain.some((member) => member.drive === drive));
    if (record !== undefined) this.lookups.ask(record.start, () => {});
  }

  /** Drives that owe an answer for too long, and when the next may be one. */
  #findSilent(nowMs: number): { links: Set<DriveLink>; nextMs: number } {
    const links = new Set<DriveLink>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const link of this.links.all()) {
      const { health } = link;
      if (health.isSilent(nowMs)) {
        links.add(link);
        this.readers.avoid(link, nowMs);
        this.dispatcher.rerouteReads(link);
      } else if (health.isWatching) nextMs = Math.min(nextMs, health.silentAtMs);
    }
    return { links, nextMs };
  }

  /** A read that a silent drive has can be answered by another member. */
  #leaveSilent(operation: Operation, silent: ReadonlySet<DriveLink>): void {
    const { link, state } = operation;
    if (operation.isWrite || state !== State.sent || link === undefined) return;
    if (silent.has(link)) this.retrier.leave(operation, link);
  }

  #sweep(nowMs: number): number {
    const silent = this.#findSilent(nowMs);
    let nextMs = silent.nextMs;
    this.table.forEach((operation) => {
      if (operation.deadlineMs <= nowMs) {
        this.retrier.expire(operation);
        return;
      }
      if (silent.links.size > 0) this.#leaveSilent(operation, silent.links);
      if (operation.state === State.resting) {
        if (operation.wakeAtMs <= nowMs) this.retrier.wake(operation);
        else if (operation.wakeAtMs < nextMs) nextMs = operation.wakeAtMs;
      }
      if (operation.deadlineMs < nextMs) nextMs = operation.deadlineMs;
    });
    this.table.shrink();
    return nextMs;
  }
}
