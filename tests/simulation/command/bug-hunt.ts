// Looks for deliberate bugs. A bug counts as found in a seed that fails with it and passes without it.

import type { SeedResult } from '../seed/result.ts';
import { hunt } from './hunt.ts';
import type { SimOptions } from './options.ts';

export interface Find {
  /** Undefined: it was not found. */
  readonly failed: SeedResult | undefined;
  readonly report: string | undefined;
  /** Seeds that fail without the bug as well: they show nothing, and need a look of their own. */
  readonly failWithout: readonly number[];
  readonly seconds: number;
}

export async function findBug(options: SimOptions): Promise<Find> {
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  const failWithout: number[] = [];
  const first = options.seed ?? options.from;
  const end = options.seed === undefined ? options.from + options.seeds : first + 1;
  for (let from = first; from < end; ) {
    const { failed, report } = await hunt({ ...options, ...unseeded, from, seeds: end - from });
    if (failed === undefined) break;
    const { seed } = failed;
    const without = await hunt({ ...options, ...unseeded, bug: undefined, from: seed, seeds: 1 });
    if (without.failed === undefined) return { failed, report, failWithout, seconds: seconds() };
    failWithout.push(seed);
    from = seed + 1;
  }
  return { failed: undefined, report: undefined, failWithout, seconds: seconds() };
}

const unseeded = { seed: undefined, keepGoing: undefined };
