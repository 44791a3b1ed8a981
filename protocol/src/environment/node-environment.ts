// The real world behind the seam: Node's clock, random numbers and TCP sockets.

import { randomFillSync } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type {
  Clock,
  Environment,
  Link,
  LinkEvents,
  Listener,
  Network,
  Random,
  UnboundLink,
} from './environment.ts';
import { Inlet, receiving, receivingInstead } from './receiving.ts';

/** Node's longest timer, 24 days. */
const TIMER_MS_MAX = 2_147_483_647;
/** How long a closed link may take to send its last words. */
const LINGER_MS_MAX = 1_000;

const nodeClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.ceil(delayMs), TIMER_MS_MAX));
    return { cancel: () => clearTimeout(timer) };
  },
  defer(run) {
    setImmediate(run);
  },
};

const nodeRandom: Random = {
  next: () => Math.random(),
  bytes: (count) => randomFillSync(new Uint8Array(count)),
};

/** Splits HOST:PORT; the host may be an IPv6 address in brackets. Throws TypeError. */
export function parseAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) {
    throw new TypeError(`address: expected HOST:PORT, got ${JSON.stringify(address)}`);
  }
  return { host, port };
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

class SocketLink implements Link {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #inlet: Inlet | undefined;
  #isClosing = false;

  constructor(socket: Socket, events: LinkEvents, inlet?: Inlet) {
    this.#socket = socket;
    this.#inlet = inlet;
    this.remoteAddress = formatAddress(socket.remoteAddress ?? '?', socket.remotePort ?? 0);
    let failure: Error | undefined;
    if (inlet === undefined) {
      socket.on('data', (chunk) => {
        if (!this.#isClosing) events.data(chunk as Uint8Array, false);
      });
    } else {
      inlet.receiver = events;
    }
    socket.on('drain', () => events.drain());
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => events.close(failure));
    socket.resume();
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  send(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    if (chunks.length === 1) {
      socket.write(chunks[0] as Uint8Array);
      return;
    }
    socket.cork();
    for (const chunk of chunks) socket.write(chunk);
    socket.uncork();
  }

  pause(): void {
    this.#inlet?.pause();
    this.#socket.pause();
  }

  resume(): void {
    this.#inlet?.resume();
    this.#socket.resume();
  }

  /**
   * Lets what was sent go out, but not for ever: a peer that does not read is cut off. Reads on
   * meanwhile, because a socket closed with unread bytes throws away what it still had to send.
   */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    if (this.#inlet !== undefined) this.#inlet.receiver = undefined;
    this.#inlet?.resume();
    const socket = this.#socket;
    if (socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS_MAX);
    socket.once('close', () => clearTimeout(timer));
    socket.end();
    socket.resume();
  }
}

function unboundLink(socket: Socket, inlet?: Inlet): UnboundLink {
  socket.setNoDelay(true);
  socket.pause();
  let earlyError: Error | undefined;
  const remember = (error: Error): void => {
    earlyError = error;
  };
  socket.on('error', remember);
  return {
    bind(events) {
      const link = new SocketLink(socket, events, inlet);
      socket.off('error', remember);
      if (socket.closed) setImmediate(() => events.close(earlyError));
      return link;
    },
  };
}

function acceptedLink(accepted: Socket): UnboundLink {
  const inlet = new Inlet();
  const socket = receivingInstead(accepted, inlet);
  return socket === undefined ? unboundLink(accepted) : unboundLink(socket, inlet);
}

function connectSocket(
  address: string,
  signal: AbortSignal | undefined,
  isRef: boolean,
): Promise<UnboundLink> {
  const { host, port } = parseAddress(address);
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const inlet = new Inlet();
    const socket = connect({ host, port, onread: receiving(inlet) });
    if (!isRef) socket.unref();
    const abort = (): void => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      signal?.removeEventListener('abort', abort);
      socket.off('error', reject);
      resolve(unboundLink(socket, inlet));
    });
  });
}

function listenerOf(server: Server): Listener {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new TypeError('not a TCP server');
  return {
    address: formatAddress(bound.address, bound.port),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const nodeNetwork: Network = {
  connect: (address, signal) => connectSocket(address, signal, true),
  listen(host, port, accept) {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
        accept(acceptedLink(socket)),
      );
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        server.on('error', () => server.close());
        resolve(listenerOf(server));
      });
    });
  },
};

export const nodeEnvironment: Environment = {
  clock: nodeClock,
  random: nodeRandom,
  network: nodeNetwork,
};

/** The same, but neither its timers nor the connections it makes keep the process alive. */
export const nodeEnvironmentWithoutRef: Environment = {
  clock: {
    ...nodeClock,
    setTimer(delayMs, run) {
      const timer = setTimeout(run, Math.min(Math.ceil(delayMs), TIMER_MS_MAX)).unref();
      return { cancel: () => clearTimeout(timer) };
    },
  },
  random: nodeRandom,
  network: {
    ...nodeNetwork,
    connect: (address, signal) => connectSocket(address, signal, false),
  },
};
