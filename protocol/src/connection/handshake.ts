// How two programs become acquainted: `dial` says hello, `serve` answers welcome or a goodbye that
// says why not. Nothing but the handshake passes before it is finished, and it has a deadline.
//
// Refused: another cluster, another node than the one dialled, a protocol that is not spoken here,
// and more connections than allowed.

import type {
  Environment,
  Link,
  LinkEvents,
  Listener,
  UnboundLink,
} from '../environment/environment.ts';
import { encodeFrame, type Frame, FrameAssembler, MalformedFrameError } from '../frames/frame.ts';
import {
  goodbye,
  type Hello,
  hello,
  NodeKind,
  type Welcome,
  welcome,
} from '../messages/handshake.ts';
import type { ClusterId } from '../words/ids.ts';
import {
  CONNECTIONS_MAX,
  HANDSHAKE_MS_MAX,
  IN_FLIGHT_BYTES_MAX,
  IN_FLIGHT_OPERATIONS_MAX,
} from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { Status } from '../words/statuses.ts';
import { PROTOCOL_NAME, PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '../words/version.ts';
import { Connection, type ConnectionHandlers, type Peer } from './connection.ts';
import { HandshakeError } from './errors.ts';

/** Who we are. `cluster` is undefined for one who does not know it yet. */
export interface Self {
  readonly kind: NodeKind;
  readonly node: string;
  readonly cluster: ClusterId | undefined;
  readonly incarnation: number;
  readonly software: string;
}

export interface DialOptions {
  readonly self: Self;
  /** Node id that must answer; undefined when only the address is known. */
  readonly expects?: string | undefined;
  readonly handlers: ConnectionHandlers;
  readonly timeoutMs?: number;
}

/** What the two sides share: bytes come in, until the connection takes over. */
class Greeting implements LinkEvents {
  readonly #assembler: FrameAssembler = new FrameAssembler();
  readonly #meet: (frame: Frame, assembler: FrameAssembler) => Connection | undefined;
  readonly #fail: (error: Error) => void;
  #connection: Connection | undefined;
  #isOver = false;

  constructor(
    meet: (frame: Frame, assembler: FrameAssembler) => Connection | undefined,
    fail: (error: Error) => void,
  ) {
    this.#meet = meet;
    this.#fail = fail;
  }

  data(chunk: Uint8Array): void {
    if (this.#connection !== undefined) {
      this.#connection.handleData(chunk);
      return;
    }
    if (this.#isOver) return;
    try {
      this.#assembler.push(chunk, (frame) => this.#take(frame));
    } catch (error) {
      this.#end(error as Error);
    }
  }

  drain(): void {
    this.#connection?.handleDrain();
  }

  close(error?: Error): void {
    if (this.#connection !== undefined) this.#connection.handleClose(error);
    else this.#end(error ?? new Error('the peer closed the connection during the handshake'));
  }

  /** The first frame is the handshake; what comes right behind it is the connection's. */
  #take(frame: Frame): void {
    if (this.#connection !== undefined) this.#connection.handleFrame(frame);
    else if (!this.#isOver) this.#connection = this.#meet(frame, this.#assembler);
  }

  #end(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#fail(error);
  }
}

/**
 * Connects and shakes hands. Rejects with HandshakeError (wrong cluster, wrong node, unsupported
 * version, no answer in time) or with the network's error.
 */
export async function dial(
  environment: Environment,
  address: string,
  options: DialOptions,
): Promise<Connection> {
  const timeoutMs = options.timeoutMs ?? HANDSHAKE_MS_MAX;
  const abort = new AbortController();
  const unbound = await withTimer(environment, timeoutMs, address, abort, () =>
    environment.network.connect(address, abort.signal),
  );
  return withTimer(environment, timeoutMs, address, abort, () =>
    greet(environment, address, unbound, options, abort.signal),
  );
}

async function withTimer<T>(
  environment: Environment,
  timeoutMs: number,
  address: string,
  abort: AbortController,
  run: () => Promise<T>,
): Promise<T> {
  const timer = environment.clock.setTimer(timeoutMs, () =>
    abort.abort(
      new HandshakeError(Status.expired, `${address} did not answer within ${timeoutMs} ms`),
    ),
  );
  try {
    return await run();
  } finally {
    timer.cancel();
  }
}

function greet(
  environment: Environment,
  address: string,
  unbound: UnboundLink,
  options: DialOptions,
  signal: AbortSignal,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      link.close();
      reject(error);
    };
    const events = new Greeting((frame, assembler) => {
      const peer = peerFromWelcome(frame, address, options);
      const connection = new Connection(environment, peer, options.handlers, assembler);
      connection.attach(link);
      signal.removeEventListener('abort', abort);
      resolve(connection);
      return connection;
    }, fail);
    const abort = (): void => fail(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const link: Link = unbound.bind(events);
    const { self } = options;
    link.send(
      encodeFrame([
        Opcode.hello,
        0,
        hello.encode({
          protocol: PROTOCOL_NAME,
          version: PROTOCOL_VERSION,
          versionOldest: PROTOCOL_VERSION_OLDEST,
          kind: self.kind,
          node: self.node,
          cluster: self.cluster,
          expects: options.expects,
          incarnation: self.incarnation,
          software: self.software,
        }),
      ]),
    );
  });
}

function peerFromWelcome(frame: Frame, address: string, options: DialOptions): Peer {
  if (frame.opcode === Opcode.goodbye) {
    const { status, message } = goodbye.decode(frame.header[2]);
    throw new HandshakeError(status, `${address} refused: ${message}`);
  }
  if (frame.opcode !== Opcode.welcome) throw new MalformedFrameError('expected a welcome');
  const answer: Welcome = welcome.decode(frame.header[2]);
  const { self, expects } = options;
  if (self.cluster !== undefined && self.cluster !== answer.cluster) {
    throw new HandshakeError(
      Status.wrongCluster,
      `${address} belongs to cluster ${answer.cluster}, expected ${self.cluster}`,
    );
  }
  if (expects !== undefined && expects !== answer.node) {
    throw new HandshakeError(
      Status.wrongNode,
      `${address} is node ${answer.node}, expected ${expects}`,
    );
  }
  return { ...answer, address };
}

export interface ServeOptions {
  readonly self: Self & { readonly cluster: ClusterId };
  readonly host: string;
  readonly port: number;
  readonly handlers: ConnectionHandlers;
  /** Called when a peer has been welcomed, before its first frame. */
  readonly opened?: (connection: Connection) => void;
  readonly connectionsMax?: number;
}

export interface Server {
  /** HOST:PORT really bound. */
  readonly address: string;
  readonly connections: ReadonlySet<Connection>;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
}

/** Listens and welcomes. Rejects when the address cannot be bound. */
export async function serve(environment: Environment, options: ServeOptions): Promise<Server> {
  const connections = new Set<Connection>();
  const greeted = new Set<Link>();
  const handlers: ConnectionHandlers = {
    frame: (connection, frame) => options.handlers.frame(connection, frame),
    closed(connection, reason) {
      connections.delete(connection);
      options.handlers.closed(connection, reason);
    },
  };
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
  const listener: Listener = await environment.network.listen(
    options.host,
    options.port,
    (unbound) => {
      const isFull = connections.size + greeted.size >= connectionsMax;
      receive(environment, unbound, { ...options, handlers }, connections, greeted, isFull);
    },
  );
  return {
    address: listener.address,
    connections,
    async close() {
      const closed = listener.close();
      for (const link of greeted) link.close();
      for (const connection of [...connections]) connection.close(Status.stopping, 'stopping');
      await closed;
    },
  };
}

function receive(
  environment: Environment,
  unbound: UnboundLink,
  options: ServeOptions,
  connections: Set<Connection>,
  greeted: Set<Link>,
  isFull: boolean,
): void {
  const finish = (): void => {
    timer.cancel();
    greeted.delete(link);
  };
  const refuse = (status: Status, message: string): void => {
    finish();
    link.send(encodeFrame([Opcode.goodbye, 0, goodbye.encode({ status, message })]));
    link.close();
  };
  const events = new Greeting(
    (frame, assembler) => {
      const problem = isFull ? tooMany() : problemWith(frame, options.self);
      if (problem !== undefined) {
        refuse(problem.status, problem.message);
        return undefined;
      }
      finish();
      const peer = peerFromHello(hello.decode(frame.header[2]), link.remoteAddress);
      const connection = new Connection(environment, peer, options.handlers, assembler);
      connection.attach(link);
      connections.add(connection);
      link.send(encodeFrame([Opcode.welcome, 0, welcome.encode(welcomeOf(options.self))]));
      options.opened?.(connection);
      return connection;
    },
    (error) => refuse(Status.malformed, error.message.slice(0, 1000)),
  );
  const link: Link = unbound.bind(events);
  greeted.add(link);
  const timer = environment.clock.setTimer(HANDSHAKE_MS_MAX, () =>
    refuse(Status.expired, `no hello within ${HANDSHAKE_MS_MAX} ms`),
  );
}

interface Problem {
  readonly status: Status;
  readonly message: string;
}

function tooMany(): Problem {
  return {
    status: Status.tooManyConnections,
    message: 'as many connections are open as this node allows; close some or try again later',
  };
}

function problemWith(frame: Frame, self: Self): Problem | undefined {
  if (frame.opcode !== Opcode.hello)
    return { status: Status.malformed, message: 'expected a hello' };
  const greeting: Hello = hello.decode(frame.header[2]);
  if (greeting.protocol !== PROTOCOL_NAME) {
    return { status: Status.malformed, message: 'expected the piton protocol' };
  }
  if (greeting.version < PROTOCOL_VERSION_OLDEST || greeting.versionOldest > PROTOCOL_VERSION) {
    const here = `${PROTOCOL_VERSION_OLDEST} to ${PROTOCOL_VERSION}`;
    const there = `${greeting.versionOldest} to ${greeting.version}`;
    return {
      status: Status.versionUnsupported,
      message: `protocol versions ${there} are not spoken here, expected ${here}`,
    };
  }
  if (greeting.cluster !== undefined && greeting.cluster !== self.cluster) {
    return {
      status: Status.wrongCluster,
      message: `this is cluster ${self.cluster}, the caller belongs to ${greeting.cluster}`,
    };
  }
  if (greeting.expects !== undefined && greeting.expects !== self.node) {
    return {
      status: Status.wrongNode,
      message: `this is node ${self.node}, the caller expected ${greeting.expects}`,
    };
  }
  return undefined;
}

function peerFromHello(greeting: Hello, address: string): Peer {
  return {
    kind: greeting.kind,
    node: greeting.node,
    cluster: greeting.cluster,
    incarnation: greeting.incarnation ?? 0,
    address,
    inFlightOperationsMax: IN_FLIGHT_OPERATIONS_MAX,
    inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
  };
}

function welcomeOf(self: Self & { readonly cluster: ClusterId }): Welcome {
  return {
    version: PROTOCOL_VERSION,
    kind: self.kind,
    node: self.node,
    cluster: self.cluster,
    incarnation: self.incarnation,
    inFlightOperationsMax: IN_FLIGHT_OPERATIONS_MAX,
    inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
  };
}

export { NodeKind };
