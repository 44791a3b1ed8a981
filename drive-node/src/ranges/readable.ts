// Which range copies may answer reads, and version queries, from what they have.
//
// The ground of reads at any member (docs/decisions/0011): every write of the chain passes a serving
// member before the tail can commit it. So a member knows of every write that anybody may have seen:
// it is committed here, or it is pending here. That is true of a copy that has lost nothing, or has
// been given again what it lost:
//
// - a syncing member is not on the way of the writes of its chain until its copy is complete;
// - after a restart a member may lack what its successors have, until it has agreed with them
//   (`isReconciled`), and what its predecessor still has, until that is committed (`readableFrom`);
// - writes of an earlier life that are not acknowledged again are shown by the store already.
//
// Not here: the lease. It is asked after the read and before the answer.

import type { Replica } from './replica.ts';

export const Readability = {
  /** Not a serving member with a whole copy: somebody else is. */
  elsewhere: 'elsewhere',
  /** A serving member that does not have everything back yet. */
  later: 'later',
  now: 'now',
} as const;
export type Readability = (typeof Readability)[keyof typeof Readability];

export function readabilityOf(replica: Replica): Readability {
  const { role } = replica;
  if (!role.isMember || role.isSyncing || !replica.isComplete || !replica.isListed) {
    return Readability.elsewhere;
  }
  const isWhole =
    replica.isReconciled &&
    replica.committed >= replica.readableFrom &&
    !replica.pending.hasReplayed;
  return isWhole ? Readability.now : Readability.later;
}
