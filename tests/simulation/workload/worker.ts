// One thread of an application: it does one operation after the other, of random kinds on random keys.

import type { KeySet } from './keys.ts';
import { pick, pickAny } from './keys.ts';
import type { CallSettings, RecordedClient } from './recorded-client.ts';

export interface WorkerOptions {
  readonly client: RecordedClient;
  readonly keys: KeySet;
  readonly random: () => number;
  readonly operations: number;
  /** Mean pause between two operations. */
  readonly thinkMs: number;
  readonly sleep: (ms: number) => Promise<void>;
  /** A value that nobody writes a second time. */
  readonly newValue: () => string;
  readonly hasScans: boolean;
  readonly hasAborts: boolean;
}

type Deed = (worker: Worker, settings: CallSettings) => Promise<void>;

const TIMEOUTS_MS = [300, 1_000, 4_000, 10_000];

/** How often, and what. */
const DEEDS: readonly (readonly [number, Deed])[] = [
  [16, (worker, settings) => worker.client.getEntry(worker.key(), settings)],
  [8, (worker, settings) => worker.client.get(worker.key(), settings)],
  [3, (worker, settings) => worker.client.has(worker.key(), settings)],
  [18, (worker, settings) => worker.put(undefined, settings)],
  [9, (worker, settings) => worker.put('last', settings)],
  [5, (worker, settings) => worker.put('absent', settings)],
  [6, (worker, settings) => worker.client.delete(worker.valueKey(), undefined, settings)],
  [2, (worker, settings) => worker.deleteLast(settings)],
  [15, (worker, settings) => worker.increment(settings)],
  [1, (worker, settings) => worker.client.delete(worker.counterKey(), undefined, settings)],
  [5, (worker, settings) => worker.scan(settings)],
  [4, (worker, settings) => worker.client.getMany(worker.someKeys(), settings)],
  [4, (worker, settings) => worker.putMany(settings)],
  [1, (worker, settings) => worker.client.deleteMany(worker.someValueKeys(), settings)],
  [5, (worker, settings) => worker.client.resolve(settings)],
];
const WEIGHT = DEEDS.reduce((sum, [weight]) => sum + weight, 0);

class Worker {
  readonly #options: WorkerOptions;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  get client(): RecordedClient {
    return this.#options.client;
  }

  async run(): Promise<void> {
    const { operations, sleep, thinkMs, random } = this.#options;
    for (let count = 0; count < operations; count++) {
      await sleep(-Math.log(1 - random()) * thinkMs);
      await this.#deed()(this, this.#settings());
    }
  }

  key(): string {
    const { keys, random } = this.#options;
    return random() < 0.2 ? pick(keys.counters, random) : pick(keys.values, random);
  }

  valueKey(): string {
    return pick(this.#options.keys.values, this.#options.random);
  }

  counterKey(): string {
    return pick(this.#options.keys.counters, this.#options.random);
  }

  someKeys(): string[] {
    const { keys, random } = this.#options;
    return keys.all.filter(() => random() < 0.3);
  }

  someValueKeys(): string[] {
    const { keys, random } = this.#options;
    return keys.values.filter(() => random() < 0.2);
  }

  put(condition: 'last' | 'absent' | undefined, settings: CallSettings): Promise<void> {
    const key = this.valueKey();
    const last = condition === 'last' ? this.client.lastVersion(key) : undefined;
    const ifVersion = condition === 'absent' ? null : last;
    return this.client.put(key, this.#options.newValue(), ifVersion, settings);
  }

  deleteLast(settings: CallSettings): Promise<void> {
    const key = this.valueKey();
    return this.client.delete(key, this.client.lastVersion(key), settings);
  }

  /** Steps differ, so that a sum tells which of them are in it. */
  increment(settings: CallSettings): Promise<void> {
    const by = BigInt(1 + Math.floor(this.#options.random() * 0xffff_ffff));
    return this.client.increment(this.counterKey(), by, settings);
  }

  putMany(settings: CallSettings): Promise<void> {
    const entries = this.someValueKeys().map((key) => [key, this.#options.newValue()] as const);
    return this.client.putMany(entries, settings);
  }

  scan(settings: CallSettings): Promise<void> {
    const { keys, random, hasScans } = this.#options;
    if (!hasScans) return this.client.getEntry(this.key(), settings);
    const [from, to] = [pickAny(keys.all, random), pickAny(keys.all, random)].sort();
    return this.client.scan({
      timeoutMs: settings.timeoutMs,
      start: random() < 0.5 ? '' : (from as string),
      end: random() < 0.5 ? undefined : `${to}~`,
      reverse: random() < 0.4,
      limit: random() < 0.7 ? 1_000 : 1 + Math.floor(random() * 6),
      pageSize: 1 + Math.floor(random() * 6),
    });
  }

  #deed(): Deed {
    let dice = this.#options.random() * WEIGHT;
    for (const [weight, deed] of DEEDS) {
      dice -= weight;
      if (dice < 0) return deed;
    }
    throw new Error('the weights do not add up');
  }

  #settings(): CallSettings {
    const { random, hasAborts, sleep } = this.#options;
    const timeoutMs = pickAny(TIMEOUTS_MS, random);
    if (!hasAborts || random() < 0.95) return { timeoutMs };
    const abort = new AbortController();
    void sleep(random() * 20).then(
      () => abort.abort(),
      () => {},
    );
    return { timeoutMs, signal: abort.signal };
  }
}

export type { Worker };

/** Resolves when all operations have ended, however. */
export function runWorker(options: WorkerOptions): Promise<void> {
  return new Worker(options).run();
}
