// What a merge remembers, the records that it makes, and what keeps two ranges from being merged.

import {
  compareKeys,
  epoch,
  MemberState,
  type RangeId,
  type RangeRecord,
  type Sequence,
} from '@piton/protocol';
import { servingIn } from '../failover/chain-plan.ts';
import type { OperationContext } from '../operations/context.ts';

export interface MergePayload {
  readonly left: RangeId;
  readonly right: RangeId;
  /** Where they stood, once the head has told. From then on there is no way back. */
  readonly leftSequence?: Sequence;
  readonly rightSequence?: Sequence;
}

export function payloadOf(context: OperationContext): MergePayload {
  return context.entry.payload as unknown as MergePayload;
}

/** Both as clients know them: the left one is narrow there as long as the merge is not published. */
export function published(context: OperationContext): { left: RangeRecord; right: RangeRecord } {
  const { left, right } = payloadOf(context);
  const records = {
    left: context.range(left).published,
    right: context.range(right).published,
  };
  if (records.left === undefined || records.right === undefined) {
    throw new Error(`ranges ${left} and ${right} are not both published`);
  }
  return { left: records.left, right: records.right };
}

/** Why the two cannot become one; undefined when they can. */
export function problemWithMerge(left: RangeRecord, right: RangeRecord): string | undefined {
  const areNeighbours =
    left.keyspace === right.keyspace &&
    left.end !== undefined &&
    compareKeys(left.end, right.start) === 0;
  if (!areNeighbours) return 'they are not neighbours';
  const members = ({ chain }: RangeRecord): string => chain.map(({ drive }) => drive).join(', ');
  if (members(left) !== members(right)) {
    return `they lie on different drives (${members(left)} and ${members(right)}); move one of them first`;
  }
  const isWhole = ({ chain }: RangeRecord): boolean =>
    chain.every(({ state }) => state === MemberState.serving);
  return isWhole(left) && isWhole(right) ? undefined : 'a copy of them is being repaired';
}

/** The record of both, at the epoch behind the higher one. */
export function mergedRecord(left: RangeRecord, right: RangeRecord): RangeRecord {
  return { ...left, end: right.end, epoch: epoch(Math.max(left.epoch, right.epoch) + 1) };
}

export function hasFenced(context: OperationContext, { chain }: RangeRecord): boolean {
  return servingIn(chain).some(({ drive }) => context.services.standing.isFenced(drive));
}
