// One machine with one drive: its disk outlives the process, its process can die in any moment.
//
// A process that is killed is not stopped: nothing of it runs any more, and what it held is forgotten with
// it. Only the disk and the drive's name are left for the next life.

import {
  type Drive,
  type DriveOptions,
  MemoryDisk,
  openLogStore,
  type Store,
  startDrive,
} from '@piton/drive-node';
import type { SimWorld } from '@piton/protocol';
import type { LogBook } from './log-book.ts';

type OpenStore = NonNullable<DriveOptions['store']>;

export interface DriveShape {
  readonly zone: string;
  /** Small, so that segments fill and are compacted within a run. */
  readonly segmentBytes: number;
  readonly checkpointBytes: number;
  readonly capacityBytes?: number;
  /** Each operation of its device takes up to this, always. */
  readonly deviceMs?: number;
}

export const DriveState = {
  down: 'down',
  starting: 'starting',
  up: 'up',
  paused: 'paused',
} as const;
export type DriveState = (typeof DriveState)[keyof typeof DriveState];

/** While a write is under way, or while something is written and not flushed. */
export type AwaitedCut = 'write' | 'unflushed';

const PORT = 7410;
const META_ADDRESS = 'meta:7400';
const CAPACITY_BYTES = 8 * 1024 * 1024;
const CACHE_BYTES = 128 * 1024;
const META_WAIT_MS = 600_000;
const RESTART_MS = 500;
const OPERATION_MS_USUAL = 0.3;
const OPERATION_MS_SLOW = 2;

/** What has happened to a drive, through all its lives. */
export interface DriveTally {
  kills: number;
  stops: number;
  /** The power went while a write was under way. */
  cutsInWrite: number;
  slowOperations: number;
}

export class SimDrive {
  readonly name: string;
  readonly disk: MemoryDisk;
  /** Of a device that has become slow: most operations are still quick, some take all this time. */
  slowestMs = 0;
  readonly tally: DriveTally = { kills: 0, stops: 0, cutsInWrite: 0, slowOperations: 0 };
  readonly #world: SimWorld;
  readonly #shape: DriveShape;
  readonly #log: LogBook;
  #state: DriveState = DriveState.down;
  #life = 0;
  #isLost = false;
  #powerCut: AwaitedCut | undefined;
  #drive: Drive | undefined;
  #store: Store | undefined;

  constructor(world: SimWorld, name: string, shape: DriveShape, log: LogBook) {
    this.name = name;
    this.#world = world;
    this.#shape = shape;
    this.#log = log;
    this.disk = new MemoryDisk(() => world.random());
  }

  get state(): DriveState {
    return this.#state;
  }

  get isRunning(): boolean {
    return this.#state === DriveState.up || this.#state === DriveState.starting;
  }

  /** The store of this life; undefined until it is open. */
  get store(): Store | undefined {
    return this.#store;
  }

  get drive(): Drive | undefined {
    return this.#drive;
  }

  /** Begins a life. What fails at the start is tried again, as whoever runs a drive would do. */
  start(): void {
    if (this.#state !== DriveState.down || this.#isLost) return;
    this.#state = DriveState.starting;
    const life = ++this.#life;
    this.#run(life).catch((error: unknown) => {
      this.#log.note(this.name, `cannot start: ${(error as Error).message}`);
      if (this.#life !== life) return;
      this.#end(false);
      this.#world.schedule(RESTART_MS, () => this.start());
    });
  }

  /** kill -9, or the power goes: then what was not flushed is lost, whole or in part. */
  crash(isPowerCut: boolean): void {
    if (this.#state === DriveState.down) return;
    if (!isPowerCut) this.tally.kills++;
    this.#end(isPowerCut);
  }

  /** Gone for ever, with its disk: whoever still wants to start it cannot. */
  lose(): void {
    this.#isLost = true;
    this.crash(true);
  }

  /** The power goes as soon as there is something to lose; undefined: it stays. Nothing outlives the process. */
  cutPowerAt(awaited: AwaitedCut | undefined): void {
    this.#powerCut = awaited;
  }

  /** Stops as on SIGTERM; resolves when the process has ended. */
  async stop(): Promise<void> {
    const drive = this.#drive;
    const life = this.#life;
    if (drive === undefined || this.#state !== DriveState.up) return;
    await drive.stop();
    if (this.#life !== life) return;
    this.tally.stops++;
    this.#end(false);
  }

  /** Loses its power behind a flush, counted from now on, before anybody hears of that. */
  dieAtFlush(count: number, dies: () => void): void {
    let left = count;
    this.disk.flushed = async () => {
      if (--left > 0) return;
      this.disk.flushed = undefined;
      this.crash(true);
      dies();
      await new Promise(() => {});
    };
  }

  pause(): void {
    if (this.#state !== DriveState.up) return;
    this.#state = DriveState.paused;
    this.#world.pause(this.name);
    this.#log.note(this.name, '--- paused');
  }

  continue(): void {
    if (this.#state !== DriveState.paused) return;
    this.#state = DriveState.up;
    this.#world.continue(this.name);
    this.#log.note(this.name, '--- continues');
  }

  #end(isPowerCut: boolean): void {
    this.#state = DriveState.down;
    this.#life++;
    this.#drive = undefined;
    this.#store = undefined;
    this.#powerCut = undefined;
    if (isPowerCut) this.disk.crash();
    else this.disk.processCrash();
    this.#world.crash(this.name, { isPowerCut });
    this.#log.note(this.name, isPowerCut ? '--- power cut' : '--- killed');
  }

  async #run(life: number): Promise<void> {
    const environment = this.#world.environmentFor(this.name);
    const { clock } = environment;
    this.disk.delay = () =>
      new Promise((resolve) => {
        const dice = this.#world.random();
        const usualMs = dice * (this.#shape.deviceMs ?? OPERATION_MS_USUAL);
        const operationMs = usualMs + this.slowestMs * dice ** 4;
        if (operationMs > usualMs + OPERATION_MS_SLOW) this.tally.slowOperations++;
        clock.setTimer(operationMs, resolve);
        if (this.#isMomentToCut()) this.#cutPowerWithin(operationMs);
      });
    const drive = await startDrive({
      environment,
      disk: this.disk,
      store: this.#openStore(life),
      meta: [META_ADDRESS],
      dataDir: `/${this.name}`,
      id: this.name,
      host: this.name,
      port: PORT,
      zone: this.#shape.zone,
      capacityBytes: this.#shape.capacityBytes ?? CAPACITY_BYTES,
      metaWaitMs: META_WAIT_MS,
      watchesLoop: false,
      log: this.#log.logOf(this.name),
    });
    if (this.#life !== life) return;
    this.#drive = drive;
    this.#state = DriveState.up;
    this.#log.note(this.name, '--- serves');
  }

  #isMomentToCut(): boolean {
    if (this.#powerCut === undefined) return false;
    return this.#powerCut === 'write' ? this.disk.underWayCount > 0 : this.disk.hasUnflushed;
  }

  #cutPowerWithin(operationMs: number): void {
    const life = this.#life;
    this.#world.schedule(this.#world.random() * operationMs, () => {
      if (this.#life !== life || this.#powerCut === undefined) return;
      if (this.disk.underWayCount > 0) this.tally.cutsInWrite++;
      this.crash(true);
    });
  }

  #openStore(life: number): OpenStore {
    return async (options) => {
      const { environment, onDamage, ...rest } = options;
      const { clock, random } = environment;
      const store = await openLogStore({
        ...rest,
        clock,
        random,
        cacheBytes: CACHE_BYTES,
        segmentBytes: this.#shape.segmentBytes,
        checkpointBytes: this.#shape.checkpointBytes,
        onDamage: ({ bytes }) => onDamage(bytes),
      });
      if (this.#life === life) this.#store = store;
      return store;
    };
  }
}
