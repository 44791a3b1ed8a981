// The bound of Gilmore and Gomory by column generation, and packings from the patterns it meets.
//
// The relaxation "use fractions of patterns so that every item is covered" is stronger than any sum. Prices of items come from
// the linear solver, patterns from the knapsack. For any whole prices p, if no pattern is worth more than v, then no packing
// uses fewer than ceil(sum p / v) drives: the prices are the certificate, and it holds at any round, long before the
// relaxation converges. Prices are smoothed towards the best ones so far, which calms their jumping about.

import type { Budget } from '../packing/budget.ts';
import type { Items, Solution } from './items.ts';
import { priceOut } from './pricing.ts';
import type { CoverModel, LinearSolver } from './solver.ts';

const PRICE_UNIT = 2 ** 20;
const ROUNDS_MAX = 400;

export interface PriceCertificate {
  readonly drives: number;
  readonly prices: readonly number[];
  readonly perDrive: number;
}

/** Patterns without repetition. */
export class PatternPool {
  readonly patterns: number[][] = [];
  readonly #seen = new Set<string>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The patterns out of the given ones that are new. */
  add(patterns: readonly (readonly number[])[]): number[][] {
    const fresh: number[][] = [];
    for (const pattern of patterns) {
      if (pattern.length === 0 || this.patterns.length >= this.#limit) continue;
      const sorted = [...pattern].sort((a, b) => a - b);
      const name = sorted.join(' ');
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      this.patterns.push(sorted);
      fresh.push(sorted);
    }
    return fresh;
  }
}

/** Patterns of reduced cost for these prices: the best, and further ones over items not yet in any. */
function newPatterns(items: Items, prices: Float64Array, budget: Budget): number[][] {
  const values = prices.slice();
  const patterns: number[][] = [];
  for (let round = 0; round < 24; round++) {
    const priced = priceOut(items, values, 4000, PRICE_UNIT, budget);
    if (priced.patterns.length === 0) break;
    patterns.push(...priced.patterns.slice(0, 3));
    for (const i of priced.patterns[0]!) values[i] = 0;
  }
  return patterns;
}

function mixPrices(calm: Float64Array | undefined, fresh: Float64Array): Float64Array {
  if (calm === undefined) return fresh;
  return fresh.map((value, i) => Math.floor(0.4 * calm[i]! + 0.6 * value));
}

export class ColumnGeneration {
  readonly #items: Items;
  readonly #model: CoverModel;
  readonly pool: PatternPool;
  #known = 0;
  #calm: Float64Array | undefined;
  best: PriceCertificate = { drives: 0, prices: [], perDrive: 1 };

  constructor(items: Items, solver: LinearSolver, pool: PatternPool) {
    this.#items = items;
    this.#model = solver.openCover(items.count);
    this.pool = pool;
    this.#learn();
  }

  /** Tells the model of the patterns that the pool has gained, from here or from elsewhere. */
  #learn(): void {
    this.#model.addPatterns(this.pool.patterns.slice(this.#known));
    this.#known = this.pool.patterns.length;
  }

  /** Certifies a bound for these prices if the knapsack ends within the steps. */
  #certify(prices: Float64Array, steps: number, budget: Budget): number[][] {
    const priced = priceOut(this.#items, prices, steps, PRICE_UNIT, budget);
    const total = prices.reduce((sum, value) => sum + value, 0);
    const drives = Math.ceil(total / priced.limit);
    if (drives > this.best.drives) {
      this.best = { drives, prices: Array.from(prices), perDrive: priced.limit };
    }
    const isBetter = this.#calm === undefined || drives >= this.best.drives;
    if (isBetter) this.#calm = prices;
    return priced.patterns;
  }

  /** Runs until the bound meets `goal`, the relaxation converges or the budget ends. */
  run(goal: number, budget: Budget): void {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (!budget.spend(400_000)) return;
      const { value, prices } = this.#model.relax(budget);
      // Cut short, the relaxation has no prices to speak of.
      if (budget.isOver) return;
      const fresh = prices.map((price) => Math.max(0, Math.floor(price * PRICE_UNIT)));
      const mixed = mixPrices(this.#calm, fresh);
      const found = this.#certify(mixed, 300_000, budget);
      if (this.best.drives >= goal || this.best.drives >= Math.ceil(value - 1e-6)) return;
      let added = this.pool.add([...found, ...newPatterns(this.#items, fresh, budget)]);
      if (added.length === 0) {
        // The smoothed prices found nothing new; the exact ones decide whether the relaxation has converged.
        added = this.pool.add(this.#certify(fresh, 4_000_000, budget));
        if (added.length === 0) return;
      }
      this.#learn();
    }
  }

  /** A packing of fewer than `below` drives out of the patterns, if the solver finds one. */
  cover(below: number, nodes: number, budget: Budget): Solution | undefined {
    this.#learn();
    const chosen = this.#model.cover(below, nodes, budget);
    if (chosen === undefined) return undefined;
    const seen = new Uint8Array(this.#items.count);
    const bins = chosen.map((c) =>
      this.pool.patterns[c]!.filter((i) => {
        const isFirst = seen[i] === 0;
        seen[i] = 1;
        return isFirst;
      }),
    );
    return seen.includes(0) ? undefined : bins.filter((bin) => bin.length > 0);
  }

  close(): void {
    this.#model.close();
  }
}
