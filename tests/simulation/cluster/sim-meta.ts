// The machine of the metadata server: its catalog outlives the process.

import {
  type CatalogNews,
  type FaultPoint,
  type Meta,
  type MetaOptions,
  startMeta,
} from '@piton/metaserver';
import type { Partitioning, SimWorld } from '@piton/protocol';
import type { LogBook } from './log-book.ts';
import { CatalogDevice } from './sim-catalog.ts';

export interface MetaShape {
  readonly replicas: number;
  readonly partitioning: Partitioning;
  readonly drivesExpected: number;
  readonly leaseMs: number;
  readonly repairAfterMs?: number;
  readonly patienceMs?: number;
  /** Whether drives are levelled and ranges cut without being asked. */
  readonly balances?: boolean;
}

/** Where a server may be let die: behind a step of an operation, or behind any commit of its catalog. */
export type StepName = FaultPoint | 'commit';

/** What has happened to the server, through all its lives. */
export interface MetaTally {
  kills: number;
  deathsAtStep: number;
}

export const META_HOST = 'meta';
const PORT = 7400;
const RESTART_MS = 500;
/** So low that a run reaches them. */
const BALANCING = {
  balance: 'auto',
  rangeBytesMax: 1_000,
  rangeOperationsMax: 10,
  balanceRoundMs: 1_000,
} as const;

export class SimMeta {
  readonly #world: SimWorld;
  readonly #shape: MetaShape;
  readonly #log: LogBook;
  readonly #device: CatalogDevice;
  readonly tally: MetaTally = { kills: 0, deathsAtStep: 0 };
  /** How often each step was passed. */
  readonly steps: Map<StepName, number> = new Map();
  #life = 0;
  #isStarted = false;
  #isPaused = false;
  #diesAt: ((step: StepName) => boolean) | undefined;
  #meta: Meta | undefined;

  constructor(world: SimWorld, shape: MetaShape, log: LogBook) {
    this.#world = world;
    this.#shape = shape;
    this.#log = log;
    this.#device = new CatalogDevice(() => world.random());
  }

  /** The one of this life; undefined until it serves. */
  get meta(): Meta | undefined {
    return this.#meta;
  }

  /** Tells of what becomes durable in the catalog, through all lives. */
  watchCatalog(listener: (news: CatalogNews) => void): void {
    this.#device.watch(listener);
  }

  get isUp(): boolean {
    return this.#meta !== undefined && !this.#isPaused;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const life = ++this.#life;
    this.#run(life).catch((error: unknown) => this.#failed(life, error as Error));
  }

  crash(isPowerCut: boolean): void {
    if (!this.#isStarted) return;
    this.tally.kills++;
    this.#isStarted = false;
    this.#isPaused = false;
    this.#life++;
    this.#meta = undefined;
    this.#world.crash(META_HOST, { isPowerCut });
    this.#log.note(META_HOST, isPowerCut ? '--- power cut' : '--- killed');
  }

  /** Dies at the next durable step that this chooses, once, before anything is done about it. */
  crashAtStep(isChosen: ((step: StepName) => boolean) | undefined): void {
    this.#diesAt = isChosen;
  }

  pause(): void {
    if (!this.isUp) return;
    this.#isPaused = true;
    this.#world.pause(META_HOST);
    this.#log.note(META_HOST, '--- paused');
  }

  continue(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#world.continue(META_HOST);
    this.#log.note(META_HOST, '--- continues');
  }

  async #run(life: number): Promise<void> {
    const environment = this.#world.environmentFor(META_HOST);
    const { balances = false, ...shape } = this.#shape;
    const options: MetaOptions = {
      environment,
      dataDir: '/meta',
      host: META_HOST,
      port: PORT,
      ...shape,
      ...(balances ? BALANCING : {}),
      catalog: this.#device.openFor(environment.clock, () => this.#passStep(life, 'commit')),
      faultPoint: (point) => this.#passStep(life, point),
      log: this.#log.logOf(META_HOST),
    };
    const meta = await startMeta(options);
    if (this.#life !== life) return;
    this.#meta = meta;
    this.#log.note(META_HOST, '--- serves');
    meta.failed.then((error) => this.#failed(life, error));
  }

  /** What is behind it never runs when the process dies here. */
  async #passStep(life: number, step: StepName): Promise<void> {
    if (this.#life !== life) return;
    this.steps.set(step, (this.steps.get(step) ?? 0) + 1);
    if (this.#diesAt?.(step) !== true) return;
    this.#diesAt = undefined;
    this.tally.deathsAtStep++;
    this.#log.note(META_HOST, `--- at ${step}`);
    this.crash(true);
    await new Promise(() => {});
  }

  /** What runs a metadata server starts it again. */
  #failed(life: number, error: Error): void {
    this.#log.note(META_HOST, `failed: ${error.message}`);
    if (this.#life !== life) return;
    this.crash(false);
    this.#world.schedule(RESTART_MS, () => this.start());
  }
}
