// Drives: what each can hold and serve, where it stands, and what it costs.
//
// Either a list of machines that exist, or types to buy from. A type with `count` null may be taken as often as needed;
// its drives get the names MODEL-1, MODEL-2, ... A drive in state `drain` must end empty. The resources are named once for
// all drives; `bandwidth_bps` is reads and writes together, `read_bps` and `write_bps` are limits of their own.

export type DriveState = 'ok' | 'drain' | 'new';

export interface Drive {
  readonly id: string;
  /** Capacity per resource, in the order of DriveSet.resources. */
  readonly capacity: readonly number[];
  /** Index entries this drive may hold; 0 means no limit. */
  readonly maxRanges: number;
  readonly zone: string;
  readonly cost: number;
  readonly state: DriveState;
}

export interface DriveType {
  readonly model: string;
  readonly capacity: readonly number[];
  readonly maxRanges: number;
  readonly zone: string;
  readonly cost: number;
  /** null: as many as needed. */
  readonly count: number | null;
}

export interface DriveSet {
  readonly resources: readonly string[];
  readonly drives: readonly Drive[];
  readonly types: readonly DriveType[];
}

/** The drive of the source paper: 4 TB and 60 MB/s. */
export const PAPER_DRIVE: DriveType = {
  model: 'ST4000NK0001',
  capacity: [4e12, 60e6],
  maxRanges: 0,
  zone: '',
  cost: 1,
  count: null,
};

export function paperDrives(): DriveSet {
  return { resources: ['bytes', 'bandwidth_bps'], drives: [], types: [PAPER_DRIVE] };
}

/** Share of every resource that stays free, by resource; a drive at its limit moves data at every drift. */
export type Headroom = readonly number[];

/** The capacity that may be planned with: what is left after the headroom, rounded down. */
export function usableCapacity(capacity: readonly number[], headroom: Headroom): Float64Array {
  return Float64Array.from(capacity, (value, r) => {
    const share = headroom[r] ?? 0;
    return Math.floor(share === 0 ? value : value * (1 - share));
  });
}
