// The load of every range over a longer time: what automatic changes go by.
//
// Figures of the last seconds are right for an operator who asks now; a machine that acts on them moves data
// after every burst. These follow with a time constant of a minute, belong to the range and not to a drive, so a
// move changes nothing about them, and are sampled once a round.

import type { Clock, RangeId, RangeRecord } from '@piton/protocol';
import { NO_LOAD, type RangeLoad, type Statistics } from '../members/statistics.ts';
import type { ClusterState } from '../state/cluster-state.ts';

const TIME_CONSTANT_MS = 60_000;

export class RangeLoads {
  readonly #state: ClusterState;
  readonly #statistics: Statistics;
  readonly #clock: Clock;
  #loads: Map<RangeId, RangeLoad> = new Map();
  #sampledAtMs: number;

  constructor(state: ClusterState, statistics: Statistics, clock: Clock) {
    this.#state = state;
    this.#statistics = statistics;
    this.#clock = clock;
    this.#sampledAtMs = clock.nowMs();
  }

  of(record: RangeRecord): RangeLoad {
    return this.#loads.get(record.id) ?? NO_LOAD;
  }

  /** Ranges that are gone are forgotten; a new one begins with what it does now. */
  sample(): void {
    const nowMs = this.#clock.nowMs();
    const weight = 1 - Math.exp(-(nowMs - this.#sampledAtMs) / TIME_CONSTANT_MS);
    this.#sampledAtMs = nowMs;
    const loads = new Map<RangeId, RangeLoad>();
    for (const [id, { published }] of this.#state.ranges) {
      if (published === undefined) continue;
      const now = this.#statistics.ofRange(published);
      const before = this.#loads.get(id);
      loads.set(id, before === undefined ? now : blend(before, now, weight));
    }
    this.#loads = loads;
  }
}

function blend(before: RangeLoad, now: RangeLoad, weight: number): RangeLoad {
  const mix = (old: number, fresh: number): number => old + weight * (fresh - old);
  return {
    keys: now.keys,
    bytes: now.bytes,
    readsPerSecond: mix(before.readsPerSecond, now.readsPerSecond),
    writesPerSecond: mix(before.writesPerSecond, now.writesPerSecond),
    readBytesPerSecond: mix(before.readBytesPerSecond, now.readBytesPerSecond),
    writtenBytesPerSecond: mix(before.writtenBytesPerSecond, now.writtenBytesPerSecond),
  };
}
