// A merge that its head has not made is taken back: both ranges go on as they were, under an epoch above that of the
// merge, so that a command for it that comes late is refused.
//
// It may come just before: then the head refuses the narrow record, and the merge goes on after all.

import {
  type DriveId,
  epoch,
  type MergeAnswer,
  messages,
  type RangeRecord,
  Status,
} from '@piton/protocol';
import { servingIn, withoutMissing } from '../failover/chain-plan.ts';
import { DriveFencedError, DriveRefusedError } from '../operations/commands.ts';
import { CommandMode, type OperationContext, OperationFailedError } from '../operations/context.ts';
import { tellAll } from '../operations/tell-all.ts';
import { pause } from '../operations/waiting.ts';
import { hasFenced, mergedRecord, payloadOf, published } from './merge-payload.ts';

const RETRY_MS = 200;

/** A member does not take the narrow record. */
class MergedAlreadyError extends Error {
  readonly drive: DriveId;
  constructor(drive: DriveId) {
    super(`drive ${drive} has merged already`);
    this.drive = drive;
  }
}

export async function persistBack(context: OperationContext, reason: string): Promise<void> {
  const { left: leftId, right: rightId } = payloadOf(context);
  await context.services.state.change((draft) => {
    const { left, right } = published(context);
    const { record } = context.range(leftId);
    // The chain of the newest record is that of both.
    const next = {
      epoch: epoch(Math.max(record.epoch, context.range(rightId).record.epoch) + 1),
      version: draft.version(),
      chain: withoutMissing(record.chain, context.services.standing),
    };
    draft.putRange({ record: { ...left, ...next }, published: left });
    draft.putRange({ record: { ...right, ...next }, published: right });
    draft.putOperation({
      ...context.entry,
      step: 'takingBack',
      message: `ranges ${leftId} and ${rightId} were not merged: ${reason}`,
    });
  });
  await context.fault('merge.backPersisted');
}

export async function takeBack(context: OperationContext): Promise<void> {
  const { left, right } = payloadOf(context);
  const { message } = context.entry;
  try {
    for (const id of [left, right]) {
      const { record, published: before } = context.range(id);
      await tellAll(before, record, {
        isFenced: (drive) => context.services.standing.isFenced(drive),
        tell: (drive) => tellNarrow(context, drive, record),
      });
    }
  } catch (error) {
    if (!(error instanceof MergedAlreadyError)) throw error;
    await goOn(context, error.drive);
    return;
  }
  // Who is fenced must not come back as a serving member of borders that it may not have.
  const { record } = context.range(left);
  if (hasFenced(context, record)) {
    await wait(context);
    // When all are away nobody can be left out: what is persisted is right for whoever comes back.
    if (hasStanding(context, record)) await persistBack(context, reasonIn(message));
    return;
  }
  await context.fault('merge.backTold');
  await context.services.state.change((draft) => {
    draft.publishRange(context.range(left));
    draft.publishRange(context.range(right));
  });
  throw new OperationFailedError(message);
}

function hasStanding({ services }: OperationContext, { chain }: RangeRecord): boolean {
  return servingIn(chain).some(({ drive }) => !services.standing.isFenced(drive));
}

const reasonIn = (message: string): string => message.slice(message.indexOf(': ') + 2);

async function tellNarrow(
  context: OperationContext,
  drive: DriveId,
  record: RangeRecord,
): Promise<boolean> {
  try {
    return await context.tell(drive, record, CommandMode.firm);
  } catch (error) {
    const isRefusal =
      error instanceof DriveRefusedError && error.status === Status.conflictingOperation;
    if (!isRefusal) throw error;
    throw new MergedAlreadyError(drive);
  }
}

function wait(context: OperationContext): Promise<void> {
  return context.parked(() => pause(context.services.clock, RETRY_MS, context.signal));
}

/** The head has merged after all: the others follow, under an epoch above everything that was told. */
async function goOn(context: OperationContext, drive: DriveId): Promise<void> {
  const { left: leftId, right: rightId } = payloadOf(context);
  const { left, right } = published(context);
  const next = mergedRecord(
    { ...context.range(leftId).record, end: left.end },
    context.range(rightId).record,
  );
  const answer = await whereTheyStood(context, drive, { left, right, merged: next });
  if (answer === undefined) {
    await wait(context);
    return;
  }
  await context.services.state.change((draft) => {
    draft.putRange({ record: { ...next, version: draft.version() }, published: left });
    draft.putOperation({
      ...context.entry,
      step: 'joining',
      message: `the other members of range ${leftId} are merging`,
      payload: { ...payloadOf(context), ...answer },
    });
  });
  await context.fault('merge.joining');
}

async function whereTheyStood(
  context: OperationContext,
  drive: DriveId,
  records: { left: RangeRecord; right: RangeRecord; merged: RangeRecord },
): Promise<MergeAnswer | undefined> {
  const nothing = { leftSequence: undefined, rightSequence: undefined };
  const command = { ...records, ...nothing, isCheck: true };
  const { mergeRange, mergeAnswer } = messages;
  try {
    return await context.command(drive, mergeRange, command, mergeAnswer, CommandMode.firm);
  } catch (error) {
    if (error instanceof DriveFencedError || error instanceof DriveRefusedError) return undefined;
    throw error;
  }
}
