// What a dead drive costs: how long the writes of its ranges stand still, and what the operations on all
// other ranges feel of it.
//
// One drive of five is killed with SIGKILL, is dead until all its ranges are written again, and is started again; several
// times in the life of one cluster. A client of its own asks every range that the drive holds ten times a second, so that the
// moment is seen at which each is written again. Another client keeps a fixed number of operations in flight on the
// ranges that it does not hold, all the time, and times each of them.
//
// What the machine does by itself is in the same figures, so it is told as well: each kill has a calm span before it and
// one after it, when all copies are back. "calm again" is what the second calm span has to the first; "while" is only
// worth something beside it.

import { type Cluster, startCluster } from '@piton/cluster';
import { KVClient } from '@piton/sdk';
import type { BenchOptions } from '../options.ts';
import { Closers } from '../processes/closers.ts';
import { median, showPlain, showRatio, showWhole } from '../report/figures.ts';
import { showProgress } from '../report/progress.ts';
import type { Row, Section } from '../report/section.ts';

const DRIVES = 5;
const REPLICAS = 3;
const LEASE_MS = 3_000;
const KEYSPACE = 'many';
const VICTIM = 'drive-2';
const PROBE_EVERY_MS = 100;
const IN_FLIGHT = 16;
/** A call waits for a fail-over instead of failing. */
const CALL_MS = 60_000;
/** What comes right after a start or a return is not part of a calm span. */
const SETTLE_MS = 2_000;
/** Copies for the dead drive's ranges are not part of the measurement. */
const REPAIR_AFTER_MS = 3_600_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const border = (number: number): string => `r${String(number).padStart(5, '0')}`;

interface Timed {
  readonly endedAtMs: number;
  readonly tookMs: number;
}

/** Keeps operations in flight on some keys, half of them puts, and times each. */
class Lanes {
  readonly times: Timed[] = [];
  failed = 0;
  #isOver = false;
  readonly #lanes: Promise<void>[];

  constructor(kv: KVClient, keys: readonly string[]) {
    this.#lanes = Array.from({ length: IN_FLIGHT }, (_, lane) => this.#run(kv, keys, lane));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#lanes);
  }

  /** Latencies of what ended in this span, in ascending order. */
  within(fromMs: number, toMs: number): number[] {
    const found = this.times.filter(({ endedAtMs }) => endedAtMs >= fromMs && endedAtMs < toMs);
    return found.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  }

  async #run(kv: KVClient, keys: readonly string[], lane: number): Promise<void> {
    for (let count = lane; !this.#isOver; count += IN_FLIGHT) {
      const key = keys[count % keys.length] as string;
      const startedAtMs = performance.now();
      try {
        if (count % 2 === 0) await kv.put(key, count);
        else await kv.get(key);
      } catch {
        this.failed++;
      }
      const endedAtMs = performance.now();
      this.times.push({ endedAtMs, tookMs: endedAtMs - startedAtMs });
      // Far from the limit of the machine: what waits for a processor is not what is measured.
      await pause(1);
    }
  }
}

/** Writes every key ten times a second; tells when each was written again after a moment. */
class Probes {
  readonly #resumedAtMs: Map<string, number> = new Map();
  readonly #probes: Promise<void>[];
  #sinceMs = Number.POSITIVE_INFINITY;
  #isOver = false;
  failed = 0;

  constructor(kv: KVClient, keys: readonly string[]) {
    this.#probes = keys.map((key, at) => this.#run(kv, key, (at * PROBE_EVERY_MS) / keys.length));
  }

  /** From here on the first write of each key counts that was begun later. */
  start(): void {
    this.#resumedAtMs.clear();
    this.#sinceMs = performance.now();
  }

  /** Milliseconds from the start, when all are back, in ascending order. */
  async all(): Promise<number[]> {
    while (this.#resumedAtMs.size < this.#probes.length) await pause(20);
    return [...this.#resumedAtMs.values()].map((at) => at - this.#sinceMs).sort((a, b) => a - b);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#probes);
  }

  async #run(kv: KVClient, key: string, delayMs: number): Promise<void> {
    await pause(delayMs);
    for (let count = 0; !this.#isOver; count++) {
      const begunAtMs = performance.now();
      try {
        await kv.put(key, count);
        const isLater = begunAtMs >= this.#sinceMs && !this.#resumedAtMs.has(key);
        if (isLater) this.#resumedAtMs.set(key, performance.now());
      } catch {
        this.failed++;
      }
      await pause(Math.max(0, begunAtMs + PROBE_EVERY_MS - performance.now()));
    }
  }
}

async function startMany(ranges: number): Promise<Cluster> {
  const cluster = await startCluster({
    ...{ drives: DRIVES, replicas: REPLICAS, leaseMs: LEASE_MS, repairAfterMs: REPAIR_AFTER_MS },
  });
  await using admin = cluster.admin();
  const cuts = Array.from({ length: ranges - 1 }, (_, number) => Buffer.from(border(number + 1)));
  await admin.createKeyspace(KEYSPACE, 'range', REPLICAS, cuts);
  return cluster;
}

interface Kill {
  /** Until each range of the drive was written again, in ascending order. */
  readonly resumed: readonly number[];
  /** Latencies of operations on other ranges. */
  readonly before: readonly number[];
  readonly during: readonly number[];
  readonly after: readonly number[];
}

interface Bench {
  readonly cluster: Cluster;
  readonly lanes: Lanes;
  readonly probes: Probes;
  readonly calmMs: number;
}

/** Every range has all its copies, and nothing is under way. */
async function untilWhole(cluster: Cluster): Promise<void> {
  await using admin = cluster.admin();
  for (;;) {
    const ranges = await admin.ranges();
    const isWhole = ranges.every(
      ({ chain }) => chain.length === REPLICAS && chain.every(({ state }) => state === 'serving'),
    );
    if (isWhole) return;
    await pause(200);
  }
}

async function measureKill({ cluster, lanes, probes, calmMs }: Bench): Promise<Kill> {
  await pause(SETTLE_MS + calmMs);
  const killedAtMs = performance.now();
  probes.start();
  await cluster.kill(VICTIM);
  const resumed = await probes.all();
  const backAtMs = performance.now();
  await cluster.restart(VICTIM);
  await untilWhole(cluster);
  await pause(SETTLE_MS);
  const calmAtMs = performance.now();
  await pause(calmMs);
  return {
    resumed,
    before: lanes.within(killedAtMs - calmMs, killedAtMs),
    during: lanes.within(killedAtMs, backAtMs),
    after: lanes.within(calmAtMs, calmAtMs + calmMs),
  };
}

interface Measured {
  readonly held: number;
  readonly kills: readonly Kill[];
  readonly failed: number;
}

async function measureSize(ranges: number, kills: number, calmMs: number): Promise<Measured> {
  await using stack = new Closers();
  const cluster = await startMany(ranges);
  stack.defer(() => cluster.stop());
  const metadata = [cluster.metaAddress];
  const connect = () => KVClient.connect({ metadata, keyspace: KEYSPACE, timeoutMs: CALL_MS });
  const [calm, asking] = await Promise.all([connect(), connect()]);
  stack.defer(() => calm.close());
  stack.defer(() => asking.close());
  const held: string[] = [];
  const others: string[] = [];
  for (let number = 0; number < ranges; number++) {
    const key = `${border(number)}/key`;
    const { chain } = await calm.locate(key);
    (chain.some(({ drive }) => drive === VICTIM) ? held : others).push(key);
    await calm.put(key, 0);
  }
  const bench = {
    ...{ cluster, calmMs },
    lanes: new Lanes(calm, others),
    probes: new Probes(asking, held),
  };
  const measured: Kill[] = [];
  for (let number = 1; number <= kills; number++) {
    showProgress(`fail-over, ${ranges} ranges, kill ${number} of ${kills}`);
    measured.push(await measureKill(bench));
  }
  await Promise.all([bench.lanes.stop(), bench.probes.stop()]);
  const failed = bench.lanes.failed + bench.probes.failed;
  return { held: held.length, kills: measured, failed };
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor(sorted.length * share)] ?? Number.NaN;

/** Of all kills together: more samples than any of them has. */
function p99Of(kills: readonly Kill[], pick: (kill: Kill) => readonly number[]): number {
  const all = kills.flatMap((kill) => [...pick(kill)]).sort((a, b) => a - b);
  return at(all, 0.99);
}

function rowOf(ranges: number, { held, kills, failed }: Measured): Row {
  const middle = (pick: (kill: Kill) => number): number => median(kills.map(pick));
  const before = p99Of(kills, (kill) => kill.before);
  const during = p99Of(kills, (kill) => kill.during);
  const after = p99Of(kills, (kill) => kill.after);
  return {
    ranges,
    held,
    kills: kills.length,
    first: middle(({ resumed }) => resumed[0] ?? Number.NaN),
    middle: middle(({ resumed }) => median(resumed)),
    last: middle(({ resumed }) => resumed.at(-1) ?? Number.NaN),
    longest: Math.max(...kills.map(({ resumed }) => resumed.at(-1) ?? Number.NaN)),
    before,
    during,
    after,
    ratio: during / p99Of(kills, (kill) => [...kill.before, ...kill.after]),
    again: after / before,
    samples: kills.reduce((sum, kill) => sum + kill.during.length, 0),
    failed,
  };
}

export async function measureFailover(options: BenchOptions): Promise<Section> {
  const sizes = options.isQuick ? [20] : [20, 400];
  const rows: Row[] = [];
  for (const ranges of sizes) {
    const kills = options.isQuick ? 2 : 2 * Math.min(3, options.rounds);
    rows.push(rowOf(ranges, await measureSize(ranges, kills, options.isQuick ? 1_000 : 4_000)));
  }
  return {
    name: 'failover',
    title: `One of ${DRIVES} drives dies, ${REPLICAS} copies, lease ${LEASE_MS} ms`,
    columns: [
      { key: 'ranges', title: 'ranges', show: showWhole },
      { key: 'held', title: 'of the dead', show: showWhole },
      { key: 'kills', title: 'kills', show: showWhole },
      { key: 'first', title: 'first written ms', show: showWhole },
      { key: 'middle', title: 'median ms', show: showWhole },
      { key: 'last', title: 'last ms', show: showWhole },
      { key: 'longest', title: 'longest ms', show: showWhole },
      { key: 'before', title: 'others p99 ms before', show: showPlain },
      { key: 'during', title: 'while', show: showPlain },
      { key: 'after', title: 'after', show: showPlain },
      { key: 'ratio', title: 'while / calm', show: showRatio },
      { key: 'again', title: 'calm again', show: showRatio },
      { key: 'samples', title: 'operations while', show: showWhole },
      { key: 'failed', title: 'failed', show: showWhole },
    ],
    rows,
    notes: [
      'From the SIGKILL until a range that the drive held was written again; "first" may be one whose write was under way elsewhere.',
      `Others: ${IN_FLIGHT} operations in flight, half of them puts, on ranges that the drive does not hold; all kills together.`,
      '"calm again": the calm span after the kills against the one before them. That is what the machine does by itself.',
    ],
  };
}
