// Whether the index has room for more ranges. Every limit here is one of a message that must carry
// them: a drive is told all its records in one registration, and reports all its ranges in one
// heartbeat. Checked before anything is persisted, so that nothing grows past what can be told.

import { type DriveId, limits } from '@piton/protocol';
import type { ClusterState } from '../state/cluster-state.ts';

/** Records that one metadata server keeps in memory. */
export const RANGES_MAX: number = 200_000;
/** Records of one drive, as bytes of its registration's answer; the rest of the header has addresses. */
export const DRIVE_RECORD_BYTES_MAX: number = 700 * 1024;

export interface Growth {
  readonly ranges: number;
  readonly recordBytes: number;
}

/** Why the index cannot grow like this; undefined when it can. */
export function problemWithGrowth(
  state: ClusterState,
  ranges: number,
  perDrive: ReadonlyMap<DriveId, Growth>,
): string | undefined {
  if (state.ranges.size + ranges > RANGES_MAX) {
    return `the cluster has ${state.ranges.size} ranges, ${ranges} more would be over its limit of ${RANGES_MAX}`;
  }
  for (const [drive, growth] of perDrive) {
    const share = state.shareOf(drive);
    if (share.ranges.size + growth.ranges > limits.RANGES_PER_DRIVE_MAX) {
      return `drive ${drive} has ${share.ranges.size} ranges, ${growth.ranges} more would be over its limit of ${limits.RANGES_PER_DRIVE_MAX}`;
    }
    if (share.recordBytes + growth.recordBytes > DRIVE_RECORD_BYTES_MAX) {
      return `the borders of drive ${drive}'s ranges are too long to be told in one message; use shorter keys to cut at, or more drives`;
    }
  }
  return undefined;
}
