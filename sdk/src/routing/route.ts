// Where the operations on a range go: its record, with the links to its drives.

import type { RangeRecord } from '@piton/protocol';
import type { DriveLink } from '../transport/drive-link.ts';

/** Members of one range that cannot answer reads of it just now. */
export interface Absences {
  readonly untilMs: number[];
  readonly times: number[];
}

/** A record with the links to its drives. */
export interface Route {
  readonly record: RangeRecord;
  /** Takes the writes; undefined when no member serves. */
  readonly head: DriveLink | undefined;
  /** May answer reads: the serving members from head to tail, or the tail alone. */
  readonly readers: readonly DriveLink[];
  /** Who of them is left alone for a while; see readers.ts. */
  absences: Absences | undefined;
}
