// One store, its log of what was promised, and power cuts: the machinery of the crash tests.
//
// A model keeps every write in order. After a cut the store must show exactly the effect of some
// prefix of them that is not shorter than what was durable: nothing durable lost, nothing invented,
// no hole. Then the run goes on from there. Everything comes from one seed.

import * as assert from 'uvu/assert';
import { MemoryDisk } from '../../../src/engine/disk/memory-disk.ts';
import { MemoryKeyIndex } from '../../../src/engine/keys/memory-key-index.ts';
import type { LogStore } from '../../../src/engine/log-store.ts';
import { openLogStore } from '../../../src/engine/open-log-store.ts';
import {
  type Appended,
  type LogRecord,
  type Namespace,
  RecordKind,
  StoreError,
} from '../../../src/engine/store.ts';
import type { Damage } from '../../../src/engine/upkeep/recovery.ts';
import {
  bytes,
  clock,
  identity,
  RememberingOwner,
  random,
  Scribe,
  scanAll,
  seeded,
} from './harness.ts';

/** One step of the model: what the log did to the visible state. */
type Step =
  | {
      readonly kind: 'put';
      readonly sequence: number;
      readonly key: string;
      readonly value: string;
    }
  | { readonly kind: 'delete'; readonly sequence: number; readonly key: string }
  | { readonly kind: 'drop'; readonly start: string; readonly end: string };

interface Done {
  readonly step: Step;
  readonly end: number;
}

export interface PowerCutOptions {
  readonly seed: number;
  readonly keys: number;
  readonly segmentBytes: number;
  /** The checkpoint is lost or damaged in so many of the cuts. */
  readonly checkpointLossShare: number;
  /** Checkpoints and compaction run beside the writes, on a device that takes its time. */
  readonly isBusy?: boolean;
}

export class PowerCutRun {
  readonly random: () => number;
  /** A new one after each cut: the process that died must not reach it. */
  disk: MemoryDisk;
  readonly #options: PowerCutOptions;
  #keyIndex = new MemoryKeyIndex();
  #owner = new RememberingOwner();
  #store: LogStore | undefined;
  #scribe: Scribe | undefined;
  #namespace: Namespace | undefined;
  #history: Done[] = [];
  #waiting: { record: LogRecord; appended: Appended }[] = [];
  #statesWritten = 0;
  #statesDurable = 0;
  #lives = 0;
  cutRecords = 0;
  damages: Damage[] = [];

  constructor(options: PowerCutOptions) {
    this.#options = options;
    this.random = seeded(options.seed * 7919 + 13);
    this.disk = new MemoryDisk(this.random);
  }

  get store(): LogStore {
    return this.#store as LogStore;
  }

  async open(): Promise<void> {
    this.#owner = new RememberingOwner();
    const { isBusy = false } = this.#options;
    if (isBusy) this.disk.delay = () => this.#takeTime();
    const store = await openLogStore({
      directory: '/data',
      clock,
      random,
      identity,
      disk: this.disk,
      owner: this.#owner,
      cacheBytes: this.random() < 0.5 ? 1 : 1 << 20,
      segmentBytes: this.#options.segmentBytes,
      capacityBytes: isBusy ? 1 << 22 : 1 << 26,
      checkpointBytes: 1 << 17,
      compactionBytesPerSecond: 1 << 30,
      openKeyIndex: async () => this.#keyIndex,
      onDamage: (damage) => this.damages.push(damage),
    });
    this.#store = store as LogStore;
    this.#namespace ??= store.createNamespace();
    const sequence = this.#scribe?.sequence ?? 0;
    this.#scribe = new Scribe(store, this.#namespace);
    this.#scribe.sequence = sequence;
  }

  /** A burst of writes; what is durable is applied now and then. */
  async write(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const dice = this.random();
      if (dice < 0.01) this.#drop();
      else if (dice < 0.02) this.#putState();
      else this.#writeOne(dice < 0.25);
      if (this.#options.isBusy === true) this.#beginUpkeep();
      if (this.random() < 0.1) await this.#turn();
      if (this.random() < 0.05) this.#applySome();
    }
  }

  #beginUpkeep(): void {
    const dice = this.random();
    if (dice < 0.01) this.store.checkpoint().catch(() => undefined);
    else if (dice < 0.02) this.store.compact().catch(() => undefined);
  }

  async #takeTime(): Promise<void> {
    for (let turns = Math.floor(this.random() * 4); turns > 0; turns--) await this.#turn();
  }

  /** The power goes; then the store is opened again and compared. */
  async cut(): Promise<void> {
    const durable = this.store.durablePosition as number;
    this.#lives++;
    this.disk.crash();
    this.#keyIndex = this.random() < 0.3 ? new MemoryKeyIndex() : this.#keyIndex.clone();
    const after = this.disk.clone();
    const dead = async (): Promise<never> => {
      throw new Error('the process is gone');
    };
    Object.assign(this.disk, { open: dead, rename: dead, unlink: dead });
    await this.#abandon();
    this.disk = after;
    if (this.random() < this.#options.checkpointLossShare) this.#loseCheckpoint();
    await this.open();
    this.#truncateHistory(durable);
    await this.compare();
    assert.ok(this.#stateNumber() >= this.#statesDurable, 'a durable state is lost');
    this.#statesWritten = this.#stateNumber();
    this.#statesDurable = this.#statesWritten;
  }

  async closeAndOpen(): Promise<void> {
    this.#applyAll();
    await this.store.close();
    await this.open();
    assert.is(this.store.isRebuilt, false, 'a clean close leaves a usable checkpoint');
    await this.compare();
  }

  async compare(): Promise<void> {
    const model = this.#model();
    const seen = await scanAll(this.store, this.#namespace as Namespace, { entriesMax: 50 });
    assert.equal(
      seen.map((entry) => entry.slice(0, entry.indexOf('='))),
      [...model.keys()].sort(),
    );
    for (const entry of seen) {
      const [key, value] = entry.split('=') as [string, string];
      assert.is(value.slice(0, 20), model.get(key)?.slice(0, 20), key);
    }
    for (let look = 0; look < this.#options.keys; look++) {
      const key = `key-${look}`;
      const found = await this.store.get(this.#namespace as Namespace, bytes(key));
      const value = found === undefined ? undefined : Buffer.from(found.value).toString('latin1');
      assert.is(value, model.get(key), key);
    }
  }

  applyAll(): void {
    this.#applyAll();
  }

  #writeOne(isDelete: boolean): void {
    const scribe = this.#scribe as Scribe;
    const key = `key-${Math.floor(this.random() * this.#options.keys)}`;
    const sequence = scribe.sequence + 1;
    const dice = this.random();
    const size = dice < 0.01 ? 20_000 : dice < 0.03 ? 6000 : Math.floor(this.random() * 60);
    const value = `${sequence}:`.padEnd(size, 'x');
    const kind = isDelete ? RecordKind.tombstone : RecordKind.put;
    const data = isDelete ? new Uint8Array(0) : bytes(value);
    const record = scribe.record(kind, bytes(key), data);
    try {
      const appended = this.store.append(record, this.random() < 0.5);
      this.#waiting.push({ record, appended });
      const step: Step = isDelete
        ? { kind: 'delete', sequence, key }
        : { kind: 'put', sequence, key, value };
      this.#history.push({ step, end: appended.end });
    } catch (error) {
      scribe.sequence--;
      if (!(error instanceof StoreError) || error.code !== 'busy') throw error;
    }
  }

  #drop(): void {
    this.#applyAll();
    const first = Math.floor(this.random() * 10);
    const interval = { start: `key-${first}`, end: `key-${first + 1}` };
    const dropped = this.store.dropInterval(
      this.#namespace as Namespace,
      bytes(interval.start),
      bytes(interval.end),
    );
    dropped.catch(() => undefined);
    const end = this.store.appendedPosition as number;
    this.#history.push({ step: { kind: 'drop', ...interval }, end });
  }

  #putState(): void {
    const number = ++this.#statesWritten;
    const changes = new Map([
      ['counter', bytes(String(number))],
      [`other-${number % 5}`, undefined],
    ]);
    const life = this.#lives;
    this.store.putStates(changes).then(
      () => {
        // What a process learns after its death it tells nobody.
        if (life === this.#lives) this.#statesDurable = Math.max(this.#statesDurable, number);
      },
      () => undefined,
    );
  }

  #stateNumber(): number {
    const value = this.store.states.get('counter');
    return value === undefined ? 0 : Number(Buffer.from(value).toString('latin1'));
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => clock.defer(resolve));
  }

  #applySome(): void {
    const count = Math.floor(this.random() * (this.#waiting.length + 1));
    for (const { record, appended } of this.#waiting.splice(0, count)) {
      this.store.apply(record, appended);
    }
  }

  #applyAll(): void {
    for (const { record, appended } of this.#waiting.splice(0)) this.store.apply(record, appended);
  }

  /** The process is gone as well: whatever it still tries fails on the dead disk. */
  async #abandon(): Promise<void> {
    const store = this.#store as LogStore;
    this.#waiting = [];
    await store.close().catch(() => undefined);
  }

  #loseCheckpoint(): void {
    const path = '/data/checkpoint';
    if (!this.disk.paths().includes(path)) return;
    const size = this.disk.peek(path).length;
    if (this.random() < 0.5) this.disk.damage(path, Math.floor(this.random() * size));
    else this.disk.cut(path, Math.floor(this.random() * size));
  }

  /** Which prefix survived: the last one that the recovered state can be the effect of. */
  #truncateHistory(durable: number): void {
    const kept = this.#survivors();
    const lost = this.#history.splice(kept);
    this.cutRecords += lost.length;
    for (const { step, end } of lost) {
      assert.ok(end > durable, `durable ${step.kind} at ${end} is lost, durable was ${durable}`);
    }
    let last = 0;
    for (const { step } of this.#history) if (step.kind !== 'drop') last = step.sequence;
    (this.#scribe as Scribe).sequence = last;
  }

  /** The log was cut at its new beginning: everything up to the recovered end is there. */
  #survivors(): number {
    const end = this.store.recoveredPosition as number;
    return this.#history.filter((done) => done.end <= end).length;
  }

  #model(): Map<string, string> {
    const model = new Map<string, string>();
    for (const { step } of this.#history) {
      if (step.kind === 'put') model.set(step.key, step.value);
      else if (step.kind === 'delete') model.delete(step.key);
      else {
        for (const key of [...model.keys()]) {
          if (key >= step.start && key < step.end) model.delete(key);
        }
      }
    }
    return model;
  }
}
