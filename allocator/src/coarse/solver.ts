// The seam to a linear solver. The library never loads one: a caller that has HiGHS passes it in (highs.ts makes one).

import type { Budget } from '../packing/budget.ts';

/** Both ways of solving charge their work to a budget and end early when it is over, with what they have. */
export interface CoverModel {
  /** A pattern is a set of items that fits one drive; every item must be covered. */
  addPatterns(patterns: readonly (readonly number[])[]): void;
  /** Optimum of the relaxation over the patterns so far: its value, and the price of each item. */
  relax(budget: Budget): {
    readonly value: number;
    readonly prices: Float64Array;
    readonly use: Float64Array;
  };
  /** Whole patterns that cover all items, at most `below` - 1 of them, or undefined when none is found within the limits. */
  cover(below: number, nodes: number, budget: Budget): number[] | undefined;
  close(): void;
}

export interface LinearSolver {
  readonly name: string;
  openCover(itemCount: number): CoverModel;
}
