// kill -9 of a drive under full write load, again and again: after every restart everything that was
// acknowledged must be there, in order, with its version, and what was open is sent again under its old
// number and must not count twice.

import {
  driveId,
  epoch,
  indexVersion,
  keyspaceId,
  MemberState,
  type RangeRecord,
  rangeId,
} from '@piton/protocol';
import { DriveProcess } from '../shell/drive-process.ts';
import { FakeMeta } from '../shell/fake-meta.ts';
import { MixedWriter } from './mixed-writer.ts';
import { Reader } from './reader.ts';
import { SteadyWorkload } from './steady-workload.ts';
import { SteadyWriter } from './steady-writer.ts';
import { verifySteady } from './verify.ts';

export interface KillLoopOptions {
  readonly folder: string;
  readonly rounds: number;
  /** Prime. */
  readonly keyCount: number;
  readonly loadMsMin: number;
  readonly loadMsMax: number;
  readonly durability: 'flush' | 'os';
  readonly told: (round: Round) => void;
}

export interface Round {
  readonly round: number;
  readonly acknowledged: number;
  readonly sent: number;
  /** Increments, puts and deletes of the mixed writer. */
  readonly mixed: number;
  /** What was there after the restart. */
  readonly survived: number;
  readonly keys: number;
  readonly restartMs: number;
}

export interface KillLoopResult {
  readonly rounds: number;
  readonly acknowledged: number;
  /** Writes that a crash left open and that were sent again under their number. */
  readonly retried: number;
  readonly mixed: number;
  readonly restartMsMax: number;
}

const SPLIT_KEY = Buffer.from('m');

function recordOf(id: number, start: Uint8Array, end: Uint8Array | undefined): RangeRecord {
  return {
    id: rangeId(id),
    keyspace: keyspaceId(1),
    start,
    end,
    epoch: epoch(1),
    version: indexVersion(1),
    chain: [{ drive: driveId('d1'), state: MemberState.serving }],
  };
}

/** Where the steady writer writes, keys `key-...`, and where the mixed one does, keys `mixed-...`. */
const STEADY: RangeRecord = recordOf(1, new Uint8Array(0), SPLIT_KEY);
const MIXED: RangeRecord = recordOf(2, SPLIT_KEY, undefined);
const MIXED_KEYS = 150;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Rejects at the first thing that is not as it must be. */
export async function runKillLoop(options: KillLoopOptions): Promise<KillLoopResult> {
  const meta = await FakeMeta.start({ heartbeatMs: 500 });
  const loop = new KillLoop(meta, options);
  try {
    return await loop.run();
  } finally {
    await loop.stop();
    await meta.stop();
  }
}

class KillLoop {
  readonly #meta: FakeMeta;
  readonly #options: KillLoopOptions;
  readonly #workload: SteadyWorkload;
  readonly #steady: SteadyWriter;
  readonly #mixed: MixedWriter = new MixedWriter(MIXED.id, MIXED.epoch, MIXED_KEYS);
  #drive: DriveProcess | undefined;
  #address = '';
  #restartMs = 0;

  constructor(meta: FakeMeta, options: KillLoopOptions) {
    this.#meta = meta;
    this.#options = options;
    this.#workload = new SteadyWorkload(options.keyCount);
    this.#steady = new SteadyWriter({
      workload: this.#workload,
      rangeId: STEADY.id,
      epoch: STEADY.epoch,
    });
  }

  async run(): Promise<KillLoopResult> {
    const { rounds } = this.#options;
    await this.#startDrive();
    await this.#meta.install(STEADY, true);
    await this.#meta.install(MIXED, true);
    let restartMsMax = 0;
    for (let round = 1; round <= rounds; round++) {
      await this.#runRound(round);
      restartMsMax = Math.max(restartMsMax, this.#restartMs);
    }
    await this.#finish();
    const { acknowledged, retried } = this.#steady;
    return { rounds, acknowledged, retried, mixed: this.#mixed.acknowledged, restartMsMax };
  }

  async stop(): Promise<void> {
    await this.#drive?.signal('SIGKILL');
  }

  async #startDrive(): Promise<void> {
    const { folder, durability } = this.#options;
    const startedAt = performance.now();
    const { drive, address } = await DriveProcess.ready([
      ...['--meta', this.#meta.address, '--data', folder, '--id', 'd1', '--port', '0'],
      ...['--durability', durability, '--log-level', 'warn'],
    ]);
    this.#drive = drive;
    this.#address = address;
    this.#restartMs = Math.round(performance.now() - startedAt);
  }

  async #startWriters(): Promise<void> {
    await this.#steady.start(this.#address);
    await this.#mixed.start(this.#address);
  }

  #checkWriters(): void {
    const failure = this.#steady.failure ?? this.#mixed.failure;
    if (failure !== undefined) throw failure;
  }

  async #runRound(round: number): Promise<void> {
    const { loadMsMin, loadMsMax, told } = this.#options;
    await this.#startWriters();
    await pause(loadMsMin + Math.random() * (loadMsMax - loadMsMin));
    await this.#drive?.signal('SIGKILL');
    this.#checkWriters();
    const { acknowledged, sent } = this.#steady;
    await this.#startDrive();
    const { last, keys } = await this.#verify();
    const mixed = this.#mixed.acknowledged;
    told({ round, acknowledged, sent, mixed, survived: last, keys, restartMs: this.#restartMs });
  }

  async #verify(): Promise<{ last: number; keys: number }> {
    const { acknowledged, sent } = this.#steady;
    const mixed = await Reader.open(this.#address, MIXED);
    const steady = await Reader.open(this.#address, STEADY);
    try {
      await this.#mixed.verify(mixed);
      return await verifySteady(steady, this.#workload, acknowledged, sent);
    } finally {
      mixed.close();
      steady.close();
    }
  }

  /** What the last crash left open is retried; then exactly everything is there, and stays. */
  async #finish(): Promise<void> {
    await this.#startWriters();
    await this.#steady.finish();
    await this.#mixed.finish();
    this.#checkWriters();
    const exit = await this.#drive?.signal('SIGTERM');
    if (exit?.code !== 0) throw new Error(`the clean stop failed: ${exit?.stderr}`);
    await this.#startDrive();
    const { last } = await this.#verify();
    const { acknowledged } = this.#steady;
    if (last !== acknowledged) throw new Error(`${acknowledged} acknowledged, ${last} there`);
  }
}
