// One storm: a cluster is started and worked with, the steps of the plan strike it, it is healed, and judged.

import { checkHistory } from '../../src/linearizability/check-history.ts';
import { HistoryRecorder } from '../../src/linearizability/history.ts';
import { KEYSPACE, SimCluster } from '../cluster/sim-cluster.ts';
import type { SimDrive } from '../cluster/sim-drive.ts';
import { META_HOST } from '../cluster/sim-meta.ts';
import type { SeedFailure } from '../seed/result.ts';
import { compareCopies } from '../verdict/copies.ts';
import { settle } from '../verdict/settle.ts';
import { type KeySet, makeKeys, pickAny } from '../workload/keys.ts';
import { RecordedClient } from '../workload/recorded-client.ts';
import { runWorker } from '../workload/worker.ts';
import type { StormPlan, StormStep } from './storm-plan.ts';

const VIRTUAL_MS_MAX = 1_200_000;
const CALM_TIMEOUT_MS = 30_000;
const SPARE_BYTES_MAX = 4_096;
const SLOWEST_MS = 2_000;
const CLIENTS = 4;
const COMPARISONS_MAX = 20;
/** Of a metadata server that is to die, at each durable step. */
const DIES_AT_STEP = 0.2;

class StormOverError extends Error {}

export interface StormVerdict {
  readonly seed: number;
  readonly failures: readonly SeedFailure[];
  readonly operations: number;
  readonly history: HistoryRecorder['operations'];
  readonly log: readonly string[];
}

export async function runStorm(plan: StormPlan, keepsLog = false): Promise<StormVerdict> {
  return new Storm(plan, keepsLog).run();
}

class Storm {
  readonly #plan: StormPlan;
  readonly #cluster: SimCluster;
  readonly #history: HistoryRecorder;
  readonly #keys: KeySet = makeKeys(8, 2);
  readonly #failures: SeedFailure[] = [];
  readonly #healers: Set<() => void> = new Set();
  #values = 0;
  #isOver = false;

  constructor(plan: StormPlan, keepsLog: boolean) {
    this.#plan = plan;
    const { seed, drives, replicas, partitioning, leaseMs, repairAfterMs } = plan;
    const shape = { zone: '', segmentBytes: 64 * 1024, checkpointBytes: 16_384 };
    this.#cluster = new SimCluster({
      seed,
      drives: Array.from({ length: drives }, () => shape),
      meta: { replicas, partitioning, leaseMs, repairAfterMs, drivesExpected: drives },
      clients: CLIENTS,
      latencyMs: plan.latencyMs,
      jitterMs: plan.jitterMs,
      keepsLog,
    });
    this.#history = new HistoryRecorder(() => this.#cluster.world.nowMs);
  }

  async run(): Promise<StormVerdict> {
    try {
      await this.#cluster.world.until(this.#act(), VIRTUAL_MS_MAX);
    } catch (error) {
      this.#complain(`the run broke: ${(error as Error).stack ?? error}`);
    }
    for (const violation of checkHistory(this.#history.operations).violations) {
      const { key, what, involved } = violation;
      this.#failures.push({ what: `key ${key}: ${what}`, key, involved });
    }
    const { operations } = this.#history;
    const { lines: log } = this.#cluster.log;
    const { seed } = this.#plan;
    return {
      seed,
      failures: this.#failures,
      operations: operations.length,
      history: operations,
      log,
    };
  }

  #complain(what: string): void {
    if (this.#failures.length < 20) this.#failures.push({ what, involved: [] });
  }

  async #act(): Promise<void> {
    const { world, drives, meta } = this.#cluster;
    await this.#cluster.start();
    if (this.#plan.partitioning === 'range') await this.#split(0.5);
    for (const step of this.#plan.steps) world.schedule(step.atMs, () => this.#strike(step));
    world.schedule(this.#plan.endMs, () => {
      this.#isOver = true;
    });
    await Promise.all(this.#cluster.clientHosts.map((host) => this.#work(host)));
    for (const heal of this.#healers) heal();
    await this.#cluster.sleep(4_000);
    meta.start();
    for (const drive of drives) drive.start();
    const unrest = await settle(this.#cluster, this.#plan.replicas);
    if (unrest !== undefined) this.#complain(`the cluster does not come to rest: ${unrest}`);
    await this.#look();
    // Undefined: a range was changed meanwhile.
    let findings = await compareCopies(this.#cluster);
    for (let tries = 1; findings === undefined && tries < COMPARISONS_MAX; tries++) {
      await this.#cluster.sleep(1_000);
      findings = await compareCopies(this.#cluster);
    }
    for (const finding of findings ?? []) this.#complain(finding);
  }

  async #look(): Promise<void> {
    const client = this.#recorded('reader');
    const settings = { timeoutMs: CALM_TIMEOUT_MS };
    const readAll = () => Promise.all(this.#keys.all.map((key) => client.getEntry(key, settings)));
    await readAll();
    await Promise.all(
      this.#keys.values.map((key) => client.put(key, this.#newValue(), undefined, settings)),
    );
    await readAll();
    await client.kv.close();
  }

  #newValue = (): string => `v${++this.#values}`;

  async #work(host: string): Promise<void> {
    const { world } = this.#cluster;
    const client = this.#recorded(host);
    const sleep = async (ms: number): Promise<void> => {
      await new Promise<void>(
        (resolve) => void world.environmentFor(host).clock.setTimer(ms, resolve),
      );
      if (this.#isOver) throw new StormOverError();
    };
    const workers = Array.from({ length: this.#plan.workers / CLIENTS }, () =>
      runWorker({
        client,
        keys: this.#keys,
        random: () => world.random(),
        operations: Number.POSITIVE_INFINITY,
        thinkMs: this.#plan.thinkMs,
        sleep,
        newValue: this.#newValue,
        hasScans: true,
        hasAborts: true,
      }).catch((error: unknown) => {
        if (!(error instanceof StormOverError)) throw error;
      }),
    );
    await Promise.all(workers);
  }

  #recorded(host: string): RecordedClient {
    return new RecordedClient({
      kv: this.#cluster.client(host),
      session: host,
      history: this.#history,
      nowMs: () => this.#cluster.world.nowMs,
      keys: this.#keys.all,
      isOrdered: this.#plan.partitioning === 'range',
      complain: (what) => this.#complain(`${host}: ${what}`),
    });
  }

  #strike(step: StormStep): void {
    if (this.#isOver) return;
    const drive = this.#cluster.drives[step.victim] as SimDrive;
    const heal = this.#begin(step, drive);
    this.#cluster.log.note('storm', `${step.what} ${drive.name} for ${step.lastsMs.toFixed(0)} ms`);
    if (heal === undefined) return;
    this.#healers.add(heal);
    this.#cluster.world.schedule(step.lastsMs, () => {
      if (!this.#healers.delete(heal)) return;
      heal();
      this.#cluster.log.note('storm', `${step.what} ${drive.name} ends`);
    });
  }

  #begin({ what }: StormStep, drive: SimDrive): (() => void) | undefined {
    const { meta, world } = this.#cluster;
    switch (what) {
      case 'pause':
        drive.pause();
        return () => drive.continue();
      case 'crash':
      case 'power-cut':
        drive.crash(what === 'power-cut');
        return () => drive.start();
      case 'slow-disk':
        drive.slowestMs = SLOWEST_MS;
        return () => {
          drive.slowestMs = 0;
        };
      case 'cut-inward':
        return this.#cut(drive, (host) => host !== META_HOST, false);
      case 'isolate':
        return this.#cut(drive, () => true, true);
      case 'disk-full':
        drive.disk.capacityBytes = drive.disk.usedBytes + world.random() * SPARE_BYTES_MAX;
        return () => {
          drive.disk.capacityBytes = Number.MAX_SAFE_INTEGER;
        };
      case 'meta-pause':
        meta.pause();
        return () => meta.continue();
      case 'meta-crash':
        meta.crash(world.random() < 0.5);
        return () => meta.start();
      case 'meta-crash-at-step':
        meta.crashAtStep(() => world.random() < DIES_AT_STEP);
        return () => {
          meta.crashAtStep(undefined);
          meta.start();
        };
      case 'split':
        this.#split(0).catch(() => {});
        return undefined;
      case 'move':
        this.#move().catch(() => {});
        return undefined;
    }
  }

  #cut(drive: SimDrive, isFrom: (host: string) => boolean, hasMeta: boolean): () => void {
    const { world, hosts } = this.#cluster;
    const pairs = hosts
      .filter((host) => host !== drive.name && isFrom(host))
      .map((host) => [host, drive.name] as const);
    const all = hasMeta ? [...pairs, [drive.name, META_HOST] as const] : pairs;
    for (const [from, to] of all) world.cut(from, to);
    return () => {
      for (const [from, to] of all) world.heal(from, to);
    };
  }

  /** Cuts the ranges at each of its keys with this chance; 0: at one of them. */
  async #split(chance: number): Promise<void> {
    const { admin, world } = this.#cluster;
    const random = (): number => world.random();
    const keyspace = await admin.keyspace(KEYSPACE);
    const keys =
      chance === 0
        ? [pickAny(this.#keys.all, random)]
        : this.#keys.all.filter(() => random() < chance);
    for (const key of keys) {
      const operation = await admin.split(keyspace, Buffer.from(key), true);
      if (chance > 0) await admin.waitFor(operation);
    }
  }

  async #move(): Promise<void> {
    const { admin, world } = this.#cluster;
    const random = (): number => world.random();
    const keyspace = await admin.keyspace(KEYSPACE);
    const key = Buffer.from(pickAny(this.#keys.all, random));
    const ranges = await admin.ranges(keyspace);
    const range = pickAny(ranges, random);
    const chain = range.chain.map(({ drive }) => drive);
    const targets = this.#cluster.drives.map(({ name }) => name).filter((n) => !chain.includes(n));
    if (targets.length > 0)
      await admin.move(keyspace, key, pickAny(chain, random), pickAny(targets, random));
  }
}
