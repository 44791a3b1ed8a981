// Refusals of a read that say nothing about the other members of its range.

import { Status } from '@piton/protocol';

/** What a member says about one range. */
export const REFUSES_RANGE: ReadonlySet<number> = new Set([
  Status.rangeUnavailable,
  Status.aheadOfDrive,
  Status.checksum,
]);

/** What a drive says about itself. */
const REFUSES_ALL: ReadonlySet<number> = new Set([
  Status.overloaded,
  Status.stopping,
  Status.storeFailed,
  Status.internal,
]);

/** Whether another member may answer what was refused here. */
export function isForAnother(status: number): boolean {
  return REFUSES_RANGE.has(status) || REFUSES_ALL.has(status);
}
