// The moves that a larger operation is made of: begun with a number each, a bounded number at once,
// looked after until they end.
//
// A move is an operation of its own: persisted, resumed, undone by itself. So the larger operation keeps no
// list that could disagree with the catalog; after a restart it looks at where the copies are and at which
// moves are under way, and goes on from there.

import { type DriveId, MemberState, OperationState, type RangeId } from '@piton/protocol';
import type { OperationContext } from '../operations/context.ts';
import type { MovePayload } from '../operations/move-range.ts';
import { ConflictingOperationError, type Operations } from '../operations/operations.ts';
import { waitFor } from '../operations/waiting.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { takesRanges } from '../state/entries.ts';

export interface PlannedMove {
  readonly range: RangeId;
  readonly from: DriveId;
  readonly to: DriveId;
}

export interface MovesParts {
  readonly state: ClusterState;
  readonly operations: Operations;
}

/** How long nothing may happen before the larger operation looks again by itself. */
const LOOK_MS = 1_000;
/** Before a range is tried again whose move failed. */
const RETRY_MS_FIRST = 1_000;
const RETRY_MS_LONGEST = 60_000;

/** The move does not fit the catalog any more: the chain has changed since it was planned. */
class OutdatedMoveError extends Error {}

export class Moves {
  readonly #parts: MovesParts;
  readonly #context: OperationContext;
  readonly #failures: Map<RangeId, { count: number; retryAtMs: number; reason: string }> =
    new Map();
  readonly #begun: Map<number, PlannedMove> = new Map();

  constructor(parts: MovesParts, context: OperationContext) {
    this.#parts = parts;
    this.#context = context;
  }

  /** Moves under way that fit, whoever began them. */
  underWay(isOurs: (move: MovePayload) => boolean): number[] {
    const ids: number[] = [];
    for (const { id, kind, state, payload } of this.#parts.state.operations.values()) {
      if (kind !== 'move' || state !== OperationState.running) continue;
      if (isOurs(payload as unknown as MovePayload)) ids.push(id);
    }
    return ids;
  }

  /** Why a range is not to be tried now: it is in another operation's hands, or has just failed. */
  obstacleOf(range: RangeId): string | undefined {
    const entry = this.#parts.state.ranges.get(range);
    if (entry !== undefined && entry.published === undefined) return `range ${range} is being made`;
    const holder = this.#parts.operations.holderOf(range);
    if (holder !== undefined) return `operation ${holder} has range ${range} in hand`;
    const failure = this.#failures.get(range);
    if (failure === undefined || this.#nowMs >= failure.retryAtMs) return undefined;
    return failure.reason;
  }

  /** The number of the move; undefined when the chain has changed meanwhile. */
  async tryBegin(move: PlannedMove): Promise<number | undefined> {
    const { range, from, to } = move;
    const request = {
      kind: 'move',
      ranges: [range],
      payload: { range, from, to },
      message: `moving range ${range} from ${from} to ${to}`,
    };
    try {
      const id = await this.#parts.operations.begin(request, () => {
        this.#check(move);
        return {};
      });
      this.#begun.set(id, move);
      return id;
    } catch (error) {
      const isPassing =
        error instanceof ConflictingOperationError || error instanceof OutdatedMoveError;
      if (!isPassing) throw error;
      return undefined;
    }
  }

  /** How a move has ended; undefined while it is under way. */
  endOf(id: number): OperationState | undefined {
    const state = this.#parts.operations.get(id)?.state ?? OperationState.failed;
    return state === OperationState.running ? undefined : state;
  }

  /** Waits until one of these moves ends, the operation is cancelled, or it is time to look again. */
  async waitForAny(ids: readonly number[]): Promise<void> {
    const { clock } = this.#context.services;
    await this.#context.parked(() =>
      waitFor(clock, LOOK_MS, this.#context.signal, (wake) => {
        const stops = ids.map((id) => this.#parts.operations.whenChanged(id, wake));
        stops.push(this.#context.whenCancelled(wake));
        return () => {
          for (const stop of stops) stop();
        };
      }),
    );
    this.#takeEnds();
  }

  /** Asks all of them to stop; they undo themselves when it is not too late. */
  async cancelAll(ids: readonly number[]): Promise<void> {
    for (const id of ids) await this.#parts.operations.cancel(id).catch(() => {});
  }

  get #nowMs(): number {
    return this.#context.services.clock.nowMs();
  }

  #takeEnds(): void {
    for (const [id, { range }] of [...this.#begun]) {
      const entry = this.#parts.operations.get(id);
      if (entry?.state === OperationState.running) continue;
      this.#begun.delete(id);
      if (entry?.state !== OperationState.failed) this.#failures.delete(range);
      else this.#noteFailure(range, entry.message);
    }
  }

  #noteFailure(range: RangeId, reason: string): void {
    const count = (this.#failures.get(range)?.count ?? 0) + 1;
    const delayMs = Math.min(RETRY_MS_LONGEST, RETRY_MS_FIRST * 2 ** (count - 1));
    this.#failures.set(range, { count, retryAtMs: this.#nowMs + delayMs, reason });
  }

  #check({ range, from, to }: PlannedMove): void {
    const chain = this.#parts.state.ranges.get(range)?.record.chain ?? [];
    const source = chain.find(({ drive }) => drive === from);
    const target = this.#parts.state.drives.get(to);
    const isRight =
      source?.state === MemberState.serving &&
      target !== undefined &&
      takesRanges(target) &&
      !chain.some(({ drive }) => drive === to);
    if (!isRight) throw new OutdatedMoveError(`range ${range} has another chain by now`);
  }
}
