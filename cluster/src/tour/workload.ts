// An application at work while the cluster is changed: reads and writes without a pause, each of them
// checked at once against the ledger.
//
// The records are cut into neighbouring blocks, each with one writer and one reader, so that work on
// one range goes on while another has to wait. One record has one writer, so a reader knows which
// editions it may find. One more worker counts with `increment`, which must come out exact whatever
// is retried underneath.

import type { KVClient, KVError } from '@piton/sdk';
import type { Ledger } from './ledger.ts';

export const COUNTER_KEY: string = 'tour/counter';
const BLOCKS = 16;
/** The next record of a block: an odd step visits them in no visible order. */
const STEP = 7_919;
const NOTES_MAX = 5;

export interface WorkReport {
  readonly reads: number;
  readonly writes: number;
  readonly increments: number;
  /** Calls that ended with an error, whatever became of them. */
  readonly failed: number;
  /** Writes of which nobody knows whether they happened. */
  readonly unknown: number;
  /** Reads that found something that was never right, or not any more. */
  readonly wrong: number;
  readonly slowestMs: number;
  readonly notes: readonly string[];
}

export class Workload {
  readonly #kv: KVClient;
  readonly #ledger: Ledger;
  readonly #workers: Promise<void>[] = [];
  readonly #notes: string[] = [];
  #isRunning = true;
  #reads = 0;
  #writes = 0;
  #increments = 0;
  #incrementsUnknown = 0;
  #failed = 0;
  #unknown = 0;
  #wrong = 0;
  #slowestMs = 0;

  constructor(kv: KVClient, ledger: Ledger) {
    this.#kv = kv;
    this.#ledger = ledger;
  }

  start(): void {
    for (let block = 0; block < BLOCKS; block++) {
      this.#workers.push(this.#work(block, (position) => this.#write(position)));
      this.#workers.push(this.#work(block, (position) => this.#read(position)));
    }
    this.#workers.push(this.#count());
  }

  /** Operations that have been answered so far. */
  get operations(): number {
    return this.#reads + this.#writes + this.#increments;
  }

  /** What has been counted; the true value is this, or up to `incrementsUnknown` more. */
  get increments(): number {
    return this.#increments;
  }

  get incrementsUnknown(): number {
    return this.#incrementsUnknown;
  }

  report(): WorkReport {
    return {
      reads: this.#reads,
      writes: this.#writes,
      increments: this.#increments,
      failed: this.#failed,
      unknown: this.#unknown,
      wrong: this.#wrong,
      slowestMs: this.#slowestMs,
      notes: this.#notes,
    };
  }

  async stop(): Promise<WorkReport> {
    this.#isRunning = false;
    await Promise.all(this.#workers);
    return this.report();
  }

  async #work(block: number, run: (position: number) => Promise<void>): Promise<void> {
    const from = Math.floor((this.#ledger.size * block) / BLOCKS);
    const to = Math.floor((this.#ledger.size * (block + 1)) / BLOCKS);
    for (let turn = 0; this.#isRunning; turn++) {
      const position = from + ((turn * STEP) % (to - from));
      await this.#timed(() => run(position));
    }
  }

  async #count(): Promise<void> {
    while (this.#isRunning) {
      await this.#timed(async () => {
        try {
          await this.#kv.increment(COUNTER_KEY, 1);
          this.#increments++;
        } catch (error) {
          this.#note(error as KVError);
          if ((error as KVError).outcome === 'unknown') this.#incrementsUnknown++;
        }
      });
    }
  }

  async #write(position: number): Promise<void> {
    const edition = this.#ledger.begin(position);
    try {
      await this.#kv.put(this.#ledger.key(position), this.#ledger.value(position, edition));
      this.#ledger.acknowledge(position, edition);
      this.#writes++;
    } catch (error) {
      const { outcome } = error as KVError;
      this.#note(error as KVError);
      if (outcome === 'not-applied') this.#ledger.takeBack(position, edition);
      else if (outcome === 'unknown') this.#unknown++;
    }
  }

  async #read(position: number): Promise<void> {
    const fromEdition = this.#ledger.acknowledged(position);
    try {
      const value = await this.#kv.get(this.#ledger.key(position));
      if (!this.#ledger.isRight(position, value, fromEdition)) this.#wrong++;
      this.#reads++;
    } catch (error) {
      this.#note(error as KVError);
    }
  }

  async #timed(run: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await run();
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startedAt);
  }

  #note(error: KVError): void {
    this.#failed++;
    if (this.#notes.length < NOTES_MAX) this.#notes.push(`${error.code}: ${error.message}`);
  }
}
