// Runs a death in one moment after the other, each until it has come about.

import { FAULT_POINTS } from '@piton/metaserver';
import type { SeedEvidence } from '../seed/result.ts';
import { runSeed } from '../seed/run-seed.ts';
import { ALL_SUFFIX, planForMoment } from './moments.ts';

/** A fault point that is not reached within so many seeds is not reached at all. */
export const SEEDS_MAX = 60;
const DRIVES = 4;

export interface Trial {
  readonly moment: string;
  /** The seed in which it came about; undefined: in none of those that were tried. */
  readonly seed: number | undefined;
  /** Of a run that failed. */
  readonly failed: SeedEvidence | undefined;
}

/** Tries seeds until the moment comes, or a run fails. */
export async function tryMoment(moment: string, seedsMax: number = SEEDS_MAX): Promise<Trial> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const evidence = await runSeed(planForMoment(seed, moment));
    if (evidence.result.failures.length > 0) return { moment, seed, failed: evidence };
    if (evidence.result.hasDied) return { moment, seed, failed: undefined };
  }
  return { moment, seed: undefined, failed: undefined };
}

/** Every fault point, and every commit and every flush of one run, as far as it gets. */
export async function* tryAllMoments(): AsyncGenerator<Trial> {
  for (const point of FAULT_POINTS) {
    for (const suffix of ['', ALL_SUFFIX]) yield tryMoment(`${point}${suffix}`);
  }
  for (const suffix of ['', ALL_SUFFIX]) yield* count((number) => `commit:${number}${suffix}`);
  for (let drive = 0; drive < DRIVES; drive++) {
    yield* count((number) => `flush:${drive}:${number}`);
  }
}

/** From the first to the last that there is. */
async function* count(nameOf: (number: number) => string): AsyncGenerator<Trial> {
  for (let number = 1; ; number++) {
    const trial = await tryMoment(nameOf(number), 1);
    if (trial.seed === undefined) return;
    yield trial;
  }
}
