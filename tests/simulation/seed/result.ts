// What one seed came to.

import type { Operation } from '../../src/linearizability/history.ts';
import type { Effects } from '../faults/effects.ts';
import type { FaultNote } from '../faults/injector.ts';
import type { FaultName } from '../faults/registry.ts';

export interface SeedFailure {
  /** One sentence. */
  readonly what: string;
  readonly key?: string | undefined;
  /** Operations of the history that do not fit. */
  readonly involved: readonly Operation[];
}

export interface SeedResult {
  readonly seed: number;
  readonly failures: readonly SeedFailure[];
  readonly operations: number;
  readonly unknown: number;
  readonly notApplied: number;
  readonly events: number;
  readonly virtualMs: number;
  readonly faults: Readonly<Partial<Record<FaultName, number>>>;
  /** Changes that were asked for. */
  readonly changes: Readonly<Record<string, number>>;
  /** Operations of the metadata server by kind and end. */
  readonly ends: Readonly<Record<string, number>>;
  /** Calls of clients, by kind. */
  readonly calls: Readonly<Record<string, number>>;
  readonly effects: Effects;
  /** Durable steps that were passed. */
  readonly steps: Readonly<Record<string, number>>;
  /** The chosen process died in the chosen moment. */
  readonly hasDied: boolean;
  /** The same run has the same trace, and hardly any other has. */
  readonly trace: string;
}

/** What is kept of a run that failed. */
export interface SeedEvidence {
  readonly result: SeedResult;
  readonly history: readonly Operation[];
  readonly faultNotes: readonly FaultNote[];
  readonly log: readonly string[];
}
