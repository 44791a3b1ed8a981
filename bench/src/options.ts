// What a run measures, and for how long.

export const SectionName = {
  micro: 'micro',
  storage: 'storage',
  redis: 'redis',
  replicas: 'replicas',
  elastic: 'elastic',
  rebalance: 'rebalance',
  reads: 'reads-spread',
  failover: 'failover',
  metaOff: 'meta-off',
} as const;
export type SectionName = (typeof SectionName)[keyof typeof SectionName];

export interface BenchOptions {
  readonly sections: readonly SectionName[];
  /** Shorter and less exact: to see that everything runs. */
  readonly isQuick: boolean;
  /** Alternations of the contenders; figures are medians over them. */
  readonly rounds: number;
  /** Length of one measurement of one contender. */
  readonly roundMs: number;
  /** Keys with small values; of large ones there are fewer, see load/cells.ts. */
  readonly keys: number;
  /** Folder for CPU profiles of clients and drives; undefined: none are taken. */
  readonly profileDir: string | undefined;
  readonly valueBytes: readonly number[];
  readonly inFlight: readonly number[];
  /** How long the metadata server is away, where that is measured. */
  readonly offMs: number;
}
