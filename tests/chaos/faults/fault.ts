// A fault: something that happens to a running cluster, for a while, and is then taken back.

import type { ChaosCluster } from '../cluster/chaos-cluster.ts';

export const Target = {
  drives: 'drives',
  meta: 'meta',
  /** Only when nothing else is going on. */
  everything: 'everything',
  /** No fault of its own: a change of the layout, in the middle of the others. */
  layout: 'layout',
} as const;
export type Target = (typeof Target)[keyof typeof Target];

export interface Fault {
  readonly name: string;
  /** In one sentence, for the table. */
  readonly what: string;
  readonly target: Target;
  /** How many drives it puts out of action while it lasts. */
  readonly drives: number;
  /** How often, beside the others. */
  readonly weight: number;
  readonly holdMs: readonly [lowest: number, highest: number];
  /** Does it; resolves with how to take it back. `victims` has as many drives as `drives` says. */
  inject(chaos: ChaosCluster, victims: readonly string[]): Promise<() => Promise<void>>;
}

/** A fault that has happened, or is going on. */
export interface Injected {
  readonly fault: Fault;
  readonly victims: readonly string[];
  readonly fromMs: number;
  /** Infinity while it lasts. */
  untilMs: number;
}
