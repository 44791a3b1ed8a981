// A world in one process: virtual time, seeded randomness, and a network whose links can be slow,
// cut, or broken. The same code that runs on sockets runs here, and a seed always gives the same run.
//
// Time stands still while code runs. `run` lets every promise settle, then jumps to the next event:
// a timer, a deferred call, or bytes that arrive. Bytes of one link arrive in order; between links,
// latency decides.

import type {
  Clock,
  Environment,
  Link,
  LinkEvents,
  Listener,
  Network,
  Random,
  Timer,
  UnboundLink,
} from './environment.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export interface SimOptions {
  readonly seed?: number;
  /** One-way latency of the network: from this, up to this plus `jitterMs`. */
  readonly latencyMs?: number;
  readonly jitterMs?: number;
}

/** Mulberry32 (T. Ettinger, public domain): small, and good enough to shuffle events. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export class SimWorld {
  readonly #random: () => number;
  readonly #latencyMs: number;
  readonly #jitterMs: number;
  readonly #listeners: Map<string, SimListener> = new Map();
  readonly #links: Set<SimPair> = new Set();
  readonly #cuts: Set<string> = new Set();
  #events: Event[] = [];
  #nowMs = 0;
  #order = 0;
  #nextPort = 20_000;

  constructor(options: SimOptions = {}) {
    this.#random = seededRandom(options.seed ?? 1);
    this.#latencyMs = options.latencyMs ?? 0.2;
    this.#jitterMs = options.jitterMs ?? 0.2;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return this.#random();
  }

  /** The world as one machine sees it; `host` names it for `cut`. */
  environmentFor(host: string): Environment {
    const clock: Clock = {
      nowMs: () => this.#nowMs,
      wallMs: () => 1_700_000_000_000 + this.#nowMs,
      setTimer: (delayMs, run) => this.schedule(delayMs, run),
      defer: (run) => void this.schedule(0, run),
    };
    const random: Random = {
      next: this.#random,
      bytes: (count) => Uint8Array.from({ length: count }, () => this.#random() * 256),
    };
    const network: Network = {
      connect: (address, signal) => this.#connect(host, address, signal),
      listen: (_host, port, accept) => this.#listen(host, port, accept),
    };
    return { clock, random, network };
  }

  schedule(delayMs: number, run: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(event);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  /**
   * Lets the world go on until `isDone`, or for at most `forMs` of virtual time. Returns whether it
   * was done. A world without events is over.
   */
  async run(isDone: () => boolean, forMs: number): Promise<boolean> {
    const endMs = this.#nowMs + forMs;
    for (;;) {
      await settle();
      if (isDone()) return true;
      const event = this.#pop(endMs);
      if (event === undefined) {
        this.#nowMs = endMs;
        return isDone();
      }
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      event.run?.();
    }
  }

  /** Runs until a promise settles, and gives what it gave. Throws when time runs out first. */
  async until<T>(promise: Promise<T>, forMs: number = 60_000): Promise<T> {
    let isSettled = false;
    const mark = (): void => {
      isSettled = true;
    };
    promise.then(mark, mark);
    if (!(await this.run(() => isSettled, forMs))) {
      throw new Error(`nothing came of it within ${forMs} ms of virtual time`);
    }
    return promise;
  }

  /** Nothing passes from one host to another any more, in this direction; nobody is told. */
  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`);
    for (const pair of this.#links) pair.wake();
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Breaks every link between two hosts; what was under way is lost. */
  breakLinks(a: string, b: string): void {
    for (const pair of [...this.#links]) if (pair.joins(a, b)) pair.break();
  }

  /** The host is gone: its links break and nobody listens. */
  crash(host: string): void {
    for (const pair of [...this.#links]) if (pair.touches(host)) pair.break();
    for (const [address, listener] of this.#listeners) {
      if (listener.host === host) this.#listeners.delete(address);
    }
  }

  delayMs(): number {
    return this.#latencyMs + this.#random() * this.#jitterMs;
  }

  forget(pair: SimPair): void {
    this.#links.delete(pair);
  }

  async #connect(host: string, address: string, signal?: AbortSignal): Promise<UnboundLink> {
    await new Promise<void>((resolve, reject) => {
      this.schedule(this.delayMs(), resolve);
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    const listener = this.#listeners.get(address);
    if (listener === undefined || this.isCut(host, listener.host)) {
      throw new Error(`connect ECONNREFUSED ${address}`);
    }
    const pair = new SimPair(this, host, listener.host);
    this.#links.add(pair);
    listener.accept(pair.far);
    return pair.near;
  }

  async #listen(
    host: string,
    port: number,
    accept: (link: UnboundLink) => void,
  ): Promise<Listener> {
    const address = `${host}:${port === 0 ? this.#nextPort++ : port}`;
    if (this.#listeners.has(address)) throw new Error(`listen EADDRINUSE ${address}`);
    this.#listeners.set(address, { host, accept });
    return {
      address,
      close: async () => {
        this.#listeners.delete(address);
      },
    };
  }

  #push(event: Event): void {
    const heap = this.#events;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  /** The next event up to a time; cancelled ones are skipped. */
  #pop(endMs: number): Event | undefined {
    for (;;) {
      const first = this.#events[0];
      if (first === undefined || first.atMs > endMs) return undefined;
      this.#removeFirst();
      if (first.run !== undefined) return first;
    }
  }

  #removeFirst(): void {
    const heap = this.#events;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

interface SimListener {
  readonly host: string;
  readonly accept: (link: UnboundLink) => void;
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Every promise that can settle without time passing has settled. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The two ends of one connection. */
class SimPair {
  readonly near: SimEnd;
  readonly far: SimEnd;
  readonly #world: SimWorld;
  readonly #hosts: readonly [string, string];

  constructor(world: SimWorld, nearHost: string, farHost: string) {
    this.#world = world;
    this.#hosts = [nearHost, farHost];
    this.near = new SimEnd(world, this, nearHost, farHost);
    this.far = new SimEnd(world, this, farHost, nearHost);
    this.near.other = this.far;
    this.far.other = this.near;
  }

  touches(host: string): boolean {
    return this.#hosts.includes(host);
  }

  joins(a: string, b: string): boolean {
    return this.touches(a) && this.touches(b) && a !== b;
  }

  wake(): void {
    this.near.deliverSoon();
    this.far.deliverSoon();
  }

  break(): void {
    this.#world.forget(this);
    this.near.fail();
    this.far.fail();
  }
}

class SimEnd implements UnboundLink, Link {
  readonly remoteAddress: string;
  other: SimEnd | undefined;
  readonly #world: SimWorld;
  readonly #pair: SimPair;
  readonly #host: string;
  readonly #remoteHost: string;
  #events: LinkEvents | undefined;
  /** Chunks under way to this end; undefined marks the end of the stream. */
  #inbox: (Uint8Array | undefined)[] = [];
  #inboxBytes = 0;
  #readyAtMs = 0;
  #isPaused = false;
  #isClosed = false;

  constructor(world: SimWorld, pair: SimPair, host: string, remoteHost: string) {
    this.#world = world;
    this.#pair = pair;
    this.#host = host;
    this.#remoteHost = remoteHost;
    this.remoteAddress = `${remoteHost}:0`;
  }

  get bufferedBytes(): number {
    return this.other?.inboxBytes ?? 0;
  }

  get inboxBytes(): number {
    return this.#inboxBytes;
  }

  bind(events: LinkEvents): Link {
    this.#events = events;
    this.deliverSoon();
    if (this.#isClosed) this.#world.schedule(0, () => events.close());
    return this;
  }

  send(chunks: readonly Uint8Array[]): void {
    if (this.#isClosed) return;
    this.other?.receive(Buffer.concat(chunks));
  }

  receive(chunk: Uint8Array | undefined): void {
    if (this.#isClosed) return;
    this.#inbox.push(chunk);
    this.#inboxBytes += chunk?.length ?? 0;
    // In order, however the latency of a single chunk falls.
    this.#readyAtMs = Math.max(this.#readyAtMs, this.#world.nowMs + this.#world.delayMs());
    this.#world.schedule(this.#readyAtMs - this.#world.nowMs, () => this.#deliver());
  }

  deliverSoon(): void {
    this.#world.schedule(0, () => this.#deliver());
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.deliverSoon();
  }

  close(): void {
    if (this.#isClosed) return;
    this.other?.receive(undefined);
    this.#finish(undefined);
  }

  fail(): void {
    this.#finish(new Error('connection reset'));
  }

  #finish(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#world.schedule(0, () => this.#events?.close(error));
  }

  #deliver(): void {
    if (this.#events === undefined || this.#isPaused || this.#isClosed) return;
    if (this.#inbox.length === 0 || this.#world.isCut(this.#remoteHost, this.#host)) return;
    if (this.#world.nowMs < this.#readyAtMs && this.#inbox.length === 1) return;
    const chunk = this.#inbox.shift();
    if (chunk === undefined) {
      this.#world.forget(this.#pair);
      this.#finish(undefined);
      return;
    }
    this.#inboxBytes -= chunk.length;
    this.#events.data(chunk);
    this.other?.drained();
    if (this.#inbox.length > 0) this.deliverSoon();
  }

  drained(): void {
    if (!this.#isClosed) this.#events?.drain();
  }
}
