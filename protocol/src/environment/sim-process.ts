// One life of a program in a simulated world: it has a clock of its own, which may run fast or slow, it
// can be stopped and continued as by SIGSTOP and SIGCONT, and it can die.
//
// While it is paused the world goes on: what should have happened to it happens when it continues, all
// at once and late, as it does to a real process. Once dead, nothing of it happens any more: no timer,
// no bytes, no code behind an `await`.

import type { Clock, Timer } from './environment.ts';
import type { EventOwner, SimEvent, SimEvents } from './sim-events.ts';
import type { SimTally } from './sim-tally.ts';

const NEVER: Timer = { cancel() {} };
/** What the wall clocks show when a world begins. */
const WALL_MS = 1_700_000_000_000;

/** The time of the world. */
export interface WorldTime {
  readonly nowMs: number;
  readonly events: SimEvents;
  readonly tally: SimTally;
}

export class SimProcess implements EventOwner {
  readonly host: string;
  readonly clock: Clock;
  readonly #world: WorldTime;
  #isDead = false;
  #isPaused = false;
  #held: SimEvent[] = [];
  /** The own clock showed `#ownMs` when the world's showed `#worldMs`, and goes at `#rate`. */
  #ownMs: number;
  #worldMs: number;
  #rate = 1;

  constructor(world: WorldTime, host: string) {
    this.host = host;
    this.#world = world;
    this.#worldMs = world.nowMs;
    this.#ownMs = world.nowMs;
    this.clock = {
      nowMs: () => this.nowMs,
      wallMs: () => WALL_MS + this.nowMs,
      setTimer: (delayMs, run) => this.after(Math.max(0, delayMs) / this.#rate, run),
      defer: (run) => void this.after(0, run),
    };
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get nowMs(): number {
    return this.#ownMs + (this.#world.nowMs - this.#worldMs) * this.#rate;
  }

  /** From now on the clock goes at this rate; timers that are set already keep their moment. */
  setRate(rate: number): void {
    this.#ownMs = this.nowMs;
    this.#worldMs = this.#world.nowMs;
    this.#rate = rate;
  }

  /** Something that happens to this process after a time of the world, not of its own clock. */
  after(delayMs: number, run: () => void): Timer {
    if (this.#isDead) return NEVER;
    const event = this.#world.events.add(this.#world.nowMs + Math.max(0, delayMs), this, run);
    return {
      cancel: () => {
        event.run = undefined;
      },
    };
  }

  hold(event: SimEvent): void {
    this.#world.tally.waited++;
    this.#held.push(event);
  }

  pause(): void {
    this.#isPaused = true;
  }

  continue(): void {
    this.#isPaused = false;
    const held = this.#held;
    this.#held = [];
    for (const event of held) this.#world.events.push(event);
  }

  die(): void {
    this.#isDead = true;
    this.#held = [];
  }
}
