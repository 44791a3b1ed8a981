// What this drive holds, for the metadata server: how far each copy is, how large, how busy.

import {
  type Clock,
  type HeldRange,
  type HistoryGap,
  limits,
  type MiddleKey,
  type MiddleKeyAnswer,
  type RangeId,
  type RangeReport,
  type RangeState,
  type RangeStateAnswer,
  type RangeWithoutRoom,
  type Sequence,
} from '@piton/protocol';
import type { Store } from '../engine/store.ts';
import type { Routes } from '../requests/routes.ts';
import type { WithoutRoom } from '../shell/host.ts';
import { takeCounters } from './counters.ts';
import { LinkState } from './replica.ts';
import { Sizes } from './sizes.ts';

export class Holdings {
  readonly #store: Store;
  readonly #routes: Routes;
  readonly #sizes: Sizes;
  /** Of a full drive: what its ranges waited for when that was asked last. */
  readonly #firstPending: Map<RangeId, number> = new Map();

  constructor(store: Store, routes: Routes, clock: Clock) {
    this.#store = store;
    this.#routes = routes;
    this.#sizes = new Sizes(store, clock);
  }

  held(): readonly HeldRange[] {
    return [...this.#routes.replicas.values()].map((replica) => ({
      range: replica.id,
      epoch: replica.record.epoch,
      sequence: replica.last as Sequence,
    }));
  }

  /** Counters since the last call. */
  report(): readonly RangeReport[] {
    this.#sizes.refresh(this.#routes.replicas.values());
    return [...this.#routes.replicas.values()].map((replica) => ({
      range: replica.id,
      epoch: replica.record.epoch,
      keys: replica.keys,
      bytes: replica.bytes,
      ...takeCounters(replica.counters),
    }));
  }

  /** Neighbours whose histories cannot be joined, for as long as that is so. */
  gaps(): readonly HistoryGap[] {
    const gaps: HistoryGap[] = [];
    for (const { gap, record, link } of this.#routes.replicas.values()) {
      if (gap === undefined || gap.epoch !== record.epoch || link === LinkState.open) continue;
      if (gaps.length < limits.HISTORY_GAPS_MAX) gaps.push(gap);
    }
    return gaps;
  }

  /**
   * Here: where there was no room for the newest put, and still is none; and, while the device is full, where the
   * oldest write that waits is still the one of the last call. Behind: where puts are refused for it.
   */
  withoutRoom(): WithoutRoom {
    const own: RangeWithoutRoom[] = [];
    const behind: RangeWithoutRoom[] = [];
    const { isFull } = this.#store.statistics();
    for (const replica of this.#routes.replicas.values()) {
      const { id: range, lacks, role, pending, roomBehind, refusedForRoomAt } = replica;
      const { epoch } = replica.record;
      const isCrowded = lacks?.epoch === epoch && lacks.bytes > this.#store.putBytesFree;
      const first = isFull ? pending.first()?.sequence : undefined;
      const isStuck = first !== undefined && this.#firstPending.get(range) === first;
      if (first === undefined) this.#firstPending.delete(range);
      else this.#firstPending.set(range, first);
      if (role.isMember && (isCrowded || isStuck)) own.push({ range, epoch });
      const isRefused = roomBehind === 0 && refusedForRoomAt === epoch;
      if (role.isHead && isRefused) behind.push({ range, epoch });
    }
    return { own, behind };
  }

  /** Ranges that this drive serves and of which it may lack the end. */
  unagreed(): readonly RangeId[] {
    const all = [...this.#routes.replicas.values()];
    return all
      .filter(({ mayLack, role }) => mayLack && role.isMember && !role.isSyncing)
      .map(({ id }) => id);
  }

  state({ range }: RangeState): RangeStateAnswer {
    const replica = this.#routes.get(range);
    return {
      range,
      record: replica?.record ?? this.#routes.goneRecord(range),
      isHeld: replica !== undefined,
      isComplete: replica?.isComplete ?? false,
      sequence: (replica?.last ?? 0) as Sequence,
      committed: (replica?.committed ?? 0) as Sequence,
      cutSequence: replica?.cutSequence as Sequence | undefined,
    };
  }

  async middleKey(command: MiddleKey): Promise<MiddleKeyAnswer> {
    const replica = this.#routes.get(command.range);
    if (replica === undefined) return { key: undefined };
    const { start, end } = replica.record;
    return { key: await this.#store.findMiddleKey(replica.namespace, start, end) };
  }
}
