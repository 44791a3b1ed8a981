// What an operator does to the cluster while it works: cuts and joins ranges, moves copies, empties drives, adds
// drives.
// Each operation may fail, and may be refused; what it must not do is harm a key, or stay half done for ever.

import type { DriveView, RangeView } from '@piton/metaserver';
import { type KeyspaceRecord, Partitioning, PLACEMENT_BYTES, writeKeyHash } from '@piton/protocol';
import { KEYSPACE, type SimCluster } from '../cluster/sim-cluster.ts';
import { type KeySet, pickAny } from './keys.ts';

export interface ChangesPlan {
  readonly everyMs: number;
  readonly kinds: readonly ChangeKind[];
  /** No more is split above this. */
  readonly rangesMax: number;
  /** Drives that are drained leave at least so many. */
  readonly openDrivesMin: number;
}

export const CHANGE_KINDS = [
  'split',
  'move',
  'merge',
  'drain',
  'cancel-drain',
  'join',
  'rebalance',
  'cancel',
] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

/** Cuts and moves are what happens most. */
const OFTEN: readonly ChangeKind[] = ['split', 'move', 'move', 'merge'];

/** Each so many-th operation is cancelled at once when it is a split. */
const CANCELLED_SPLITS = 3;

/** The cluster as it was when the change was thought of. */
interface Picture {
  readonly keyspace: KeyspaceRecord;
  readonly ranges: readonly RangeView[];
}

export class Changes {
  readonly counts: Map<ChangeKind, number> = new Map();
  readonly #cluster: SimCluster;
  readonly #plan: ChangesPlan;
  readonly #keys: KeySet;
  readonly #kinds: readonly ChangeKind[];
  #keyspace: KeyspaceRecord | undefined;
  #lastOperation: number | undefined;
  #isStopped = false;

  constructor(cluster: SimCluster, plan: ChangesPlan, keys: KeySet) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#keys = keys;
    this.#kinds = [...plan.kinds, ...OFTEN.filter((kind) => plan.kinds.includes(kind))];
  }

  start(): void {
    if (this.#kinds.length > 0) this.#scheduleNext();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #random(): number {
    return this.#cluster.world.random();
  }

  #pick<T>(from: readonly T[]): T {
    return pickAny(from, () => this.#random());
  }

  #scheduleNext(): void {
    const { world } = this.#cluster;
    world.schedule(-Math.log(1 - this.#random()) * this.#plan.everyMs, () => {
      if (this.#isStopped) return;
      const kind = this.#pick(this.#kinds);
      this.#change(kind).catch((error: unknown) => {
        this.#cluster.log.note('admin', `${kind}: ${(error as Error).message}`);
      });
      this.#scheduleNext();
    });
  }

  async #change(kind: ChangeKind): Promise<void> {
    const { admin, log } = this.#cluster;
    this.#keyspace ??= await admin.keyspace(KEYSPACE);
    const ranges = await admin.ranges(this.#keyspace);
    if (this.#isStopped) return;
    const done = await this.#ask(kind, { keyspace: this.#keyspace, ranges });
    if (done === undefined) return;
    if (typeof done === 'number') this.#lastOperation = done;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    log.note('admin', `${kind}: ${done}`);
  }

  /** What came of it; undefined: it could not be asked for. */
  async #ask(kind: ChangeKind, picture: Picture): Promise<number | string | undefined> {
    const { admin } = this.#cluster;
    switch (kind) {
      case 'split':
        return this.#split(picture);
      case 'move':
        return this.#move(picture);
      case 'merge':
        return this.#merge(picture);
      case 'drain':
        return this.#drain();
      case 'cancel-drain':
        return this.#cancelDrain();
      case 'join':
        return this.#cluster.join()?.name;
      case 'rebalance':
        return (await admin.rebalance()).operation ?? 'nothing to do';
      case 'cancel':
        return this.#cancel();
    }
  }

  async #split({ keyspace, ranges }: Picture): Promise<number | undefined> {
    if (ranges.length >= this.#plan.rangesMax) return undefined;
    // Between two keys or on one of them, or where the drive finds the middle.
    const name = `${this.#pick(this.#keys.all)}${this.#random() < 0.5 ? '' : '+'}`;
    const { admin } = this.#cluster;
    const operation = await admin.split(keyspace, Buffer.from(name), this.#random() < 0.7);
    // A cut takes a moment: a cancel that is drawn by itself comes too late.
    if (this.#plan.kinds.includes('cancel') && operation % CANCELLED_SPLITS === 0) {
      await admin.cancel(operation);
    }
    return operation;
  }

  /** Neighbours with the same chain can be merged; now and then others are asked for, to be refused. */
  #merge({ keyspace, ranges }: Picture): Promise<number> | undefined {
    const { admin } = this.#cluster;
    const all = this.#keys.all.map((key) => Buffer.from(key));
    const fitting = all.filter((key) => isLikeNext(ranges, keyspace, key));
    const keys = fitting.length > 0 && this.#random() < 0.9 ? fitting : all;
    return admin.merge(keyspace, this.#pick(keys));
  }

  #move({ keyspace, ranges }: Picture): Promise<number> | undefined {
    const { admin, drives } = this.#cluster;
    const key = Buffer.from(this.#pick(this.#keys.all));
    const chain = rangeOf(ranges, keyspace, key)?.chain.map(({ drive }) => drive) ?? [];
    const targets = drives.map(({ name }) => name).filter((name) => !chain.includes(name));
    if (targets.length === 0 || chain.length === 0) return undefined;
    return admin.move(keyspace, key, this.#pick(chain), this.#pick(targets));
  }

  async #drain(): Promise<number | undefined> {
    const drives = await this.#cluster.admin.drives();
    const open = drives.filter(({ drain }) => drain === 'open');
    if (open.length <= this.#plan.openDrivesMin) return undefined;
    return this.#cluster.admin.drain(this.#pick(open).id);
  }

  async #cancelDrain(): Promise<number | undefined> {
    const drives = await this.#cluster.admin.drives();
    const closed: readonly DriveView[] = drives.filter(({ drain }) => drain !== 'open');
    return closed.length === 0 ? undefined : this.#cluster.admin.cancelDrain(this.#pick(closed).id);
  }

  async #cancel(): Promise<string | undefined> {
    const operation = this.#lastOperation;
    if (operation === undefined) return undefined;
    await this.#cluster.admin.cancel(operation);
    return `operation ${operation}`;
  }
}

function rangeOf(
  ranges: readonly RangeView[],
  keyspace: KeyspaceRecord,
  key: Uint8Array,
): RangeView | undefined {
  const hex = Buffer.from(placeKey(keyspace, key)).toString('hex');
  return ranges.find(({ start, end }) => start.hex <= hex && (end === null || hex < end.hex));
}

/** Whether the range that holds the key and the one behind it have the same chain. */
function isLikeNext(
  ranges: readonly RangeView[],
  keyspace: KeyspaceRecord,
  key: Uint8Array,
): boolean {
  const range = rangeOf(ranges, keyspace, key);
  const next = ranges.find(({ start }) => start.hex === range?.end?.hex);
  if (range === undefined || next === undefined) return false;
  const shown = ({ chain }: RangeView): string =>
    chain.map(({ drive, state }) => `${drive} ${state}`).join();
  return shown(range) === shown(next);
}

/** Where a key stands in the order of its keyspace: behind its hash in a hash keyspace. */
function placeKey({ partitioning }: KeyspaceRecord, key: Uint8Array): Uint8Array {
  if (partitioning !== Partitioning.hash) return key;
  const placed = new Uint8Array(PLACEMENT_BYTES + key.length);
  writeKeyHash(key, placed, 0);
  placed.set(key, PLACEMENT_BYTES);
  return placed;
}
