// How a program makes the acquaintance of another: it dials, says hello, and checks the welcome.
//
// Refused: another cluster, another node than the one dialled, a protocol that is not spoken there,
// and no answer within the time.

import type { Environment, Link, UnboundLink } from '../environment/environment.ts';
import { encodeFrame, type Frame } from '../frames/frame.ts';
import { MalformedFrameError } from '../frames/msgpack.ts';
import { goodbye, type Hello, hello, type Welcome, welcome } from '../messages/handshake.ts';
import { HANDSHAKE_MS_MAX } from '../words/limits.ts';
import { Opcode } from '../words/opcodes.ts';
import { Status } from '../words/statuses.ts';
import { PROTOCOL_NAME, PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '../words/version.ts';
import { Connection, type ConnectionHandlers, type Peer } from './connection.ts';
import { HandshakeError } from './errors.ts';
import { Greeting, type Self } from './greeting.ts';

export interface DialOptions {
  readonly self: Self;
  /** Node id that must answer; undefined when only the address is known. */
  readonly expects?: string | undefined;
  readonly handlers: ConnectionHandlers;
  readonly timeoutMs?: number;
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
  const timer = environment.clock.setTimer(timeoutMs, () =>
    abort.abort(
      new HandshakeError(Status.expired, `${address} did not answer within ${timeoutMs} ms`),
    ),
  );
  try {
    const unbound = await environment.network.connect(address, abort.signal);
    return await greet(environment, address, unbound, options, abort.signal);
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
    const events = new Greeting({
      meet(frame, assembler) {
        const peer = peerFromWelcome(frame, address, options);
        return new Connection(environment, peer, options.handlers, assembler, false);
      },
      opened(connection) {
        connection.attach(link);
        resolve(connection);
      },
      fail(error) {
        link.close();
        reject(error);
      },
    });
    const link: Link = unbound.bind(events);
    signal.addEventListener('abort', () => events.end(signal.reason), { once: true });
    if (signal.aborted) events.end(signal.reason);
    else link.send(encodeFrame([Opcode.hello, 0, hello.encode(helloOf(options))]));
  });
}

function helloOf({ self, expects }: DialOptions): Hello {
  return {
    protocol: PROTOCOL_NAME,
    version: PROTOCOL_VERSION,
    versionOldest: PROTOCOL_VERSION_OLDEST,
    kind: self.kind,
    node: self.node,
    cluster: self.cluster,
    incarnation: self.incarnation,
    expects,
    software: self.software,
  };
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
