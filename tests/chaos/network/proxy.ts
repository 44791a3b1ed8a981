// A TCP proxy in front of one program: everything that others say to it passes here, and can be cut,
// held back, or let through again.
//
// Memory is bounded by TCP itself: a held connection is not read, so the sender's window fills.

import { createConnection, createServer, type Server, type Socket } from 'node:net';

export const ProxyMode = {
  open: 'open',
  /** Connections are destroyed, new ones are refused at once. */
  cut: 'cut',
  /** Connections stay and say nothing: what a pulled cable looks like. */
  held: 'held',
} as const;
export type ProxyMode = (typeof ProxyMode)[keyof typeof ProxyMode];

const HOST = '127.0.0.1';

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

export class LinkProxy {
  readonly #server: Server;
  readonly #pairs: Set<Pair> = new Set();
  #target: { host: string; port: number } | undefined;
  #mode: ProxyMode = ProxyMode.open;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket));
  }

  static async listen(): Promise<LinkProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, HOST, resolve);
    });
    return new LinkProxy(server);
  }

  get address(): string {
    const bound = this.#server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the proxy is not listening');
    return `${HOST}:${bound.port}`;
  }

  get mode(): ProxyMode {
    return this.#mode;
  }

  /** `target` is HOST:PORT. */
  leadTo(target: string): void {
    const colon = target.lastIndexOf(':');
    this.#target = { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) };
  }

  setMode(mode: ProxyMode): void {
    this.#mode = mode;
    for (const pair of this.#pairs) {
      if (mode === ProxyMode.cut) destroy(pair);
      else hold(pair, mode === ProxyMode.held);
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) destroy(pair);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(near: Socket): void {
    if (this.#target === undefined || this.#mode === ProxyMode.cut) {
      near.destroy();
      return;
    }
    const far = createConnection({ ...this.#target, noDelay: true });
    near.setNoDelay(true);
    const pair = { near, far };
    this.#pairs.add(pair);
    for (const socket of [near, far]) {
      socket.on('error', () => destroy(pair));
      socket.on('close', () => {
        this.#pairs.delete(pair);
        destroy(pair);
      });
    }
    near.pipe(far);
    far.pipe(near);
    if (this.#mode === ProxyMode.held) hold(pair, true);
  }
}

function destroy({ near, far }: Pair): void {
  near.destroy();
  far.destroy();
}

function hold({ near, far }: Pair, isHeld: boolean): void {
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    if (isHeld) {
      from.unpipe(to);
      from.pause();
    } else {
      from.pipe(to);
      from.resume();
    }
  }
}

/** A free port of this machine. Somebody else may take it meanwhile; then the program says so. */
export async function freePort(): Promise<number> {
  const proxy = await LinkProxy.listen();
  const port = Number(proxy.address.slice(proxy.address.lastIndexOf(':') + 1));
  await proxy.close();
  return port;
}
