// The drive's one connection to its metadata server: registration, heartbeats, and the commands that
// come back on it.
//
// The drive dials, so it works behind a firewall. Each connection starts with a registration; commands
// that arrive while its answer is being taken in wait for it. When the connection breaks, or a heartbeat
// stays unanswered, the next address is dialled after a jittered pause, for ever: the drive goes on
// serving meanwhile. Only the first connection has a deadline, and only before the first registration is
// a refusal final.
//
// Not here: what a command does (commands.ts), what a heartbeat says (drive.ts).

import {
  type Connection,
  type ConnectionHandlers,
  dial,
  type Environment,
  type Frame,
  HandshakeError,
  type Heartbeat,
  type HeartbeatAnswer,
  messages,
  NodeKind,
  RefusedError,
  type RegisterAnswer,
  type RegisterDrive,
  type Self,
  Status,
} from '@piton/protocol';
import { DriveError } from '../failures.ts';
import { type Log, reasonOf } from '../observation/log.ts';
import { BackOff, pause } from './back-off.ts';

const RETRY_MS_FIRST = 100;
/** Pauses are short at first: while the server is away nobody takes dead drives out of their chains. */
const RETRY_MS_LONG = 1_000;
const RETRY_MS_LONGEST = 5_000;
const SHORT_PAUSES_MS = 300_000;
const REGISTER_TIMEOUT_MS = 15_000;
/** A heartbeat may wait this many intervals for its answer, but never less than the floor. */
const HEARTBEAT_PATIENCE = 4;
const HEARTBEAT_TIMEOUT_MS_MIN = 3_000;

/** The layer above: what is registered and reported, and who takes the answers. */
export interface MetaLinkHandlers {
  registration(): RegisterDrive;
  /** Settles when the drive stands where the answer says. */
  registered(answer: RegisterAnswer): Promise<void>;
  heartbeat(): Heartbeat;
  heartbeatAnswered(answer: HeartbeatAnswer): void;
  command(connection: Connection, frame: Frame): void;
}

export interface MetaLinkOptions {
  readonly environment: Environment;
  readonly addresses: readonly string[];
  /** Asked before each dialling: the cluster may have become known. */
  readonly self: () => Self;
  readonly log: Log;
}

/** One connection and what waits for its registration. */
interface Session {
  readonly connection: Connection;
  /** Resolves when the connection has ended. */
  readonly ended: AbortController;
  isRegistered: boolean;
  readonly waitingFrames: Frame[];
}

/** Commands that a metadata server may send before it has the registration's effect. */
const WAITING_FRAMES_MAX = 10_000;

export class MetaLink {
  readonly #options: MetaLinkOptions;
  readonly #stopping: AbortController = new AbortController();
  readonly #backOff: BackOff;
  #addressPosition = 0;
  #session: Session | undefined;
  #handlers: MetaLinkHandlers | undefined;
  #loop: Promise<void> | undefined;
  #heartbeatMs = 1_000;
  /** When anything of the server was seen last, or this began. */
  #seenAtMs: number;

  constructor(options: MetaLinkOptions) {
    this.#options = options;
    const { random, clock } = options.environment;
    this.#backOff = new BackOff(random, RETRY_MS_FIRST, RETRY_MS_LONGEST);
    this.#seenAtMs = clock.nowMs();
  }

  /** The connection, once it is registered. */
  get connection(): Connection | undefined {
    return this.#session?.isRegistered ? this.#session.connection : undefined;
  }

  /**
   * Makes the first connection. Rejects with DriveError: `wrong-cluster` and `meta-refused` at once,
   * `meta-unreachable` when nobody answered within `waitMs`, `stopped` after `stop`.
   */
  async connect(waitMs: number): Promise<Connection> {
    const { clock } = this.#options.environment;
    const untilMs = clock.nowMs() + waitMs;
    for (;;) {
      const { reason } = await this.#tryConnect();
      if (this.#stopping.signal.aborted) throw stopped();
      if (this.#session !== undefined) return this.#session.connection;
      const fatal = finalRefusal(reason);
      if (fatal !== undefined) throw fatal;
      const leftMs = untilMs - clock.nowMs();
      if (leftMs <= 0) throw unreachable(this.#options.addresses, waitMs, reason);
      const waitingMs = Math.min(this.#pauseMs(), leftMs);
      this.#options.log.warn(
        { reason: reasonOf(reason), leftMs: Math.round(leftMs) },
        'metadata server cannot be reached, trying again',
      );
      await pause(clock, waitingMs, this.#stopping.signal);
      if (this.#stopping.signal.aborted) throw stopped();
    }
  }

  /**
   * Registers on the first connection, then keeps up registration and heartbeats until `stop`.
   * Rejects when the first registration is refused for good, or fails past `waitMs`.
   */
  async start(handlers: MetaLinkHandlers, waitMs: number): Promise<void> {
    this.#handlers = handlers;
    const { clock } = this.#options.environment;
    const untilMs = clock.nowMs() + waitMs;
    for (;;) {
      const failure = await this.#tryRegister();
      if (failure === undefined) break;
      const leftMs = untilMs - clock.nowMs();
      if (leftMs <= 0) throw unreachable(this.#options.addresses, waitMs, failure);
      await pause(clock, Math.min(this.#pauseMs(), leftMs), this.#stopping.signal);
      await this.connect(Math.max(0, untilMs - clock.nowMs()));
    }
    this.#loop = this.#keepUp();
  }

  /** Undefined when registered; otherwise why not, when trying again may help. Throws DriveError. */
  async #tryRegister(): Promise<unknown> {
    try {
      await this.#register(this.#session);
      return undefined;
    } catch (error) {
      if (this.#stopping.signal.aborted) throw stopped();
      const fatal = finalRefusal(error);
      if (fatal !== undefined) throw fatal;
      this.#options.log.warn({ reason: reasonOf(error) }, 'registration failed, trying again');
      this.#session?.connection.close();
      return error;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#session?.connection.close(Status.stopping, 'the drive is stopping');
    await this.#loop;
  }

  async #keepUp(): Promise<void> {
    const { clock } = this.#options.environment;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (this.#session === undefined) {
        const { reason } = await this.#tryConnect();
        if (reason !== undefined) this.#report(reason, 'metadata server cannot be reached');
      }
      if (this.#session !== undefined) await this.#runSession(this.#session);
      if (this.#session === undefined) await pause(clock, this.#pauseMs(), signal);
    }
  }

  /** Registers if that is still to do, then sends heartbeats until the connection has ended. */
  async #runSession(session: Session): Promise<void> {
    try {
      if (!session.isRegistered) await this.#register(session);
      await this.#sendHeartbeats(session);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#report(error, 'lost the metadata server');
      session.connection.close(Status.stopping, 'starting over');
    }
  }

  #pauseMs(): number {
    const awayMs = this.#options.environment.clock.nowMs() - this.#seenAtMs;
    const pauseMs = this.#backOff.takeMs();
    return awayMs < SHORT_PAUSES_MS ? Math.min(pauseMs, RETRY_MS_LONG) : pauseMs;
  }

  #report(error: unknown, message: string): void {
    const isFinal = finalRefusal(error) !== undefined;
    this.#options.log[isFinal ? 'error' : 'warn']({ reason: reasonOf(error) }, message);
  }

  async #tryConnect(): Promise<{ reason: unknown }> {
    const { addresses, environment } = this.#options;
    const address = addresses[this.#addressPosition % addresses.length] as string;
    try {
      const connection = await dial(environment, address, {
        self: this.#options.self(),
        handlers: this.#connectionHandlers,
      });
      checkKind(connection, address);
      this.#adopt(connection);
      return { reason: undefined };
    } catch (reason) {
      this.#session?.connection.close();
      this.#addressPosition++;
      return { reason };
    }
  }

  /** Also called by the first frame, which may come before `dial` has returned. */
  #adopt(connection: Connection): Session | undefined {
    if (this.#session?.connection === connection) return this.#session;
    if (!connection.isOpen) throw new Error('the metadata server closed the connection at once');
    if (this.#stopping.signal.aborted) {
      connection.close(Status.stopping, 'the drive is stopping');
      return undefined;
    }
    this.#session = {
      connection,
      ended: new AbortController(),
      isRegistered: false,
      waitingFrames: [],
    };
    return this.#session;
  }

  readonly #connectionHandlers: ConnectionHandlers = {
    frame: (connection, frame) => {
      const session = this.#adopt(connection);
      if (session === undefined) return;
      if (session.isRegistered) {
        this.#handlers?.command(connection, frame);
      } else if (session.waitingFrames.length < WAITING_FRAMES_MAX) {
        session.waitingFrames.push(frame);
      } else {
        connection.refuse(frame.requestId, Status.overloaded, { retryAfterMs: RETRY_MS_LONGEST });
      }
    },
    closed: (connection) => {
      if (this.#session?.connection !== connection) return;
      this.#session.ended.abort();
      this.#session = undefined;
    },
  };

  async #register(session: Session | undefined): Promise<void> {
    const handlers = this.#handlers as MetaLinkHandlers;
    if (session === undefined) throw new Error('the metadata server closed the connection');
    const { connection } = session;
    const { body } = await connection.request(
      messages.registerDrive,
      handlers.registration(),
      messages.registerAnswer,
      { timeoutMs: REGISTER_TIMEOUT_MS },
    );
    await handlers.registered(body);
    this.#backOff.reset();
    this.#seenAtMs = this.#options.environment.clock.nowMs();
    this.#heartbeatMs = body.heartbeatMs;
    session.isRegistered = true;
    this.#options.log.info(
      {
        meta: connection.peer.address,
        indexVersion: body.indexVersion,
        ranges: body.records.length,
      },
      'registered with the metadata server',
    );
    for (const frame of session.waitingFrames.splice(0)) handlers.command(connection, frame);
  }

  async #sendHeartbeats(session: Session): Promise<void> {
    const handlers = this.#handlers as MetaLinkHandlers;
    const { clock } = this.#options.environment;
    const timeoutMs = Math.max(HEARTBEAT_TIMEOUT_MS_MIN, HEARTBEAT_PATIENCE * this.#heartbeatMs);
    while (session.connection.isOpen) {
      await pause(clock, this.#heartbeatMs, session.ended.signal);
      if (!session.connection.isOpen) return;
      const { body } = await session.connection.request(
        messages.heartbeat,
        handlers.heartbeat(),
        messages.heartbeatAnswer,
        { timeoutMs },
      );
      handlers.heartbeatAnswered(body);
      this.#seenAtMs = clock.nowMs();
    }
  }
}

function stopped(): DriveError {
  return new DriveError('stopped', 'stopped before it was registered');
}

function checkKind(connection: Connection, address: string): void {
  const { kind, node } = connection.peer;
  if (kind === NodeKind.meta) return;
  connection.close(Status.wrongNode, 'expected a metadata server');
  throw new DriveError(
    'meta-refused',
    `${address} is ${kind} ${node}, expected a metadata server; check --meta`,
  );
}

function unreachable(addresses: readonly string[], waitMs: number, reason: unknown): DriveError {
  return new DriveError(
    'meta-unreachable',
    `no metadata server took this drive in at ${addresses.join(', ')} within ` +
      `${Math.round(waitMs / 100) / 10} s (${reasonOf(reason)}); start it (piton-meta), or check --meta`,
    { cause: reason },
  );
}

/** A refusal that trying again does not cure, as the error of a start; undefined for all others. */
function finalRefusal(error: unknown): DriveError | undefined {
  if (error instanceof DriveError) return error;
  if (!(error instanceof HandshakeError || error instanceof RefusedError)) return undefined;
  const cause = { cause: error };
  switch (error.status) {
    case Status.wrongCluster:
      return new DriveError(
        'wrong-cluster',
        `${error.message}; point --meta at the cluster of this data folder, or use an empty --data`,
        cause,
      );
    case Status.driveIdTaken:
      return new DriveError('id-taken', `${error.message}; choose another --id`, cause);
    case Status.versionUnsupported:
      return new DriveError(
        'meta-refused',
        `${error.message}; run the same version of Piton on drive and metadata server`,
        cause,
      );
    case Status.malformed:
    case Status.invalidArgument:
      return new DriveError('meta-refused', `${error.message}; check --meta`, cause);
    default:
      return undefined;
  }
}
