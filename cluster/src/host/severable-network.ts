// A network whose cables can be cut: what makes an abrupt end possible inside one process.
//
// Cutting ends every link and listener of one program at once. Nothing that it sends afterwards goes
// out, so its peers see what they would see of a killed process: a connection that breaks.

import type { Environment, Link, Listener, Network, UnboundLink } from '@piton/protocol';

export interface SeverableEnvironment {
  readonly environment: Environment;
  /** For good. */
  sever(): void;
}

class SeverableNetwork implements Network {
  readonly #inner: Network;
  readonly #links: Set<Link> = new Set();
  readonly #listeners: Set<Listener> = new Set();
  #isSevered = false;

  constructor(inner: Network) {
    this.#inner = inner;
  }

  async connect(address: string, signal?: AbortSignal): Promise<UnboundLink> {
    this.#checkWhole();
    const unbound = await this.#inner.connect(address, signal);
    return this.#follow(unbound);
  }

  async listen(host: string, port: number, accept: (link: UnboundLink) => void): Promise<Listener> {
    this.#checkWhole();
    const listener = await this.#inner.listen(host, port, (unbound) =>
      accept(this.#follow(unbound)),
    );
    this.#listeners.add(listener);
    return listener;
  }

  sever(): void {
    this.#isSevered = true;
    for (const listener of this.#listeners) void listener.close();
    for (const link of [...this.#links]) link.close();
    this.#links.clear();
    this.#listeners.clear();
  }

  #checkWhole(): void {
    if (this.#isSevered) throw new Error('the network of this program has been cut');
  }

  #follow(unbound: UnboundLink): UnboundLink {
    return {
      bind: (events) => {
        const inner = unbound.bind({
          data: (chunk, isBorrowed) => {
            if (!this.#isSevered) events.data(chunk, isBorrowed);
          },
          drain: () => events.drain(),
          close: (error) => {
            this.#links.delete(inner);
            events.close(error);
          },
        });
        this.#links.add(inner);
        if (this.#isSevered) inner.close();
        return this.#guard(inner);
      },
    };
  }

  #guard(inner: Link): Link {
    const isSevered = (): boolean => this.#isSevered;
    return {
      remoteAddress: inner.remoteAddress,
      get bufferedBytes() {
        return inner.bufferedBytes;
      },
      send(chunks) {
        if (!isSevered()) inner.send(chunks);
      },
      pause: () => inner.pause(),
      resume: () => inner.resume(),
      close: () => inner.close(),
    };
  }
}

export function severable(environment: Environment): SeverableEnvironment {
  const network = new SeverableNetwork(environment.network);
  return { environment: { ...environment, network }, sever: () => network.sever() };
}
