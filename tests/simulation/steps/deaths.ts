// Lets a process die in one chosen moment: right behind a step that has become durable, before anything is done
// about it. Soon after it is started again.

import type { FaultPoint } from '@piton/metaserver';
import type { SimCluster } from '../cluster/sim-cluster.ts';
import type { StepName } from '../cluster/sim-meta.ts';
import { pickAny } from '../workload/keys.ts';

export interface DeathPlan {
  /** The server dies at the first passing of this point. */
  readonly point?: FaultPoint;
  /** The server dies behind this commit of its catalog, counted from 1. */
  readonly commit?: number;
  /** A drive, by its number, dies behind this flush, counted from 1. */
  readonly flush?: { readonly drive: number; readonly count: number };
  /** All drives lose their power in the same moment. */
  readonly takesDrives?: boolean;
  /** Some drive dies soon after each passing of this point, so that what is rare becomes likely. */
  readonly unrestAt?: FaultPoint | undefined;
}

const DOWN_MS_MAX = 1_500;
const UNREST_MS_MAX = 15;
const UNREST_DOWN_MS_MAX = 3_000;

export class Deaths {
  readonly #cluster: SimCluster;
  readonly #plan: DeathPlan;
  #commits = 0;
  #hasDied = false;

  constructor(cluster: SimCluster, plan: DeathPlan) {
    this.#cluster = cluster;
    this.#plan = plan;
  }

  /** Whether the moment came. */
  get hasDied(): boolean {
    return this.#hasDied;
  }

  /** Commits of the catalog so far. */
  get commits(): number {
    return this.#commits;
  }

  arm(): void {
    const { meta, drives } = this.#cluster;
    const { flush } = this.#plan;
    meta.crashAtStep((step) => this.#isMoment(step));
    if (flush === undefined) return;
    const drive = drives[flush.drive % drives.length];
    drive?.dieAtFlush(flush.count, () => this.#die());
  }

  #isMoment(step: StepName): boolean {
    const { point, commit, unrestAt } = this.#plan;
    if (step === 'commit') this.#commits++;
    const isHere = step === 'commit' ? this.#commits === commit : step === point;
    if (isHere) this.#die();
    else if (step === unrestAt) this.#unrest();
    return isHere;
  }

  #die(): void {
    const { world, drives, meta } = this.#cluster;
    this.#hasDied = true;
    if (this.#plan.takesDrives === true) for (const drive of drives) drive.crash(true);
    world.schedule(world.random() * DOWN_MS_MAX, () => {
      meta.start();
      for (const drive of drives) drive.start();
    });
  }

  #unrest(): void {
    const { world, drives } = this.#cluster;
    world.schedule(world.random() * UNREST_MS_MAX, () => {
      const drive = pickAny(drives, () => world.random());
      drive.crash(false);
      world.schedule(world.random() * UNREST_DOWN_MS_MAX, () => drive.start());
    });
  }
}
