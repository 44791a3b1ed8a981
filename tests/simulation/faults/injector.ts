// Lets faults happen, one after the other and some at once, until it is told to stop; then everything is
// made whole again.

import type { SimCluster } from '../cluster/sim-cluster.ts';
import { pickAny } from '../workload/keys.ts';
import type { Affliction, Stage } from './fault.ts';
import { FAULTS, type FaultName } from './registry.ts';

export interface FaultPlan {
  readonly names: readonly FaultName[];
  /** Mean time from one fault to the next. */
  readonly everyMs: number;
  /** That last at the same time. */
  readonly atOnceMax: number;
}

/** What happened, for the log. */
export interface FaultNote {
  readonly atMs: number;
  readonly name: FaultName;
  readonly what: string;
}

export class Injector {
  readonly notes: FaultNote[] = [];
  readonly #cluster: SimCluster;
  readonly #plan: FaultPlan;
  readonly #stage: Stage;
  readonly #lasting: Set<Affliction> = new Set();
  #isStopped = false;

  constructor(cluster: SimCluster, plan: FaultPlan) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#stage = { cluster, random: () => cluster.world.random() };
  }

  start(): void {
    if (this.#plan.names.length > 0) this.#scheduleNext();
  }

  /** Ends what lasts, and starts everything that is down. */
  stop(): void {
    this.#isStopped = true;
    for (const affliction of this.#lasting) affliction.end?.();
    this.#lasting.clear();
    const { world, drives, meta } = this.#cluster;
    world.schedule(START_ALL_MS, () => {
      meta.start();
      for (const drive of drives) drive.start();
    });
  }

  #scheduleNext(): void {
    const { world } = this.#cluster;
    const delayMs = -Math.log(1 - world.random()) * this.#plan.everyMs;
    world.schedule(delayMs, () => {
      if (this.#isStopped) return;
      if (this.#lasting.size < this.#plan.atOnceMax) this.#strike();
      this.#scheduleNext();
    });
  }

  #strike(): void {
    const { world, log } = this.#cluster;
    const name = pickAny(this.#plan.names, () => world.random());
    const affliction = FAULTS[name](this.#stage);
    if (affliction === undefined) return;
    this.notes.push({ atMs: world.nowMs, name, what: affliction.what });
    log.note('fault', `${name} ${affliction.what}`);
    if (affliction.end === undefined || affliction.lastsMs === 0) return;
    this.#lasting.add(affliction);
    world.schedule(affliction.lastsMs, () => {
      if (!this.#lasting.delete(affliction)) return;
      affliction.end?.();
      log.note('fault', `${name} ends`);
    });
  }
}

/** Behind the last machine that a fault brings back by itself. */
const START_ALL_MS = 4_000;
