// What the parent process and its workers say to each other.

import type { PlanWishes } from '../seed/plan.ts';
import type { SeedResult } from '../seed/result.ts';

/** Given once, as an argument of the worker. */
export interface WorkerOrders {
  readonly wishes: PlanWishes;
  /** A moment in which a process dies (steps/moments.ts): then the run is made for it. */
  readonly step: string | undefined;
  /** A deliberate bug to build in before anything is loaded. */
  readonly bug: string | undefined;
  /** Limits of the size of the work (tight/limits.ts). */
  readonly isTight: boolean;
  /** Keep what the programs log, and show it with a failure. */
  readonly keepsLog: boolean;
  /** The command that repeats a seed, without the seed. */
  readonly command: string;
}

export type ToWorker = { readonly seed: number };

export type FromWorker =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'done';
      readonly result: SeedResult;
      /** Processor time that the seed took. */
      readonly cpuMs: number;
      /** Of a seed that failed: everything that helps to understand it. */
      readonly report: string | undefined;
    }
  | { readonly kind: 'broken'; readonly message: string };
