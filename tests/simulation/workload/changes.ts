// What an operator does to the cluster while it works: cuts ranges, moves copies. Each operation may fail,
// and may be refused; what it must not do is harm a key, or stay half done for ever.

import type { RangeView } from '@piton/metaserver';
import { type KeyspaceRecord, Partitioning, PLACEMENT_BYTES, writeKeyHash } from '@piton/protocol';
import { KEYSPACE, type SimCluster } from '../cluster/sim-cluster.ts';
import { type KeySet, pickAny } from './keys.ts';

export interface ChangesPlan {
  readonly everyMs: number;
  readonly kinds: readonly ChangeKind[];
  /** No more is split above this. */
  readonly rangesMax: number;
}

export const CHANGE_KINDS = ['split', 'move'] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

export class Changes {
  readonly counts: Map<ChangeKind, number> = new Map();
  readonly #cluster: SimCluster;
  readonly #plan: ChangesPlan;
  readonly #keys: KeySet;
  #keyspace: KeyspaceRecord | undefined;
  #isStopped = false;

  constructor(cluster: SimCluster, plan: ChangesPlan, keys: KeySet) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#keys = keys;
  }

  start(): void {
    if (this.#plan.kinds.length > 0) this.#scheduleNext();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #scheduleNext(): void {
    const { world } = this.#cluster;
    world.schedule(-Math.log(1 - world.random()) * this.#plan.everyMs, () => {
      if (this.#isStopped) return;
      const kind = pickAny(this.#plan.kinds, () => world.random());
      this.#change(kind).catch((error: unknown) => {
        this.#cluster.log.note('admin', `${kind}: ${(error as Error).message}`);
      });
      this.#scheduleNext();
    });
  }

  async #change(kind: ChangeKind): Promise<void> {
    const { admin } = this.#cluster;
    this.#keyspace ??= await admin.keyspace(KEYSPACE);
    const ranges = await admin.ranges(this.#keyspace);
    if (this.#isStopped) return;
    if (kind === 'split' && ranges.length >= this.#plan.rangesMax) return;
    const operation = await this.#ask(kind, this.#keyspace, ranges);
    if (operation === undefined) return;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#cluster.log.note('admin', `operation ${operation}: ${kind}`);
  }

  #ask(
    kind: ChangeKind,
    keyspace: KeyspaceRecord,
    ranges: readonly RangeView[],
  ): Promise<number | undefined> {
    const { admin, world, drives } = this.#cluster;
    const random = (): number => world.random();
    if (kind === 'split') {
      // Between two keys or on one of them, or where the drive finds the middle.
      const key = Buffer.from(`${pickAny(this.#keys.all, random)}${random() < 0.5 ? '' : '+'}`);
      return admin.split(keyspace, key, random() < 0.7);
    }
    const key = Buffer.from(pickAny(this.#keys.all, random));
    const chain = rangeOf(ranges, keyspace, key)?.chain.map(({ drive }) => drive) ?? [];
    const targets = drives.map(({ name }) => name).filter((name) => !chain.includes(name));
    if (targets.length === 0 || chain.length === 0) return Promise.resolve(undefined);
    return admin.move(keyspace, key, pickAny(chain, random), pickAny(targets, random));
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

/** Where a key stands in the order of its keyspace: behind its hash in a hash keyspace. */
function placeKey({ partitioning }: KeyspaceRecord, key: Uint8Array): Uint8Array {
  if (partitioning !== Partitioning.hash) return key;
  const placed = new Uint8Array(PLACEMENT_BYTES + key.length);
  writeKeyHash(key, placed, 0);
  placed.set(key, PLACEMENT_BYTES);
  return placed;
}
