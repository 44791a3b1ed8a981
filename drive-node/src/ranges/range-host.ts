// All range copies of a drive, and the parts that move them: where the frames of clients and
// neighbours arrive, and the commands of the metadata server.
//
// This file only connects the parts. What they cause in one turn (answers, updates, acknowledgements)
// leaves together, when the turn's work is done.

import type {
  Connection,
  DriveAddress,
  DriveId,
  DropRange,
  Frame,
  HeldRange,
  HistoryGap,
  IndexVersion,
  InstallAnswer,
  InstallRange,
  MergeAnswer,
  MergeRange,
  MiddleKey,
  MiddleKeyAnswer,
  RangeId,
  RangeRecord,
  RangeReport,
  RangeState,
  RangeStateAnswer,
  SplitRange,
} from '@piton/protocol';
import { Acknowledger } from '../chain/acknowledge.ts';
import { Appender } from '../chain/append.ts';
import { Borders } from '../chain/borders.ts';
import { Committer } from '../chain/commit.ts';
import { Forwarder } from '../chain/forward.ts';
import { HeadWriter } from '../chain/head.ts';
import { RecordMender } from '../chain/mender.ts';
import { Receiver } from '../chain/receive.ts';
import { Resumer } from '../chain/resume.ts';
import { Room } from '../chain/room.ts';
import { VersionAnswerer } from '../chain/version-answers.ts';
import { VersionAsker } from '../chain/version-asker.ts';
import type { Store, StoreError } from '../engine/store.ts';
import { CopiedRecords } from '../migration/copied-records.ts';
import { CopyThrottle } from '../migration/copy-throttle.ts';
import { SyncSource } from '../migration/sync-source.ts';
import { SyncTarget } from '../migration/sync-target.ts';
import { BatchHandler } from '../requests/batch.ts';
import { Canceller } from '../requests/cancel.ts';
import { OutcomeHandler } from '../requests/outcome.ts';
import { Replies } from '../requests/replies.ts';
import type { Routes } from '../requests/routes.ts';
import { ScanHandler } from '../requests/scan.ts';
import type { PeerLinks, Ranges, RangesOptions, WithoutRoom } from '../shell/host.ts';
import { FrameClock } from './frame-clock.ts';
import { type FrameHandler, frameHandlers } from './frame-handlers.ts';
import { Holdings } from './holdings.ts';
import type { Hosting } from './hosting.ts';
import { HostingKeeper } from './hosting-keeper.ts';
import { Installer } from './install.ts';
import { RangeLocks } from './range-locks.ts';
import { takeRegistration } from './registration.ts';
import { releaseWaiters } from './release.ts';
import type { Replica } from './replica.ts';
import { startSweep } from './sweep.ts';

export class RangeHost implements Ranges {
  readonly #options: RangesOptions;
  readonly #store: Store;
  readonly #routes: Routes;
  readonly #replies: Replies;
  readonly #peers: PeerLinks;
  readonly #frameClock: FrameClock;
  readonly #forwarder: Forwarder;
  readonly #acknowledger: Acknowledger;
  readonly #committer: Committer;
  readonly #appender: Appender;
  readonly #head: HeadWriter;
  readonly #asker: VersionAsker;
  readonly #batches: BatchHandler;
  readonly #scans: ScanHandler;
  readonly #outcomes: OutcomeHandler;
  readonly #canceller: Canceller;
  readonly #resumer: Resumer;
  readonly #borders: Borders;
  readonly #installer: Installer;
  readonly #syncSource: SyncSource;
  readonly #syncTarget: SyncTarget;
  readonly #records: CopiedRecords;
  readonly #holdings: Holdings;
  readonly #handlers: ReadonlyMap<number, FrameHandler>;
  readonly #endSweep: () => void;
  #isServing = false;
  #isStopped = false;

  constructor(
    options: RangesOptions,
    store: Store,
    routes: Routes,
    rebuilt: { replicas: Replica[]; gone: Hosting[] },
  ) {
    const { environment, peers } = options;
    this.#options = options;
    this.#store = store;
    this.#routes = routes;
    this.#peers = peers;
    this.#frameClock = new FrameClock(environment.clock);
    this.#replies = new Replies(routes);
    this.#forwarder = new Forwarder(peers);
    this.#acknowledger = new Acknowledger(peers, new Room(store, routes));
    const answering = { replies: this.#replies, acknowledger: this.#acknowledger };
    const commits = { ...this.#serving(), ...answering };
    this.#committer = new Committer(commits, {
      drained: (replica) => this.#borders.drained(replica),
      deletedDuringCopy: (replica, key, sequence) =>
        this.#syncTarget.noteDeleted(replica, key, sequence),
    });
    this.#appender = new Appender(store, this.#frameClock, this.#forwarder, this.#committer);
    this.#head = this.#makeHead();
    this.#asker = new VersionAsker({ ...this.#serving(), peers });
    this.#batches = new BatchHandler({
      ...this.#serving(),
      replies: this.#replies,
      head: this.#head,
      asker: this.#asker,
    });
    this.#resumer = this.#makeResumer();
    this.#records = new CopiedRecords(store);
    const locks = new RangeLocks();
    const keeper = new HostingKeeper(store);
    this.#installer = this.#makeInstaller(locks, keeper);
    this.#borders = new Borders({
      ...this.#shared(),
      ...{ head: this.#head, committer: this.#committer, locks, installer: this.#installer },
    });
    this.#syncSource = new SyncSource({
      ...this.#shared(),
      throttle: new CopyThrottle(environment.clock, options.copyBytesPerSecond),
      reportSyncFinished: options.reportSyncFinished,
      flush: () => this.#flush(),
    });
    this.#syncTarget = new SyncTarget({
      ...this.#shared(),
      locks,
      keeper,
      records: this.#records,
      replace: (...change) => this.#installer.replace(...change),
    });
    this.#scans = new ScanHandler({ ...this.#serving(), asker: this.#asker });
    this.#outcomes = this.#makeOutcomes();
    this.#canceller = new Canceller({
      head: this.#head,
      reads: this.#batches.reads,
      requests: [this.#scans.open, this.#outcomes.open],
    });
    this.#handlers = this.#makeHandlers();
    this.#holdings = new Holdings(store, routes, environment.clock);
    for (const replica of rebuilt.replicas) routes.add(replica);
    for (const { record } of rebuilt.gone) routes.remove(record.id, record);
    store.onProgress((failure) => this.#progress(failure));
    this.#endSweep = startSweep(environment.clock, () => routes.replicas.values(), this.#asker);
  }

  /** What nearly every part of a chain needs. */
  #shared() {
    const { clock } = this.#options.environment;
    const resumer = this.#resumer;
    return { store: this.#store, clock, routes: this.#routes, peers: this.#peers, resumer };
  }

  /** What the parts need that answer clients. */
  #serving() {
    const { environment, lease } = this.#options;
    const isServing = (): boolean => this.#isServing;
    const flush = (): void => this.#flush();
    const clock = this.#frameClock;
    const store = this.#store;
    return { environment, clock, store, routes: this.#routes, lease, isServing, flush };
  }

  #makeHandlers(): ReadonlyMap<number, FrameHandler> {
    return frameHandlers({
      batches: this.#batches,
      scans: this.#scans,
      canceller: this.#canceller,
      outcomes: this.#outcomes,
      receiver: new Receiver({
        ...this.#shared(),
        appender: this.#appender,
        acknowledger: this.#acknowledger,
        committer: this.#committer,
      }),
      versions: new VersionAnswerer(this.#serving()),
      borders: this.#borders,
      syncTarget: this.#syncTarget,
      mender: new RecordMender({
        ...this.#shared(),
        records: this.#records,
        report: (...what) => this.#reportTrouble(...what),
      }),
    });
  }

  #reportTrouble(message: string, { id }: Replica): void {
    this.#options.reportTrouble?.(`range ${id}: ${message}`);
  }

  #makeHead(): HeadWriter {
    return new HeadWriter({
      ...this.#serving(),
      replies: this.#replies,
      appender: this.#appender,
      defaultFlush: this.#options.defaultDurability === 'flush',
      again: (request) => this.#batches.write(request),
    });
  }

  #makeResumer(): Resumer {
    return new Resumer({
      store: this.#store,
      clock: this.#options.environment.clock,
      peers: this.#peers,
      forwarder: this.#forwarder,
      appender: this.#appender,
      committer: this.#committer,
      startCopy: (...copy) => this.#syncSource.start(...copy),
      reportSynced: (replica, token, sequence) =>
        this.#syncSource.reportAgain(replica, token, sequence),
      isHosted: (replica) => !this.#isStopped && this.#routes.get(replica.id) === replica,
      report: (...what) => this.#reportTrouble(...what),
      flush: () => this.#flush(),
    });
  }

  #makeInstaller(locks: RangeLocks, keeper: HostingKeeper): Installer {
    return new Installer({
      ...this.#shared(),
      replies: this.#replies,
      head: this.#head,
      committer: this.#committer,
      locks,
      keeper,
      abandonCopy: (replica) => this.#syncTarget.abandon(replica),
      self: this.#options.drive,
    });
  }

  #makeOutcomes(): OutcomeHandler {
    return new OutcomeHandler({
      ...this.#serving(),
      appender: this.#appender,
      hasFailed: () => this.#head.hasFailed,
    });
  }

  handleFrame(connection: Connection, frame: Frame): boolean {
    const handle = this.#handlers.get(frame.opcode);
    if (handle === undefined) return false;
    try {
      handle(connection, frame);
    } finally {
      this.#flush();
    }
    return true;
  }

  connectionClosed(connection: Connection): void {
    this.#replies.forget(connection);
    this.#canceller.forget(connection);
  }

  peerConnected(drive: DriveId, _connection: Connection): void {
    for (const replica of this.#isServing ? this.#routes.replicas.values() : []) {
      if (replica.role.successor === drive) this.#resumer.start(replica);
      // The last acknowledgement may have gone into a connection that led nowhere any more, while the
      // predecessor's own one is fine: then it asks for nothing.
      if (replica.role.predecessor === drive) this.#acknowledger.schedule(replica);
    }
    this.#flush();
  }

  peerLost(drive: DriveId, _connection: Connection): void {
    this.#forwarder.forget(drive);
    for (const replica of this.#routes.replicas.values()) {
      if (replica.role.successor === drive) this.#resumer.stop(replica);
    }
  }

  async startServing(
    records: readonly RangeRecord[],
    addresses: readonly DriveAddress[],
    version: IndexVersion,
    hasLostRights: boolean = !this.#isServing,
  ): Promise<void> {
    this.#routes.learnAddresses(addresses);
    this.#routes.learnVersion(version);
    const wasServing = this.#isServing;
    const report = (message: string): void => this.#options.reportTrouble?.(message);
    const parts = { routes: this.#routes, installer: this.#installer, report };
    await takeRegistration(parts, records, hasLostRights);
    this.#isServing = true;
    if (!wasServing) for (const replica of this.#routes.replicas.values()) this.#takeUp(replica);
    this.#flush();
  }

  stopServing(): void {
    this.#isServing = false;
  }

  learnAddresses(addresses: readonly DriveAddress[]): void {
    this.#routes.learnAddresses(addresses);
  }

  install(command: InstallRange): Promise<InstallAnswer> {
    return this.#flushed(this.#installer.install(command));
  }

  drop(command: DropRange): Promise<void> {
    return this.#installer.drop(command);
  }

  split(command: SplitRange): Promise<void> {
    return this.#flushed(this.#borders.split(command));
  }

  merge(command: MergeRange): Promise<MergeAnswer> {
    return this.#flushed(this.#borders.merge(command));
  }

  middleKey(command: MiddleKey): Promise<MiddleKeyAnswer> {
    return this.#holdings.middleKey(command);
  }

  rangeState(question: RangeState): RangeStateAnswer {
    return this.#holdings.state(question);
  }

  held(): readonly HeldRange[] {
    return this.#holdings.held();
  }

  report(): readonly RangeReport[] {
    return this.#holdings.report();
  }

  gaps(): readonly HistoryGap[] {
    return this.#holdings.gaps();
  }

  withoutRoom(): WithoutRoom {
    return this.#holdings.withoutRoom();
  }

  unagreed(): readonly RangeId[] {
    return this.#holdings.unagreed();
  }

  async stop(): Promise<void> {
    this.#isServing = false;
    this.#isStopped = true;
    this.#endSweep();
    this.#canceller.stop();
    this.#fail();
    this.#flush();
  }

  #takeUp(replica: Replica): void {
    const { successor } = replica.role;
    if (successor !== undefined) this.#peers.want(successor);
    this.#resumer.start(replica);
  }

  /** The log moved on, or failed. Copied records first: they are older than live ones. */
  #progress(failure: StoreError | undefined): void {
    // What the last flush of a stopping drive brings is applied by the replay of its next start.
    if (this.#isStopped) return;
    this.#records.advance(failure);
    this.#committer.advanceAll();
    this.#acknowledger.tellRoom(this.#routes.replicas.values());
    if (failure !== undefined) this.#fail();
    this.#flush();
  }

  /** Nothing that is pending will be committed in this life: nobody has to wait for it. */
  #fail(): void {
    this.#head.fail();
    for (const replica of this.#routes.replicas.values()) releaseWaiters(replica, this.#replies);
  }

  async #flushed<T>(work: Promise<T>): Promise<T> {
    const answer = await work;
    this.#flush();
    return answer;
  }

  /** Everything that this turn caused leaves now. */
  #flush(): void {
    this.#forwarder.flush();
    this.#acknowledger.flush();
    this.#replies.flush();
  }
}
