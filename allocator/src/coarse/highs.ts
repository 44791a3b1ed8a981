// HiGHS (WebAssembly) behind the solver seam. Optional: loaded by name only when someone asks for it, and a machine without the
// package gets undefined. Models own memory inside the WebAssembly heap, hence close().

import type { Highs, Model } from 'highs';
import type { CoverModel, LinearSolver } from './solver.ts';

class HighsCover implements CoverModel {
  readonly #model: Model;
  readonly #highs: Highs;
  readonly #shouldStop: (() => boolean) | undefined;
  #columns = 0;
  #isWhole = false;

  constructor(highs: Highs, itemCount: number, shouldStop: (() => boolean) | undefined) {
    this.#highs = highs;
    this.#shouldStop = shouldStop;
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

  relax(): { value: number; prices: Float64Array; use: Float64Array } {
    this.#setWhole(false);
    this.#model.run();
    const { rowDual, colValue } = this.#model.getSolution();
    return { value: this.#model.getObjectiveValue(), prices: rowDual, use: colValue };
  }

  cover(below: number, nodes: number): number[] | undefined {
    this.#setWhole(true);
    this.#model.options.set({
      mip_max_nodes: nodes,
      objective_target: below - 1 + 0.5,
      mip_rel_gap: 0,
      mip_abs_gap: 0.99,
    });
    const { mipInterrupt } = this.#highs.constants.callbackType;
    const stop = this.#shouldStop;
    this.#model.run(
      stop === undefined
        ? {}
        : {
            [mipInterrupt](event: { interrupt(): void }): undefined {
              if (stop()) event.interrupt();
            },
          },
    );
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
export async function loadHighs(shouldStop?: () => boolean): Promise<LinearSolver | undefined> {
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
    openCover: (itemCount) => new HighsCover(highs, itemCount, shouldStop),
  };
}
