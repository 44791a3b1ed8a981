// Cuts a range in two on the drives that hold it; no data moves.
//
//   accepted       when no exact key was given, a member is asked for the key that halves the bytes; the members are
//                  told once more what they should have
//   cutting        both records are persisted (the left one keeps the id, both have the next epoch), the head
//                  passes the cut down its chain in the order of its writes and answers when all have it
//   cuttingDirect  a member died meanwhile, and the survivors cut by themselves   (split-recovery.ts)
//   takingBack     a member died, or it was cancelled, before anybody had cut: it is undone, and in the first case begun
//                  anew   (split-recovery.ts)
//
// Once a member has cut it goes on until it is done.

import {
  compareKeys,
  epoch,
  headOf,
  isInside,
  MemberState,
  messages,
  type RangeRecord,
  tailOf,
} from '@piton/protocol';
import { servingIn } from '../failover/chain-plan.ts';
import { wireBytes } from '../state/drive-shares.ts';
import { DriveFencedError, DriveGoneError, DriveRefusedError } from './commands.ts';
import {
  CommandMode,
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from './context.ts';
import { untilSettled } from './copy-wait.ts';
import { problemWithGrowth } from './room.ts';
import {
  cutDirect,
  decide,
  persistBackIfUncut,
  publishBoth,
  recordsOf,
  type SplitPayload,
  takeBack,
  wasCancelled,
  whenAnyFenced,
} from './split-recovery.ts';
import { StoppedError } from './waiting.ts';

export class SplitRangeOperation implements OperationKind {
  readonly kind = 'split';
  readonly isCancellable = true;

  async run(context: OperationContext): Promise<string> {
    for (;;) {
      const { step, payload } = context.entry;
      if (step === 'accepted') await accept(context);
      else if (step === 'cutting') await cut(context);
      else if (step === 'cuttingDirect') await cutDirect(context);
      else if (step === 'takingBack') await takeBack(context);
      else {
        const { range, right } = payload as unknown as Required<SplitPayload>;
        return `range ${range} was cut in two, the new one is ${right}`;
      }
    }
  }
}

async function accept(context: OperationContext): Promise<void> {
  await context.fault('split.accepted');
  const { range, key: hex } = context.entry.payload as unknown as SplitPayload;
  const key =
    hex === undefined
      ? await context.lent(range, () => askMiddle(context, context.range(range).record))
      : new Uint8Array(Buffer.from(hex, 'hex'));
  await untilSettled(context, range);
  if (context.isCancelled) throw wasCancelled(range);
  const { record } = context.range(range);
  const isBorder = compareKeys(key, record.start) === 0;
  if (isBorder || !isInside(key, record.start, record.end)) {
    throw new OperationFailedError(
      `range ${range} cannot be cut there: the key is not between its borders`,
    );
  }
  // Nobody could pass the cut down, and a range in the middle of a cut cannot get its last member back.
  if (headOf(record) === undefined) {
    throw new OperationFailedError(`range ${range} was not cut: it has no serving member`);
  }
  await bringUpToDate(context, record);
  await persist(context, record, key);
  await context.fault('split.persisted');
}

/**
 * A move that was given up waits for nobody who did not hear of it, and a cut is made at the very next epoch only:
 * who had missed that record would refuse it for as long as this operation has the range. Whoever is gone is told when
 * it registers, and the cut goes on without it.
 */
async function bringUpToDate(context: OperationContext, record: RangeRecord): Promise<void> {
  for (const { drive } of servingIn(record.chain).reverse()) {
    try {
      await context.tell(drive, record, CommandMode.wary);
    } catch (error) {
      if (error instanceof DriveGoneError) continue;
      if (!(error instanceof DriveRefusedError)) throw error;
      throw new OperationFailedError(`range ${record.id} was not cut: ${error.message}`);
    }
  }
}

async function askMiddle(context: OperationContext, record: RangeRecord): Promise<Uint8Array> {
  const tail = tailOf(record);
  if (tail === undefined) throw new OperationFailedError(`range ${record.id} has no tail to ask`);
  const request = { range: record.id };
  try {
    const { key } = await context.command(
      tail,
      messages.middleKey,
      request,
      messages.middleKeyAnswer,
      CommandMode.wary,
    );
    if (key !== undefined) return key;
  } catch (error) {
    if (!(error instanceof DriveGoneError || error instanceof DriveRefusedError)) throw error;
    throw new OperationFailedError(`range ${record.id} was not cut: ${error.message}`);
  }
  throw new OperationFailedError(`range ${record.id} has too few keys to be cut in the middle`);
}

async function persist(
  context: OperationContext,
  record: RangeRecord,
  key: Uint8Array,
): Promise<void> {
  const growth = { ranges: 1, recordBytes: wireBytes(record) };
  const perDrive = new Map(record.chain.map(({ drive }) => [drive, growth]));
  const problem = problemWithGrowth(context.services.state, 1, perDrive);
  if (problem !== undefined) throw new OperationFailedError(problem);
  await context.services.state.change((draft) => {
    const { entry } = context;
    // A split that is begun anew keeps its number: a member that died may have data under it.
    const { right: known } = entry.payload as unknown as SplitPayload;
    const right = known ?? draft.takeRangeId();
    const next = { epoch: epoch(record.epoch + 1), version: draft.version() };
    const left = { ...record, ...next, end: key };
    draft.putRange({ record: left, published: context.range(record.id).published });
    draft.putRange({ record: { ...record, ...next, id: right, start: key }, published: undefined });
    draft.putOperation({
      ...entry,
      step: 'cutting',
      message: `cutting range ${record.id}, the new one is ${right}`,
      ranges: [record.id, right],
      payload: { ...entry.payload, right },
    });
  });
}

const isServing = (state: MemberState): boolean => state === MemberState.serving;

async function cut(context: OperationContext): Promise<void> {
  if (context.isCancelled && (await persistBackIfUncut(context))) return;
  if (await cutAtHead(context)) {
    await context.fault('split.cut');
    await publishBoth(context);
  } else await decide(context);
}

/** Returns false when a member of the chain is fenced, or it is cancelled, before the head has answered. */
async function cutAtHead(context: OperationContext): Promise<boolean> {
  const { left, right } = recordsOf(context);
  const head = headOf(left);
  if (head === undefined) throw new Error(`range ${left.id} has no head`);
  const { standing } = context.services;
  if (left.chain.some(({ drive, state }) => isServing(state) && standing.isFenced(drive))) {
    return false;
  }
  const interrupt = new AbortController();
  const stopListening = whenAnyFenced(context, left, () => interrupt.abort());
  // Cancelled before: then somebody has cut, and it is too late.
  const stopWaiting = context.isCancelled ? noop : context.whenCancelled(() => interrupt.abort());
  try {
    const message = { left, right };
    const { splitRange, done } = messages;
    const mode = CommandMode.insistent;
    await context.command(head, splitRange, message, done, mode, interrupt.signal);
    return true;
  } catch (error) {
    const isInterrupted = error instanceof StoppedError && !context.signal.aborted;
    if (isInterrupted || error instanceof DriveFencedError) return false;
    throw error;
  } finally {
    stopListening();
    stopWaiting();
  }
}

function noop(): void {}
