// Puts the parts of a client together, and starts and stops them.
//
// The dispatcher is in the middle; routing, retries and the metadata server's feed are around it.
// The public face is kv-client.ts.

import type { ClusterId, KeyspaceRecord } from '@piton/protocol';
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
import { Rounds } from '../retry/rounds.ts';
import { Sweeper } from '../retry/sweeper.ts';
import { Addresses } from '../routing/addresses.ts';
import { IndexCache } from '../routing/index-cache.ts';
import { IndexFeed } from '../routing/index-feed.ts';
import { IndexKeeper } from '../routing/index-keeper.ts';
import { Lookups } from '../routing/lookups.ts';
import { MetadataLink } from '../routing/metadata-link.ts';
import { Readers } from '../routing/readers.ts';
import { Refresher } from '../routing/refresher.ts';
import { Routing } from '../routing/routing.ts';
import type { SavedIndex } from '../routing/saved-index.ts';
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
  readonly #rounds: Rounds;
  readonly #refresher: Refresher;
  readonly #keeper: IndexKeeper | undefined;
  readonly #early: Fifo = new Fifo();
  /** Until the keyspace is known, only to check keys. */
  #encoder: KeyEncoder = new KeyEncoder('range');
  readonly #encoderNow = (): KeyEncoder => this.#encoder;
  /** The cluster of a restored index, until the metadata server has said which one it is. */
  #restoredCluster: ClusterId | undefined;
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
      onChanged: () => {
        this.dispatcher.rerouteWaiting();
        this.#rounds.noteMoved();
      },
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
      (nowMs) => this.#rounds.sweep(nowMs),
      () => 1 + table.capacity / 16_384,
    );
    this.retrier = this.#makeRetrier();
    this.#rounds = new Rounds({
      clock: environment.clock,
      table,
      links: this.links,
      readers: this.readers,
      routing: this.routing,
      retrier: this.retrier,
      sweeper: this.#sweeper,
      dispatcher: this.dispatcher,
    });
    this.#refresher = new Refresher({
      ...environment,
      isWanted: () => this.links.isAnyWaiting,
      refresh: () => this.feed.refresh(),
    });
    this.#keeper = this.#makeKeeper();
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
      onDiscarded: () => this.#becomeUnready(),
      onChanged: () => this.#keeper?.note(),
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
      refresher: this.#refresher,
      early: this.#early,
      encoder: this.#encoderNow,
      lookUp: (operation) => this.#lookUp(operation),
      missAddress: (drive) => this.#missAddress(drive),
      addressOf: (drive) => this.addressOf(drive),
      indexVersion: () => this.feed.version,
      cluster: () => this.#metadata.cluster ?? this.#restoredCluster,
    });
  }

  #makeKeeper(): IndexKeeper | undefined {
    const { indexStorage: storage, environment, keyspace: keyspaceName } = this.settings;
    if (storage === undefined) return undefined;
    const { clock, random } = environment;
    const current = (): SavedIndex | undefined => this.#indexToSave();
    return new IndexKeeper({ clock, random, storage, keyspaceName, current });
  }

  #indexToSave(): SavedIndex | undefined {
    const { keyspace, version } = this.feed;
    const { cluster } = this.#metadata;
    if (keyspace === undefined || cluster === undefined || !this.#isReady) return undefined;
    const { index } = this.routing;
    const records = index.records().slice();
    const addresses = this.#addresses.all();
    return { cluster, keyspace, version, isWhole: !index.isPartial, addresses, records };
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
    if (this.#keeper === undefined) this.#keepSynced();
    else void this.#restore().then(() => this.#keepSynced());
  }

  /**
   * Starts now. Rejects when the index cannot be had at the first try, neither from a file nor from the
   * metadata server.
   */
  async startNow(): Promise<void> {
    this.#isStarted = true;
    if (await this.#restore()) this.#keepSynced();
    else await this.feed.sync();
  }

  /** Begins with what an earlier life has kept, if there is anything. */
  async #restore(): Promise<boolean> {
    const saved = await this.#keeper?.load();
    if (saved === undefined || this.#isClosed) return false;
    this.#restoredCluster = saved.cluster;
    this.feed.restore(saved);
    return true;
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
    this.#refresher.stop();
    this.feed.close();
    this.links.close();
    this.#metadata.close();
    await this.#keeper?.close();
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
    if (isConnected) this.#checkRestoredCluster();
    if (isConnected && this.#isReady) this.#keepSynced();
  }

  /** A file of another cluster that had this address before. */
  #checkRestoredCluster(): void {
    const restored = this.#restoredCluster;
    this.#restoredCluster = undefined;
    if (restored !== undefined && restored !== this.#metadata.cluster) this.feed.discard();
  }

  #becomeUnready(): void {
    this.#isReady = false;
    this.#keeper?.distrust();
    this.dispatcher.becomeUnready();
    this.links.disconnect();
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
}
