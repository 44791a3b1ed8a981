// Two programs for connection tests: a server and a client that remember what they saw, and a bare
// socket for peers that do not keep to the protocol.

import { connect, type Socket } from 'node:net';
import type { Connection, ConnectionHandlers } from '../../src/connection/connection.ts';
import { type DialOptions, dial } from '../../src/connection/dial.ts';
import type { Self } from '../../src/connection/greeting.ts';
import { type ServeOptions, type Server, serve } from '../../src/connection/serve.ts';
import type { Environment } from '../../src/environment/environment.ts';
import { nodeEnvironment, parseAddress } from '../../src/environment/node-environment.ts';
import { encodeFrame, type Frame, FrameAssembler } from '../../src/frames/frame.ts';
import { hello, NodeKind } from '../../src/messages/handshake.ts';
import { type ClusterId, clusterId } from '../../src/words/ids.ts';
import { Opcode } from '../../src/words/opcodes.ts';

export const CLUSTER: ClusterId = clusterId('0f8fad5b-d9cb-469f-a165-70867728950e');
export const OTHER_CLUSTER: ClusterId = clusterId('1f8fad5b-d9cb-469f-a165-70867728950e');

export const serverSelf: Self & { readonly cluster: ClusterId } = {
  kind: NodeKind.drive,
  node: 'drive-1',
  cluster: CLUSTER,
  incarnation: 4,
  software: 'test',
};

export const clientSelf: Self = {
  kind: NodeKind.client,
  node: 'client-1',
  cluster: CLUSTER,
  incarnation: 1,
  software: 'test',
};

/** Waits until `holds`; the deadline of the test ends it otherwise. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** Handlers that remember. */
export class Witness implements ConnectionHandlers {
  readonly frames: Frame[] = [];
  readonly closings: (Error | undefined)[] = [];
  readonly onFrame: ((connection: Connection, frame: Frame) => void) | undefined;

  constructor(onFrame?: (connection: Connection, frame: Frame) => void) {
    this.onFrame = onFrame;
  }

  frame(connection: Connection, frame: Frame): void {
    this.frames.push(frame);
    this.onFrame?.(connection, frame);
  }

  closed(_connection: Connection, reason?: Error): void {
    this.closings.push(reason);
  }
}

/** Everything that a test opened, to be closed behind it whatever happened. */
export class Parties {
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly environment: Environment;

  constructor(environment: Environment = nodeEnvironment) {
    this.environment = environment;
  }

  async serve(handlers: ConnectionHandlers, options: Partial<ServeOptions> = {}): Promise<Server> {
    const server = await serve(this.environment, {
      self: serverSelf,
      host: '127.0.0.1',
      port: 0,
      handlers,
      ...options,
    });
    this.#closers.unshift(() => server.close());
    return server;
  }

  async dial(address: string, options: Partial<DialOptions> = {}): Promise<Connection> {
    const connection = await dial(this.environment, address, {
      self: clientSelf,
      handlers: new Witness(),
      ...options,
    });
    this.#closers.unshift(() => connection.close());
    return connection;
  }

  async bare(address: string): Promise<BarePeer> {
    const peer = new BarePeer(connect(parseAddress(address)));
    this.#closers.unshift(() => peer.destroy());
    await peer.connected;
    return peer;
  }

  later(close: () => Promise<void> | void): void {
    this.#closers.unshift(close);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers) await close();
  }
}

/** A socket without manners. */
export class BarePeer {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  readonly connected: Promise<void>;
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const assembler = new FrameAssembler();
    socket.on('data', (chunk) => assembler.push(chunk, (frame) => this.frames.push(frame)));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
    this.connected = new Promise((resolve) => {
      if (socket.connecting) socket.once('connect', () => resolve());
      else resolve();
    });
  }

  write(bytes: Uint8Array | readonly Uint8Array[]): void {
    this.socket.write(bytes instanceof Uint8Array ? bytes : Buffer.concat(bytes));
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export function helloFrame(
  changes: Partial<Parameters<typeof hello.encode>[0]> = {},
): Uint8Array[] {
  const body = hello.encode({
    protocol: 'piton',
    version: 1,
    versionOldest: 1,
    kind: NodeKind.client,
    node: 'bare',
    cluster: CLUSTER,
    incarnation: undefined,
    expects: undefined,
    software: 'test',
    ...changes,
  });
  return encodeFrame([Opcode.hello, 0, body]);
}
