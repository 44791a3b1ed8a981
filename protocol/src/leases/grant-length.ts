// For how long a witness counts a grant, and how many witnesses are enough.
//
// Every clock of a cluster may run up to 5 % too fast or too slow (CLOCK_DRIFT_MAX). The holder
// measures its lease on its own clock, the witness measures how old the grant is, and the metadata
// server waits on a third clock. With the slowest holder, the fastest witness and the fastest server
// the holder's lease lasts 1.05 / 0.95 = 1.105 times as long as the others think. So a witness counts
// one eighth more than the lease from the moment of granting, which was after the holder sent its
// request; then neither the server nor anybody else has to add anything.

/** How far a monotonic clock may be from true time, either way. */
export const CLOCK_DRIFT_MAX: number = 0.05;
const MARGIN = 1 / 8;

if (1 + MARGIN < (1 + CLOCK_DRIFT_MAX) / (1 - CLOCK_DRIFT_MAX)) {
  throw new Error('leases: the margin of a grant must cover the drift of two clocks');
}

/** From granting until the grant cannot be valid any more, on any clock. */
export function countedMs(leaseMs: number): number {
  return leaseMs * (1 + MARGIN);
}

/** How many of a witness set decide. Two majorities have a witness in common. */
export function majorityOf(witnessCount: number): number {
  return Math.floor(witnessCount / 2) + 1;
}
