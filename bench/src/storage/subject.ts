// A storage engine as the comparison drives it.

import type { KeyArena } from './key-arena.ts';

export interface SubjectStatistics {
  readonly keys: number;
  readonly indexBytes: number | undefined;
  readonly compactedBytes: number | undefined;
}

export interface Subject {
  /** Puts numbers `from` to `to` of the arena, in order, and returns when all are as safe as asked. */
  put(arena: KeyArena, from: number, to: number): Promise<void>;
  /** Gets all of these numbers and checks the length of what comes. */
  get(arena: KeyArena, numbers: Uint32Array): Promise<void>;
  statistics(): SubjectStatistics;
  close(): Promise<void>;
}

/** Puts that go together: one transaction, one turn of the event loop. */
export const BATCH = 256;
export const VALUE_BYTES = 128;

/** What each engine is told; `piton` flushes, `sqlite` flushes at checkpoints of its own, `sqlite-full` always. */
export type SubjectKind = 'piton' | 'sqlite' | 'sqlite-full';

export interface SubjectOptions {
  readonly kind: SubjectKind;
  readonly directory: string;
  readonly cacheBytes: number;
}
