// Empties a drive: moves every copy that it holds to others, and then keeps it empty.
//
//   accepted   the drive is `draining` in the catalog: it gets no new copies
//   draining   its copies are moved, a bounded number at once; what came in between is moved as well
//   (end)      nothing names it any more: it is `drained`
//   opening    cancelled: moves under way are asked to stop, the drive is `open` again
//
// It keeps no list: what is left is what the records say. So it does the right thing after a restart,
// when a range was cut in two meanwhile, and when a move of somebody else brought a copy in.
//
// Not here: whether there is room (requests.ts), how one copy moves (operations/move-range.ts).

import { formatBytes } from '@piton/allocator';
import { type DriveId, MemberState, type RangeId } from '@piton/protocol';
import {
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from '../operations/context.ts';
import type { DriveEntry } from '../state/entries.ts';
import { DrainState } from '../state/entries.ts';
import { Moves, type MovesParts } from './moves.ts';
import type { Pace } from './pace.ts';
import { figuresOfDrives, type PictureSources, rangesOn, workOf } from './picture.ts';
import { Targets } from './targets.ts';

/** Copies of one drive that leave it at once. */
const MOVES_MAX = 8;
/** How long the figures are good for. */
const FIGURES_MS = 2_000;

export interface DrainPayload {
  readonly drive: DriveId;
  /** What there was at the beginning, for the progress. */
  readonly ranges: number;
  readonly bytes: number;
}

export interface DrainParts extends PictureSources, MovesParts {
  readonly pace: Pace;
}

export class DrainDrive implements OperationKind {
  readonly kind = 'drain';
  readonly isCancellable = true;
  readonly #parts: () => DrainParts;

  constructor(parts: () => DrainParts) {
    this.#parts = parts;
  }

  async run(context: OperationContext): Promise<string> {
    const parts = this.#parts();
    const payload = context.entry.payload as unknown as DrainPayload;
    if (context.entry.step === 'accepted') {
      await context.fault('drain.accepted');
      await context.save('draining', `emptying drive ${payload.drive}`, () => {});
    }
    const drain = new Drain(parts, context, payload);
    if (context.entry.step === 'draining') await drain.empty();
    if (context.entry.step === 'opening') await drain.open();
    await context.fault('drain.emptied');
    await context.services.state.change((draft) => {
      const entry = parts.state.drives.get(payload.drive);
      if (entry !== undefined) draft.putDrive({ ...entry, drain: DrainState.drained });
    });
    return `drive ${payload.drive} is empty; it can be stopped`;
  }
}

class Drain {
  readonly #parts: DrainParts;
  readonly #context: OperationContext;
  readonly #payload: DrainPayload;
  readonly #moves: Moves;
  #targets: Targets | undefined;
  #targetsAtMs = 0;

  constructor(parts: DrainParts, context: OperationContext, payload: DrainPayload) {
    this.#parts = parts;
    this.#context = context;
    this.#payload = payload;
    this.#moves = new Moves(parts, context);
  }

  /** Resolves when no record names the drive, or with the step `opening` when it was cancelled. */
  async empty(): Promise<void> {
    const { drive } = this.#payload;
    for (;;) {
      if (this.#context.isCancelled) {
        await this.#context.save('opening', `drain of ${drive} is being cancelled`, () => {});
        return;
      }
      const left = rangesOn(this.#parts, drive);
      this.#tellProgress(left);
      const leaving = this.#leaving();
      if (left.length === 0 && leaving.length === 0) return;
      const obstacle = await this.#beginMoves(left, MOVES_MAX - leaving.length);
      const now = this.#leaving();
      this.#context.say(this.#words(left, now.length, obstacle));
      await this.#moves.waitForAny(now);
    }
  }

  /** Takes it back: what has moved stays where it is. */
  async open(): Promise<never> {
    const { drive, ranges } = this.#payload;
    await this.#context.services.state.change((draft) => {
      const entry = this.#parts.state.drives.get(drive);
      if (entry !== undefined) draft.putDrive(opened(entry));
    });
    await this.#context.fault('drain.cancelled');
    await this.#moves.cancelAll(this.#leaving());
    while (this.#leaving().length > 0) await this.#moves.waitForAny(this.#leaving());
    const left = this.#parts.state.shareOf(drive).ranges.size;
    throw new OperationFailedError(
      `drain of ${drive} was cancelled; it takes ranges again and holds ${left} of ${ranges}`,
    );
  }

  /** Moves under way that take a copy off the drive. */
  #leaving(): number[] {
    return this.#moves.underWay(({ from }) => from === this.#payload.drive);
  }

  /** Returns why nothing more could be begun, where that is worth saying. */
  async #beginMoves(
    left: readonly { id: RangeId; bytes: number }[],
    places: number,
  ): Promise<string | undefined> {
    let free = places;
    let obstacle: string | undefined;
    for (const { id, bytes } of left) {
      if (free <= 0) return undefined;
      const problem = this.#moves.obstacleOf(id) ?? (await this.#tryMove(id, bytes));
      if (problem === undefined) free--;
      else obstacle ??= problem;
    }
    return obstacle;
  }

  /** Returns why it was not begun. */
  async #tryMove(range: RangeId, bytes: number): Promise<string | undefined> {
    const { drive } = this.#payload;
    const record = this.#parts.state.ranges.get(range)?.record;
    const member = record?.chain.find((one) => one.drive === drive);
    if (record === undefined || member === undefined) return `range ${range} is on its way`;
    if (member.state !== MemberState.serving) return `range ${range} is being repaired`;
    const load = this.#parts.statistics.on(drive, range);
    const weight = { bytes, workBytesPerSecond: workOf(load) };
    const targets = this.#freshTargets();
    const to = targets.choose(record, drive, weight);
    if (to === undefined) return `no drive has room for range ${range} (${formatBytes(bytes)})`;
    if (!this.#parts.pace.tryTake([drive, to], bytes)) return 'the byte rate of moves is used up';
    const id = await this.#moves.tryBegin({ range, from: drive, to });
    if (id === undefined) return `range ${range} has just changed`;
    targets.note(to, weight);
    await this.#context.fault('drain.moveBegun');
    return undefined;
  }

  #freshTargets(): Targets {
    const nowMs = this.#context.services.clock.nowMs();
    if (this.#targets === undefined || nowMs - this.#targetsAtMs > FIGURES_MS) {
      this.#targets = new Targets(figuresOfDrives(this.#parts));
      this.#targetsAtMs = nowMs;
    }
    return this.#targets;
  }

  #tellProgress(left: readonly { bytes: number }[]): void {
    const { ranges, bytes } = this.#payload;
    const bytesLeft = left.reduce((sum, range) => sum + range.bytes, 0);
    // Ranges may have been cut or filled since the beginning.
    const rangesTotal = Math.max(ranges, left.length);
    const bytesTotal = Math.max(bytes, bytesLeft);
    this.#context.tellProgress({
      rangesDone: rangesTotal - left.length,
      rangesTotal,
      bytesDone: bytesTotal - bytesLeft,
      bytesTotal,
    });
  }

  #words(left: readonly { bytes: number }[], leaving: number, obstacle?: string): string {
    const bytes = left.reduce((sum, range) => sum + range.bytes, 0);
    const rest = `${left.length} ranges, ${formatBytes(bytes)} left on ${this.#payload.drive}`;
    if (leaving === 0 && obstacle !== undefined) return `${rest}; waiting: ${obstacle}`;
    return `${rest}; ${leaving} on their way`;
  }
}

/** A drive that takes ranges has no mark. */
export function opened({ drain: _, ...entry }: DriveEntry): DriveEntry {
  return entry;
}
