// Throws hostile bytes at a drive: a short burst on each connection, most of them behind a proper
// handshake as a client or as a drive, some without any.

import { connect } from 'node:net';
import {
  encodeFrame,
  messages,
  NodeKind,
  Opcode,
  PROTOCOL_NAME,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_OLDEST,
  parseAddress,
} from '@piton/protocol';
import { CLUSTER } from '../shell/fake-meta.ts';
import { hostileFrame } from './frames.ts';
import type { SeededRandom } from './random.ts';

const BURST_FRAMES_MAX = 12;
/** How long a connection may stay open with nothing coming back, when the drive found nothing wrong. */
const QUIET_MS = 20;

function helloFrame(random: SeededRandom): Buffer {
  const body = messages.hello.encode({
    protocol: PROTOCOL_NAME,
    version: PROTOCOL_VERSION,
    versionOldest: PROTOCOL_VERSION_OLDEST,
    kind: random.pick([NodeKind.client, NodeKind.drive]),
    node: `fuzz-${random.integer(1_000_000)}`,
    cluster: CLUSTER,
    expects: undefined,
    incarnation: 1,
    software: 'fuzz',
  });
  return Buffer.concat(encodeFrame([Opcode.hello, 0, body]));
}

/** One connection: connects, throws, waits until the drive hangs up or has nothing to say. */
export function throwBurst(address: string, random: SeededRandom): Promise<number> {
  const { host, port } = parseAddress(address);
  const count = 1 + random.integer(BURST_FRAMES_MAX);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let quiet: NodeJS.Timeout | undefined;
    const wait = (): void => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.destroy(), QUIET_MS);
    };
    socket.on('connect', () => {
      if (random.integer(10) > 0) socket.write(helloFrame(random));
      for (let sent = 0; sent < count; sent++) socket.write(hostileFrame(random));
      wait();
    });
    socket.on('data', wait);
    socket.on('end', () => socket.destroy());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Hung up on is what an attacker deserves; nobody listening means that the drive is gone.
      if (error.code === 'ECONNREFUSED') reject(error);
    });
    socket.on('close', () => {
      clearTimeout(quiet);
      resolve(count);
    });
  });
}
