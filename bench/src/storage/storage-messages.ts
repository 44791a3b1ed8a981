// What the bench and its storage processes say to each other.

import type { SubjectOptions, SubjectStatistics } from './subject.ts';

export type StorageOrder =
  | { readonly kind: 'open'; readonly options: SubjectOptions; readonly keys: number }
  | { readonly kind: 'put' }
  | { readonly kind: 'get'; readonly count: number }
  /** Overwrites at full speed for a while. */
  | { readonly kind: 'churn'; readonly durationMs: number }
  | { readonly kind: 'close' };

export interface StorageAnswer {
  readonly seconds?: number;
  readonly operations?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
  readonly statistics?: SubjectStatistics;
  readonly error?: string;
}
