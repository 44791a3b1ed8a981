// One seed: a cluster is started, worked with while faults strike it, healed, and judged.

import { createHash } from 'node:crypto';
import { checkHistory } from '../../src/linearizability/check-history.ts';
import { HistoryRecorder, type Operation } from '../../src/linearizability/history.ts';
import { SimCluster } from '../cluster/sim-cluster.ts';
import type { MetaShape } from '../cluster/sim-meta.ts';
import { effectsIn } from '../faults/effects.ts';
import { Injector } from '../faults/injector.ts';
import { Deaths } from '../steps/deaths.ts';
import { compareCopies } from '../verdict/copies.ts';
import { settle } from '../verdict/settle.ts';
import { kindOf, specialEndOf } from '../workload/calls.ts';
import { Changes } from '../workload/changes.ts';
import { type KeySet, makeKeys } from '../workload/keys.ts';
import { RecordedClient } from '../workload/recorded-client.ts';
import { runWorker } from '../workload/worker.ts';
import { loseOneDrive } from './loss.ts';
import type { SeedPlan } from './plan.ts';
import { watchRejections } from './rejections.ts';
import type { SeedEvidence, SeedFailure, SeedResult } from './result.ts';

export interface RunOptions {
  /** Keep what the programs log. */
  readonly keepsLog?: boolean | undefined;
}

/** A run that is not over by then never will be. */
const VIRTUAL_MS_MAX = 1_800_000;
const COMPARISONS_MAX = 20;
/** In peace everything is answered within this. */
const CALM_TIMEOUT_MS = 30_000;

export async function runSeed(plan: SeedPlan, options: RunOptions = {}): Promise<SeedEvidence> {
  const run = new Run(plan, options.keepsLog === true);
  const rejections = watchRejections((error) => run.complain(`nobody took care of: ${error}`));
  try {
    await run.play();
  } finally {
    rejections.stop();
  }
  return run.evidence();
}

function metaShapeOf(plan: SeedPlan): MetaShape {
  const { replicas, partitioning, leaseMs, repairAfterMs, patienceMs, balances } = plan;
  const drivesExpected = plan.drives.length;
  return { replicas, partitioning, leaseMs, repairAfterMs, patienceMs, balances, drivesExpected };
}

function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function kindsOf({ name, action, outcome }: Operation): string[] {
  const end = specialEndOf(outcome);
  return end === undefined ? [kindOf(name, action)] : [kindOf(name, action), end];
}

class Run {
  readonly #plan: SeedPlan;
  readonly #cluster: SimCluster;
  readonly #history: HistoryRecorder;
  readonly #keys: KeySet;
  readonly #injector: Injector;
  readonly #changes: Changes;
  readonly #deaths: Deaths | undefined;
  readonly #failures: SeedFailure[] = [];
  #values = 0;

  constructor(plan: SeedPlan, keepsLog: boolean) {
    this.#plan = plan;
    this.#cluster = new SimCluster({
      ...plan,
      meta: metaShapeOf(plan),
      keepsLog,
    });
    this.#cluster.log.alarm = (what) => this.complain(what);
    this.#history = new HistoryRecorder(() => this.#cluster.world.nowMs);
    this.#keys = makeKeys(plan.valueKeys, plan.counterKeys);
    this.#injector = new Injector(this.#cluster, plan.faults);
    this.#changes = new Changes(this.#cluster, plan.changes, this.#keys);
    this.#deaths = plan.death && new Deaths(this.#cluster, plan.death);
  }

  complain(what: string): void {
    if (this.#failures.length < 20) this.#failures.push({ what, involved: [] });
  }

  /** Drives the virtual time until the run is over. */
  async play(): Promise<void> {
    try {
      await this.#cluster.world.until(this.#act(), VIRTUAL_MS_MAX);
    } catch (error) {
      this.complain(`the run broke: ${(error as Error).stack ?? error}`);
    }
    this.#judge();
  }

  evidence(): SeedEvidence {
    return {
      result: this.#result(),
      history: this.#history.operations,
      faultNotes: this.#injector.notes,
      log: this.#cluster.log.lines,
    };
  }

  async #act(): Promise<void> {
    this.#deaths?.arm();
    await this.#cluster.start();
    this.#injector.start();
    this.#changes.start();
    await Promise.all(this.#cluster.clientHosts.map((host) => this.#work(host)));
    this.#changes.stop();
    this.#injector.stop();
    await this.#checkAtRest('after the faults');
    await this.#readAll('reader');
    await this.#writeAll();
    await this.#readAll('reader2');
    if (this.#failures.length === 0 && this.#plan.losesDrive) await this.#loseDrive();
    await this.#checkCopies();
  }

  async #checkAtRest(when: string): Promise<void> {
    const unrest = await settle(this.#cluster, this.#plan.replicas);
    if (unrest !== undefined) this.complain(`the cluster does not come to rest ${when}: ${unrest}`);
  }

  /** A cluster that levels itself may begin with that at any time. */
  async #checkCopies(): Promise<void> {
    for (let attempt = 0; attempt < COMPARISONS_MAX; attempt++) {
      if (this.#failures.length === 0) await this.#checkAtRest('before its copies are compared');
      const findings = await compareCopies(this.#cluster);
      for (const finding of findings ?? []) this.complain(finding);
      if (findings !== undefined || this.#failures.length > 0) return;
    }
    this.complain('the cluster changes again and again, its copies could not be compared');
  }

  async #loseDrive(): Promise<void> {
    const lost = await loseOneDrive(this.#cluster, this.#plan.replicas);
    if (lost === undefined) return;
    await this.#checkAtRest(`without ${lost}`);
    await this.#readAll('reader3');
  }

  async #work(host: string): Promise<void> {
    const { clients, workersPerClient, operations, thinkMs, hasScans, hasAborts } = this.#plan;
    const { world } = this.#cluster;
    const kv = this.#cluster.client(host);
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => void world.environmentFor(host).clock.setTimer(ms, resolve));
    const workers = Array.from({ length: workersPerClient }, (_, at) =>
      runWorker({
        client: this.#recorded(kv, `${host}.${at + 1}`),
        keys: this.#keys,
        random: () => world.random(),
        operations: Math.ceil(operations / clients / workersPerClient),
        thinkMs,
        sleep,
        newValue: () => `v${++this.#values}`,
        hasScans,
        hasAborts,
      }),
    );
    await Promise.all(workers);
  }

  #recorded(kv: ReturnType<SimCluster['client']>, session: string): RecordedClient {
    return new RecordedClient({
      kv,
      session,
      history: this.#history,
      nowMs: () => this.#cluster.world.nowMs,
      keys: this.#keys.all,
      isOrdered: this.#plan.partitioning === 'range',
      complain: (what) => this.complain(`${session}: ${what}`),
    });
  }

  /** Everything once more, in peace, by one who was not there before: each answer is evidence too. */
  async #readAll(host: string): Promise<void> {
    const client = this.#recorded(this.#cluster.client(host), host);
    const settings = { timeoutMs: CALM_TIMEOUT_MS };
    const before = this.#history.operations.length;
    await Promise.all(this.#keys.all.map((key) => client.getEntry(key, settings)));
    const everything = { start: '', end: undefined, limit: 10_000, pageSize: 3 };
    await client.scan({ ...settings, ...everything, reverse: false });
    await client.scan({ ...settings, ...everything, reverse: true });
    const reads = this.#history.operations.slice(before);
    const answered = reads.filter(({ outcome }) => outcome.kind === 'read').length;
    const expected = 3 * this.#keys.all.length;
    if (answered < expected) {
      this.complain(`only ${answered} of ${expected} reads are answered after the faults`);
    }
    await client.kv.close();
  }

  /** A range that can be read but not written is not at rest. */
  async #writeAll(): Promise<void> {
    const client = this.#recorded(this.#cluster.client('writer'), 'writer');
    const settings = { timeoutMs: CALM_TIMEOUT_MS };
    const before = this.#history.operations.length;
    const { values, counters } = this.#keys;
    await Promise.all([
      ...values.map((key) => client.put(key, `v${++this.#values}`, undefined, settings)),
      ...counters.map((key) => client.increment(key, 1n, settings)),
    ]);
    for (const { key, outcome } of this.#history.operations.slice(before)) {
      if (outcome.kind === 'written' || outcome.kind === 'incremented') continue;
      this.complain(`key ${key} cannot be written after the faults`);
    }
    await client.kv.close();
  }

  #judge(): void {
    for (const violation of checkHistory(this.#history.operations).violations) {
      const { key, what, involved } = violation;
      this.#failures.push({ what: `key ${key}: ${what}`, key, involved });
    }
  }

  #result(): SeedResult {
    const { operations } = this.#history;
    const { world } = this.#cluster;
    const count = (kind: string): number =>
      operations.filter(({ outcome }) => outcome.kind === kind).length;
    const { meta, operations: book } = this.#cluster;
    return {
      seed: this.#plan.seed,
      failures: this.#failures,
      operations: operations.length,
      unknown: count('unknown'),
      notApplied: count('none'),
      events: world.eventCount,
      virtualMs: world.nowMs,
      faults: countOf(this.#injector.notes.map(({ name }) => name)),
      changes: Object.fromEntries(this.#changes.counts),
      ends: Object.fromEntries(book.counts),
      calls: countOf(operations.flatMap(kindsOf)),
      effects: effectsIn(this.#cluster),
      steps: Object.fromEntries(meta.steps),
      hasDied: this.#deaths?.hasDied ?? false,
      trace: this.#trace(),
    };
  }

  #trace(): string {
    const { world } = this.#cluster;
    const hash = createHash('sha256');
    for (const { outcome, action, ...rest } of this.#history.operations) {
      const shown = [rest, { ...action }, { ...outcome }];
      hash.update(
        JSON.stringify(shown, (_, value) => (typeof value === 'bigint' ? `${value}n` : value)),
      );
    }
    hash.update(`${world.eventCount} ${world.nowMs} ${world.random()}`);
    return hash.digest('hex').slice(0, 16);
  }
}
