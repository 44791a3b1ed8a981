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

const PATTERNS_MAX = 12_000;
const SOLVER_ITEMS_MAX = 1200;
/** With more patterns the solver only prepares, for seconds, in which nothing can stop it. */
const COVERED_PATTERNS_MAX = 15_000;
const RAISE_STEPS = 350_000_000;
const COVER_STEPS = 300_000_000;
const LISTING_STEPS = 80_000_000;
/** The short walk finds what is easy to find before the solver is asked for a better bound, the long one comes after it. */
const SHORT_WALK_STEPS = 80_000_000;
const LONG_WALK_STEPS = 150_000_000;

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
        this.#options.budget.take(steps),
        (bins) => this.#pool.add(bins),
      );
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

  /** Where a packing that meets the bound has next to no waste: its possible patterns. */
  #tightPatterns(): number[][] {
    if (this.#isClosed) return [];
    const budget = this.#options.budget.take(LISTING_STEPS);
    return listTightPatterns(this.#items, this.#lower, budget) ?? [];
  }

  #walk(patterns: readonly number[][], steps: number): void {
    if (this.#isClosed || patterns.length === 0) return;
    const budget = this.#options.budget.take(steps);
    this.#improve(walkToCover(this.#items.count, patterns, this.#random, budget));
  }

  /** Lets the solver choose among the possible patterns alone. */
  #coverTight(patterns: number[][], solver: LinearSolver): void {
    if (this.#isClosed || patterns.length === 0 || patterns.length > COVERED_PATTERNS_MAX) return;
    const pool = new PatternPool(Number.POSITIVE_INFINITY);
    pool.add(patterns);
    const columns = new ColumnGeneration(this.#items, solver, pool);
    try {
      this.#improve(
        columns.cover(this.#best.length, 20_000, this.#options.budget.take(COVER_STEPS)),
      );
    } finally {
      columns.close();
    }
  }

  #withSolver(solver: LinearSolver, tight: number[][]): void {
    const columns = new ColumnGeneration(this.#items, solver, this.#pool);
    const { budget } = this.#options;
    const lower = this.#lower;
    try {
      this.#raise(columns, budget.take(RAISE_STEPS));
      // A bound that has risen says that the patterns were those of packings that do not exist.
      if (this.#lower === lower) {
        this.#walk(tight, LONG_WALK_STEPS);
        this.#coverTight(tight, solver);
      }
      for (let round = 0; round < 4 && !this.#isClosed && !budget.isOver; round++) {
        const nodes = round === 0 ? 50 : 400;
        this.#improve(columns.cover(this.#best.length, nodes, budget.take(COVER_STEPS)));
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
    const tight = this.#tightPatterns();
    this.#walk(tight, SHORT_WALK_STEPS);
    if (!this.#isClosed && solver !== undefined && this.#items.count <= SOLVER_ITEMS_MAX) {
      this.#withSolver(solver, tight);
    } else this.#walk(tight, LONG_WALK_STEPS);
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
