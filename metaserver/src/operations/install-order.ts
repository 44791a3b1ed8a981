// In which order the drives of a range are told of its next record.
//
// First, beside each other, those who may do less under it (an old head or tail, a removed member):
// when they have answered, nobody acts on a right that someone else is about to get. Then those who
// gain, then the others from tail to head, so that a member that has heard of the epoch finds its
// successor there already. Members that neither serve nor sync (offline, waiting, last) have no right
// to gain: nobody waits for them, they learn it when they register. Pure.

import { type DriveId, MemberState, type RangeRecord } from '@piton/protocol';
import { losesRight } from '../members/registration.ts';

export interface InstallOrder {
  /** All of these must have answered before the others are told. */
  readonly losers: readonly DriveId[];
  /** One after the other. */
  readonly others: readonly DriveId[];
}

function takesPart(state: MemberState): boolean {
  return state === MemberState.serving || state === MemberState.syncing;
}

export function installOrder(before: RangeRecord | undefined, after: RangeRecord): InstallOrder {
  const active = after.chain.filter(({ state }) => takesPart(state));
  const members = active.map(({ drive }) => drive).reverse();
  if (before === undefined) return { losers: [], others: members };
  const earlier = before.chain.map(({ drive }) => drive);
  const losers = earlier.filter((drive) => losesRight(before, after, drive));
  const isGainer = (drive: DriveId): boolean =>
    !earlier.includes(drive) || losesRight(after, before, drive);
  const rest = members.filter((drive) => !losers.includes(drive));
  const gainers = rest.filter(isGainer);
  return { losers, others: [...gainers, ...rest.filter((drive) => !isGainer(drive))] };
}
