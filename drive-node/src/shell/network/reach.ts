// Which of the drives that this one needs can it not reach? Told with every heartbeat, so that the metadata
// server can take a member out of its chains that is alive and cut off from the others.
//
// Each wanted drive is asked something small on the connection that was dialled here, again and again.
// The other drive's own connection to us proves nothing: clients have to dial it too. A drive counts as unreached
//
//   when there is no such connection   for a third of the lease
//   when it leaves a question alone    for two thirds of the lease; the connection is closed then, so that its
//                                      own one is used if there is any, and another one is dialled
//
// A drive whose address nobody has told is not dialled, and not accused: a drive that comes back may want the neighbours of
// ranges that are elsewhere by now. What it must not do either is accuse others of a pause of its own: when its timer comes late it counts anew. An
// accused drive stays wanted here until it is reached, also when it has left every chain of this one: otherwise nobody
// would know when it may come back. After a while it is given up, and asked anew if somebody else needs it.
//
// Not here: who is to blame (metaserver/src/failover/cut-off.ts).

import {
  type Clock,
  type Connection,
  type DriveId,
  limits,
  messages,
  RefusedError,
  Status,
  type Timer,
  type UnreachedDrive,
} from '@piton/protocol';
import type { Log } from '../observation/log.ts';

/** What of the peer pool is looked at. */
export interface ReachablePeers {
  wanted(): Iterable<DriveId>;
  dialledTo(drive: DriveId): Connection | undefined;
  want(drive: DriveId): void;
  unwant(drive: DriveId): void;
}

export interface ReachOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: ReachablePeers;
  readonly self: () => DriveId;
  /** 0 before the first registration. */
  readonly leaseMs: () => number;
}

interface Watch {
  /** It answered then, or was first wanted, or our own timers began to come in time again. */
  answeredAtMs: number;
  /** The newest that was dialled here. */
  connection: Connection | undefined;
  isAsking: boolean;
  /** Told, and kept wanted. */
  isUnreached: boolean;
}

const TICKS_PER_LEASE = 6;
const TICK_MS_IDLE = 500;
const UNCONNECTED_SHARE = 1 / 3;
const SILENT_SHARE = 2 / 3;
/** So much waits to be sent that an answer may just be late: then anything that comes counts as one. */
const BACKLOG_BYTES = 64 * 1024;
const GIVEN_UP_MS = 600_000;

export class Reach {
  readonly #options: ReachOptions;
  readonly #watches: Map<DriveId, Watch> = new Map();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: ReachOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Those that are not reached, the longest first; never more than one heartbeat holds. */
  unreached(): readonly UnreachedDrive[] {
    const nowMs = this.#options.clock.nowMs();
    const found: UnreachedDrive[] = [];
    for (const [drive, watch] of this.#watches) {
      if (watch.isUnreached) found.push({ drive, forMs: nowMs - watch.answeredAtMs });
    }
    return found.sort((a, b) => b.forMs - a.forMs).slice(0, limits.UNREACHED_MAX);
  }

  #schedule(): void {
    const { clock, leaseMs } = this.#options;
    const everyMs = leaseMs() / TICKS_PER_LEASE || TICK_MS_IDLE;
    const dueMs = clock.nowMs() + everyMs;
    this.#timer = clock.setTimer(everyMs, () => {
      if (this.#isStopped) return;
      this.#tick(clock.nowMs() - dueMs > everyMs);
      this.#schedule();
    });
  }

  #tick(isLate: boolean): void {
    const { clock, peers, leaseMs } = this.#options;
    const nowMs = clock.nowMs();
    if (isLate) this.#countAnew(nowMs);
    if (leaseMs() === 0) return;
    const wanted = new Set(peers.wanted());
    for (const drive of wanted) this.#look(drive, nowMs);
    for (const drive of this.#watches.keys()) if (!wanted.has(drive)) this.#watches.delete(drive);
  }

  /** We were not able to hear: what came meanwhile may still wait to be read. */
  #countAnew(nowMs: number): void {
    for (const watch of this.#watches.values()) {
      if (!watch.isUnreached) watch.answeredAtMs = nowMs;
    }
  }

  #look(drive: DriveId, nowMs: number): void {
    const { peers, leaseMs } = this.#options;
    const watch = this.#watchOf(drive, nowMs);
    const connection = peers.dialledTo(drive);
    const forMs = nowMs - watch.answeredAtMs;
    // The handshake of a new one is an answer as well.
    const isNew = connection !== undefined && connection !== watch.connection;
    watch.connection = connection;
    if (isNew) this.#reached(drive, watch, nowMs);
    if (connection === undefined) {
      if (forMs >= UNCONNECTED_SHARE * leaseMs()) this.#accuse(drive, watch);
    } else if (isNew || !watch.isAsking) {
      this.#ask(drive, watch, connection);
    } else if (nowMs - heardAtMs(watch, connection) >= SILENT_SHARE * leaseMs()) {
      this.#accuse(drive, watch);
      connection.close(Status.stopping, 'no answer');
    }
    if (watch.isUnreached && forMs >= GIVEN_UP_MS) this.#giveUp(drive);
  }

  #ask(drive: DriveId, watch: Watch, connection: Connection): void {
    const { clock, self, leaseMs } = this.#options;
    watch.isAsking = true;
    const settled = (isAnswer: boolean): void => {
      const isOver = this.#isStopped || this.#watches.get(drive) !== watch;
      if (isOver || watch.connection !== connection) return;
      watch.isAsking = false;
      if (isAnswer) this.#reached(drive, watch, clock.nowMs());
    };
    const question = { drives: [self()] };
    const options = { timeoutMs: 2 * leaseMs() };
    connection.request(messages.heardOf, question, messages.heardOfAnswer, options).then(
      () => settled(true),
      (error: unknown) => settled(error instanceof RefusedError),
    );
  }

  #reached(drive: DriveId, watch: Watch, nowMs: number): void {
    watch.answeredAtMs = nowMs;
    if (!watch.isUnreached) return;
    watch.isUnreached = false;
    this.#options.log.info({ drive }, 'a drive is reached again');
    this.#options.peers.unwant(drive);
  }

  #accuse(drive: DriveId, watch: Watch): void {
    if (watch.isUnreached) return;
    watch.isUnreached = true;
    this.#options.log.warn({ drive }, 'a drive is not reached');
    this.#options.peers.want(drive);
  }

  #giveUp(drive: DriveId): void {
    this.#watches.delete(drive);
    this.#options.peers.unwant(drive);
  }

  #watchOf(drive: DriveId, nowMs: number): Watch {
    let watch = this.#watches.get(drive);
    if (watch === undefined) {
      const fresh = { connection: undefined, isAsking: false, isUnreached: false };
      watch = { ...fresh, answeredAtMs: nowMs };
      this.#watches.set(drive, watch);
    }
    return watch;
  }
}

function heardAtMs({ answeredAtMs }: Watch, connection: Connection): number {
  if (connection.bufferedBytes < BACKLOG_BYTES) return answeredAtMs;
  return Math.max(answeredAtMs, connection.heardAtMs);
}
