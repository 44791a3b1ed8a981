// What the bench and its load processes say to each other.

import type { ContenderSpec } from './contender.ts';
import type { LoadPlan, LoadResult } from './load-loop.ts';

export type LoadOrder =
  | { readonly kind: 'open'; readonly spec: ContenderSpec }
  | { readonly kind: 'fill'; readonly valueBytes: number; readonly keys: number }
  | { readonly kind: 'run'; readonly valueBytes: number; readonly plan: LoadPlan }
  | { readonly kind: 'close' };

export interface LoadAnswer {
  readonly result?: LoadResult;
  /** CPU time of the load process itself while it ran. */
  readonly cpuMs?: number;
  readonly error?: string;
}
