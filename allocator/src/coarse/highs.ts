// HiGHS (WebAssembly) behind the solver seam. Optional: loaded by name only when someone asks for it, and a machine without the
// package gets undefined. Models own memory inside the WebAssembly heap, hence close().

import type { Highs, Model } from 'highs';
import type { Budget } from '../packing/budget.ts';
import type { CoverModel, LinearSolver } from './solver.ts';

/** An iteration of the simplex method goes through all rows; its price per row, in the steps of the other searches. */
const STEPS_PER_ROW = 60;
/** With more rows an iteration does not take longer any more: few of them are in any pattern that changes. */
const ITERATION_STEPS_MAX = 12_000;
/** Where ranges are not divided most of the work is between the iterations, and goes with the number of patterns. */
const WHOLE_STEPS_PER_COLUMN = 16;
/** The least that a question of the solver costs: so that a stop is noticed also where it does not iterate. */
const STEPS_PER_QUESTION = 2_000;

interface InterruptEvent {
  readonly data: {
    readonly simplex_iteration_count?: number;
    readonly mip_total_lp_iterations?: bigint;
  };
  interrupt(): void;
}

class HighsCover implements CoverModel {
  readonly #model: Model;
  readonly #highs: Highs;
  readonly #rows: number;
  #columns = 0;
  #isWhole = false;

  constructor(highs: Highs, itemCount: number) {
    this.#highs = highs;
    this.#rows = itemCount;
    this.#model = highs.createModel();
    this.#model.options.set({ output_flag: false, random_seed: 1 });
    for (let i = 0; i < itemCount; i++) {
      this.#model.addRow(1, highs.infinity, { indices: [], values: [] });
    }
  }

  addPatterns(patterns: readonly (readonly number[])[]): void {
    for (const pattern of patterns) {
      const indices = Int32Array.from(pattern).sort();
      const values = new Float64Array(indices.length).fill(1);
      this.#model.addCol(1, 0, this.#highs.infinity, { indices, values });
      this.#columns++;
    }
  }

  #setWhole(isWhole: boolean): void {
    if (this.#isWhole === isWhole) return;
    const { integer, continuous } = this.#highs.constants.variableType;
    for (let c = 0; c < this.#columns; c++) {
      this.#model.changeColIntegrality(c, isWhole ? integer : continuous);
    }
    this.#isWhole = isWhole;
  }

  /** Solves; ends early, with what it has, when the budget is over. A single relaxation may take seconds as well. */
  #run(budget: Budget): void {
    const { simplexInterrupt, mipInterrupt } = this.#highs.constants.callbackType;
    let counted = 0;
    const price = this.#isWhole
      ? this.#columns * WHOLE_STEPS_PER_COLUMN
      : Math.min(this.#rows * STEPS_PER_ROW, ITERATION_STEPS_MAX);
    const ask = ({ data, interrupt }: InterruptEvent): undefined => {
      const iterations = data.simplex_iteration_count ?? Number(data.mip_total_lp_iterations ?? 0);
      const fresh = Math.max(0, iterations - counted);
      counted = Math.max(counted, iterations);
      if (!budget.spend(STEPS_PER_QUESTION + fresh * price)) interrupt();
    };
    this.#model.run({ [simplexInterrupt]: ask, [mipInterrupt]: ask });
  }

  relax(budget: Budget): { value: number; prices: Float64Array; use: Float64Array } {
    this.#setWhole(false);
    this.#run(budget);
    const { rowDual, colValue } = this.#model.getSolution();
    return { value: this.#model.getObjectiveValue(), prices: rowDual, use: colValue };
  }

  cover(below: number, nodes: number, budget: Budget): number[] | undefined {
    this.#setWhole(true);
    this.#model.options.set({
      mip_max_nodes: nodes,
      objective_target: below - 1 + 0.5,
      mip_rel_gap: 0,
      mip_abs_gap: 0.99,
    });
    this.#run(budget);
    const { colValue } = this.#model.getSolution();
    const chosen: number[] = [];
    colValue.forEach((value, c) => {
      if (value > 0.5) chosen.push(c);
    });
    return chosen.length > 0 && chosen.length < below ? chosen : undefined;
  }

  close(): void {
    this.#model.dispose();
  }
}

/** A solver, or undefined when the optional package is not installed. */
export async function loadHighs(): Promise<LinearSolver | undefined> {
  let load: () => Promise<Highs>;
  try {
    load = (await import('highs')).default as unknown as () => Promise<Highs>;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
  const highs = await load();
  return {
    name: 'HiGHS',
    openCover: (itemCount) => new HighsCover(highs, itemCount),
  };
}
