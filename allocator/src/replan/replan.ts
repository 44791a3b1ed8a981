// Adapts a placement to new statistics and drives with as few bytes moved as possible.
//
// First what must happen: ranges without a place, copies on drained drives, replicas that share a zone. Then overloads,
// the worst first, each shedding the fewest bytes that relieve it to a drive that stays least filled, or beside a neighbour, which saves
// an index entry. Moving on mere imbalance happens only on request and only beyond a threshold that one move cannot
// undo. Emptying whole drives (`shrink`) is tried last, all or nothing for each. The bound on bytes says how much of it was unavoidable.

import { usableCapacity } from '../model/drives.ts';
import { demandOf } from '../plan/demand.ts';
import { countEntries } from '../plan/plan.ts';
import type { PlanInput } from '../plan/types.ts';
import { clusterDrives } from './cluster-drives.ts';
import { type ExchangeMove, Exchanges } from './exchange.ts';
import { limitsOf } from './limits.ts';
import { withoutNeedless } from './needless.ts';
import { chooseToShed, shedBound } from './shed.ts';
import { ClusterState } from './state.ts';
import type { CurrentPlacement, Replan, ReplanOptions } from './types.ts';
import { type CopyMove, type MoveReason, orderMoves } from './waves.ts';

/** Choices of what a drive sheds; one is enough unless drives of the other copies are in the way. */
const SHED_ROUNDS = 16;
/** With a limit on index entries many copies are refused before one is found that may go. */
const LIMITED_SHED_ROUNDS = 400;

class Replanner {
  readonly #input: PlanInput;
  readonly #options: ReplanOptions;
  readonly #headroom: readonly number[];
  readonly #state: ClusterState;
  readonly #moves: CopyMove[] = [];
  readonly #movedFrom = new Map<number, number>();
  readonly #unsolved: string[] = [];
  #bytesBound = 0;
  #bytesMoved = 0;
  #entriesAdded = 0;
  readonly #entriesAddedMax: number;
  #limits: Float64Array[] = [];

  constructor(input: PlanInput, current: CurrentPlacement, options: ReplanOptions) {
    this.#input = input;
    this.#options = options;
    this.#entriesAddedMax = options.entriesAddedMax ?? Number.POSITIVE_INFINITY;
    this.#headroom = options.headroom ?? input.drives.resources.map(() => 0);
    const replicas = options.replicas ?? 1;
    const { ranges } = input;
    const lengths = Uint8Array.from(
      { length: ranges.count },
      (_, i) => ranges.replicas?.[i] || replicas,
    );
    const known = new Set<string>();
    for (const chain of current) for (const id of chain) known.add(id);
    const drives = clusterDrives(input, this.#headroom, known);
    const numberOf = new Map(drives.map((drive, d) => [drive.id, d]));
    const most = lengths.reduce((max, value) => Math.max(max, value), 1);
    const chains = Array.from({ length: most }, (_, j) =>
      Int32Array.from({ length: ranges.count }, (_unused, i) =>
        j < lengths[i]! ? (numberOf.get(current[i]?.[j] ?? '') ?? -1) : -1,
      ),
    );
    const demand = demandOf(ranges, input.drives.resources, options.reads ?? 'tail', replicas);
    this.#state = new ClusterState(drives, chains, demand, lengths);
  }

  run(): Replan {
    const state = this.#state;
    const { joins } = this.#input.ranges;
    const entriesBefore = countEntries(joins, state.chains);
    const before = state.loads.map((load) => [...load]);
    this.#limits = limitsOf(state, this.#options);
    this.#moveForced();
    this.#relieve();
    this.#exchange();
    this.#sayOverloads();
    if (this.#options.isShrinking) this.#shrink();
    const limits = { movesPerDrive: this.#options.movesPerDrive ?? 1_000_000 };
    const net = this.#netMoves();
    const needed = this.#options.isBalancing ? withoutNeedless(state, this.#limits, net) : net;
    const { ordered, stuck } = orderMoves(state, needed, limits);
    for (const move of stuck) {
      state.move(move.copy, move.from);
      this.#unsolved.push(
        `a copy could not reach ${state.drives[move.to]!.id}: no order of moves has room for it`,
      );
    }
    const bytesMoved = ordered.reduce((sum, move) => sum + state.demand(0, move.copy), 0);
    return {
      drives: state.drives,
      chains: state.chains,
      moves: ordered,
      bytesMoved,
      bytesBound: this.#bytesBound,
      entriesBefore,
      entriesAfter: countEntries(joins, state.chains),
      unsolved: this.#unsolved,
      before,
      after: state.loads,
    };
  }

  #excess(d: number): number[] {
    return this.#state.loads.map((load, r) => load[d]! - this.#limits[r]![d]!);
  }

  #fits(copy: number, d: number, limits: readonly Float64Array[]): boolean {
    const state = this.#state;
    if (!state.drives[d]!.isOpen) return false;
    for (let r = 0; r < state.resources; r++) {
      const demand = state.demand(r, copy);
      if (demand > 0 && state.loads[r]![d]! + demand > limits[r]![d]!) return false;
    }
    return true;
  }

  /**
   * The open drive that stays least filled, or, when drives are being emptied, becomes fullest; a neighbour's drive wins when
   * it is about as good.
   */
  #target(copy: number, isFilling: boolean, isForced: boolean): number {
    const state = this.#state;
    const { joins } = this.#input.ranges;
    const entriesLeft = isForced
      ? Number.POSITIVE_INFINITY
      : this.#entriesAddedMax - this.#entriesAdded;
    const from = state.driveOf(copy);
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let d = 0; d < state.drives.length; d++) {
      if (d === from || !this.#fits(copy, d, this.#limits)) continue;
      let fill = 0;
      for (let r = 0; r < state.resources; r++) {
        const after = state.loads[r]![d]! + state.demand(r, copy);
        fill = Math.max(fill, after / Math.max(1, this.#limits[r]![d]!));
      }
      if (isFilling) fill = state.loads[0]![d] === 0 ? 2 : 1 - fill;
      if (state.isNeighbour(copy, d, joins)) fill *= 0.5;
      // Two entries are the most that one copy can add.
      if (entriesLeft < 2 && state.entriesAdded(copy, d, joins) > entriesLeft) continue;
      if (fill < least && !state.clashes(copy, d)) {
        best = d;
        least = fill;
      }
    }
    return best;
  }

  /** A further drive of the unlimited type, if there is one. */
  #newDrive(copy: number): number {
    const type = this.#input.drives.types.find((candidate) => candidate.count === null);
    if (type === undefined) return -1;
    let n = 1;
    const zones = this.#state.drives.map((drive) => drive.zone);
    const zone = zones.find((candidate) => {
      const inZone = this.#state.drives.findIndex((drive) => drive.zone === candidate);
      return !this.#state.clashes(copy, inZone);
    });
    const prefix =
      zone !== undefined && /^z[0-9]+$/.test(zone) ? `${type.model}-${zone}` : type.model;
    while (this.#state.drives.some((drive) => drive.id === `${prefix}-${n}`)) n++;
    const usable = Array.from(usableCapacity(type.capacity, this.#headroom));
    const drive = { ...type, id: `${prefix}-${n}`, zone: zone ?? type.zone, usable, isOpen: true };
    const d = this.#state.addDrive(drive);
    this.#limits = this.#limits.map((limits, r) => Float64Array.of(...limits, usable[r]!));
    return d;
  }

  #isSpent(bytes: number): boolean {
    const { moveBytesMax = Number.POSITIVE_INFINITY, movesMax = Number.POSITIVE_INFINITY } =
      this.#options;
    return this.#bytesMoved + bytes > moveBytesMax || this.#moves.length >= movesMax;
  }

  #move(copy: number, to: number, reason: MoveReason): void {
    const from = this.#state.driveOf(copy);
    if (!this.#movedFrom.has(copy)) this.#movedFrom.set(copy, from);
    this.#moves.push({ copy, from, to, reason });
    this.#bytesMoved += this.#state.demand(0, copy);
    this.#entriesAdded += this.#state.entriesAdded(copy, to, this.#input.ranges.joins);
    this.#state.move(copy, to);
  }

  /** A copy that moved twice is one move from where it was. */
  #netMoves(): CopyMove[] {
    const last = new Map<number, CopyMove>();
    for (const move of this.#moves) last.set(move.copy, move);
    return [...last.values()]
      .map((move) => ({ ...move, from: this.#movedFrom.get(move.copy)! }))
      .filter((move) => move.from !== move.to);
  }

  #forcedReason(copy: number): MoveReason | undefined {
    const d = this.#state.driveOf(copy);
    if (d < 0) return 'new-range';
    if (!this.#state.drives[d]!.isOpen) return 'drain';
    const i = copy % this.#state.count;
    // Of two copies that clash the later one moves.
    const isLater = Math.floor(copy / this.#state.count) > 0 && this.#clashesWithEarlier(copy, i);
    return isLater ? 'domain' : undefined;
  }

  #clashesWithEarlier(copy: number, i: number): boolean {
    const state = this.#state;
    const d = state.driveOf(copy);
    for (let j = 0; j * state.count + i < copy; j++) {
      const other = state.chains[j]![i]!;
      if (other < 0) continue;
      const zone = state.drives[d]!.zone;
      if (other === d || (zone !== '' && state.drives[other]!.zone === zone)) return true;
    }
    return false;
  }

  /** Copies that must move whatever the loads, the largest first. */
  #moveForced(): void {
    const state = this.#state;
    const forced: { copy: number; reason: MoveReason; bytes: number }[] = [];
    for (let copy = 0; copy < state.chains.length * state.count; copy++) {
      if (Math.floor(copy / state.count) >= state.wanted(copy % state.count)) continue;
      const reason = this.#forcedReason(copy);
      if (reason !== undefined) forced.push({ copy, reason, bytes: state.demand(0, copy) });
    }
    forced.sort((a, b) => b.bytes - a.bytes || a.copy - b.copy);
    for (const { copy, reason, bytes } of forced) {
      this.#bytesBound += bytes;
      if (this.#isSpent(bytes)) {
        this.#unsolved.push(`the move limit leaves a copy where it must not stay (${reason})`);
        continue;
      }
      this.#place(copy, reason);
    }
  }

  get #isIndexLimited(): boolean {
    return this.#entriesAddedMax !== Number.POSITIVE_INFINITY;
  }

  /** Whether a copy on a further drive would pass the limit on index entries. */
  #mayAddEntries(): boolean {
    return this.#entriesAdded + 2 <= this.#entriesAddedMax;
  }

  #place(copy: number, reason: MoveReason): boolean {
    const isForced = reason === 'drain' || reason === 'domain' || reason === 'new-range';
    const isWish = reason === 'balance' || reason === 'shrink';
    let to = this.#target(copy, reason === 'shrink', isForced);
    if (to < 0 && (isForced || (!isWish && this.#mayAddEntries()))) to = this.#newDrive(copy);
    if (to < 0) {
      // Other copies may do, or an exchange; what stays over capacity is said once, per drive.
      if (isForced) {
        this.#unsolved.push(`no drive has room for a copy that must move (${reason})`);
      }
      return false;
    }
    this.#move(copy, to, reason);
    return true;
  }

  /** Overloads, the worst first. */
  #relieve(): void {
    const state = this.#state;
    const lists = state.copiesByDrive();
    const over = state.drives.flatMap((drive, d) =>
      drive.isOpen && this.#excess(d).some((value) => value > 0) ? [d] : [],
    );
    over.sort((a, b) => state.fill(b) - state.fill(a) || a - b);
    for (const d of over) this.#relieveDrive(d, this.#movable(lists[d]!));
  }

  #movable(copies: number[]): number[] {
    if (this.#options.isMovingTailsOnly !== true) return copies;
    const { count } = this.#state;
    return copies.filter(
      (copy) => Math.floor(copy / count) === this.#state.wanted(copy % count) - 1,
    );
  }

  #relieveDrive(d: number, copies: number[]): void {
    const state = this.#state;
    const excess = this.#excess(d);
    this.#bytesBound += shedBound(state, copies, excess);
    let left = copies;
    for (
      let round = 0;
      round < (this.#isIndexLimited ? LIMITED_SHED_ROUNDS : SHED_ROUNDS);
      round++
    ) {
      const missing = this.#excess(d);
      if (missing.every((value) => value <= 0)) return;
      const chosen = chooseToShed(state, left, this.#withMargin(d, missing));
      const reason = this.#reasonOf(missing);
      for (const copy of chosen) {
        if (this.#isSpent(state.demand(0, copy))) {
          this.#unsolved.push(`the move limit leaves ${state.drives[d]!.id} over its limit`);
          return;
        }
        this.#place(copy, reason);
      }
      // What no other drive can take is not chosen again: others may do instead.
      const tried = new Set(chosen);
      left = left.filter((copy) => !tried.has(copy));
      if (chosen.length === 0) break;
    }
  }

  /** Drives that are still above a limit give copies for others, as long as that helps. */
  #exchange(): void {
    const { isBalancing = false } = this.#options;
    const lists = this.#state.copiesByDrive().map((copies) => this.#movable(copies));
    const exchanges = new Exchanges(this.#state, this.#limits, lists, !isBalancing);
    for (let d = exchanges.next(); d >= 0; d = exchanges.next()) {
      const found = exchanges.best(d);
      if (found === undefined || !this.#mayExchange(found)) {
        exchanges.giveUp(d);
        continue;
      }
      const reason = this.#reasonOf(this.#excess(d));
      for (const { copy, to } of found) {
        exchanges.moved(copy, to);
        this.#move(copy, to, to === d ? 'exchange' : reason);
      }
    }
  }

  /** The limits on bytes, moves and index entries hold for an exchange as a whole. */
  #mayExchange(found: readonly ExchangeMove[]): boolean {
    const { movesMax = Number.POSITIVE_INFINITY } = this.#options;
    const bytes = found.reduce((sum, { copy }) => sum + this.#state.demand(0, copy), 0);
    const entries = this.#entriesAdded + 2 * found.length;
    if (this.#isIndexLimited && entries > this.#entriesAddedMax) return false;
    return !this.#isSpent(bytes) && this.#moves.length + found.length <= movesMax;
  }

  #sayOverloads(): void {
    if (this.#options.isBalancing) return;
    const limit = this.#mayAddEntries() ? '' : '; the limit on index entries is reached';
    this.#state.drives.forEach((drive, d) => {
      if (!drive.isOpen || this.#excess(d).every((value) => value <= 0)) return;
      this.#unsolved.push(`${drive.id} stays over its capacity${limit}`);
    });
  }

  #reasonOf(missing: readonly number[]): MoveReason {
    if (this.#options.isBalancing) return 'balance';
    return missing[0]! > 0 ? 'overload-bytes' : 'overload-bandwidth';
  }

  /** An overloaded drive is relieved a little further than it must, so that the next drift does not move data at once. */
  #withMargin(d: number, missing: readonly number[]): number[] {
    if (this.#options.isBalancing) return [...missing];
    const margin = this.#options.threshold ?? 0;
    return missing.map((value, r) =>
      value > 0 ? value + margin * this.#state.drives[d]!.usable[r]! : value,
    );
  }

  /** Empties the least filled drive, entirely or not at all, and goes on until one cannot be emptied. */
  #shrink(): void {
    const state = this.#state;
    for (;;) {
      const lists = state.copiesByDrive();
      const full = state.drives.flatMap((drive, d) =>
        drive.isOpen && lists[d]!.length > 0 ? [d] : [],
      );
      full.sort((a, b) => state.fill(a) - state.fill(b) || a - b);
      if (full.length < 2 || !this.#empty(full[0]!, lists[full[0]!]!)) return;
    }
  }

  #empty(d: number, copies: number[]): boolean {
    const state = this.#state;
    const mark = this.#moves.length;
    const bytes = this.#bytesMoved;
    const entries = this.#entriesAdded;
    const drive = state.drives[d]!;
    state.drives[d] = { ...drive, isOpen: false };
    copies.sort((a, b) => state.demand(0, b) - state.demand(0, a) || a - b);
    const isEmptied = copies.every(
      (copy) => !this.#isSpent(state.demand(0, copy)) && this.#place(copy, 'shrink'),
    );
    if (isEmptied) return true;
    for (const move of this.#moves.splice(mark).reverse()) state.move(move.copy, move.from);
    this.#bytesMoved = bytes;
    this.#entriesAdded = entries;
    state.drives[d] = drive;
    return false;
  }
}

/** Plans how a placement becomes valid (and level, or smaller, if asked) again. Pure. */
export function replan(
  input: PlanInput,
  current: CurrentPlacement,
  options: ReplanOptions = {},
): Replan {
  return new Replanner(input, current, options).run();
}
