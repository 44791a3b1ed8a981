// An application in miniature: writers and readers that never pause, and that know what they may see.
//
// Each writer owns its keys and writes rising numbers; a reader of a key may find the last number that
// was acknowledged when it began, or a later one that was sent, and nothing else. What it finds
// otherwise is a violation: a lost write, a stale read, or a value from nowhere.

import type { KVClient, KVError } from '@piton/sdk';

export interface TrafficReport {
  readonly reads: number;
  readonly writes: number;
  /** Calls that ended with an error: code and outcome. */
  readonly failures: readonly string[];
  readonly violations: readonly string[];
}

interface Owned {
  readonly key: string;
  acknowledged: number;
  sent: number;
}

export interface TrafficOptions {
  /** Keys are `PREFIX000000` and so on. */
  readonly prefix?: string;
  readonly keys?: number;
  readonly writers?: number;
  readonly readers?: number;
}

const NOTES_MAX = 20;

export class Traffic {
  readonly #kv: KVClient;
  readonly #owned: Owned[];
  readonly #writers: number;
  readonly #readers: number;
  readonly #workers: Promise<void>[] = [];
  readonly #failures: string[] = [];
  readonly #violations: string[] = [];
  #isRunning = false;
  #reads = 0;
  #writes = 0;

  constructor(kv: KVClient, options: TrafficOptions = {}) {
    const { prefix = 'traffic/', keys = 200, writers = 8, readers = 8 } = options;
    this.#kv = kv;
    this.#writers = writers;
    this.#readers = readers;
    this.#owned = Array.from({ length: keys }, (_, number) => ({
      key: `${prefix}${String(number).padStart(6, '0')}`,
      acknowledged: 0,
      sent: 0,
    }));
  }

  get operations(): number {
    return this.#reads + this.#writes;
  }

  get keys(): string[] {
    return this.#owned.map(({ key }) => key);
  }

  /** Writes every key once, so that every read finds something. */
  async prepare(): Promise<void> {
    await Promise.all(this.#owned.map((owned) => this.#write(owned)));
  }

  start(): void {
    this.#isRunning = true;
    for (let number = 0; number < this.#writers; number++) {
      this.#workers.push(this.#work(number, this.#writers, (owned) => this.#write(owned)));
    }
    for (let number = 0; number < this.#readers; number++) {
      this.#workers.push(this.#work(number, this.#readers, (owned) => this.#read(owned)));
    }
  }

  /** Resolves when so many more operations have been answered. */
  async progress(operations: number): Promise<void> {
    const until = this.operations + operations;
    while (this.operations < until) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Stops, then reads every key once more. */
  async stop(): Promise<TrafficReport> {
    this.#isRunning = false;
    await Promise.all(this.#workers);
    await Promise.all(this.#owned.map((owned) => this.#read(owned)));
    return {
      reads: this.#reads,
      writes: this.#writes,
      failures: this.#failures,
      violations: this.#violations,
    };
  }

  async #work(first: number, step: number, run: (owned: Owned) => Promise<void>): Promise<void> {
    for (let position = first; this.#isRunning; position += step) {
      const owned = this.#owned[position % this.#owned.length] as Owned;
      // With a number of keys that the step divides, one key has one writer.
      await run(owned);
    }
  }

  async #write(owned: Owned): Promise<void> {
    const number = ++owned.sent;
    try {
      await this.#kv.put(owned.key, number);
      owned.acknowledged = number;
      this.#writes++;
    } catch (error) {
      await this.#failed('put', error as KVError);
    }
  }

  async #read(owned: Owned): Promise<void> {
    const lowest = owned.acknowledged;
    try {
      const found = Number((await this.#kv.get(owned.key)) ?? 0);
      this.#reads++;
      if (found < lowest || found > owned.sent) {
        const expected = `${lowest} to ${owned.sent}`;
        this.#note(this.#violations, `${owned.key}: expected ${expected}, found ${found}`);
      }
    } catch (error) {
      await this.#failed('get', error as KVError);
    }
  }

  /**
   * A closed client refuses at once: without a turn in between, workers of a test that has failed and closed it
   * would keep every timer from running. Nothing can be done with it any more.
   */
  async #failed(what: string, error: KVError): Promise<void> {
    this.#note(this.#failures, describe(what, error));
    if (error.code === 'KV_CLOSED') this.#isRunning = false;
    await new Promise((resolve) => setImmediate(resolve));
  }

  #note(list: string[], text: string): void {
    if (list.length < NOTES_MAX) list.push(text);
  }
}

function describe(what: string, { code, outcome, message }: KVError): string {
  return `${what}: ${code} (${outcome}) ${message}`;
}
