// Packs one copy of a set of ranges: the step that everything with replicas and zones is reduced to.
//
// Supply is either any number of equal drives or a list of different ones. Few large ranges per drive on equal drives are the coarse
// case; everything else is fine. The number of drives starts at the lower bound and goes up by growing strides.

import { type Bound, bestBound } from '../bounds/bound.ts';
import { cliqueBound } from '../bounds/clique.ts';
import { dualFeasibleBound } from '../bounds/dual-feasible.ts';
import { inventoryBounds, sumBounds } from '../bounds/sums.ts';
import { packCoarse } from '../coarse/coarse.ts';
import { coarseItems, solutionToBins } from '../coarse/items.ts';
import { fillGivenBins } from '../coarse/portfolio.ts';
import { coalesce } from '../fine/coalesce.ts';
import { contiguousDrives, packFine } from '../fine/fine.ts';
import { NoPlanError } from '../model/errors.ts';
import { Budget } from '../packing/budget.ts';
import {
  binsFrom,
  countRuns,
  equalBins,
  isFeasible,
  keepsRunLimits,
  largestShare,
  type Packing,
  packingFrom,
} from '../packing/packing.ts';
import { saveEntries } from './fewer-entries.ts';
import { tradeOff, undominated } from './trade-off.ts';
import type { CurvePoint, Objective, PlanTools } from './types.ts';

export interface Layer {
  readonly columns: readonly Float64Array[];
  readonly joins: Uint8Array;
  /** Where items are bundles of ranges: the bundle of each range, and which ranges join. */
  readonly origin?: { readonly of: Int32Array; readonly joins: Uint8Array };
  readonly resources: readonly string[];
  readonly objective: Objective;
  readonly seed: number;
  readonly budget: Budget;
  /** Work that saving index entries by merging neighbours may do. */
  readonly mergeSteps: number;
  readonly tools: PlanTools;
  /** Compute the trade-off between drives and index entries as well. */
  readonly wantsCurve: boolean;
}

export interface Supply {
  readonly usable: readonly (readonly number[])[];
  /** Index entries allowed per drive; 0 for any. */
  readonly runsMax: readonly number[];
}

export interface Packed {
  /** Position in the supply, or number of the equal drive, of each item. */
  readonly binOf: Int32Array;
  readonly drives: number;
  readonly bounds: readonly Bound[];
  readonly curve: readonly CurvePoint[];
}

const COARSE_ITEMS_MAX = 20_000;
const COARSE_PER_DRIVE_MAX = 40;

/** Bins renumbered in the order in which the key space meets them; empty ones vanish. */
function renumber(binOf: Int32Array): number {
  const names = new Map<number, number>();
  for (let i = 0; i < binOf.length; i++) {
    const known = names.get(binOf[i]!);
    if (known !== undefined) binOf[i] = known;
    else {
      names.set(binOf[i]!, names.size);
      binOf[i] = names.size - 1;
    }
  }
  return names.size;
}

export function layerBounds(
  layer: Pick<Layer, 'resources' | 'budget'>,
  packing: Packing,
  capacity: readonly number[],
): Bound[] {
  const bounds = sumBounds(packing, layer.resources, capacity);
  if (packing.count === 0 || largestShare(packing, capacity) < 0.05) return bounds;
  const clique = packing.count <= 200_000 ? cliqueBound(packing, capacity) : undefined;
  // Among very many ranges small ones fill every hole, and sums are as good.
  const isCoarse = packing.count <= COARSE_ITEMS_MAX;
  const part = layer.budget.part(400_000_000);
  const dual = isCoarse ? dualFeasibleBound(packing, capacity, part) : undefined;
  return [...bounds, ...[clique, dual].filter((bound) => bound !== undefined)];
}

/** Whether the drives keep their limits on index entries, counted over single ranges where these are bundled. */
function keepsEntries(
  layer: Layer,
  packing: Packing,
  binOf: Int32Array,
  limits: ArrayLike<number>,
): boolean {
  const { origin } = layer;
  if (origin === undefined) return keepsRunLimits(packing.joins, binOf, limits);
  return keepsRunLimits(
    origin.joins,
    origin.of.map((item) => binOf[item]!),
    limits,
  );
}

class EqualLayer {
  readonly #layer: Layer;
  readonly #packing: Packing;
  readonly #capacity: readonly number[];
  readonly #runsMax: number;
  readonly #most: number;
  readonly #bounds: Bound[];
  readonly #share: number;
  readonly #curve: CurvePoint[] = [];

  constructor(layer: Layer, capacity: readonly number[], runsMax: number, most: number) {
    this.#layer = layer;
    this.#packing = packingFrom(layer.columns, layer.joins, capacity);
    this.#capacity = capacity;
    this.#runsMax = runsMax;
    this.#most = most;
    this.#bounds = layerBounds(layer, this.#packing, capacity);
    if (runsMax > 0) this.#addCountBound();
    this.#share = largestShare(this.#packing, capacity);
  }

  get #lower(): number {
    return Math.max(1, bestBound(this.#bounds).drives);
  }

  #addCountBound(): void {
    let segments = 0;
    const joins = this.#layer.origin?.joins ?? this.#packing.joins;
    for (const join of joins) if (join === 0) segments++;
    const drives = Math.ceil(segments / this.#runsMax);
    this.#bounds.push({
      name: 'index entries per drive',
      drives,
      words: `${segments} separate stretches of keys / ${this.#runsMax} entries per drive = ${drives} drives`,
      proof: {
        kind: 'sum',
        resource: 'entries',
        total: String(segments),
        capacity: this.#runsMax,
      },
    });
  }

  #fine(drives: number): Int32Array | undefined {
    const { objective, budget } = this.#layer;
    const bins = equalBins(this.#packing, this.#capacity, drives);
    const options = { isEven: objective === 'even', budget };
    const result = packFine(this.#packing, bins, this.#share, options);
    if (result === undefined || !result.isFeasible) return undefined;
    if (!this.#keepsEntries(result.binOf, drives)) return undefined;
    this.#curve.push({ drives, entries: result.entries });
    this.#layer.tools.onProgress?.(drives, this.#lower);
    return result.binOf;
  }

  #keepsEntries(binOf: Int32Array, drives: number): boolean {
    if (this.#runsMax === 0) return true;
    const limits = new Int32Array(drives).fill(this.#runsMax);
    return keepsEntries(this.#layer, this.#packing, binOf, limits);
  }

  /** Smallest number of drives from `from` on for which the arcs succeed. */
  #fineUp(from: number): Int32Array | undefined {
    let stride = 1;
    for (let drives = from; drives <= this.#most; drives += stride) {
      const binOf = this.#fine(drives);
      if (binOf !== undefined) return binOf;
      if (this.#layer.budget.isOver || drives > from * 1.3 + 8) break;
      if (drives >= from + 2) stride = Math.max(stride + 1, Math.ceil(drives / 1000));
    }
    return undefined;
  }

  #contiguous(): Int32Array | undefined {
    const binOf = contiguousDrives(this.#packing, scaled(this.#packing, this.#capacity));
    const drives = renumber(binOf);
    if (drives > this.#most || !this.#keepsEntries(binOf, drives)) return undefined;
    this.#curve.push({ drives, entries: countRuns(this.#packing.joins, binOf) });
    return binOf;
  }

  /** The fewest entries over a ladder of drive counts, from the bound up to one contiguous stretch per drive. */
  #fewestEntries(): Int32Array | undefined {
    let best = this.#contiguous();
    for (const factor of [1, 1.002, 1.01, 1.03, 1.1, 1.25, 1.5]) {
      const found = this.#fine(Math.min(this.#most, Math.ceil(this.#lower * factor)));
      if (found === undefined) continue;
      const { joins } = this.#packing;
      if (best === undefined || countRuns(joins, found) < countRuns(joins, best)) best = found;
    }
    return best;
  }

  /** Every resource within one per cent of tight at the bound, and room for more than one further drive in 0.2 %. */
  #isTightInAll(): boolean {
    const lower = this.#lower;
    if (lower * 0.002 < 2 || this.#share < 0.002) return false;
    return this.#packing.totals.every(
      (total, r) => Number(total) > 0.99 * lower * this.#capacity[r]!,
    );
  }

  #balanced(): Int32Array | undefined {
    const tight = this.#isTightInAll() ? undefined : this.#fine(this.#lower);
    const { joins } = this.#packing;
    if (tight !== undefined && countRuns(joins, tight) <= 2 * this.#lower) return tight;
    const extra = Math.max(1, Math.floor(this.#lower * 0.002));
    const roomy = this.#fine(Math.min(this.#most, this.#lower + extra));
    if (roomy === undefined) return tight ?? this.#fineUp(this.#lower + extra + 1);
    if (tight === undefined) return roomy;
    return countRuns(joins, roomy) < countRuns(joins, tight) ? roomy : tight;
  }

  #byObjective(): Int32Array | undefined {
    const { objective } = this.#layer;
    if (objective === 'index') return this.#fewestEntries();
    if (objective === 'balanced') return this.#balanced();
    if (objective === 'even' && Number.isFinite(this.#most)) return this.#fine(this.#most);
    return this.#fineUp(this.#lower);
  }

  #isCoarse(): boolean {
    const { count } = this.#packing;
    return (
      count <= COARSE_ITEMS_MAX &&
      this.#share > 0.02 &&
      count / this.#lower < COARSE_PER_DRIVE_MAX &&
      this.#runsMax === 0 &&
      (this.#layer.objective === 'drives' || this.#layer.objective === 'balanced')
    );
  }

  #coarse(): Int32Array | undefined {
    const { seed, budget, tools } = this.#layer;
    const items = coarseItems(this.#packing, this.#capacity);
    const { solver, onProgress } = tools;
    const options = { lower: this.#lower, seed, budget, solver, onProgress };
    const result = packCoarse(items, options);
    if (result.certificate !== undefined) {
      const { drives, prices, perDrive } = result.certificate;
      this.#bounds.push({
        name: 'column generation',
        drives,
        words: `priced range by range, no drive can hold more than 1/${drives} of the value: ${drives} drives`,
        proof: { kind: 'prices', prices, perDrive },
      });
    }
    if (result.solution.length > this.#most) return undefined;
    const binOf = solutionToBins(items.count, result.solution);
    const bins = equalBins(this.#packing, this.#capacity, result.solution.length);
    coalesce(this.#packing, bins, binOf);
    this.#curve.push({
      drives: result.solution.length,
      entries: countRuns(this.#packing.joins, binOf),
    });
    return binOf;
  }

  run(): Packed {
    const bounds = this.#bounds;
    if (this.#packing.count === 0) {
      return { binOf: new Int32Array(0), drives: 0, bounds, curve: [] };
    }
    if (this.#lower > this.#most) throw tooFew(bounds, this.#most);
    let binOf = this.#isCoarse() ? this.#coarse() : this.#byObjective();
    binOf ??= this.#contiguous();
    if (binOf === undefined) {
      throw new NoPlanError(
        `no packing on at most ${this.#most} drives was found; the bound is ${this.#lower}`,
      );
    }
    binOf = this.#withFewerEntries(binOf);
    return { binOf, drives: renumber(binOf), bounds, curve: this.#wholeCurve() };
  }

  #wholeCurve(): readonly CurvePoint[] {
    if (!this.#layer.wantsCurve) return this.#curve;
    const { budget } = this.#layer;
    const more = tradeOff(this.#packing, this.#capacity, this.#lower, this.#most, budget);
    return undominated([...this.#curve, ...more]);
  }

  /** Saves index entries on as many drives; the search for drives has had its steps. */
  #withFewerEntries(binOf: Int32Array): Int32Array {
    const { objective, seed, tools, mergeSteps } = this.#layer;
    if (objective === 'even' || this.#runsMax > 0) return binOf;
    const budget = new Budget(mergeSteps, tools.shouldStop);
    const fewer = saveEntries(this.#packing, this.#capacity, binOf, seed, budget);
    if (fewer !== binOf) {
      const drives = fewer.reduce((most, b) => Math.max(most, b + 1), 0);
      this.#curve.push({ drives, entries: countRuns(this.#packing.joins, fewer) });
    }
    return fewer;
  }
}

function scaled(packing: Packing, capacity: readonly number[]): number[] {
  return capacity.map((value, r) => Math.floor(value / packing.unit[r]!));
}

function tooFew(bounds: readonly Bound[], most: number): NoPlanError {
  const bound = bestBound(bounds);
  return new NoPlanError(`proven infeasible with ${most} drives: ${bound.words}`);
}

/** As many equal drives as needed, at most `most`. */
export function packEqual(
  layer: Layer,
  capacity: readonly number[],
  runsMax: number,
  most: number,
): Packed {
  return new EqualLayer(layer, capacity, runsMax, most).run();
}

/** The first drives of the list, as few as possible; `fixed` items stay on their position. */
export function packList(layer: Layer, supply: Supply, fixed: Int32Array | undefined): Packed {
  const largest = layer.resources.map((_, r) =>
    supply.usable.reduce((most, capacity) => Math.max(most, capacity[r]!), 0),
  );
  const packing = packingFrom(layer.columns, layer.joins, largest);
  const bounds = inventoryBounds(packing.totals, layer.resources, supply.usable);
  if (packing.count === 0) return { binOf: new Int32Array(0), drives: 0, bounds, curve: [] };
  const lower = bestBound(bounds).drives;
  if (lower > supply.usable.length) throw tooFew(bounds, supply.usable.length);
  const pinned = fixed === undefined ? 0 : fixed.reduce((most, b) => Math.max(most, b + 1), 0);
  const first = layer.objective === 'even' ? supply.usable.length : Math.max(1, lower, pinned);
  for (let drives = first; drives <= supply.usable.length; drives++) {
    const binOf = tryList(layer, packing, supply, drives, fixed, largest);
    if (binOf !== undefined) return { binOf, drives, bounds, curve: [] };
    if (layer.budget.isOver) break;
    if (drives > first + 4) drives += Math.floor(drives / 50);
  }
  const binOf = tryList(layer, packing, supply, supply.usable.length, fixed, largest);
  if (binOf !== undefined) return { binOf, drives: supply.usable.length, bounds, curve: [] };
  throw new NoPlanError(
    `no packing on the ${supply.usable.length} drives was found; the bound is ${lower}`,
  );
}

function tryList(
  layer: Layer,
  packing: Packing,
  supply: Supply,
  drives: number,
  fixed: Int32Array | undefined,
  largest: readonly number[],
): Int32Array | undefined {
  const bins = binsFrom(packing, supply.usable.slice(0, drives), supply.runsMax);
  const isEven = layer.objective === 'even';
  const options = { isEven, budget: layer.budget, ...(fixed !== undefined && { fixed }) };
  const share = largestShare(packing, largest);
  const fine = packFine(packing, bins, share, options);
  if (fine?.isFeasible && keepsEntries(layer, packing, fine.binOf, bins.maxRuns)) return fine.binOf;
  if (fixed !== undefined || packing.count > COARSE_ITEMS_MAX) return undefined;
  const items = coarseItems(packing, largest);
  const capacities = supply.usable
    .slice(0, drives)
    .map((capacity) => Float64Array.from(scaled(packing, capacity)));
  const solution = fillGivenBins(items, capacities, layer.budget.part(200_000_000));
  if (solution === undefined) return undefined;
  const binOf = solutionToBins(items.count, solution);
  const isFine = isFeasible(packing, bins, binOf);
  return isFine && keepsEntries(layer, packing, binOf, bins.maxRuns) ? binOf : undefined;
}
