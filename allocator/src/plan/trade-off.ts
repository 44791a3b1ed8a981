// The curve of drives against index entries: what each further drive is worth in a smaller index.
//
// At the lower bound arcs need about two entries per drive; with one contiguous stretch per drive there is one, on more drives. In
// between, some drives take a stretch each, those whose stretch wastes least, and arcs divide the rest. Points that
// another one matches or beats in both numbers are left out.

import { contiguousDrives, packFine } from '../fine/fine.ts';
import type { Budget } from '../packing/budget.ts';
import { binLoads, countRuns, equalBins, largestShare, type Packing } from '../packing/packing.ts';
import { pick, pickJoins } from './demand.ts';
import type { CurvePoint } from './types.ts';

const FACTORS = [
  1, 1.0005, 1.001, 1.002, 1.005, 1.01, 1.02, 1.035, 1.05, 1.075, 1.1, 1.15, 1.2, 1.35, 1.5,
] as const;
/** Share of the room to spare that stays with the drives that arcs divide. */
const ROOM_FOR_ARCS = 0.3;

/** Points that no other point matches or beats in both numbers, by rising drives. */
export function undominated(points: readonly CurvePoint[]): CurvePoint[] {
  const sorted = [...points].sort((a, b) => a.drives - b.drives || a.entries - b.entries);
  const kept: CurvePoint[] = [];
  for (const point of sorted) {
    const last = kept[kept.length - 1];
    if (last === undefined || point.entries < last.entries) kept.push(point);
  }
  return kept;
}

class Curve {
  readonly #packing: Packing;
  readonly #capacity: readonly number[];
  readonly #budget: Budget;
  readonly #share: number;
  /** Drive of each item when every drive takes the next stretch. */
  readonly #stretchOf: Int32Array;
  /** Stretches by what they waste, as shares of a drive per resource; the least wasteful first. */
  readonly #stretches: { readonly stretch: number; readonly waste: readonly number[] }[];

  constructor(packing: Packing, capacity: readonly number[], budget: Budget) {
    this.#packing = packing;
    this.#capacity = capacity;
    this.#budget = budget;
    this.#share = largestShare(packing, capacity);
    const scaled = capacity.map((value, r) => Math.floor(value / packing.unit[r]!));
    this.#stretchOf = contiguousDrives(packing, scaled);
    const loads = binLoads(packing, this.stretchCount, this.#stretchOf);
    this.#stretches = Array.from({ length: this.stretchCount }, (_, stretch) => ({
      stretch,
      waste: loads.map((load, r) => 1 - load[stretch]! / scaled[r]!),
    })).sort((a, b) => Math.max(...a.waste) - Math.max(...b.waste) || a.stretch - b.stretch);
  }

  get stretchCount(): number {
    return (this.#stretchOf[this.#stretchOf.length - 1] ?? -1) + 1;
  }

  contiguous(): CurvePoint {
    const entries = countRuns(this.#packing.joins, this.#stretchOf);
    return { drives: this.stretchCount, entries };
  }

  /** The stretches that so many drives can afford to take whole. */
  #affordable(drives: number): Set<number> {
    const room = this.#packing.totals.map(
      (total, r) => (1 - ROOM_FOR_ARCS) * (drives - Number(total) / this.#capacity[r]!),
    );
    const taken = new Set<number>();
    for (const { stretch, waste } of this.#stretches) {
      if (taken.size >= drives - 2 || waste.some((value, r) => value > room[r]!)) continue;
      taken.add(stretch);
      waste.forEach((value, r) => {
        room[r]! -= value;
      });
    }
    return taken;
  }

  #entriesWith(taken: ReadonlySet<number>, drives: number): number | undefined {
    const { demand, joins } = this.#packing;
    const at = this.#stretchOf.map((_, i) => i).filter((i) => !taken.has(this.#stretchOf[i]!));
    const rest: Packing = {
      ...this.#packing,
      count: at.length,
      demand: pick(demand, at),
      joins: pickJoins(joins, at),
      totals: pick(demand, at).map((column, r) =>
        BigInt(Math.round(column.reduce((sum, value) => sum + value, 0) * this.#packing.unit[r]!)),
      ),
    };
    const bins = equalBins(rest, this.#capacity, drives - taken.size);
    const options = { isEven: false, budget: this.#budget };
    const found = packFine(rest, bins, this.#share, options);
    if (!found?.isFeasible) return undefined;
    const binOf = this.#stretchOf.map((stretch) => drives + stretch);
    for (let k = 0; k < at.length; k++) binOf[at[k]!] = found.binOf[k]!;
    return countRuns(joins, binOf);
  }

  /** Points with so many drives: all by arcs, and with stretches taken whole. */
  points(drives: number): CurvePoint[] {
    const taken = this.#affordable(drives);
    const variants = taken.size === 0 ? [taken] : [new Set<number>(), taken];
    return variants.flatMap((set) => {
      const entries = this.#budget.isOver ? undefined : this.#entriesWith(set, drives);
      return entries === undefined ? [] : [{ drives, entries }];
    });
  }
}

/** Points for equal drives between `lower` and `most` drives; ends early with the budget. */
export function tradeOff(
  packing: Packing,
  capacity: readonly number[],
  lower: number,
  most: number,
  budget: Budget,
): CurvePoint[] {
  const curve = new Curve(packing, capacity, budget);
  const last = curve.contiguous();
  const points = last.drives <= most ? [last] : [];
  const counts = new Set(FACTORS.map((factor) => Math.ceil(lower * factor)));
  for (const drives of counts) {
    if (drives < Math.min(most + 1, last.drives)) points.push(...curve.points(drives));
  }
  return points;
}
