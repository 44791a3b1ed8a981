// One round: some minutes of work on fresh keys while faults happen, then quiet, a last look at every key, and
// the verdict on everything that was answered. Rounds keep the evidence small.

import { KVClient } from '@piton/sdk';
import { makeKeys } from '../../simulation/workload/keys.ts';
import { RecordedClient } from '../../simulation/workload/recorded-client.ts';
import { runWorker } from '../../simulation/workload/worker.ts';
import { checkHistory, type Violation } from '../../src/linearizability/check-history.ts';
import { describeOperations } from '../../src/linearizability/describe.ts';
import { HistoryRecorder, type Operation } from '../../src/linearizability/history.ts';
import type { ChaosCluster } from '../cluster/chaos-cluster.ts';
import { probe, type Wait } from './probes.ts';

export interface RoundOptions {
  readonly chaos: ChaosCluster;
  readonly number: number;
  /** Whether scans go in key order. */
  readonly isOrdered: boolean;
  readonly forMs: number;
  readonly clients: number;
  readonly workersPerClient: number;
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Ends all faults; called when the work is over. */
  readonly calm: () => Promise<void>;
}

export interface RoundResult {
  readonly operations: number;
  readonly unknown: number;
  /** Of these the client itself gave up: its time was over, or it was told to stop. */
  readonly unknownGivenUp: number;
  /** Operations that failed and are known to have done nothing. */
  readonly refused: number;
  readonly violations: readonly string[];
  readonly waits: readonly Wait[];
}

const VALUE_KEYS = 40;
const COUNTER_KEYS = 8;
const PROBES = 8;
const THINK_MS = 60;
const LAST_MS = 60_000;
const CONNECTS_MAX = 60;
const CONNECT_PAUSE_MS = 500;
const STEPS_MAX = 3_000_000;
const GIVEN_UP: ReadonlySet<string> = new Set(['KV_TIMEOUT', 'KV_ABORTED']);

class RoundOverError extends Error {}

class Round {
  readonly #options: RoundOptions;
  readonly #history: HistoryRecorder;
  readonly #keys = makeKeys(VALUE_KEYS, COUNTER_KEYS);
  readonly #complaints: Set<string> = new Set();
  readonly #clients: RecordedClient[] = [];
  #isOver = false;
  #values = 0;
  #unknownGivenUp = 0;

  constructor(options: RoundOptions) {
    this.#options = options;
    this.#history = new HistoryRecorder(options.nowMs);
  }

  async run(): Promise<RoundResult> {
    const { clients, calm, forMs } = this.#options;
    try {
      for (let number = 0; number < clients; number++) await this.#connect(number);
      const timer = setTimeout(() => {
        this.#isOver = true;
      }, forMs);
      const [waits] = await Promise.all([this.#probeAll(), this.#work()]).finally(() =>
        clearTimeout(timer),
      );
      await calm();
      await this.#lookOnceMore();
      return this.#verdict(waits.flat());
    } finally {
      await Promise.all(this.#clients.map(({ kv }) => kv.close()));
    }
  }

  async #connect(number: number): Promise<void> {
    const { chaos, nowMs, isOrdered } = this.#options;
    const kv = await connect(chaos.cluster.metaAddress);
    this.#clients.push(
      new RecordedClient({
        kv,
        session: `client-${number}`,
        history: this.#history,
        nowMs,
        keys: this.#keys.all,
        isOrdered,
        complain: (what) => this.#complaints.add(what),
        noteError: ({ code, outcome }) => {
          if (outcome === 'unknown' && GIVEN_UP.has(code)) this.#unknownGivenUp++;
        },
      }),
    );
  }

  #newValue = (): string => `v${this.#options.number}.${++this.#values}`;

  #sleep = async (ms: number): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (this.#isOver) throw new RoundOverError();
  };

  async #work(): Promise<void> {
    const { random, workersPerClient } = this.#options;
    const workers = this.#clients.flatMap((client) =>
      Array.from({ length: workersPerClient }, () =>
        runWorker({
          client,
          keys: this.#keys,
          random,
          operations: Number.POSITIVE_INFINITY,
          thinkMs: THINK_MS,
          sleep: this.#sleep,
          newValue: this.#newValue,
          hasScans: true,
          hasAborts: true,
        }).catch(ignoreOver),
      ),
    );
    await Promise.all(workers);
  }

  async #probeAll(): Promise<Wait[][]> {
    const { random, nowMs } = this.#options;
    const keys = this.#keys.values;
    const probes = Array.from({ length: PROBES }, (_, number) =>
      probe({
        client: this.#clients[number % this.#clients.length] as RecordedClient,
        keys: keys.filter((_, at) => at % PROBES === number),
        nowMs,
        random,
        sleep: (ms) => this.#sleep(ms).catch(ignoreOver),
        isStopped: () => this.#isOver,
        newValue: this.#newValue,
      }),
    );
    return Promise.all(probes);
  }

  /** With time enough that nothing may be refused any more. Then the keys are deleted for the next round. */
  async #lookOnceMore(): Promise<void> {
    const [client] = this.#clients as [RecordedClient];
    const settings = { timeoutMs: LAST_MS };
    while (client.doubtful.length > 0) {
      const before = client.doubtful.length;
      await client.resolve(settings);
      if (client.doubtful.length >= before) break;
    }
    for (const key of this.#keys.all) await client.getEntry(key, settings);
    await client.scan({
      ...settings,
      start: '',
      end: undefined,
      reverse: false,
      limit: 10_000,
      pageSize: 7,
    });
    await client.deleteMany(this.#keys.all, settings);
    for (const key of this.#keys.all) await client.getEntry(key, settings);
  }

  #verdict(waits: readonly Wait[]): RoundResult {
    const { operations } = this.#history;
    const { violations } = checkHistory(operations, { stepsMax: STEPS_MAX });
    const unknown = operations.filter(({ outcome }) => outcome.kind === 'unknown').length;
    const refused = operations.filter(({ outcome }) => outcome.kind === 'none').length;
    const texts = violations.map((violation) => describe(violation, operations));
    return {
      operations: operations.length,
      unknown,
      unknownGivenUp: this.#unknownGivenUp,
      refused,
      violations: [...texts, ...this.#complaints],
      waits,
    };
  }
}

/** The metadata server may be away for a while: its faults have begun. */
async function connect(address: string): Promise<KVClient<unknown>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await KVClient.connect<unknown>({
        metadata: [address],
        keyspace: 'default',
        timeoutMs: LAST_MS,
      });
    } catch (error) {
      if (attempt === CONNECTS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
    }
  }
}

function ignoreOver(error: unknown): void {
  if (!(error instanceof RoundOverError)) throw error;
}

/** With everything that happened to the key: there is no second look. */
function describe({ key, what, involved }: Violation, operations: readonly Operation[]): string {
  const marked = new Set(involved.map(({ id }) => id));
  const own = operations.filter((operation) => operation.key === key);
  return `key ${key}: ${what}\n${describeOperations(own, marked)}`;
}

export function runRound(options: RoundOptions): Promise<RoundResult> {
  return new Round(options).run();
}
