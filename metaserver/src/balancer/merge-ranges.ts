// Makes one range of two neighbours with the same chain; no data moves.
//
//   accepted    every member is asked whether it could: the halves must lie in one namespace of its log
//   merging     the merged record is persisted (id of the left one, an epoch above both); the head lets both
//               drain, merges, and tells at which sequences they stood
//   joining     these are persisted: no way back. The other members, who stand there too, merge as well
//   (end)       published; the right range is in the catalog no more
//   takingBack  the head has not merged: a member died, it was cancelled, or writes did not drain. Both go on
//               under a higher epoch
//
// The right range stays in the catalog as it is until everybody has merged: a member that registers meanwhile is
// told what it was told before, and the operation brings it the rest. A member that dies while others join, or cannot,
// is put offline in the next records of both before anything is published: nobody serves borders that it does not have,
// or half of what others have made one.
//
// Only the head merges without being told the sequences, so when it has not, nobody has.

import {
  type DriveId,
  epoch,
  type Member,
  MemberState,
  type MergeAnswer,
  type MergeRange,
  messages,
  type RangeRecord,
  Status,
} from '@piton/protocol';
import { servingIn, withoutMissing } from '../failover/chain-plan.ts';
import { DriveFencedError, DriveGoneError, DriveRefusedError } from '../operations/commands.ts';
import {
  CommandMode,
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from '../operations/context.ts';
import { untilSettled } from '../operations/copy-wait.ts';
import { whenAnyFenced } from '../operations/split-recovery.ts';
import { tellAll } from '../operations/tell-all.ts';
import { pause, StoppedError } from '../operations/waiting.ts';
import { persistBack, takeBack } from './merge-back.ts';
import {
  hasFenced,
  mergedRecord,
  payloadOf,
  problemWithMerge,
  published,
} from './merge-payload.ts';

/** A head that is busy is asked so often, and another member that may still be applying what was committed. */
const HEAD_ATTEMPTS = 3;
const MEMBER_ATTEMPTS = 20;
const RETRY_MS = 200;
const DROP_MS = 5_000;

export class MergeRanges implements OperationKind {
  readonly kind = 'merge';
  readonly isCancellable = true;

  async run(context: OperationContext): Promise<string> {
    for (;;) {
      const { step } = context.entry;
      if (step === 'accepted') await accept(context);
      else if (step === 'merging') await mergeAtHead(context);
      else if (step === 'joining') await join(context);
      else if (step === 'takingBack') await takeBack(context);
      else {
        const { left, right } = payloadOf(context);
        return `range ${left} has the keys of range ${right} as well`;
      }
    }
  }
}

async function accept(context: OperationContext): Promise<void> {
  await context.fault('merge.accepted');
  const { left: leftId, right: rightId } = payloadOf(context);
  await untilSettled(context, leftId);
  await untilSettled(context, rightId);
  const { left, right } = published(context);
  const problem = problemWithMerge(left, right) ?? (await problemOfMembers(context, left, right));
  if (problem !== undefined) {
    throw new OperationFailedError(`ranges ${leftId} and ${rightId} were not merged: ${problem}`);
  }
  await context.services.state.change((draft) => {
    const record = { ...mergedRecord(left, right), version: draft.version() };
    draft.putRange({ record, published: left });
    draft.putOperation({
      ...context.entry,
      step: 'merging',
      message: `merging ranges ${leftId} and ${rightId}`,
    });
  });
  await context.fault('merge.persisted');
}

async function problemOfMembers(
  context: OperationContext,
  left: RangeRecord,
  right: RangeRecord,
): Promise<string | undefined> {
  if (context.isCancelled) return 'it was cancelled';
  const command = { ...commandOf(left, right, mergedRecord(left, right)), isCheck: true };
  for (const { drive } of left.chain) {
    try {
      await send(context, drive, command, CommandMode.wary);
    } catch (error) {
      const isAnswer =
        error instanceof DriveGoneError ||
        error instanceof DriveRefusedError ||
        error instanceof DriveFencedError;
      if (!isAnswer) throw error;
      return (error as Error).message;
    }
  }
  return undefined;
}

function commandOf(left: RangeRecord, right: RangeRecord, merged: RangeRecord): MergeRange {
  const nothing = { leftSequence: undefined, rightSequence: undefined };
  return { left, right, merged, isCheck: false, ...nothing };
}

function send(
  context: OperationContext,
  drive: DriveId,
  command: MergeRange,
  mode: CommandMode,
  interrupt?: AbortSignal,
): Promise<MergeAnswer> {
  const { mergeRange, mergeAnswer } = messages;
  return context.command(drive, mergeRange, command, mergeAnswer, mode, interrupt);
}

async function mergeAtHead(context: OperationContext): Promise<void> {
  const { left: leftId } = payloadOf(context);
  const { left, right } = published(context);
  const { record } = context.range(leftId);
  const [head] = servingIn(record.chain);
  const outcome =
    head === undefined ? 'it has no head' : await askHead(context, head.drive, left, right, record);
  if (typeof outcome === 'string') {
    await persistBack(context, outcome);
    return;
  }
  await context.fault('merge.headMerged');
  await context.services.state.change((draft) => {
    draft.putOperation({
      ...context.entry,
      step: 'joining',
      message: `the other members of range ${leftId} are merging`,
      payload: { ...payloadOf(context), ...outcome },
    });
  });
  await context.fault('merge.joining');
}

/** Answers where they stood, or why it was not done. */
async function askHead(
  context: OperationContext,
  head: DriveId,
  left: RangeRecord,
  right: RangeRecord,
  merged: RangeRecord,
): Promise<MergeAnswer | string> {
  for (let attempt = 1; ; attempt++) {
    if (context.isCancelled) return 'it was cancelled';
    if (hasFenced(context, merged)) return 'a member of its chain went away';
    try {
      return await sendInterruptibly(context, head, commandOf(left, right, merged), merged);
    } catch (error) {
      const isOver = error instanceof DriveFencedError || error instanceof StoppedError;
      if (isOver && !context.signal.aborted) continue;
      if (!(error instanceof DriveRefusedError)) throw error;
      const isBusy = error.status === Status.conflictingOperation;
      if (!isBusy || attempt >= HEAD_ATTEMPTS) return error.message;
    }
    await context.parked(() => pause(context.services.clock, RETRY_MS, context.signal));
  }
}

/** Ends with StoppedError as soon as a member is fenced: then the writes would never drain. */
async function sendInterruptibly(
  context: OperationContext,
  head: DriveId,
  command: MergeRange,
  merged: RangeRecord,
): Promise<MergeAnswer> {
  const interrupt = new AbortController();
  const stopListening = whenAnyFenced(context, merged, () => interrupt.abort());
  try {
    return await send(context, head, command, CommandMode.firm, interrupt.signal);
  } finally {
    stopListening();
  }
}

/** Tells everyone whom it concerns, and publishes when all serving members have merged. */
async function join(context: OperationContext): Promise<void> {
  const { left: leftId, right: rightId } = payloadOf(context);
  for (;;) {
    const { record } = context.range(leftId);
    const failed = hasFenced(context, record) ? [] : await tellMembers(context, record);
    if (failed === undefined) break;
    await persistJoin(context, failed);
  }
  await context.fault('merge.joined');
  const over = context.range(rightId).record;
  await context.services.state.change((draft) => {
    draft.publishRange(context.range(leftId));
    draft.removeRange(rightId);
    const message = `range ${leftId} has the keys of range ${rightId} as well`;
    draft.putOperation({ ...context.entry, step: 'published', ranges: [leftId], message });
  });
  dropLeftOver(context, over);
}

/** Undefined when all serving members have merged; else who could not, of those that are here. */
async function tellMembers(
  context: OperationContext,
  merged: RangeRecord,
): Promise<DriveId[] | undefined> {
  const { right: rightId, leftSequence, rightSequence } = payloadOf(context);
  const { standing } = context.services;
  const { left, right } = published(context);
  const command = { ...commandOf(left, right, merged), leftSequence, rightSequence };
  const serving = servingIn(merged.chain).map(({ drive }) => drive);
  const tell = async (drive: DriveId): Promise<boolean> => {
    if (serving.includes(drive)) return tellMember(context, drive, command);
    // Taken out: it must not answer for either of them any more, before anybody goes on without it.
    return (
      (await context.tell(drive, merged, CommandMode.insistent)) &&
      (await context.tell(drive, context.range(rightId).record, CommandMode.insistent))
    );
  };
  try {
    await tellAll(left, merged, { tell, isFenced: (drive) => standing.isFenced(drive) });
  } catch (error) {
    if (error instanceof CannotMergeError) return [error.drive];
    throw error;
  }
  return hasFenced(context, merged) ? [] : undefined;
}

/** A member that is here does not stand where the head stood. */
class CannotMergeError extends Error {
  readonly drive: DriveId;
  constructor(drive: DriveId, cause: DriveRefusedError) {
    super(cause.message, { cause });
    this.drive = drive;
  }
}

/** Returns false when it is fenced. Rejects with CannotMergeError. */
async function tellMember(
  context: OperationContext,
  drive: DriveId,
  command: MergeRange,
): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await send(context, drive, command, CommandMode.firm);
      return true;
    } catch (error) {
      if (error instanceof DriveFencedError) return false;
      if (!(error instanceof DriveRefusedError)) throw error;
      if (attempt >= MEMBER_ATTEMPTS) throw new CannotMergeError(drive, error);
    }
    await context.parked(() => pause(context.services.clock, RETRY_MS, context.signal));
  }
}

/**
 * The next records, in which members that are fenced or could not merge are offline: in that of the right range too,
 * so that one that registers does not go on serving it. Waits when none would be left.
 */
async function persistJoin(context: OperationContext, failed: readonly DriveId[]): Promise<void> {
  const { left: leftId, right: rightId } = payloadOf(context);
  const { standing } = context.services;
  const { chain: before } = context.range(leftId).record;
  const isLeft = ({ drive }: Member): boolean =>
    !failed.includes(drive) && !standing.isFenced(drive);
  if (!servingIn(before).some(isLeft)) {
    context.say(`range ${leftId}: waiting for a member of its chain`);
    await context.parked(() => pause(context.services.clock, RETRY_MS, context.signal));
    return;
  }
  const chain = withoutMissing(before, standing, failed);
  await context.services.state.change((draft) => {
    const [left, right] = [context.range(leftId), context.range(rightId)];
    const version = draft.version();
    const over = { ...right.record, epoch: epoch(right.record.epoch + 1), version, chain };
    const merged = { ...mergedRecord(left.record, over), end: left.record.end, version, chain };
    draft.putRange({ record: merged, published: left.published });
    draft.putRange({ record: over, published: right.published });
  });
  await context.fault('merge.joinPersisted');
}

/** Members that were taken out still have their copies of the right range: nobody needs them. Told once. */
function dropLeftOver(context: OperationContext, over: RangeRecord): void {
  for (const { drive, state } of over.chain) {
    if (state === MemberState.serving) continue;
    const message = { range: over.id, epoch: epoch(over.epoch + 1) };
    context.services.drives
      .connectionOf(drive)
      ?.request(messages.dropRange, message, messages.done, { timeoutMs: DROP_MS })
      .catch(() => {});
  }
}
