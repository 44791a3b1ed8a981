// From ranges and drives to a plan.
//
// Ranges that fit no empty drive are set aside with a remedy. Without replicas the rest is one packing; with replicas the zones get
// their parts first and each zone is a packing of its own (replicas/zones.ts). The result names, for every range, its chain from
// head to tail.

import { type Bound, bestBound, ceilDivide } from '../bounds/bound.ts';
import { inventoryBounds } from '../bounds/sums.ts';
import { InfeasibleError, NoPlanError } from '../model/errors.ts';
import type { Ranges } from '../model/ranges.ts';
import { formatQuantity } from '../model/units.ts';
import { Budget } from '../packing/budget.ts';
import { exactSum } from '../packing/packing.ts';
import { apportion } from '../replicas/apportion.ts';
import { type Dealing, dealingsFor, dealToParts, partsOf, zoneShares } from '../replicas/zones.ts';
import { type Candidates, candidatesOf, splitByZone } from './candidates.ts';
import { type Demand, demandOf, pick, pickJoins, wholeDemand } from './demand.ts';
import { type Placed, packOnSupply } from './placing.ts';
import type { CurvePoint, Plan, PlanInput, PlannedDrive, PlanOptions, PlanTools } from './types.ts';
import { findUnplaceable } from './unplaceable.ts';

const STEPS_DEFAULT = 1_000_000_000;
const MERGE_STEPS_MAX = 400_000_000;

function copiesOf(ranges: Ranges, replicas: number, i: number): number {
  return ranges.replicas?.[i] || replicas;
}

/** Positions of the given ranges that want `copies` replicas. */
function withCopies(
  ranges: Ranges,
  replicas: number,
  placeable: Int32Array,
  copies: number,
): Int32Array {
  return placeable.filter((i) => copiesOf(ranges, replicas, i) === copies);
}

interface ZonedPlan {
  readonly drives: PlannedDrive[];
  readonly chains: readonly Int32Array[];
  /** Load of the fullest drive as a share of what is usable of it, in the resource where it is highest. */
  fullest: number;
}

/** How large a part each zone gets, and how ranges are dealt to the zones. */
interface ZoneTry {
  readonly weights: readonly number[];
  readonly dealing: Dealing;
}

/** Above this no zone is searched until its budget ends. */
const DIVIDED_BUDGET_RANGES_MAX = 20_000;
/** Another way of dealing ranges out must level the fullest drive by this much to be worth more index entries. */
const LEVELLING_MIN = 0.05;

function fullestShare(columns: readonly Float64Array[], { drives, binOf }: Placed): number {
  let fullest = 0;
  columns.forEach((column, r) => {
    const loads = new Float64Array(drives.length);
    for (let k = 0; k < binOf.length; k++) loads[binOf[k]!]! += column[k]!;
    drives.forEach(({ usable }, b) => {
      fullest = Math.max(fullest, loads[b]! / Math.max(1, usable[r]!));
    });
  });
  return fullest;
}

class Planner {
  readonly #ranges: Ranges;
  readonly #options: Required<Pick<PlanOptions, 'objective' | 'replicas' | 'reads' | 'seed'>>;
  readonly #tools: PlanTools;
  readonly #resources: readonly string[];
  readonly #headroom: readonly number[];
  readonly #candidates: Candidates;
  readonly #demand: Demand;
  readonly #whole: readonly Float64Array[];
  readonly #budget: Budget;
  readonly #mergeSteps: number;
  readonly #wantsCurve: boolean;
  readonly #drives: PlannedDrive[] = [];
  readonly #bounds: Bound[] = [];
  readonly #curve: CurvePoint[] = [];

  constructor(input: PlanInput, options: PlanOptions, tools: PlanTools) {
    this.#ranges = input.ranges;
    this.#options = {
      objective: options.objective ?? 'drives',
      replicas: options.replicas ?? 1,
      reads: options.reads ?? 'tail',
      seed: options.seed ?? 1,
    };
    this.#tools = tools;
    this.#resources = input.drives.resources;
    this.#headroom = options.headroom ?? this.#resources.map(() => 0);
    this.#candidates = candidatesOf(input.drives, this.#headroom, options.drivesMax);
    this.#demand = demandOf(
      input.ranges,
      this.#resources,
      this.#options.reads,
      this.#options.replicas,
    );
    this.#whole = wholeDemand(this.#demand);
    const steps = options.steps ?? STEPS_DEFAULT;
    this.#budget = new Budget(steps, tools.shouldStop);
    this.#wantsCurve = options.wantsCurve ?? false;
    this.#mergeSteps = Math.min(MERGE_STEPS_MAX, steps * 0.4);
  }

  run(): Plan {
    const unplaced = findUnplaceable(this.#ranges, this.#whole, this.#resources, this.#candidates);
    const skip = new Set(unplaced.map((entry) => entry.range));
    const placeable = new Int32Array(this.#ranges.count)
      .map((_, i) => i)
      .filter((i) => !skip.has(i));
    const most = placeable.reduce(
      (max, i) => Math.max(max, copiesOf(this.#ranges, this.#options.replicas, i)),
      1,
    );
    const chains = Array.from({ length: most }, () => new Int32Array(this.#ranges.count).fill(-1));
    if (most === 1) this.#planSingle(placeable, chains[0]!);
    else this.#planReplicated(placeable, chains, most);
    this.#absorbEmpty(chains);
    return {
      ...this.#options,
      headroom: this.#headroom,
      resources: this.#resources,
      drives: this.#drives,
      chains,
      bounds: this.#bounds,
      lower: this.#bounds.length === 0 ? 0 : bestBound(this.#bounds).drives,
      entries: countEntries(this.#ranges.joins, chains),
      unplaced,
      curve: this.#curve,
    };
  }

  #pack(
    columns: readonly Float64Array[],
    at: Int32Array,
    candidates: Candidates,
    budget: Budget,
  ): Placed {
    const ranges = this.#ranges;
    const layer = {
      columns,
      joins: pickJoins(ranges.joins, at),
      resources: this.#resources,
      objective: this.#options.objective,
      seed: this.#options.seed,
      budget,
      mergeSteps: this.#mergeSteps,
      tools: this.#tools,
      wantsCurve: this.#wantsCurve,
    };
    const texts = (list: readonly string[] | undefined): string[] | undefined =>
      list === undefined ? undefined : Array.from(at, (i) => list[i]!);
    return packOnSupply(layer, candidates, texts(ranges.groups), texts(ranges.pins));
  }

  #planSingle(placeable: Int32Array, chain: Int32Array): void {
    const isAll = placeable.length === this.#ranges.count;
    const columns = isAll ? this.#whole : pick(this.#whole, placeable);
    const placed = this.#pack(columns, placeable, this.#candidates, this.#budget);
    this.#drives.push(...placed.drives);
    for (let k = 0; k < placeable.length; k++) chain[placeable[k]!] = placed.binOf[k]!;
    this.#bounds.push(...placed.bounds);
    this.#curve.push(...placed.curve);
  }

  #planReplicated(placeable: Int32Array, chains: Int32Array[], most: number): void {
    const zones = splitByZone(this.#candidates, most);
    this.#checkZones(zones, placeable, most);
    this.#bounds.push(...this.#replicatedBounds(placeable, zones, most));
    const dealings = dealingsFor(placeable.length, zones.length * most);
    const tries = this.#zoneWeights(zones, most).flatMap((weights) =>
      dealings.map((dealing) => ({ weights, dealing })),
    );
    let best: ZonedPlan | undefined;
    for (const [at, how] of tries.entries()) {
      // The same weights are tried in every way: fewer entries count as well.
      const isNextSize = at % dealings.length === 0;
      const isDone = (best?.drives.length ?? Number.POSITIVE_INFINITY) <= this.#lower;
      if (isNextSize && (isDone || this.#budget.isOver)) break;
      const found = this.#tryZones(placeable, zones, most, how, tries.length - at);
      if (found !== undefined && (best === undefined || this.#isBetter(found, best))) best = found;
    }
    // The plain proportions once more, now letting the refusal through with its reason.
    const plain = { weights: zones.map((zone) => zone.weight()), dealing: 'arcs' as const };
    best ??= this.#packZones(placeable, zones, most, plain, this.#budget.left);
    this.#drives.push(...best.drives);
    for (const [j, chain] of chains.entries()) chain.set(best.chains[j]!);
  }

  /** Proportions to try: whole drives per zone for the bound and a few more, then the zones' sizes. */
  #zoneWeights(zones: readonly Candidates[], most: number): number[][] {
    const plain = zones.map((zone) => zone.weight());
    if (!this.#candidates.isFinite() || !this.#candidates.areEqual) return [plain];
    if (this.#options.objective === 'even') return [plain];
    const sizes = zones.map((zone) => zone.list.length);
    const lower = this.#lower;
    const whole = [0, 1, 2].map((more) => apportion(sizes, lower + more, most));
    return [...whole.filter((weights) => weights !== undefined), plain];
  }

  get #lower(): number {
    return bestBound(this.#bounds).drives;
  }

  #isBetter(found: ZonedPlan, best: ZonedPlan): boolean {
    if (this.#options.objective === 'even') return found.fullest < best.fullest - LEVELLING_MIN;
    if (found.drives.length !== best.drives.length) return found.drives.length < best.drives.length;
    const { joins } = this.#ranges;
    return countEntries(joins, found.chains) < countEntries(joins, best.chains);
  }

  /** `triesLeft`, this one included, divide what is left of the budget. */
  #tryZones(
    placeable: Int32Array,
    zones: readonly Candidates[],
    most: number,
    how: ZoneTry,
    triesLeft: number,
  ): ZonedPlan | undefined {
    try {
      return this.#packZones(placeable, zones, most, how, this.#budget.left / triesLeft);
    } catch (error) {
      if (error instanceof NoPlanError || error instanceof InfeasibleError) return undefined;
      throw error;
    }
  }

  #packZones(
    placeable: Int32Array,
    zones: readonly Candidates[],
    most: number,
    how: ZoneTry,
    steps: number,
  ): ZonedPlan {
    const empty = (): Int32Array => new Int32Array(this.#ranges.count).fill(-1);
    const zoneOf = Array.from({ length: most }, empty);
    const result = { drives: [], chains: Array.from({ length: most }, empty), fullest: 0 };
    for (let copies = 1; copies <= most; copies++) {
      const at = withCopies(this.#ranges, this.#options.replicas, placeable, copies);
      if (at.length > 0) this.#deal(at, copies, how, zoneOf);
    }
    // The search among few ranges ends with its budget; what a zone does not need is left to those after it.
    const isDivided = placeable.length <= DIVIDED_BUDGET_RANGES_MAX;
    const own = isDivided ? this.#budget.take(steps) : this.#budget;
    zones.forEach((zone, z) => {
      const part = isDivided ? own.take(own.left / (zones.length - z)) : own;
      this.#packZone(zone, z, zoneOf, result, part);
    });
    return result;
  }

  #deal(
    at: Int32Array,
    copies: number,
    { weights, dealing }: ZoneTry,
    zoneOf: readonly Int32Array[],
  ): void {
    const parts = partsOf(zoneShares(weights, copies), copies);
    const columns = [...pick(this.#demand.base, at), ...pick(this.#demand.tail, at)];
    const partOf = dealToParts(columns, pickJoins(this.#ranges.joins, at), parts, dealing);
    for (let k = 0; k < at.length; k++) {
      const chain = parts[partOf[k]!]!.zones;
      for (let j = 0; j < copies; j++) zoneOf[j]![at[k]!] = chain[j]!;
    }
  }

  #packZone(
    zone: Candidates,
    z: number,
    zoneOf: readonly Int32Array[],
    result: ZonedPlan,
    budget: Budget,
  ): void {
    const copyAt = new Int8Array(this.#ranges.count).fill(-1);
    zoneOf.forEach((column, j) => {
      for (let i = 0; i < column.length; i++) if (column[i] === z) copyAt[i] = j;
    });
    const at = new Int32Array(this.#ranges.count).map((_, i) => i).filter((i) => copyAt[i]! >= 0);
    const isTail = (i: number): boolean =>
      copyAt[i] === copiesOf(this.#ranges, this.#options.replicas, i) - 1;
    const columns = this.#demand.base.map((column, r) =>
      Float64Array.from(at, (i) => column[i]! + (isTail(i) ? this.#demand.tail[r]![i]! : 0)),
    );
    const placed = this.#pack(columns, at, zone, budget);
    result.fullest = Math.max(result.fullest, fullestShare(columns, placed));
    const offset = result.drives.length;
    result.drives.push(...placed.drives);
    for (let k = 0; k < at.length; k++) {
      result.chains[copyAt[at[k]!]!]![at[k]!] = offset + placed.binOf[k]!;
    }
  }

  /** Exact totals over all copies. */
  #totals(placeable: Int32Array): bigint[] {
    return this.#demand.base.map((column, r) => {
      const all = Float64Array.from(
        placeable,
        (i) =>
          column[i]! * copiesOf(this.#ranges, this.#options.replicas, i) +
          this.#demand.tail[r]![i]!,
      );
      return exactSum(all);
    });
  }

  #replicatedBounds(placeable: Int32Array, zones: readonly Candidates[], most: number): Bound[] {
    const totals = this.#totals(placeable);
    const list = zones.flatMap((zone) => zone.finite());
    const bounds: Bound[] = zones.every((zone) => zone.isFinite())
      ? inventoryBounds(totals, this.#resources, list)
      : totals.map((total, r) => {
          const capacity = this.#candidates.largest(r);
          const drives = ceilDivide(total, capacity);
          const resource = this.#resources[r]!;
          return {
            name: `sum of ${resource} over all replicas`,
            drives,
            words: `${resource}: ${formatQuantity(resource, Number(total))} over all replicas / ${formatQuantity(resource, capacity)} = ${drives} drives`,
            proof: { kind: 'sum', resource, total: String(total), capacity },
          };
        });
    bounds.push({
      name: 'replicas apart',
      drives: most,
      words: `${most} replicas of a range lie on ${most} drives`,
      proof: { kind: 'zones', detail: `a range with ${most} replicas` },
    });
    return bounds;
  }

  /** A zone holds at most one copy of everything: what larger zones have beyond that is of no use. */
  #checkZones(zones: readonly Candidates[], placeable: Int32Array, most: number): void {
    if (zones.length < most) {
      throw new InfeasibleError(
        `${most} replicas in different zones need ${most} zones, there are ${zones.length}`,
        'add zones or lower the number of replicas',
      );
    }
    if (this.#ranges.replicas !== undefined || !zones.every((zone) => zone.isFinite())) return;
    this.#resources.forEach((resource, r) => {
      const single = exactSum(pick([this.#demand.base[r]!], placeable)[0]!);
      let useful = 0n;
      for (const zone of zones) {
        const capacity = zone.finite().reduce((sum, usable) => sum + BigInt(usable[r]!), 0n);
        // Math.min takes no bigints.
        if (capacity < single) useful += capacity;
        else useful += single;
      }
      if (useful >= single * BigInt(most)) return;
      const missing = formatQuantity(resource, Number(single * BigInt(most) - useful));
      throw new InfeasibleError(
        `${most} replicas in different zones need ${formatQuantity(resource, Number(single) * most)} of ${resource}; the zones can use ${formatQuantity(resource, Number(useful))}, since none holds a range twice`,
        `add ${missing} in the smaller zones or lower the number of replicas`,
      );
    });
  }

  /** A range without any demand goes where its left neighbour is: it must not cost an index entry. */
  #absorbEmpty(chains: readonly Int32Array[]): void {
    const { joins, count } = this.#ranges;
    for (let i = 1; i < count; i++) {
      if (joins[i] === 0 || this.#whole.some((column) => column[i]! > 0)) continue;
      if (this.#ranges.pins?.[i] || this.#ranges.groups?.[i]) continue;
      if (this.#ranges.replicas !== undefined) continue;
      if (chains[0]![i - 1]! < 0) continue;
      for (const chain of chains) chain[i] = chain[i - 1]!;
    }
  }
}

/** Index entries of a plan: maximal stretches of adjoining ranges with the same chain. */
export function countEntries(joins: Uint8Array, chains: readonly Int32Array[]): number {
  let entries = 0;
  for (let i = 0; i < joins.length; i++) {
    if (chains[0]![i]! < 0) continue;
    if (joins[i] === 0 || chains.some((chain) => chain[i] !== chain[i - 1])) entries++;
  }
  return entries;
}

/**
 * Plans which drives hold which ranges. Pure: the same input and options give the same plan, unless `shouldStop` cuts the search.
 * Throws InfeasibleError with a proof in words, or NoPlanError when nothing was found.
 */
export function plan(input: PlanInput, options: PlanOptions = {}, tools: PlanTools = {}): Plan {
  return new Planner(input, options, tools).run();
}
