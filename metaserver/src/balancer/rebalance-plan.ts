// What a rebalance would do: which copies go where, why, and what each drive carries before and after.
//
// The allocator finds the moves. Violations come first (two copies in one zone, a drive that is too full), in a
// plan of their own. Else drives above the mean shed as few bytes as bring them down to it. Level in bytes and
// level in work can be in each other's way; so several plans are made, some with a wider band for the one or
// the other, and the best is taken, work counting more once it is clearly uneven; a new drive shall have its share of both.
// A plan that gains little for what it moves is no plan: a cluster near its level is left alone.

import { type MoveReason, type Replan, replan } from '@piton/allocator';
import type { DriveId, RangeId } from '@piton/protocol';
import {
  type Bands,
  type LoadOf,
  type Model,
  modelOf,
  realLimits,
  scaledShares,
  THRESHOLD,
} from './model.ts';
import type { PictureSources } from './picture.ts';

/** How far above the mean a drive may stay, the strict one first. */
const BANDS: readonly Bands[] = [
  { bytes: 0.03, work: 0.03 },
  { bytes: 0.1, work: 0.03 },
  { bytes: 0.25, work: 0.03 },
  { bytes: 0.5, work: 0.03 },
  { bytes: 0.03, work: 0.1 },
  { bytes: 0.03, work: 0.25 },
];
/** With more ranges than this only the strict plan is made: each takes its time. */
const RANGES_FOR_CHOICE_MAX = 20_000;
/**
 * A plan must bring the fullest drive this much nearer to the mean, or this part of everything from drives
 * above the mean to drives below it.
 */
const GAIN_MIN = 0.02;
/** And that for each whole of the bytes that it moves: a tenth of the bytes for a hundredth of gain. */
const GAIN_PER_BYTES_MIN = 0.1;

/** Work is measured over seconds: so much above the mean is no worse than level, and no reason to leave bytes uneven. */
const WORK_NOISE = 0.1;

export interface RebalanceMove {
  readonly range: RangeId;
  readonly from: DriveId;
  readonly to: DriveId;
  readonly bytes: number;
  readonly reason: MoveReason;
  readonly why: string;
  /** Moves of a wave may run beside each other; the next begins when room was made. */
  readonly wave: number;
}

export interface DriveBalance {
  readonly id: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly workBefore: number;
  readonly workAfter: number;
  /** 1: as much as its share. */
  readonly byteFillBefore: number;
  readonly byteFillAfter: number;
  readonly workFillBefore: number;
  readonly workFillAfter: number;
}

/** The fullest drive against the mean, by share: 1 is level. */
export interface Spread {
  readonly bytes: number;
  readonly work: number;
}

export interface RebalancePlan {
  readonly moves: readonly RebalanceMove[];
  readonly drives: readonly DriveBalance[];
  readonly before: Spread;
  readonly after: Spread;
  readonly bytesMoved: number;
  /** No plan that gets there moves fewer bytes. */
  readonly bytesBound: number;
  /** Something must be put right first: what is level is planned after it. */
  readonly isForced: boolean;
  /** Why it is not more, or nothing at all. */
  readonly notes: readonly string[];
}

/** A plan as it is told: the first moves, and how many there are. */
export interface RebalanceView extends RebalancePlan {
  /** Carries it out; null when it is dry or there is nothing to do. */
  readonly operation: number | null;
  readonly moveCount: number;
}

/** Moves that are told one by one. */
const MOVES_TOLD_MAX = 2_000;

export function viewOf(plan: RebalancePlan, operation: number | null): RebalanceView {
  const { moves } = plan;
  return { operation, ...plan, moveCount: moves.length, moves: moves.slice(0, MOVES_TOLD_MAX) };
}

const MOVES_MAX = 10_000;

type Loads = readonly (readonly number[])[];

export function planRebalance(sources: PictureSources, loadOf: LoadOf): RebalancePlan {
  return planFor(modelOf(sources, loadOf));
}

export function planFor(model: Model): RebalancePlan {
  const before = loadsOf(model);
  if (model.figures.length < 2 || model.records.length === 0) {
    const note = 'there are not two drives that are up and take ranges, or there is no range';
    return unmoved(model, before, [note]);
  }
  const forced = replan({ ranges: model.ranges, drives: realLimits(model) }, model.chains, {
    replicas: 1,
    reads: model.reads,
  });
  const isForced = forced.moves.length > 0;
  const result = isForced ? forced : bestLevel(model);
  const balance = balances(model, before, result.after);
  const moves = result.moves.map(({ copy, from, to, reason, wave }): RebalanceMove => {
    const position = copy % model.records.length;
    const source = result.drives[from]?.id as DriveId;
    const target = result.drives[to]?.id as DriveId;
    const range = model.records[position]?.id as RangeId;
    const bytes = model.bytes[position] as number;
    const why = explain(reason, balance[from], target);
    return { range, from: source, to: target, bytes, reason, why, wave };
  });
  const bytesMoved = moves.reduce((sum, { bytes }) => sum + bytes, 0);
  const plan = {
    moves,
    drives: balance,
    before: spreadOf(model, before),
    after: spreadOf(model, result.after),
    bytesMoved,
    bytesBound: Math.min(bytesMoved, result.bytesBound),
    isForced,
    notes: [...new Set([...forced.unsolved, ...result.unsolved])].slice(0, 20),
  };
  const problem = isForced ? undefined : problemWithGain(model, before, result.after, bytesMoved);
  return problem === undefined ? plan : unmoved(model, before, [problem, ...plan.notes]);
}

function level(model: Model, bands: Bands): Replan {
  return replan({ ranges: model.ranges, drives: scaledShares(model, bands) }, model.chains, {
    replicas: 1,
    reads: model.reads,
    // A copy that comes stands at the tail.
    isMovingTailsOnly: model.reads === 'tail',
    isBalancing: true,
    threshold: THRESHOLD,
    movesMax: MOVES_MAX,
  });
}

function bestLevel(model: Model): Replan {
  const isIdle = model.means[1].every((work) => work < 1);
  const isLarge = model.records.length > RANGES_FOR_CHOICE_MAX;
  const different = BANDS.filter(({ work }) => !isIdle || work === BANDS[0]?.work);
  const choices = isLarge ? different.slice(0, 1) : different;
  const total = sumOf(model.means[0]);
  let best: Replan | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  for (const bands of choices) {
    const plan = level(model, bands);
    const work = Math.max(0, spreadOf(model, plan.after).work - 1 - WORK_NOISE);
    const bytes = unevenness(model, plan.after, 0);
    const displaced = displacedOf(model, plan.after, 1) + displacedOf(model, plan.after, 0) / 2;
    const moved = plan.bytesMoved / Math.max(1, total);
    const cost = work + bytes / 2 + displaced + moved / 4;
    if (cost >= lowest) continue;
    best = plan;
    lowest = cost;
  }
  return best as Replan;
}

/** Why the plan is not worth its moves; undefined when it is. */
function problemWithGain(
  model: Model,
  before: Loads,
  after: Loads,
  bytesMoved: number,
): string | undefined {
  const gain = Math.max(...([0, 1] as const).map((r) => gainOf(model, before, after, r)));
  const moved = bytesMoved / Math.max(1, sumOf(model.means[0]));
  if (gain >= GAIN_MIN && gain >= GAIN_PER_BYTES_MIN * moved) return undefined;
  const { bytes, work } = spreadOf(model, before);
  return `nothing is worth moving: the fullest drive is ${bytes.toFixed(2)} times the mean in bytes and ${work.toFixed(2)} times in work`;
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function gainOf(model: Model, before: Loads, after: Loads, r: 0 | 1): number {
  const most = (loads: Loads): number => Math.max(...fills(model, loads, r));
  const displaced = (loads: Loads): number => displacedOf(model, loads, r);
  return Math.max(most(before) - most(after), displaced(before) - displaced(after));
}

/** The part of everything that lies above the means of its drives. */
function displacedOf(model: Model, loads: Loads, r: 0 | 1): number {
  const means = model.means[r];
  const above = means.map((mean, number) => Math.max(0, (loads[r]?.[number] ?? 0) - mean));
  return sumOf(above) / Math.max(1, sumOf(means));
}

function unmoved(model: Model, loads: Loads, notes: readonly string[]): RebalancePlan {
  const spread = spreadOf(model, loads);
  return {
    moves: [],
    drives: balances(model, loads, loads),
    ...{ before: spread, after: spread, bytesMoved: 0, bytesBound: 0, isForced: false, notes },
  };
}

/** Loads per resource and drive, as the allocator counts them. */
function loadsOf({ ranges, chains, figures, reads }: Model): number[][] {
  const numberOf = new Map(figures.map(({ id }, number) => [id, number]));
  const loads = [figures.map(() => 0), figures.map(() => 0)];
  chains.forEach((chain, position) => {
    const read = ranges.readBps[position] as number;
    const written = ranges.writeBps[position] as number;
    const shared = reads === 'shared' ? Math.ceil(read / chain.length) : 0;
    for (const drive of chain) {
      const number = numberOf.get(drive) as number;
      const atTail = reads === 'tail' && drive === chain.at(-1) ? read : 0;
      const demands = [ranges.bytes[position] as number, written + shared + atTail];
      demands.forEach((demand, r) => {
        const load = loads[r] as number[];
        load[number] = (load[number] as number) + demand;
      });
    }
  });
  return loads;
}

/** How full the drives are in one resource, 1 being the mean; all 1 when there is nothing. */
function fills(model: Model, loads: Loads, r: 0 | 1): number[] {
  return model.means[r].map((mean, number) => (mean >= 1 ? (loads[r]?.[number] ?? 0) / mean : 1));
}

/** How far the drive that is furthest from its share is from it, above or below. */
function unevenness(model: Model, loads: Loads, r: 0 | 1): number {
  return Math.max(0, ...fills(model, loads, r).map((fill) => Math.abs(fill - 1)));
}

function spreadOf(model: Model, loads: Loads): Spread {
  const most = (r: 0 | 1): number => Math.max(1, ...fills(model, loads, r));
  return { bytes: most(0), work: most(1) };
}

function balances(model: Model, before: Loads, after: Loads): DriveBalance[] {
  const [bytesBefore, workBefore] = [fills(model, before, 0), fills(model, before, 1)];
  const [bytesAfter, workAfter] = [fills(model, after, 0), fills(model, after, 1)];
  return model.figures.map(({ id }, number) => ({
    id,
    bytesBefore: before[0]?.[number] ?? 0,
    bytesAfter: after[0]?.[number] ?? 0,
    workBefore: before[1]?.[number] ?? 0,
    workAfter: after[1]?.[number] ?? 0,
    byteFillBefore: bytesBefore[number] ?? 1,
    byteFillAfter: bytesAfter[number] ?? 1,
    workFillBefore: workBefore[number] ?? 1,
    workFillAfter: workAfter[number] ?? 1,
  }));
}

function explain(reason: MoveReason, source: DriveBalance | undefined, target: DriveId): string {
  if (reason === 'domain') return 'two copies of the range are in one zone';
  if (reason === 'cycle') return 'makes room for another move';
  const { id, byteFillBefore, workFillBefore } = source as DriveBalance;
  if (reason === 'exchange') return `makes room on ${id} for what comes from ${target}`;
  if (byteFillBefore >= workFillBefore) {
    return `${id} holds ${byteFillBefore.toFixed(2)} times its share of the bytes`;
  }
  return `${id} does ${workFillBefore.toFixed(2)} times its share of the work`;
}
