// Cuts ranges that have grown too large, or that do more than one drive should do for one range.
//
// A range is cut when it was over a limit in two rounds, in the middle of its bytes. Each half is then far from
// the limit, and merging begins far below it: nothing is cut and merged in turns. By load only when that can help:
// the range does a good part of what a drive does on average, and it has many keys, for the load of a single key
// cannot be cut. A cut that fails is not tried again for a while.

import type { RangeId, RangeRecord } from '@piton/protocol';
import { OperationState } from '@piton/protocol';
import type { RangeLoad } from '../members/statistics.ts';
import {
  ConflictingOperationError,
  type Operations,
  TooManyOperationsError,
} from '../operations/operations.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { workOf } from './picture.ts';

/** Cuts at once. */
const CUTS_MAX = 4;
/** Rounds over the limit before it is cut. */
const ROUNDS_OVER = 2;
/** After a cut, or a cut that failed, the range is left alone so long. */
const REST_MS = 60_000;
/** With fewer keys its load is taken for that of single keys. */
const KEYS_FOR_LOAD_MIN = 64;
/** By load only a range is cut that does this part of the mean work of a drive. */
const SHARE_OF_DRIVE_MIN = 0.25;
/** Cuts by load do not take the ranges of one keyspace beyond so many for each drive. */
const RANGES_PER_DRIVE_MAX = 32;

export interface SplitLimits {
  /** Undefined: ranges are not cut by size. */
  readonly rangeBytesMax: number | undefined;
  /** Reads and writes per second; undefined: ranges are not cut by load. */
  readonly rangeOperationsMax: number | undefined;
}

export interface AutoSplitParts {
  readonly state: ClusterState;
  readonly operations: Operations;
  readonly limits: SplitLimits;
  readonly loadOf: (record: RangeRecord) => RangeLoad;
  readonly nowMs: () => number;
  /** Drives that are up and take ranges. */
  readonly openCount: () => number;
}

export class AutoSplit {
  readonly #parts: AutoSplitParts;
  readonly #roundsOver: Map<RangeId, number> = new Map();
  readonly #restsUntilMs: Map<RangeId, number> = new Map();

  constructor(parts: AutoSplitParts) {
    this.#parts = parts;
  }

  /** One look at all ranges. Returns the ranges that it began to cut. */
  async round(): Promise<RangeId[]> {
    const { state, limits } = this.#parts;
    if (limits.rangeBytesMax === undefined && limits.rangeOperationsMax === undefined) return [];
    this.#forgetRested();
    const meanWork = this.#meanWork();
    const over: { id: RangeId; bytes: number; reason: string }[] = [];
    for (const [id, { published }] of state.ranges) {
      const load = published && this.#parts.loadOf(published);
      const reason = load && this.#reason(published, load, meanWork);
      if (reason === undefined) this.#roundsOver.delete(id);
      else if (this.#isDue(id)) over.push({ id, bytes: load?.bytes ?? 0, reason });
    }
    over.sort((a, b) => b.bytes - a.bytes);
    const begun: RangeId[] = [];
    for (const { id, reason } of over.slice(0, CUTS_MAX - this.#underWay())) {
      if (await this.#tryBegin(id, reason)) begun.push(id);
    }
    return begun;
  }

  #isDue(id: RangeId): boolean {
    const rounds = (this.#roundsOver.get(id) ?? 0) + 1;
    this.#roundsOver.set(id, rounds);
    return rounds >= ROUNDS_OVER && !this.#restsUntilMs.has(id);
  }

  /** Why the range is to be cut; undefined when it is not. */
  #reason(record: RangeRecord, load: RangeLoad, meanWork: number): string | undefined {
    const { rangeBytesMax, rangeOperationsMax } = this.#parts.limits;
    if (rangeBytesMax !== undefined && load.bytes > rangeBytesMax && load.keys > 1) {
      return `it has ${load.bytes} bytes, more than ${rangeBytesMax}`;
    }
    const rate = load.readsPerSecond + load.writesPerSecond;
    if (rangeOperationsMax === undefined || rate <= rangeOperationsMax) return undefined;
    if (load.keys < KEYS_FOR_LOAD_MIN || workOf(load) < SHARE_OF_DRIVE_MIN * meanWork) {
      return undefined;
    }
    const size = this.#parts.state.indexOf(record.keyspace)?.size ?? 0;
    if (size >= RANGES_PER_DRIVE_MAX * Math.max(1, this.#parts.openCount())) return undefined;
    return `it does ${Math.round(rate)} operations a second, more than ${rangeOperationsMax}`;
  }

  #meanWork(): number {
    let work = 0;
    for (const { published } of this.#parts.state.ranges.values()) {
      if (published !== undefined) work += workOf(this.#parts.loadOf(published));
    }
    return work / Math.max(1, this.#parts.openCount());
  }

  #underWay(): number {
    let count = 0;
    for (const { kind, state } of this.#parts.state.operations.values()) {
      if (kind === 'split' && state === OperationState.running) count++;
    }
    return Math.min(count, CUTS_MAX);
  }

  async #tryBegin(id: RangeId, reason: string): Promise<boolean> {
    this.#restsUntilMs.set(id, this.#parts.nowMs() + REST_MS);
    try {
      await this.#parts.operations.begin({
        kind: 'split',
        ranges: [id],
        payload: { range: id },
        message: `cutting range ${id}: ${reason}`,
      });
      return true;
    } catch (error) {
      const isPassing =
        error instanceof ConflictingOperationError || error instanceof TooManyOperationsError;
      if (!isPassing) throw error;
      return false;
    }
  }

  #forgetRested(): void {
    const nowMs = this.#parts.nowMs();
    for (const [id, untilMs] of this.#restsUntilMs) {
      if (untilMs <= nowMs) this.#restsUntilMs.delete(id);
    }
    for (const id of this.#roundsOver.keys()) {
      if (!this.#parts.state.ranges.has(id)) this.#roundsOver.delete(id);
    }
  }
}
