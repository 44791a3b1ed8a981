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
import { Reader } from './reader.ts';
import { verify } from './verify.ts';
import { Workload } from './workload.ts';
import { Writer } from './writer.ts';

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
  /** What was there after the restart. */
  readonly survived: number;
  readonly keys: number;
  readonly restartMs: number;
}

export interface KillLoopResult {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly retried: number;
  readonly restartMsMax: number;
}

const RECORD: RangeRecord = {
  id: rangeId(1),
  keyspace: keyspaceId(1),
  start: new Uint8Array(0),
  end: undefined,
  epoch: epoch(1),
  version: indexVersion(1),
  chain: [{ drive: driveId('d1'), state: MemberState.serving }],
};

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
  readonly #workload: Workload;
  readonly #writer: Writer;
  #drive: DriveProcess | undefined;
  #address = '';
  #restartMs = 0;

  constructor(meta: FakeMeta, options: KillLoopOptions) {
    this.#meta = meta;
    this.#options = options;
    this.#workload = new Workload(options.keyCount);
    this.#writer = new Writer({
      workload: this.#workload,
      rangeId: RECORD.id,
      epoch: RECORD.epoch,
    });
  }

  async run(): Promise<KillLoopResult> {
    const { rounds } = this.#options;
    await this.#startDrive();
    await this.#meta.install(RECORD, true);
    let restartMsMax = 0;
    for (let round = 1; round <= rounds; round++) {
      await this.#runRound(round);
      restartMsMax = Math.max(restartMsMax, this.#restartMs);
    }
    await this.#finish();
    const { acknowledged, retried } = this.#writer;
    return { rounds, acknowledged, retried, restartMsMax };
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

  async #runRound(round: number): Promise<void> {
    const { loadMsMin, loadMsMax, told } = this.#options;
    const writer = this.#writer;
    await writer.start(this.#address);
    await pause(loadMsMin + Math.random() * (loadMsMax - loadMsMin));
    await this.#drive?.signal('SIGKILL');
    if (writer.failure !== undefined) throw writer.failure;
    const { acknowledged, sent } = writer;
    await this.#startDrive();
    const { last, keys } = await this.#verify();
    told({ round, acknowledged, sent, survived: last, keys, restartMs: this.#restartMs });
  }

  async #verify(): Promise<{ last: number; keys: number }> {
    const { acknowledged, sent } = this.#writer;
    const reader = await Reader.open(this.#address, RECORD.id, RECORD.epoch);
    try {
      const survived = await verify(reader, this.#workload, acknowledged, sent);
      if (survived.last > sent) throw new Error(`write ${survived.last} was never sent`);
      return survived;
    } finally {
      reader.close();
    }
  }

  /** What the last crash left open is retried; then exactly everything is there, and stays. */
  async #finish(): Promise<void> {
    const writer = this.#writer;
    await writer.start(this.#address);
    await writer.finish();
    if (writer.failure !== undefined) throw writer.failure;
    const exit = await this.#drive?.signal('SIGTERM');
    if (exit?.code !== 0) throw new Error(`the clean stop failed: ${exit?.stderr}`);
    await this.#startDrive();
    const { last } = await this.#verify();
    if (last !== writer.acknowledged) {
      throw new Error(`${writer.acknowledged} writes acknowledged, ${last} there`);
    }
  }
}
