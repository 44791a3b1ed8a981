// Waits for the copy of a range to a syncing member, however the chain changes meanwhile.
//
// While it waits the range is lent: members that fail are taken out of the chain, and the copy goes on
// under the next epoch, from the new tail if need be. The syncing member itself is on the way of every
// write, so it is not waited for when it does not answer.

import { type DriveId, MemberState, type RangeId, type RangeRecord, tailOf } from '@piton/protocol';
import { DriveGoneError } from './commands.ts';
import type { OperationContext } from './context.ts';
import { listenToAll, waitFor } from './waiting.ts';

/** How often a copy under way is looked at, beside what is reported. */
const CHECK_MS = 1_000;

/** Whether everyone has been told of the newest record, and clients too. */
function isSettled(context: OperationContext, range: RangeId): boolean {
  const { record, published } = context.range(range);
  return published?.epoch === record.epoch;
}

/** Resolves when no change by anybody else is under way: only then the operation may make its own. */
export async function untilSettled(context: OperationContext, range: RangeId): Promise<void> {
  while (!isSettled(context, range)) await wait(context, range, () => () => {});
}

/** Rejects with DriveGoneError or CancelledError when the copy is to be given up. */
export async function waitForCopy(
  context: OperationContext,
  range: RangeId,
  to: DriveId,
): Promise<void> {
  const { syncs, standing } = context.services;
  for (;;) {
    await untilSettled(context, range);
    const { record } = context.range(range);
    context.checkCancelled();
    if (syncs.hasArrived(range, record.epoch)) return;
    const member = record.chain.find(({ drive }) => drive === to);
    checkTarget(context, to, member?.state === MemberState.syncing);
    checkReach(context, to, record);
    checkTail(context, to, tailOf(record));
    await wait(context, range, (wake) =>
      listenToAll(
        syncs.listen(range, record.epoch, wake),
        standing.whenDoubted(to, wake),
        context.whenCancelled(wake),
      ),
    );
  }
}

function checkTarget(context: OperationContext, to: DriveId, isSyncing: boolean): void {
  const { drives, standing, patienceMs } = context.services;
  if (isSyncing && !standing.isSuspected(to) && drives.goneMs(to) <= patienceMs) return;
  throw new DriveGoneError(to, `drive ${to} went away during the copy`);
}

/** It is alive, but the chain cannot bring it anything. */
function checkReach({ services }: OperationContext, to: DriveId, record: RangeRecord): void {
  if (!services.standing.isCutOff(record, to)) return;
  throw new DriveGoneError(to, `drive ${to} is not reached by the other members, or is full`);
}

/** A tail that is away may come back, or another takes its place; without one there is no copy. */
function checkTail(context: OperationContext, to: DriveId, tail: DriveId | undefined): void {
  const { drives, patienceMs } = context.services;
  if (tail === undefined) throw new DriveGoneError(to, 'no member serves the range any more');
  if (drives.goneMs(tail) <= patienceMs) return;
  throw new DriveGoneError(tail, `drive ${tail} went away during the copy`);
}

function wait(
  context: OperationContext,
  range: RangeId,
  listen: (wake: () => void) => () => void,
): Promise<boolean> {
  const { clock } = context.services;
  return context.lent(range, () =>
    context.parked(() => waitFor(clock, CHECK_MS, context.signal, listen)),
  );
}
