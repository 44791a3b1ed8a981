// A world in one process: virtual time, seeded randomness, machines that die and come back, clocks that go
// wrong, and a network whose links can be slow, cut, or broken. The same code that runs on sockets runs
// here, and a seed always gives the same run.
//
// Time stands still while code runs. `run` lets every promise settle, then jumps to the next event: a
// timer, a deferred call, or bytes that arrive.
//
// Not here: the order of events (sim-events.ts), what a process is (sim-process.ts), how a connection
// behaves (sim-link.ts), disks (drive-node/src/engine/disk/memory-disk.ts).

import type { Environment, Listener, Network, Random, Timer, UnboundLink } from './environment.ts';
import { SimEvents } from './sim-events.ts';
import { type LinkWorld, SimPair } from './sim-link.ts';
import { SimProcess, type WorldTime } from './sim-process.ts';
import { newTally, type SimTally } from './sim-tally.ts';

export interface SimOptions {
  readonly seed?: number;
  /** One-way latency of the network: from this, up to this plus `jitterMs`. */
  readonly latencyMs?: number;
  readonly jitterMs?: number;
  /**
   * Runs, before it returns, everything that waits behind a promise that is settled. Default: a turn of the
   * real event loop, which does the same and takes longer.
   */
  readonly settle?: () => void;
}

export interface CrashOptions {
  /**
   * True: the machine has lost its power, so its peers hear nothing, not even a reset, until it is back.
   * False: only the process died, and its system closes its connections.
   */
  readonly isPowerCut?: boolean;
}

/** A connection request that was lost is sent again after this. */
const CONNECT_RETRY_MS = 1_000;
/** Events that are handled between two looks at the real event loop. */
const EVENTS_PER_TURN = 2_000;

/** Mulberry32 (T. Ettinger, public domain): small, and good enough to shuffle events. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface SimListener {
  readonly process: SimProcess;
  readonly accept: (link: UnboundLink) => void;
}

export class SimWorld implements LinkWorld, WorldTime {
  readonly events: SimEvents = new SimEvents();
  readonly tally: SimTally = newTally();
  readonly #random: () => number;
  readonly #latencyMs: number;
  readonly #jitterMs: number;
  readonly #settleNow: (() => void) | undefined;
  readonly #processes: Map<string, SimProcess> = new Map();
  readonly #listeners: Map<string, SimListener> = new Map();
  readonly #links: Set<SimPair> = new Set();
  readonly #cuts: Set<string> = new Set();
  readonly #losses: Set<string> = new Set();
  readonly #lateness: Map<string, number> = new Map();
  readonly #delays: Map<string, () => number> = new Map();
  readonly #withoutPower: Set<string> = new Set();
  #nowMs = 0;
  #nextPort = 20_000;
  #eventCount = 0;

  constructor(options: SimOptions = {}) {
    this.#random = seededRandom(options.seed ?? 1);
    this.#latencyMs = options.latencyMs ?? 0.2;
    this.#jitterMs = options.jitterMs ?? 0.2;
    this.#settleNow = options.settle;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have happened. */
  get eventCount(): number {
    return this.#eventCount;
  }

  random(): number {
    return this.#random();
  }

  /** The world as one machine sees it; `host` names it for `cut`. After a crash: in its next life. */
  environmentFor(host: string): Environment {
    const process = this.#processOf(host);
    const random: Random = {
      next: this.#random,
      bytes: (count) => Uint8Array.from({ length: count }, () => this.#random() * 256),
    };
    const network: Network = {
      connect: (address, signal) => this.#connect(process, address, signal),
      listen: (_host, port, accept) => this.#listen(process, port, accept),
    };
    return { clock: process.clock, random, network };
  }

  schedule(delayMs: number, run: () => void): Timer {
    const event = this.events.add(this.#nowMs + Math.max(0, delayMs), undefined, run);
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
  run(isDone: () => boolean, forMs: number): Promise<boolean> {
    const endMs = this.#nowMs + forMs;
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          const isOver = this.#turn(isDone, endMs);
          if (isOver) resolve(isDone());
          else setImmediate(turn);
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(turn);
    });
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
    return this.#cuts.size > 0 && this.#cuts.has(`${from}>${to}`);
  }

  /** What bytes take from one host to another, beside the usual; undefined: nothing more. */
  setDelay(from: string, to: string, extraMs: (() => number) | undefined): void {
    if (extraMs === undefined) this.#delays.delete(`${from}>${to}`);
    else this.#delays.set(`${from}>${to}`, extraMs);
  }

  /** Hosts that have a connection now, the oldest first; two of them may be named more than once. */
  connectedHosts(): (readonly [string, string])[] {
    return [...this.#links].map(({ near, far }) => [near.process.host, far.process.host]);
  }

  /** Breaks every link between two hosts; what was under way is lost. */
  breakLinks(a: string, b: string): void {
    for (const pair of [...this.#links]) if (pair.joins(a, b)) pair.break();
  }

  /** What one host sends next to another is lost, and the connection breaks with it. */
  loseNext(from: string, to: string): void {
    this.#losses.add(`${from}>${to}`);
  }

  isLost(from: string, to: string): boolean {
    return this.#losses.size > 0 && this.#losses.delete(`${from}>${to}`);
  }

  /**
   * The connections that two hosts have now deliver nothing for a while; those they make later are not
   * affected, so that old bytes arrive behind newer ones.
   */
  stallLinks(a: string, b: string, forMs: number): void {
    for (const pair of this.#links) if (pair.joins(a, b)) pair.stall(this.#nowMs + forMs);
  }

  /**
   * On every link of two hosts one end is told that it broke; what it had sent still arrives, late. So
   * a request that is sent again on a new link meets its own older copy.
   */
  breakHalf(a: string, b: string, lateMs: number): void {
    for (const pair of [...this.#links]) {
      if (pair.joins(a, b)) pair.breakHalf(this.#random() < 0.5, lateMs);
    }
  }

  /**
   * Whoever sends next from one host to another believes that the connection broke, right behind what it
   * sent; that still arrives, late.
   */
  repeatNext(from: string, to: string, lateMs: number): void {
    this.#lateness.set(`${from}>${to}`, lateMs);
  }

  takeLateness(from: string, to: string): number | undefined {
    if (this.#lateness.size === 0) return undefined;
    const lateMs = this.#lateness.get(`${from}>${to}`);
    this.#lateness.delete(`${from}>${to}`);
    return lateMs;
  }

  /** The process of this host stops, as by SIGSTOP; its system still takes bytes for it. */
  pause(host: string): void {
    this.#processOf(host).pause();
  }

  continue(host: string): void {
    this.#processOf(host).continue();
  }

  /** The clock of this host goes at another rate from now on: 1.01 is one percent fast. */
  setClockRate(host: string, rate: number): void {
    if (rate !== 1) this.tally.clocks++;
    this.#processOf(host).setRate(rate);
  }

  /** The process of this host is gone: nothing of it happens any more, and nobody listens. */
  crash(host: string, options: CrashOptions = {}): void {
    const process = this.#processes.get(host);
    this.#processes.delete(host);
    for (const [address, listener] of this.#listeners) {
      if (listener.process.host === host) this.#listeners.delete(address);
    }
    if (options.isPowerCut === true) this.#withoutPower.add(host);
    if (process === undefined) return;
    process.die();
    if (options.isPowerCut === true) return;
    const losesBytes = this.#random() < 0.5;
    for (const pair of [...this.#links]) pair.abandonedBy(process, losesBytes);
  }

  isUp(host: string): boolean {
    return !this.#withoutPower.has(host);
  }

  delayMs(from?: string, to?: string): number {
    const usualMs = this.#latencyMs + this.#random() * this.#jitterMs;
    if (this.#delays.size === 0 || from === undefined) return usualMs;
    const extraMs = this.#delays.get(`${from}>${to}`)?.() ?? 0;
    if (extraMs > 0) this.tally.delayed++;
    return usualMs + extraMs;
  }

  forget(pair: SimPair): void {
    this.#links.delete(pair);
  }

  isOvertaken(pair: SimPair): boolean {
    const [a, b] = [pair.near.process.host, pair.far.process.host];
    let isNewer = false;
    for (const other of this.#links) {
      if (other === pair) isNewer = true;
      else if (isNewer && other.wasUsed && other.joins(a, b)) return true;
    }
    return false;
  }

  /** Handles some events. Returns whether the run is over. */
  #turn(isDone: () => boolean, endMs: number): boolean {
    const settleNow = this.#settleNow;
    for (let count = 0; count < EVENTS_PER_TURN; count++) {
      if (isDone()) return true;
      const event = this.events.pop(endMs);
      if (event === undefined) {
        this.#nowMs = endMs;
        return true;
      }
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      this.#eventCount++;
      event.run?.();
      if (settleNow === undefined) return false;
      settleNow();
    }
    return false;
  }

  #processOf(host: string): SimProcess {
    const known = this.#processes.get(host);
    if (known !== undefined) return known;
    const process = new SimProcess(this, host);
    this.#processes.set(host, process);
    if (this.#withoutPower.delete(host)) for (const pair of this.#links) pair.revived(host);
    return process;
  }

  #connect(process: SimProcess, address: string, signal?: AbortSignal): Promise<UnboundLink> {
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        if (signal?.aborted === true) return;
        const listener = this.#listeners.get(address);
        const to = listener?.process.host ?? (address.split(':', 1)[0] as string);
        const { host } = process;
        if (this.isCut(host, to) || this.isCut(to, host) || !this.isUp(to)) {
          process.after(CONNECT_RETRY_MS, attempt);
        } else if (listener === undefined) {
          reject(new Error(`connect ECONNREFUSED ${address}`));
        } else {
          resolve(this.#join(process, listener));
        }
      };
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      process.after(this.delayMs(process.host), attempt);
    });
  }

  #join(process: SimProcess, { process: other, accept }: SimListener): UnboundLink {
    const pair = new SimPair(this, process, other);
    this.#links.add(pair);
    other.after(0, () => accept(pair.far));
    return pair.near;
  }

  async #listen(
    process: SimProcess,
    port: number,
    accept: (link: UnboundLink) => void,
  ): Promise<Listener> {
    const address = `${process.host}:${port === 0 ? this.#nextPort++ : port}`;
    if (this.#listeners.has(address)) throw new Error(`listen EADDRINUSE ${address}`);
    this.#listeners.set(address, { process, accept });
    return {
      address,
      close: async () => {
        if (this.#listeners.get(address)?.process === process) this.#listeners.delete(address);
      },
    };
  }
}
