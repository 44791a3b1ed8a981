// Makes one range of two neighbours that have become small and cold, so that the index does not only ever grow.
//
// Together they are far below the size at which a range is cut, and were so for minutes: a range that was just cut
// is not merged, and one that was merged is not cut again. A keyspace keeps the number of ranges that somebody asked
// for (a hash keyspace its virtual nodes, a range keyspace the cuts of its operator): cut in advance of a load that has
// not come yet must stay cut. What cannot be merged, for its copies lie apart in a log, is left alone for an hour.

import { OperationState, type RangeId, type RangeRecord } from '@piton/protocol';
import type { RangeLoad } from '../members/statistics.ts';
import {
  ConflictingOperationError,
  type Operations,
  TooManyOperationsError,
} from '../operations/operations.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { SplitLimits } from './auto-split.ts';
import { problemWithMerge } from './merge-payload.ts';

const MERGES_MAX = 2;
/** Together they may have this part of the size at which a range is cut. */
const SHARE_OF_SIZE_MAX = 0.25;
/** And this part of the rate, or so many operations a second where none is set. */
const SHARE_OF_RATE_MAX = 0.02;
const COLD_OPERATIONS = 100;
const REST_MS = 3_600_000;

export interface AutoMergeParts {
  readonly state: ClusterState;
  readonly operations: Operations;
  readonly limits: SplitLimits;
  /** Rounds that they must have been small and cold. */
  readonly roundsQuiet: number;
  readonly loadOf: (record: RangeRecord) => RangeLoad;
  readonly nowMs: () => number;
}

export class AutoMerge {
  readonly #parts: AutoMergeParts;
  /** By the ids of both. */
  #quietRounds: Map<string, number> = new Map();
  readonly #restsUntilMs: Map<string, number> = new Map();

  constructor(parts: AutoMergeParts) {
    this.#parts = parts;
  }

  /** One look at all neighbours. Returns the left ranges of those that it began to merge. */
  async round(): Promise<RangeId[]> {
    if (this.#parts.limits.rangeBytesMax === undefined) return [];
    this.#forgetRested();
    const quiet = new Map<string, number>();
    const due: [RangeRecord, RangeRecord][] = [];
    for (const { id, rangesWanted } of this.#parts.state.keyspaces.values()) {
      const records = this.#parts.state.indexOf(id)?.records() ?? [];
      if (records.length <= (rangesWanted ?? records.length)) continue;
      this.#lookAt(records, quiet, due);
    }
    this.#quietRounds = quiet;
    const begun: RangeId[] = [];
    for (const [left, right] of due) {
      if (this.#underWay() + begun.length >= MERGES_MAX) break;
      // A range is one of two neighbours only.
      if (begun.includes(left.id)) continue;
      if (await this.#tryBegin(left, right)) begun.push(left.id, right.id);
    }
    return begun;
  }

  #lookAt(
    records: readonly RangeRecord[],
    quiet: Map<string, number>,
    due: [RangeRecord, RangeRecord][],
  ): void {
    for (let at = 1; at < records.length; at++) {
      const [left, right] = [records[at - 1] as RangeRecord, records[at] as RangeRecord];
      if (!this.#isColdAndSmall(left, right) || problemWithMerge(left, right) !== undefined)
        continue;
      const name = nameOf(left, right);
      const rounds = (this.#quietRounds.get(name) ?? 0) + 1;
      quiet.set(name, rounds);
      const isFree = !this.#restsUntilMs.has(name);
      if (rounds >= this.#parts.roundsQuiet && isFree) due.push([left, right]);
    }
  }

  #isColdAndSmall(left: RangeRecord, right: RangeRecord): boolean {
    const { limits, loadOf } = this.#parts;
    const [one, other] = [loadOf(left), loadOf(right)];
    const bytes = one.bytes + other.bytes;
    if (bytes > SHARE_OF_SIZE_MAX * (limits.rangeBytesMax ?? 0)) return false;
    const rate =
      one.readsPerSecond + one.writesPerSecond + other.readsPerSecond + other.writesPerSecond;
    const most = limits.rangeOperationsMax;
    return rate <= (most === undefined ? COLD_OPERATIONS : SHARE_OF_RATE_MAX * most);
  }

  #underWay(): number {
    let count = 0;
    for (const { kind, state } of this.#parts.state.operations.values()) {
      if (kind === 'merge' && state === OperationState.running) count++;
    }
    return count;
  }

  async #tryBegin(left: RangeRecord, right: RangeRecord): Promise<boolean> {
    this.#restsUntilMs.set(nameOf(left, right), this.#parts.nowMs() + REST_MS);
    try {
      await this.#parts.operations.begin({
        kind: 'merge',
        ranges: [left.id, right.id],
        payload: { left: left.id, right: right.id },
        message: `merging ranges ${left.id} and ${right.id}, which are small and cold`,
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
    for (const [name, untilMs] of this.#restsUntilMs) {
      if (untilMs <= nowMs) this.#restsUntilMs.delete(name);
    }
  }
}

const nameOf = (left: RangeRecord, right: RangeRecord): string => `${left.id}/${right.id}`;
