// A split in which a member of the chain died between the first who cut and the last.
//
// The cut travels down the chain and each member makes it before it passes it on, so whoever has cut has
// only such members before it that have, and the head had drained the range: everybody stood at the
// sequence of the cut. No write is committed under the new records before every member has cut. So the
// first survivor decides:
//
//   it has cut      the others make the same cut by themselves (cuttingDirect). One that does not stand
//                   at its sequence leaves both chains, and is copied anew
//   it has not      nobody behind it has: the cut is taken back (takingBack), and begun anew. If it comes
//                   to the first survivor just then, that refuses the record without it: then it has cut
//
// The same when it is cancelled: the first survivor is the head then.
//
// Both under a higher epoch, persisted first, with the dead member offline. Once the sequence of the
// cut is persisted there is no way back, whoever dies next: it is right for everyone who stands at it.

import {
  type DriveId,
  epoch,
  messages,
  type RangeId,
  type RangeRecord,
  type Sequence,
  Status,
} from '@piton/protocol';
import { servingIn, withoutMissing } from '../failover/chain-plan.ts';
import { DriveFencedError, DriveRefusedError } from './commands.ts';
import { CommandMode, type OperationContext, OperationFailedError } from './context.ts';
import { tellAll } from './tell-all.ts';
import { pause } from './waiting.ts';

export interface SplitPayload {
  readonly range: RangeId;
  /** Hex; absent: in the middle of the bytes. */
  readonly key?: string;
  /** The new range, once it is persisted. */
  readonly right?: RangeId;
  /** The last sequence before the cut, once a survivor has told it. */
  readonly sequence?: Sequence;
}

/** Before the members are asked again when all of them are dead. */
const RETRY_MS = 500;
/** A member may still be applying what was committed: it is asked so often. */
const CUT_ATTEMPTS = 10;

/** A member has made the cut that was to be taken back, or cannot make the one that is to be made. */
class RefusedByMemberError extends Error {
  readonly drive: DriveId;
  constructor(drive: DriveId, cause: DriveRefusedError) {
    super(cause.message, { cause });
    this.drive = drive;
  }
}

function payloadOf(context: OperationContext): SplitPayload & { readonly right: RangeId } {
  return context.entry.payload as unknown as Required<SplitPayload>;
}

export function recordsOf(context: OperationContext): { left: RangeRecord; right: RangeRecord } {
  const { range, right } = payloadOf(context);
  return { left: context.range(range).record, right: context.range(right).record };
}

export async function publishBoth(context: OperationContext): Promise<void> {
  const { range, right } = payloadOf(context);
  await context.save('published', `range ${range} was cut`, (draft) => {
    draft.publishRange(context.range(range));
    draft.publishRange(context.range(right));
  });
}

const drivesServing = ({ chain }: RangeRecord): DriveId[] =>
  servingIn(chain).map(({ drive }) => drive);

/** Calls `wake` when a serving member of the record is fenced. Returns how to stop listening. */
export function whenAnyFenced(
  context: OperationContext,
  record: RangeRecord,
  wake: () => void,
): () => void {
  const { standing } = context.services;
  const stops = new Map<DriveId, () => void>();
  const listen = (drive: DriveId): void => {
    stops.set(
      drive,
      standing.whenDoubted(drive, () => (standing.isFenced(drive) ? wake() : listen(drive))),
    );
  };
  for (const drive of drivesServing(record)) listen(drive);
  return () => {
    for (const stop of stops.values()) stop();
  };
}

/** Asks the first survivor, and persists what follows from its answer. */
export async function decide(context: OperationContext): Promise<void> {
  const { standing } = context.services;
  for (;;) {
    const { left } = recordsOf(context);
    const members = drivesServing(left);
    // All are back: the head is told again, and passes the cut on.
    if (!members.some((drive) => standing.isFenced(drive))) return;
    const answer = await askFirst(context);
    if (answer !== undefined) {
      if (answer.cutSequence === undefined) await persistBack(context);
      else await persistDirect(context, answer.cutSequence);
      return;
    }
    await wait(context, 'waiting for a member of its chain');
  }
}

/** It was cancelled: it can be taken back as long as the first of its chain has not cut. Returns whether it is. */
export async function persistBackIfUncut(context: OperationContext): Promise<boolean> {
  const answer = await askFirst(context);
  if (answer === undefined || answer.cutSequence !== undefined) return false;
  await persistBack(context);
  return true;
}

export const wasCancelled = (range: RangeId): OperationFailedError =>
  new OperationFailedError(`range ${range} was not cut: it was cancelled`);

/** How far the first survivor is; undefined when there is none, or it is fenced meanwhile. */
async function askFirst(context: OperationContext) {
  const { standing } = context.services;
  const members = drivesServing(recordsOf(context).left);
  const first = members.find((drive) => !standing.isFenced(drive));
  return first && askState(context, first);
}

/**
 * How far a member is with the right half; undefined when it is fenced meanwhile. A half that is left there of an
 * earlier cut, which was taken back, is older than what is published.
 */
async function askState(context: OperationContext, drive: DriveId) {
  const { right: range, range: left } = payloadOf(context);
  const { rangeState, rangeStateAnswer } = messages;
  const mode = CommandMode.insistent;
  try {
    const answer = await context.command(drive, rangeState, { range }, rangeStateAnswer, mode);
    const takenBack = context.range(left).published?.epoch ?? 0;
    const isLeftOver = (answer.record?.epoch ?? 0) <= takenBack;
    return isLeftOver ? { ...answer, cutSequence: undefined } : answer;
  } catch (error) {
    if (error instanceof DriveFencedError) return undefined;
    throw error;
  }
}

async function persistDirect(
  context: OperationContext,
  sequence: Sequence,
  leaving: readonly DriveId[] = [],
): Promise<void> {
  const { state } = context.services;
  const payload = payloadOf(context);
  await state.change((draft) => {
    const { record, published } = context.range(payload.range);
    // Not there when the cut was being taken back: then the left record is the whole range.
    const half = state.ranges.get(payload.right)?.record;
    const start = half?.start ?? new Uint8Array(Buffer.from(payload.key as string, 'hex'));
    const end = half === undefined ? record.end : half.end;
    const chain = withoutMissing(record.chain, context.services.standing, leaving);
    const next = { ...record, epoch: epoch(record.epoch + 1), version: draft.version(), chain };
    draft.putRange({ record: { ...next, end: start }, published });
    draft.putRange({ record: { ...next, id: payload.right, start, end }, published: undefined });
    draft.putOperation({
      ...context.entry,
      step: 'cuttingDirect',
      message: `the members of range ${payload.range} cut by themselves`,
      ranges: [payload.range, payload.right],
      payload: { ...payload, sequence },
    });
  });
  await context.fault('split.directPersisted');
}

/**
 * Survivors cut by themselves, those that cannot are taken out. So are those that were fenced before they were
 * told: published as serving members they would come back with borders that nobody has.
 */
export async function cutDirect(context: OperationContext): Promise<void> {
  const { sequence } = payloadOf(context);
  for (;;) {
    try {
      const { told, untold } = await tellDirect(context, sequence as Sequence);
      if (untold.length === 0) break;
      if (told > 0) await persistDirect(context, sequence as Sequence, untold);
      else await wait(context, 'all members of its chain are away');
    } catch (error) {
      if (!(error instanceof RefusedByMemberError)) throw error;
      await giveUpMember(context, error, sequence as Sequence);
    }
  }
  await context.fault('split.directTold');
  await publishBoth(context);
}

/** How many serving members have cut, and who was fenced before it had. */
async function tellDirect(
  context: OperationContext,
  sequence: Sequence,
): Promise<{ told: number; untold: DriveId[] }> {
  const { standing } = context.services;
  const { left, right } = recordsOf(context);
  const serving = drivesServing(left);
  const all = await tellAll(context.range(left.id).published, left, {
    isFenced: (drive) => standing.isFenced(drive),
    tell: (drive) =>
      serving.includes(drive)
        ? tellToCut(context, drive, { left, right, isDirect: true, sequence })
        : context.tell(drive, left, CommandMode.insistent),
  });
  const untold = serving.filter((drive) => !all.has(drive));
  return { told: serving.length - untold.length, untold };
}

interface DirectCut {
  readonly left: RangeRecord;
  readonly right: RangeRecord;
  readonly isDirect: boolean;
  readonly sequence: Sequence;
}

async function tellToCut(
  context: OperationContext,
  drive: DriveId,
  message: DirectCut,
): Promise<boolean> {
  const { splitRange, done } = messages;
  for (let attempt = 1; ; attempt++) {
    try {
      await context.command(drive, splitRange, message, done, CommandMode.firm);
      return true;
    } catch (error) {
      if (error instanceof DriveFencedError) return false;
      if (!isCutRefusal(error)) throw error;
      if (attempt === CUT_ATTEMPTS) throw new RefusedByMemberError(drive, error);
    }
    await context.parked(() => pause(context.services.clock, RETRY_MS / 5, context.signal));
  }
}

function isCutRefusal(error: unknown): error is DriveRefusedError {
  return error instanceof DriveRefusedError && error.status === Status.conflictingOperation;
}

/** A member that does not stand at the sequence of the cut, when another one has made it. */
async function giveUpMember(
  context: OperationContext,
  { drive, message }: RefusedByMemberError,
  sequence: Sequence,
): Promise<void> {
  const { standing } = context.services;
  const { left } = recordsOf(context);
  const others = drivesServing(left).filter((one) => one !== drive && !standing.isFenced(one));
  if (others.length > 0) await persistDirect(context, sequence, [drive]);
  else await wait(context, message);
}

/** All members are dead, or the one that is here cannot go on alone. */
function wait(context: OperationContext, why: string): Promise<void> {
  context.say(`range ${payloadOf(context).range}: ${why}`);
  return context.parked(() => pause(context.services.clock, RETRY_MS, context.signal));
}

/** The range is whole again in its next record, and the right half is not in the catalog any more. */
async function persistBack(
  context: OperationContext,
  leaving: readonly DriveId[] = [],
): Promise<void> {
  const { state } = context.services;
  const payload = payloadOf(context);
  await state.change((draft) => {
    const { record, published } = context.range(payload.range);
    // Not there when a member was fenced while the others were told: then the left record is the whole range.
    const half = state.ranges.get(payload.right)?.record;
    const key = half === undefined ? payload.key : Buffer.from(half.start).toString('hex');
    const end = half === undefined ? record.end : half.end;
    const chain = withoutMissing(record.chain, context.services.standing, leaving);
    const at = { epoch: epoch(record.epoch + 1), version: draft.version() };
    draft.putRange({ record: { ...record, ...at, end, chain }, published });
    if (half !== undefined) draft.removeRange(payload.right);
    draft.putOperation({
      ...context.entry,
      step: 'takingBack',
      message: context.isCancelled
        ? `range ${payload.range} is put back as it was`
        : `a member died before range ${payload.range} was cut: beginning anew`,
      ranges: [payload.range],
      payload: { ...payload, key },
    });
  });
  await context.fault('split.backPersisted');
}

export async function takeBack(context: OperationContext): Promise<void> {
  const { standing } = context.services;
  const { range } = payloadOf(context);
  const { record, published } = context.range(range);
  const serving = drivesServing(record);
  try {
    const all = await tellAll(published, record, {
      isFenced: (drive) => standing.isFenced(drive),
      tell: (drive) => tellWhole(context, drive, record),
    });
    const untold = serving.filter((drive) => !all.has(drive));
    // One that was fenced before it was told may have cut: it must not come back as a serving member.
    if (untold.length > 0) {
      if (untold.length < serving.length) await persistBack(context, untold);
      else await wait(context, 'all members of its chain are away');
      return;
    }
  } catch (error) {
    if (!(error instanceof RefusedByMemberError)) throw error;
    await forward(context, error.drive);
    return;
  }
  await context.fault('split.backTold');
  if (context.isCancelled) {
    await context.services.state.change((draft) => draft.publishRange(context.range(range)));
    throw wasCancelled(range);
  }
  await context.save('accepted', `range ${range} is being cut anew`, (draft) =>
    draft.publishRange(context.range(range)),
  );
}

async function tellWhole(
  context: OperationContext,
  drive: DriveId,
  record: RangeRecord,
): Promise<boolean> {
  try {
    return await context.tell(drive, record, CommandMode.firm);
  } catch (error) {
    if (isCutRefusal(error)) throw new RefusedByMemberError(drive, error);
    throw error;
  }
}

/** The cut came to a member just before it was to be taken back. */
async function forward(context: OperationContext, drive: DriveId): Promise<void> {
  const answer = await askState(context, drive);
  if (answer?.cutSequence !== undefined) await persistDirect(context, answer.cutSequence);
  // Fenced meanwhile, or it refused for another reason: it is told again.
  else await wait(context, `drive ${drive} is not ready`);
}
