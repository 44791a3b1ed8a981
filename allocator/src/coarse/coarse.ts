// The coarse case: ranges of a few percent of a drive and more, on equal drives.
//
// Construct in many ways, then alternate between search for one drive fewer and, if a linear solver is at hand, column
// generation, which raises the lower bound and covers the ranges with patterns both have met. It ends when packing and bound
// meet, which is proof of optimality, or with the budget.

import type { Budget } from '../packing/budget.ts';
import { Random } from '../packing/random.ts';
import { ColumnGeneration, PatternPool, type PriceCertificate } from './columns.ts';
import { walkToCover } from './cover-walk.ts';
import type { Items, Solution } from './items.ts';
import { searchFewer } from './neighbourhood.ts';
import { constructAll } from './portfolio.ts';
import type { LinearSolver } from './solver.ts';
import { listTightPatterns } from './tight-patterns.ts';

export interface CoarseOptions {
  /** Bound known from elsewhere. */
  readonly lower: number;
  readonly seed: number;
  readonly budget: Budget;
  readonly solver?: LinearSolver | undefined;
  readonly onProgress?: ((drives: number, lower: number) => void) | undefined;
}

export interface CoarseResult {
  readonly solution: Solution;
  readonly lower: number;
  readonly certificate?: PriceCertificate;
  /** Drives of the best constructive heuristic, for comparison. */
  readonly constructed: number;
}

const PATTERNS_MAX = 40_000;
const SOLVER_ITEMS_MAX = 1200;

class CoarseSearch {
  readonly #items: Items;
  readonly #options: CoarseOptions;
  readonly #random: Random;
  readonly #pool = new PatternPool(PATTERNS_MAX);
  #best: Solution;
  #lower: number;
  #certificate: PriceCertificate | undefined;
  readonly #constructed: number;

  constructor(items: Items, options: CoarseOptions) {
    this.#items = items;
    this.#options = options;
    this.#random = new Random(options.seed);
    const solutions = constructAll(items, options.budget);
    this.#best = solutions[0]!;
    this.#lower = options.lower;
    this.#constructed = this.#best.length;
    for (const solution of solutions) this.#pool.add(solution);
  }

  get #isClosed(): boolean {
    return this.#best.length <= this.#lower;
  }

  #improve(solution: Solution | undefined): void {
    if (solution === undefined || solution.length >= this.#best.length) return;
    this.#best = solution;
    this.#pool.add(solution);
    this.#options.onProgress?.(this.#best.length, this.#lower);
  }

  /** Searches for one fewer again and again while it succeeds; each attempt may use `steps`. */
  #searchDown(steps: number): void {
    while (!this.#isClosed) {
      const found = searchFewer(
        this.#items,
        this.#best,
        this.#best.length - 1,
        this.#random,
        this.#options.budget.part(steps),
        (bins) => this.#pool.add(bins),
      );
      this.#options.budget.spend(steps);
      if (found === undefined) return;
      this.#improve(found);
    }
  }

  #raise(columns: ColumnGeneration, budget: Budget): void {
    columns.run(this.#best.length, budget);
    if (columns.best.drives > this.#lower) {
      this.#lower = columns.best.drives;
      this.#certificate = columns.best;
      this.#options.onProgress?.(this.#best.length, this.#lower);
    }
  }

  /** Where a packing that meets the bound has next to no waste, lists its possible patterns and covers with them alone. */
  #tryTight(solver: LinearSolver | undefined): void {
    const patterns = listTightPatterns(
      this.#items,
      this.#lower,
      this.#options.budget.part(80_000_000),
    );
    if (patterns === undefined || patterns.length === 0) return;
    const walk = this.#options.budget.part(400_000_000);
    this.#improve(walkToCover(this.#items.count, patterns, this.#random, walk));
    if (this.#isClosed || solver === undefined) return;
    const pool = new PatternPool(Number.POSITIVE_INFINITY);
    pool.add(patterns);
    const columns = new ColumnGeneration(this.#items, solver, pool);
    try {
      this.#improve(columns.cover(this.#best.length, 20_000));
    } finally {
      columns.close();
    }
  }

  #withSolver(solver: LinearSolver): void {
    const columns = new ColumnGeneration(this.#items, solver, this.#pool);
    try {
      this.#raise(columns, this.#options.budget.part(80_000_000));
      for (let round = 0; round < 4 && !this.#isClosed && !this.#options.budget.isOver; round++) {
        this.#improve(columns.cover(this.#best.length, round === 0 ? 50 : 400));
        this.#searchDown(300_000_000);
      }
    } finally {
      columns.close();
    }
  }

  run(): CoarseResult {
    const { solver, budget } = this.#options;
    const steps = 25_000_000 + this.#items.count * 250_000;
    this.#searchDown(steps);
    if (!this.#isClosed) this.#tryTight(solver);
    if (!this.#isClosed && solver !== undefined && this.#items.count <= SOLVER_ITEMS_MAX) {
      this.#withSolver(solver);
    }
    while (!this.#isClosed && !budget.isOver) this.#searchDown(steps * 4);
    return {
      solution: this.#best,
      lower: this.#lower,
      constructed: this.#constructed,
      ...(this.#certificate !== undefined && { certificate: this.#certificate }),
    };
  }
}

export function packCoarse(items: Items, options: CoarseOptions): CoarseResult {
  return new CoarseSearch(items, options).run();
}
