// A client's connection without the client: for tests that speak the wire themselves.

import {
  type Connection,
  type ConnectionHandlers,
  dial,
  NodeKind,
  nodeEnvironment,
} from '@piton/protocol';
import { CLUSTER } from './fake-meta.ts';

export function dialAsClient(
  address: string,
  node: string,
  handlers: ConnectionHandlers,
): Promise<Connection> {
  return dial(nodeEnvironment, address, {
    self: { kind: NodeKind.client, node, cluster: CLUSTER, incarnation: 0, software: 'test' },
    handlers,
  });
}

/** A session as a client makes it: 64 random bits. */
export function newSession(): { readonly sessionHigh: number; readonly sessionLow: number } {
  const bits = Buffer.from(nodeEnvironment.random.bytes(8));
  return { sessionHigh: bits.readUInt32LE(0), sessionLow: bits.readUInt32LE(4) };
}
