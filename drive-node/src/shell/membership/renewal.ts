// Asks the witnesses of this drive for its lease, each sixth of its length, and at once when a witness
// comes into reach.
//
// Whoever does not answer is asked again at the next turn; whoever refuses, too. So nothing here has to
// know why: the arithmetic of what was granted decides (lease.ts). A metadata server that is away
// is one witness that does not answer.

import {
  type Clock,
  type Connection,
  type DriveId,
  type Incarnation,
  META_WITNESS,
  messages,
  type RegisterAnswer,
  type Timer,
  type WitnessName,
  type WitnessSet,
} from '@piton/protocol';
import type { PeerLinks } from '../host.ts';
import { type Log, reasonOf } from '../observation/log.ts';
import type { Lease } from './lease.ts';

/**
 * So much of the lease is asked for at a time. A witness counts what it granted for an eighth longer, because clocks
 * differ: a fence waits for a lease then, and not for a lease and an eighth.
 */
const ASKED_SHARE = 8 / 9;
/** Turns in one lease: a few may fail. */
const TURNS_PER_LEASE = 6;

export interface RenewalOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly lease: Lease;
  readonly peers: PeerLinks;
  readonly self: () => { readonly drive: DriveId; readonly incarnation: Incarnation };
  /** The connection to the metadata server, when it is registered. */
  readonly meta: () => Connection | undefined;
}

interface Waiter {
  readonly generation: number;
  readonly tell: () => void;
}

export class Renewal {
  readonly #options: RenewalOptions;
  /** Drives that a connection is kept to. */
  readonly #wanted: Set<DriveId> = new Set();
  #waiters: Waiter[] = [];
  #leaseMs = 0;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** As the metadata server said; 0 before the first registration. */
  get leaseMs(): number {
    return this.#leaseMs;
  }

  /** A registration was answered, and what it brought is installed. */
  begin(answer: Pick<RegisterAnswer, 'fence' | 'witnesses' | 'leaseMs'>): void {
    const { lease, self } = this.#options;
    if (this.#isStopped) return;
    this.#leaseMs = answer.leaseMs;
    lease.begin(self().drive, answer.fence, answer.witnesses);
    this.#turn();
  }

  /**
   * Another set of witnesses. Resolves with the generation that counts, as soon as it is this one; after a
   * lease's length with what it is then.
   */
  async change(set: WitnessSet): Promise<number> {
    const { lease, clock } = this.#options;
    lease.change(set);
    this.#turn();
    if (lease.generation >= set.generation) return lease.generation;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(this.#leaseMs, resolve);
      const tell = (): void => {
        timer.cancel();
        resolve();
      };
      this.#waiters.push({ generation: set.generation, tell });
    });
    this.#waiters = this.#waiters.filter(({ generation }) => generation !== set.generation);
    return lease.generation;
  }

  /** A connection to another drive is there: it may be a witness that could not be asked before. */
  peerConnected(drive: DriveId): void {
    if (this.#options.lease.witnesses.has(drive)) this.#ask(drive);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const drive of this.#wanted) this.#options.peers.unwant(drive);
    this.#wanted.clear();
  }

  /** Asks everybody now, and again after a sixth of the lease. */
  #turn(): void {
    if (this.#isStopped || this.#leaseMs === 0) return;
    const { clock, lease } = this.#options;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(this.#leaseMs / TURNS_PER_LEASE, () => this.#turn());
    this.#keepConnections();
    for (const witness of lease.witnesses) this.#ask(witness);
    this.#tellWaiters();
  }

  #ask(witness: WitnessName): void {
    const { clock, lease, self, log } = this.#options;
    const { fence } = lease;
    const connection = this.#connectionTo(witness);
    if (fence === undefined || connection === undefined) return;
    const leaseMs = Math.max(1, Math.floor(this.#leaseMs * ASKED_SHARE));
    const message = { ...self(), fence, leaseMs };
    const { renewLease, leaseAnswer } = messages;
    // The lease counts from here, however long the request and its answer take.
    const sentAtMs = clock.nowMs();
    connection.request(renewLease, message, leaseAnswer, { timeoutMs: leaseMs }).then(
      ({ body }) => {
        if (!body.isGranted) {
          log.debug({ witness, fence, known: body.fence }, 'a witness grants no lease');
          return;
        }
        lease.granted(witness, fence, sentAtMs, leaseMs);
        this.#tellWaiters();
      },
      (error: unknown) => log.debug({ witness, reason: reasonOf(error) }, 'a witness is silent'),
    );
  }

  #connectionTo(witness: WitnessName): Connection | undefined {
    const { meta, peers } = this.#options;
    return witness === META_WITNESS ? meta() : peers.connectionTo(witness);
  }

  #keepConnections(): void {
    const { lease, peers } = this.#options;
    const { witnesses } = lease;
    for (const witness of witnesses) {
      if (witness === META_WITNESS || this.#wanted.has(witness)) continue;
      this.#wanted.add(witness);
      peers.want(witness);
    }
    for (const drive of this.#wanted) {
      if (witnesses.has(drive)) continue;
      this.#wanted.delete(drive);
      peers.unwant(drive);
    }
  }

  #tellWaiters(): void {
    const { generation } = this.#options.lease;
    for (const waiter of this.#waiters) if (generation >= waiter.generation) waiter.tell();
  }
}
