// Carries a rebalance out: plans, begins the moves wave by wave, plans again when the plan is out of date.
//
//   accepted
//   moving      moves of a plan run, a bounded number at once and on each drive, under a byte rate
//   (end)       nothing is left to gain, or it was cancelled: what has moved stays, every state on the way
//               was a valid one
//
// The plan is not persisted: after a restart a new one is made from what is then true. A plan is out of date
// when the set of drives has changed, or when one of its moves does not fit the chain any more or has failed.
// The number of plans is bounded, so that it ends even when the load never stands still.

import type { DriveId } from '@piton/protocol';
import {
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from '../operations/context.ts';
import { takesRanges } from '../state/entries.ts';
import type { LoadOf } from './model.ts';
import { Moves, type MovesParts } from './moves.ts';
import type { Pace } from './pace.ts';
import type { PictureSources } from './picture.ts';
import { planRebalance, type RebalanceMove, type RebalancePlan } from './rebalance-plan.ts';

/** Moves at once, and those of them that one drive gives or takes. */
const MOVES_MAX = 8;
const MOVES_PER_DRIVE_MAX = 3;
/** Plans in one rebalance. */
const PLANS_MAX = 4;

export interface RebalancePayload {
  /** Who wanted it: an operator, or the balancer by itself. */
  readonly by: 'operator' | 'balancer';
}

export interface RebalanceParts extends PictureSources, MovesParts {
  readonly pace: Pace;
  /** The loads that this rebalance is planned by. */
  readonly loadsFor: (by: RebalancePayload['by']) => LoadOf;
}

export class Rebalance implements OperationKind {
  readonly kind = 'rebalance';
  readonly isCancellable = true;
  readonly #parts: () => RebalanceParts;

  constructor(parts: () => RebalanceParts) {
    this.#parts = parts;
  }

  async run(context: OperationContext): Promise<string> {
    const parts = this.#parts();
    if (context.entry.step === 'accepted') {
      await context.fault('rebalance.accepted');
      await context.save('moving', 'planning', () => {});
    }
    const { by } = context.entry.payload as unknown as RebalancePayload;
    return new Run(parts, context, parts.loadsFor(by)).run();
  }
}

class Run {
  readonly #parts: RebalanceParts;
  readonly #context: OperationContext;
  readonly #loadOf: LoadOf;
  readonly #moves: Moves;
  readonly #underWay: Map<number, RebalanceMove> = new Map();
  #rangesDone = 0;
  #bytesDone = 0;

  constructor(parts: RebalanceParts, context: OperationContext, loadOf: LoadOf) {
    this.#parts = parts;
    this.#context = context;
    this.#loadOf = loadOf;
    this.#moves = new Moves(parts, context);
  }

  async run(): Promise<string> {
    let first: RebalancePlan | undefined;
    let last: RebalancePlan | undefined;
    for (let round = 0; round < PLANS_MAX; round++) {
      await this.#settle();
      last = planRebalance(this.#parts, this.#loadOf);
      first ??= last;
      if (last.moves.length === 0) break;
      if ((await this.#carryOut(last)) && !last.isForced) break;
    }
    await this.#context.fault('rebalance.ended');
    const { before, notes } = first as RebalancePlan;
    if (this.#rangesDone === 0) return notes[0] ?? 'nothing had to move';
    const { after } = last as RebalancePlan;
    const bytes = `${before.bytes.toFixed(2)} to ${after.bytes.toFixed(2)}`;
    const work = `${before.work.toFixed(2)} to ${after.work.toFixed(2)}`;
    return `${this.#rangesDone} copies moved (${this.#bytesDone} bytes); the fullest drive against the mean: ${bytes} in bytes, ${work} in work`;
  }

  /** Waits for moves of an earlier life: a plan made beside them would count them twice. */
  async #settle(): Promise<void> {
    for (;;) {
      this.#checkCancelled();
      const ids = this.#moves.underWay(() => true);
      if (ids.length === 0) return;
      this.#context.say(`waiting for ${ids.length} moves that are under way`);
      await this.#moves.waitForAny(ids);
    }
  }

  /** Returns whether all of it was done; else it was out of date, and what was begun has ended. */
  async #carryOut(plan: RebalancePlan): Promise<boolean> {
    const waiting = [...plan.moves];
    const drives = this.#drivesNow();
    let isOutdated = false;
    while ((waiting.length > 0 && !isOutdated) || this.#underWay.size > 0) {
      if (this.#context.isCancelled) await this.#cancel();
      isOutdated ||= this.#drivesNow() !== drives;
      if (!isOutdated) isOutdated = !(await this.#beginSome(waiting));
      this.#tell(waiting);
      if (this.#underWay.size > 0 || waiting.length > 0) {
        await this.#moves.waitForAny([...this.#underWay.keys()]);
      }
      if (!this.#takeEnds()) isOutdated = true;
    }
    return !isOutdated;
  }

  /** Returns false when a move does not fit any more. */
  async #beginSome(waiting: RebalanceMove[]): Promise<boolean> {
    for (let at = 0; at < waiting.length && this.#underWay.size < MOVES_MAX; ) {
      const move = waiting[at] as RebalanceMove;
      // A later wave needs the room that the earlier ones make.
      if (move.wave > this.#earliestWave(waiting)) return true;
      if (!this.#hasPlace(move) || this.#moves.obstacleOf(move.range) !== undefined) {
        at++;
        continue;
      }
      if (!this.#parts.pace.tryTake([move.from, move.to], move.bytes)) return true;
      const id = await this.#moves.tryBegin(move);
      if (id === undefined) return false;
      waiting.splice(at, 1);
      this.#underWay.set(id, move);
      await this.#context.fault('rebalance.moveBegun');
    }
    return true;
  }

  #earliestWave(waiting: readonly RebalanceMove[]): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { wave } of this.#underWay.values()) earliest = Math.min(earliest, wave);
    for (const { wave } of waiting) earliest = Math.min(earliest, wave);
    return earliest;
  }

  #hasPlace({ from, to }: RebalanceMove): boolean {
    const busy = (drive: DriveId): number =>
      [...this.#underWay.values()].filter((move) => move.from === drive || move.to === drive)
        .length;
    return busy(from) < MOVES_PER_DRIVE_MAX && busy(to) < MOVES_PER_DRIVE_MAX;
  }

  /** Returns false when one of them has failed. */
  #takeEnds(): boolean {
    let isFine = true;
    for (const [id, move] of [...this.#underWay]) {
      const state = this.#moves.endOf(id);
      if (state === undefined) continue;
      this.#underWay.delete(id);
      if (state === 'done') {
        this.#rangesDone++;
        this.#bytesDone += move.bytes;
      } else isFine = false;
    }
    return isFine;
  }

  async #cancel(): Promise<never> {
    await this.#moves.cancelAll([...this.#underWay.keys()]);
    while (this.#underWay.size > 0) {
      await this.#moves.waitForAny([...this.#underWay.keys()]);
      this.#takeEnds();
    }
    return this.#checkCancelled() as never;
  }

  #checkCancelled(): void {
    if (!this.#context.isCancelled) return;
    const done = `${this.#rangesDone} copies had moved and stay where they are`;
    throw new OperationFailedError(`the rebalance was cancelled; ${done}`);
  }

  /** The drives that plans are made for, as one word. */
  #drivesNow(): string {
    const { state, drives } = this.#parts;
    const open = [...state.drives.values()].filter(
      (entry) => takesRanges(entry) && drives.connectionOf(entry.id) !== undefined,
    );
    return open.map(({ id }) => id).join(' ');
  }

  #tell(waiting: readonly RebalanceMove[]): void {
    const running = [...this.#underWay.values()];
    const left = [...running, ...waiting];
    const bytesLeft = left.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#context.tellProgress({
      rangesDone: this.#rangesDone,
      rangesTotal: this.#rangesDone + left.length,
      bytesDone: this.#bytesDone,
      bytesTotal: this.#bytesDone + bytesLeft,
    });
    const now = running.map(({ range, from, to }) => `${range} from ${from} to ${to}`).join(', ');
    this.#context.say(`${left.length} copies to move${now === '' ? '' : `; now ${now}`}`);
  }
}
