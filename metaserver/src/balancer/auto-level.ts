// Begins a rebalance by itself when the drives have been out of level for a while, and only then.
//
//   level      no drive is far above its share, none is nearly empty
//   leaning    one is, since some rounds; when it stays so, a plan is made
//   resting    a rebalance has ended; nothing is begun until the rest is over
//
// Against thrash: the band within which nothing happens is wider than the one that a plan aims at; a plan must be
// worth its bytes (rebalance-plan.ts); a rest follows each rebalance, and doubles when it has not helped.

import type { RefusedError } from '@piton/protocol';
import type { RebalancePlan } from './rebalance-plan.ts';

/** The fullest drive against the mean: above this the cluster leans. */
const LEANING_BYTES = 1.2;
const LEANING_WORK = 1.3;
/** Against its share: a drive that holds less than this has just joined. */
const NEARLY_EMPTY = 0.5;
/** Rounds that it must have leaned. */
const ROUNDS_LEANING = 3;
const REST_MS_FIRST = 60_000;
const REST_MS_LONGEST = 3_600_000;
/** How much nearer to level the fullest drive must be, to say that a rebalance has helped. */
const HELPED = 0.05;

export interface AutoLevelParts {
  readonly plan: () => RebalancePlan;
  /** Begins a rebalance. Rejects with RefusedError when that cannot be now. */
  readonly begin: () => Promise<number>;
  /** Whether something else changes the layout now: a drain, moves, a repair. */
  readonly isBusy: () => boolean;
  readonly nowMs: () => number;
}

export class AutoLevel {
  readonly #parts: AutoLevelParts;
  #roundsLeaning = 0;
  #restMs = REST_MS_FIRST;
  #restsUntilMs = Number.NEGATIVE_INFINITY;
  /** How far it leaned when the last rebalance began; undefined: it was level since. */
  #leanedBefore: number | undefined;

  constructor(parts: AutoLevelParts) {
    this.#parts = parts;
  }

  /** One look. Returns the number of the rebalance that it began. */
  async round(): Promise<number | undefined> {
    const nowMs = this.#parts.nowMs();
    if (this.#parts.isBusy()) {
      // What is measured now is not what will be; and the rest begins when it has ended.
      this.#roundsLeaning = 0;
      if (this.#leanedBefore !== undefined) this.#restsUntilMs = nowMs + this.#restMs;
      return undefined;
    }
    if (nowMs < this.#restsUntilMs) return undefined;
    const plan = this.#parts.plan();
    if (!isLeaning(plan)) {
      this.#roundsLeaning = 0;
      this.#restMs = REST_MS_FIRST;
      this.#leanedBefore = undefined;
      return undefined;
    }
    this.#roundsLeaning++;
    if (this.#roundsLeaning < ROUNDS_LEANING || plan.moves.length === 0) return undefined;
    return this.#begin(leanOf(plan));
  }

  async #begin(lean: number): Promise<number | undefined> {
    const hasHelped = this.#leanedBefore === undefined || lean < this.#leanedBefore - HELPED;
    this.#restMs = hasHelped ? REST_MS_FIRST : Math.min(REST_MS_LONGEST, 2 * this.#restMs);
    this.#roundsLeaning = 0;
    try {
      const operation = await this.#parts.begin();
      this.#leanedBefore = lean;
      return operation;
    } catch (error) {
      if ((error as RefusedError).status === undefined) throw error;
      return undefined;
    }
  }
}

function leanOf({ before }: RebalancePlan): number {
  return Math.max(before.bytes, before.work);
}

function isLeaning({ before, drives, isForced }: RebalancePlan): boolean {
  if (isForced || before.bytes > LEANING_BYTES || before.work > LEANING_WORK) return true;
  return drives.some(({ byteFillBefore }) => byteFillBefore < NEARLY_EMPTY);
}
