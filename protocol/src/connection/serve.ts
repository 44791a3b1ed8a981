// How a program lets others in: it listens, reads their hello, and answers welcome or a goodbye that
// says why not. A stranger has a deadline, little memory, and a bounded number of fellows.

import type { Environment, Link, Listener, UnboundLink } from '../environment/environment.ts';
import { encodeFrame, type Frame, type FrameAssembler } from '../frames/frame.ts';
import { MalformedFrameError } from '../frames/msgpack.ts';
import { goodbye, type Hello, hello, type Welcome, welcome } from '../messages/handshake.ts';
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
import { Greeting, type Self } from './greeting.ts';

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

/** Links that may be at their handshake beyond CONNECTIONS_MAX, to be told why they are refused. */
const REFUSALS_MAX = 64;

/** Listens and welcomes. Rejects when the address cannot be bound. */
export async function serve(environment: Environment, options: ServeOptions): Promise<Server> {
  const reception = new Reception(environment, options);
  const listener: Listener = await environment.network.listen(
    options.host,
    options.port,
    (unbound) => reception.receive(unbound),
  );
  return {
    address: listener.address,
    connections: reception.connections,
    async close() {
      const closed = listener.close();
      reception.close();
      await closed;
    },
  };
}

/** The door of a server: who is inside, and who is being greeted. */
class Reception {
  readonly connections: Set<Connection> = new Set();
  readonly #greeted: Set<Link> = new Set();
  readonly #environment: Environment;
  readonly #options: ServeOptions;
  readonly #connectionsMax: number;
  readonly #handlers: ConnectionHandlers;

  constructor(environment: Environment, options: ServeOptions) {
    this.#environment = environment;
    this.#options = options;
    this.#connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
    this.#handlers = {
      frame: (connection, frame) => options.handlers.frame(connection, frame),
      closed: (connection, reason) => {
        this.connections.delete(connection);
        options.handlers.closed(connection, reason);
      },
    };
  }

  close(): void {
    for (const link of this.#greeted) link.close();
    for (const connection of [...this.connections]) connection.close(Status.stopping, 'stopping');
  }

  receive(unbound: UnboundLink): void {
    const refuse = (status: Status, message: string): void => {
      finish();
      link.send(encodeFrame([Opcode.goodbye, 0, goodbye.encode({ status, message })]));
      link.close();
    };
    const isFull = this.connections.size + this.#greeted.size >= this.#connectionsMax;
    const events = new Greeting({
      meet: (frame, assembler) => this.#meet(frame, assembler, link, isFull),
      opened: (connection) => {
        finish();
        this.#welcome(connection, link);
      },
      fail: (error) => {
        const status = error instanceof HandshakeError ? error.status : Status.malformed;
        refuse(status, error.message.slice(0, 1000));
      },
    });
    const link: Link = unbound.bind(events);
    this.#greeted.add(link);
    const timer = this.#environment.clock.setTimer(HANDSHAKE_MS_MAX, () =>
      events.end(new HandshakeError(Status.expired, `no hello within ${HANDSHAKE_MS_MAX} ms`)),
    );
    const finish = (): void => {
      timer.cancel();
      this.#greeted.delete(link);
    };
    const waiting = this.connections.size + this.#greeted.size;
    if (waiting > this.#connectionsMax + REFUSALS_MAX) events.end(tooMany());
  }

  /** Throws HandshakeError or MalformedFrameError for one who is not let in. */
  #meet(frame: Frame, assembler: FrameAssembler, link: Link, isFull: boolean): Connection {
    if (isFull) throw tooMany();
    if (frame.opcode !== Opcode.hello) throw new MalformedFrameError('expected a hello');
    const greeting = hello.decode(frame.header[2]);
    checkHello(greeting, this.#options.self);
    const peer = peerFromHello(greeting, link.remoteAddress);
    return new Connection(this.#environment, peer, this.#handlers, assembler, true);
  }

  #welcome(connection: Connection, link: Link): void {
    connection.attach(link);
    this.connections.add(connection);
    const { self, opened } = this.#options;
    connection.sendFrame(encodeFrame([Opcode.welcome, 0, welcome.encode(welcomeOf(self))]));
    opened?.(connection);
  }
}

function tooMany(): HandshakeError {
  return new HandshakeError(
    Status.tooManyConnections,
    'as many connections are open as this node allows; close some or try again later',
  );
}

function checkHello(greeting: Hello, self: Self): void {
  if (greeting.protocol !== PROTOCOL_NAME) {
    throw new MalformedFrameError('expected the piton protocol');
  }
  if (greeting.version < PROTOCOL_VERSION_OLDEST || greeting.versionOldest > PROTOCOL_VERSION) {
    const here = `${PROTOCOL_VERSION_OLDEST} to ${PROTOCOL_VERSION}`;
    const there = `${greeting.versionOldest} to ${greeting.version}`;
    throw new HandshakeError(
      Status.versionUnsupported,
      `protocol versions ${there} are not spoken here, expected ${here}`,
    );
  }
  if (greeting.cluster !== undefined && greeting.cluster !== self.cluster) {
    throw new HandshakeError(
      Status.wrongCluster,
      `this is cluster ${self.cluster}, the caller belongs to ${greeting.cluster}`,
    );
  }
  if (greeting.expects !== undefined && greeting.expects !== self.node) {
    throw new HandshakeError(
      Status.wrongNode,
      `this is node ${self.node}, the caller expected ${greeting.expects}`,
    );
  }
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
