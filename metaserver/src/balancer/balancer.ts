// What the cluster does about its layout without being asked: in rounds, while nothing else is going on.
//
// A round samples the loads, cuts what is too large, merges what is small and cold, and levels the drives when they have leaned for a while.
// A round may take its time in a large cluster; the next one waits in proportion, so that looking never
// becomes the main work. Everything it begins is an operation like any other: shown, resumed, cancellable.

import { type Clock, OperationState, type RangeRecord, type Timer } from '@piton/protocol';
import { DriveHealth } from '../members/drive-connections.ts';
import type { RangeLoad } from '../members/statistics.ts';
import { type Log, reasonOf } from '../shell/log.ts';
import { takesRanges } from '../state/entries.ts';
import { AutoLevel } from './auto-level.ts';
import { AutoMerge } from './auto-merge.ts';
import { AutoSplit, type SplitLimits } from './auto-split.ts';
import { RangeLoads } from './range-loads.ts';
import type { RebalanceParts } from './rebalance.ts';
import { planRebalance } from './rebalance-plan.ts';
import type { BalancerRequests } from './requests.ts';

export const BalanceMode = { auto: 'auto', off: 'off' } as const;
export type BalanceMode = (typeof BalanceMode)[keyof typeof BalanceMode];

/** Kinds of operations that change what levelling would measure. */
const UNSETTLING: ReadonlySet<string> = new Set([
  ...['drain', 'rebalance', 'move', 'repair', 'split', 'merge', 'createKeyspace'],
]);
/** What a round takes beyond this is followed by a pause of so many times as long. */
const SHORT_MS = 20;
const PAUSE_FACTOR = 50;

export interface BalancerOptions {
  readonly mode: BalanceMode;
  readonly limits: SplitLimits;
  readonly roundMs: number;
  /** Rounds that neighbours must have been small and cold before they are merged. */
  readonly roundsQuiet: number;
}

export class Balancer {
  readonly #parts: Omit<RebalanceParts, 'loadsFor'>;
  readonly #options: BalancerOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #loads: RangeLoads;
  readonly #split: AutoSplit;
  readonly #merge: AutoMerge;
  readonly #level: AutoLevel;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(
    parts: Omit<RebalanceParts, 'loadsFor'>,
    requests: BalancerRequests,
    options: BalancerOptions,
    clock: Clock,
    log: Log,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    const { state, statistics, operations } = parts;
    this.#loads = new RangeLoads(state, statistics, clock);
    const nowMs = (): number => clock.nowMs();
    const loadOf = (record: RangeRecord): RangeLoad => this.loadOf(record);
    this.#split = new AutoSplit({
      ...{ state, operations, nowMs, loadOf },
      limits: options.limits,
      openCount: () => this.#openCount(),
    });
    this.#merge = new AutoMerge({
      ...{ state, operations, nowMs, loadOf },
      limits: options.limits,
      roundsQuiet: options.roundsQuiet,
    });
    this.#level = new AutoLevel({
      nowMs,
      plan: () => planRebalance(parts, loadOf),
      begin: () => requests.rebalance('balancer'),
      isBusy: () => this.#isBusy(),
    });
  }

  /** The load of a range over the last minute. */
  loadOf(record: RangeRecord): RangeLoad {
    return this.#loads.of(record);
  }

  start(): void {
    const { mode, limits } = this.#options;
    const isIdle = Object.values(limits).every((limit) => limit === undefined);
    if (mode === BalanceMode.off && isIdle) return;
    this.#schedule(this.#options.roundMs);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.setTimer(delayMs, () => {
      const beganMs = this.#clock.nowMs();
      this.#running = this.#round().finally(() => {
        const tookMs = this.#clock.nowMs() - beganMs;
        this.#schedule(Math.max(this.#options.roundMs, PAUSE_FACTOR * (tookMs - SHORT_MS)));
      });
    });
  }

  async #round(): Promise<void> {
    try {
      this.#loads.sample();
      const cut = await this.#split.round();
      if (cut.length > 0) this.#log.info({ ranges: cut }, 'cutting ranges that are over a limit');
      const merged = await this.#merge.round();
      if (merged.length > 0) this.#log.info({ ranges: merged }, 'merging cold neighbours');
      if (this.#options.mode !== BalanceMode.auto) return;
      const operation = await this.#level.round();
      if (operation !== undefined) this.#log.info({ operation }, 'levelling the drives');
    } catch (error) {
      this.#log.warn({ reason: reasonOf(error) }, 'a round of the balancer failed');
    }
  }

  #openCount(): number {
    const { state, drives } = this.#parts;
    let count = 0;
    for (const entry of state.drives.values()) {
      if (takesRanges(entry) && drives.health(entry.id) === DriveHealth.up) count++;
    }
    return count;
  }

  /** Something is changing the layout, or a drive is away that may be back in a moment. */
  #isBusy(): boolean {
    const { state, drives } = this.#parts;
    for (const { kind, state: how } of state.operations.values()) {
      if (how === OperationState.running && UNSETTLING.has(kind)) return true;
    }
    for (const entry of state.drives.values()) {
      const holdsSome = state.shareOf(entry.id).ranges.size > 0;
      if (holdsSome && drives.health(entry.id) !== DriveHealth.up) return true;
    }
    return false;
  }
}
