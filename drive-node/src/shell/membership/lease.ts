// The right of this drive to answer from its state, as arithmetic (docs/decisions/0008): whoever has been
// taken out of a chain without knowing must not answer, so time has to run out for it.
//
// A grant is valid for its length from the moment before the request was sent; the lease ends at the
// latest moment for which a majority of the witness set has granted. A drive that is its own witness votes
// for itself without asking. Grants are kept by witness, not by set, so that a new set may count what
// its members have granted already.
//
// The clock is read once in a turn of the event loop, for all reads that the turn answers. What a turn handles
// had arrived before it began, and while it runs nothing comes in. So a lease that was valid at any
// moment of the turn was valid between the arrival of each of these reads and its answer: at that moment no
// chain without this drive had committed anything, and the read may count as of then, however long the
// process is paused before the answer is out. Reading the clock for each read costs 40 ns and proves no more.
//
// Invariants:
// - a grant counts only under the number with which it was asked for;
// - a set that was given up never counts again: generations only grow within one life;
// - nothing of it survives the process.
//
// Not here: asking (renewal.ts), granting (witness.ts).

import {
  type Clock,
  type DriveId,
  type Fence,
  majorityOf,
  type WitnessName,
  type WitnessSet,
  witnessesOf,
} from '@piton/protocol';
import type { LeaseHolder } from '../host.ts';

/** The lease as others may look at it. */
export interface LeaseView {
  /** 0: there is none. Infinite for a drive that is its own only witness. */
  readonly msLeft: number;
  /** Undefined: the drive has to register first. */
  readonly fence: Fence | undefined;
}

export class Lease implements LeaseHolder, LeaseView {
  readonly #clock: Clock;
  /** When what each witness granted ends. */
  readonly #grants: Map<WitnessName, number> = new Map();
  #self: DriveId | undefined;
  /** Undefined: no right to ask. */
  #fence: Fence | undefined;
  #current: WitnessSet | undefined;
  /** Not in use yet: a majority of it has to grant first. */
  #next: WitnessSet | undefined;
  /** The lease itself: everything else only computes it. */
  #endMs = -Infinity;
  /** What the clock said in this turn; until something changes or the turn is over. */
  #wasValid = false;
  #isLookedUp = false;
  readonly #forgetTurn = (): void => {
    this.#isLookedUp = false;
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Asked for each read, after it and before its answer. */
  isValid(): boolean {
    if (this.#isLookedUp) return this.#wasValid;
    this.#isLookedUp = true;
    this.#wasValid = this.#clock.nowMs() < this.#endMs;
    queueMicrotask(this.#forgetTurn);
    return this.#wasValid;
  }

  get msLeft(): number {
    return Math.max(0, this.#endMs - this.#clock.nowMs());
  }

  /** The number to ask with; undefined while there is nothing to ask for. */
  get fence(): Fence | undefined {
    return this.#fence;
  }

  /** Generation of the set that counts. */
  get generation(): number {
    return this.#current?.generation ?? 0;
  }

  /** Of both sets, without the drive itself. */
  get witnesses(): ReadonlySet<WitnessName> {
    const names = new Set<WitnessName>();
    for (const set of [this.#current, this.#next]) {
      for (const name of set === undefined ? [] : witnessesOf(set)) names.add(name);
    }
    if (this.#self !== undefined) names.delete(this.#self);
    return names;
  }

  /**
   * A registration was answered, and its records are installed. The lease goes on when the number is still
   * the same; else it begins anew.
   */
  begin(self: DriveId, fence: Fence, set: WitnessSet): void {
    this.#self = self;
    if (this.#fence !== fence) {
      this.#grants.clear();
      this.#fence = fence;
    }
    if (this.#current === undefined) this.#current = set;
    this.change(set);
    this.#compute();
  }

  /** The metadata server wants another set to be used. An older one is passed over. */
  change(set: WitnessSet): void {
    const newest = this.#next ?? this.#current;
    if (newest === undefined || set.generation <= newest.generation) return;
    this.#next = set;
    this.#compute();
  }

  /** A witness has granted what was asked for at `sentAtMs` with this number. */
  granted(witness: WitnessName, fence: Fence, sentAtMs: number, leaseMs: number): void {
    if (fence !== this.#fence) return;
    const endMs = sentAtMs + leaseMs;
    if (endMs <= (this.#grants.get(witness) ?? -Infinity)) return;
    this.#grants.set(witness, endMs);
    this.#compute();
  }

  /** The drive was told that its rights are taken away: they are gone from now on. */
  fenced(fence: Fence): void {
    if (this.#fence !== undefined && fence > this.#fence) this.revoke();
  }

  /** The drive is stopping, or has to register anew. */
  revoke(): void {
    this.#fence = undefined;
    this.#grants.clear();
    this.#setEnd(-Infinity);
  }

  #compute(): void {
    if (this.#fence === undefined || this.#current === undefined) return;
    if (this.#next !== undefined && this.#endOf(this.#next) > this.#clock.nowMs()) {
      this.#current = this.#next;
      this.#next = undefined;
      this.#forgetOthers();
    }
    this.#setEnd(this.#endOf(this.#current));
  }

  #setEnd(endMs: number): void {
    this.#endMs = endMs;
    this.#isLookedUp = false;
  }

  /** Until when a majority of a set has granted. */
  #endOf(set: WitnessSet): number {
    const witnesses = witnessesOf(set);
    const ends = witnesses.map((witness) =>
      witness === this.#self ? Infinity : (this.#grants.get(witness) ?? -Infinity),
    );
    ends.sort((a, b) => b - a);
    return ends[majorityOf(witnesses.length) - 1] ?? -Infinity;
  }

  #forgetOthers(): void {
    const { witnesses } = this;
    for (const name of this.#grants.keys()) if (!witnesses.has(name)) this.#grants.delete(name);
  }
}
