// An application that never pauses while the layout changes: reads and writes, counted, timed, and every failure
// kept. Which key is next is the caller's choice, so the load can be even or skewed.

import type { KVClient } from '@piton/sdk';

export interface SteadyLoadOptions {
  readonly inFlight: number;
  readonly valueBytes: number;
  /** Of ten operations so many are writes. */
  readonly writesOfTen: number;
  /** From a fraction of 0 to 1 to a key. */
  readonly keyAt: (fraction: number) => string;
  /** Between two operations of a lane. Default 0: as fast as it goes. */
  readonly pauseMs?: number;
}

export interface Phase {
  readonly operations: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  readonly failures: number;
}

const SAMPLES_MAX = 100_000;

/** Times of a phase of any length: when there are too many, every second one goes, and every second one comes. */
class Samples {
  #times: number[] = [];
  #stride = 1;
  #count = 0;
  longestMs = 0;

  add(ms: number): void {
    if (ms > this.longestMs) this.longestMs = ms;
    if (this.#count++ % this.#stride !== 0) return;
    if (this.#times.length === SAMPLES_MAX) {
      this.#times = this.#times.filter((_, position) => position % 2 === 0);
      this.#stride *= 2;
    }
    this.#times.push(ms);
  }

  /** The times at these parts of all, from 0 to 1. */
  at(shares: readonly number[]): number[] {
    const sorted = Float64Array.from(this.#times).sort();
    return shares.map((share) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN);
  }
}

export class SteadyLoad {
  readonly #kv: KVClient;
  readonly #options: SteadyLoadOptions;
  readonly #value: Buffer;
  readonly #lanes: Promise<void>[] = [];
  #isRunning = false;
  #operations = 0;
  #failures = 0;
  #samples = new Samples();
  #beganMs = 0;
  #firstFailure: string | undefined;

  constructor(kv: KVClient, options: SteadyLoadOptions) {
    this.#kv = kv;
    this.#options = options;
    this.#value = Buffer.alloc(options.valueBytes, 7);
  }

  /** What went wrong first, in words. */
  get firstFailure(): string | undefined {
    return this.#firstFailure;
  }

  start(): void {
    this.#isRunning = true;
    this.takePhase();
    for (let lane = 0; lane < this.#options.inFlight; lane++) this.#lanes.push(this.#run(lane));
  }

  /** What was done since the last call; a new phase begins. */
  takePhase(): Phase {
    const nowMs = performance.now();
    const [p50Ms, p99Ms] = this.#samples.at([0.5, 0.99]) as [number, number];
    const phase = {
      operations: this.#operations,
      seconds: (nowMs - this.#beganMs) / 1000,
      ...{ p50Ms, p99Ms, longestMs: this.#samples.longestMs },
      failures: this.#failures,
    };
    this.#operations = 0;
    this.#failures = 0;
    this.#samples = new Samples();
    this.#beganMs = nowMs;
    return phase;
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#lanes);
  }

  async #run(lane: number): Promise<void> {
    const { pauseMs = 0 } = this.#options;
    // The same walk at every run: no chance in what is measured.
    let state = Math.imul(lane + 1, 2_654_435_761) >>> 0;
    for (let count = lane; this.#isRunning; count++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const key = this.#options.keyAt(state / 2 ** 32);
      const beganMs = performance.now();
      try {
        if (count % 10 < this.#options.writesOfTen) await this.#kv.put(key, this.#value);
        else await this.#kv.get(key);
        this.#operations++;
      } catch (error) {
        this.#failures++;
        this.#firstFailure ??= String(error);
        // A client that fails at once must not keep everybody else from running.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      this.#samples.add(performance.now() - beganMs);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
