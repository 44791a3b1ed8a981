// One connection of a simulated world: two ends, and the bytes that are under way between them.
//
// Bytes of one connection arrive in order and complete, or the connection breaks, as with TCP; nothing is
// lost or doubled inside of it. Between two connections latency decides: what was sent on an old one may
// arrive after what was sent on a new one.

import type { Link, LinkEvents, UnboundLink } from './environment.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimTally } from './sim-tally.ts';

/** What the links ask of their world. */
export interface LinkWorld {
  readonly nowMs: number;
  readonly tally: SimTally;
  isCut(from: string, to: string): boolean;
  /** Whether a machine has power. */
  isUp(host: string): boolean;
  /** How long the next bytes take from one host to another. */
  delayMs(from: string, to: string): number;
  forget(pair: SimPair): void;
  /** Whether what is being sent is lost, and the connection with it. */
  isLost(from: string, to: string): boolean;
  /** How late what is being sent arrives, when its sender gives the connection up right behind it. */
  takeLateness(from: string, to: string): number | undefined;
  /** Whether something arrived on a connection of the same hosts that is newer than this one. */
  isOvertaken(pair: SimPair): boolean;
}

/** Above this a sender is told when everything has gone. */
const HIGH_BYTES = 64 * 1024;

export class SimPair {
  /** Something has arrived, at either end. */
  wasUsed = false;
  readonly near: SimEnd;
  readonly far: SimEnd;
  readonly #world: LinkWorld;

  constructor(world: LinkWorld, near: SimProcess, far: SimProcess) {
    this.#world = world;
    this.near = new SimEnd(world, this, near, far.host);
    this.far = new SimEnd(world, this, far, near.host);
    this.near.other = this.far;
    this.far.other = this.near;
  }

  touches(host: string): boolean {
    return this.near.process.host === host || this.far.process.host === host;
  }

  joins(a: string, b: string): boolean {
    return this.touches(a) && this.touches(b) && a !== b;
  }

  /** Something that held the bytes back may be over. */
  wake(): void {
    this.near.deliverSoon();
    this.far.deliverSoon();
  }

  /** Nothing arrives before this time; what is under way waits. */
  stall(untilMs: number): void {
    this.near.stall(untilMs);
    this.far.stall(untilMs);
  }

  /** Both ends are told at once; what was under way is lost. */
  break(): void {
    this.#world.forget(this);
    this.near.fail();
    this.far.fail();
  }

  /**
   * One end believes that the connection broke, and forgets it. What it had sent before arrives at the
   * other end all the same, late, as after a device in between that lost its memory.
   */
  breakHalf(isNear: boolean, lateMs: number): void {
    const [told, other] = isNear ? [this.near, this.far] : [this.far, this.near];
    other.receive(undefined);
    other.isLeftOver = true;
    other.stall(this.#world.nowMs + lateMs);
    told.fail();
  }

  /** A process has died, and its system closes what it had open. */
  abandonedBy(process: SimProcess, losesBytes: boolean): void {
    for (const end of [this.near, this.far]) {
      if (end.process === process) end.abandon(losesBytes);
    }
  }

  /** A machine is back and does not know this connection: whoever still sends to it is told. */
  revived(host: string): void {
    for (const end of [this.near, this.far]) {
      if (end.process.host === host && end.process.isDead && end.inboxBytes > 0) end.refuse();
    }
  }
}

interface Parcel {
  /** Undefined marks the end of the stream. */
  readonly chunk: Uint8Array | undefined;
  readonly atMs: number;
}

class SimEnd implements UnboundLink, Link {
  readonly remoteAddress: string;
  readonly process: SimProcess;
  other: SimEnd | undefined;
  /** The other end has given the connection up: what arrives is what it had sent before. */
  isLeftOver = false;
  readonly #world: LinkWorld;
  readonly #pair: SimPair;
  readonly #remoteHost: string;
  #events: LinkEvents | undefined;
  /** What is under way to this end. */
  #inbox: Parcel[] = [];
  #inboxBytes = 0;
  #readyAtMs = 0;
  #sentAtMs = -1;
  #stalledUntilMs = 0;
  #isPaused = false;
  #isClosed = false;
  #isFull = false;

  constructor(world: LinkWorld, pair: SimPair, process: SimProcess, remoteHost: string) {
    this.#world = world;
    this.#pair = pair;
    this.process = process;
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
    if (this.#isClosed) this.process.after(0, () => events.close());
    return this;
  }

  send(chunks: readonly Uint8Array[]): void {
    if (this.#isClosed || this.process.isDead) return;
    if (this.#world.isLost(this.process.host, this.#remoteHost)) {
      this.#world.tally.lost++;
      this.#pair.break();
      return;
    }
    this.other?.receive(Buffer.concat(chunks));
    if (this.bufferedBytes > HIGH_BYTES) this.#isFull = true;
    const lateMs = this.#world.takeLateness(this.process.host, this.#remoteHost);
    if (lateMs !== undefined) this.#pair.breakHalf(this === this.#pair.near, lateMs);
  }

  receive(chunk: Uint8Array | undefined): void {
    if (this.#isClosed) return;
    const { nowMs } = this.#world;
    // Chunks of one moment travel together; in order, however the latency falls.
    if (this.#sentAtMs !== nowMs || this.#readyAtMs <= nowMs) {
      const delayMs = this.#world.delayMs(this.#remoteHost, this.process.host);
      this.#readyAtMs = Math.max(this.#readyAtMs, nowMs + delayMs);
      this.#sentAtMs = nowMs;
      this.process.after(this.#readyAtMs - nowMs, () => this.#deliver());
    }
    this.#inbox.push({ chunk, atMs: this.#readyAtMs });
    this.#inboxBytes += chunk?.length ?? 0;
    if (this.process.isDead && this.#world.isUp(this.process.host)) this.refuse();
  }

  deliverSoon(): void {
    this.process.after(0, () => this.#deliver());
  }

  stall(untilMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, untilMs);
    this.process.after(untilMs - this.#world.nowMs, () => this.#deliver());
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.deliverSoon();
  }

  close(): void {
    if (this.#isClosed || this.process.isDead) return;
    this.other?.receive(undefined);
    if (this.other?.process.isDead === true) this.#world.forget(this.#pair);
    this.#finish(undefined);
  }

  fail(): void {
    if (!this.#isClosed && this.#inboxBytes > 0) this.#world.tally.lost++;
    this.#finish(new Error('connection reset'));
  }

  /** The process is gone. Its last bytes may still arrive; without them the peer hears of a reset. */
  abandon(losesBytes: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (losesBytes) this.other?.resetSoon();
    else this.other?.receive(undefined);
  }

  /** The machine is there, but nobody who knows this connection. */
  refuse(): void {
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#isClosed = true;
    this.other?.resetSoon();
  }

  /** A reset comes from the other side. What it sent before is lost when it has not arrived. */
  resetSoon(): void {
    const delayMs = this.#world.delayMs(this.#remoteHost, this.process.host);
    this.process.after(delayMs, () => this.#reset());
  }

  #reset(): void {
    if (this.#world.isCut(this.#remoteHost, this.process.host)) {
      this.process.after(RESET_RETRY_MS, () => this.#reset());
      return;
    }
    this.#world.forget(this.#pair);
    this.fail();
  }

  #finish(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.process.after(0, () => this.#events?.close(error));
  }

  #deliver(): void {
    if (this.#events === undefined || this.#inbox.length === 0) return;
    const { nowMs, tally } = this.#world;
    if (this.#world.isCut(this.#remoteHost, this.process.host)) {
      tally.held++;
      return;
    }
    if (nowMs < this.#stalledUntilMs) return;
    for (;;) {
      const parcel = this.#inbox[0];
      if (parcel === undefined || parcel.atMs > nowMs || this.#isPaused || this.#isClosed) return;
      this.#inbox.shift();
      if (parcel.chunk === undefined) {
        this.#world.forget(this.#pair);
        this.#finish(undefined);
        return;
      }
      this.#inboxBytes -= parcel.chunk.length;
      this.#pair.wasUsed = true;
      if (this.#stalledUntilMs > 0) this.#noteLate();
      this.#events.data(parcel.chunk, false);
      if (this.#inboxBytes === 0) this.other?.drained();
    }
  }

  /** Behind a stall. */
  #noteLate(): void {
    const { tally } = this.#world;
    if (this.isLeftOver) tally.late++;
    if (this.#world.isOvertaken(this.#pair)) tally.overtaken++;
  }

  drained(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.process.after(0, () => {
      if (!this.#isClosed) this.#events?.drain();
    });
  }
}

/** How often a reset is tried again that cannot get through. */
const RESET_RETRY_MS = 1_000;
