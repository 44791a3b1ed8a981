// Cuts a range in two on the drives that hold it; no data moves.
//
//   accepted  when no exact key was given, a member is asked for the key that halves the bytes
//   cutting   both records are persisted (the left one keeps the id, both have the next epoch), the head
//             passes the cut down its chain in the order of its writes and answers when all have it
//
// Once persisted it goes on until it is done: a member may have cut already.

import {
  compareKeys,
  epoch,
  headOf,
  isInside,
  messages,
  type RangeId,
  type RangeRecord,
  tailOf,
} from '@piton/protocol';
import { wireBytes } from '../state/drive-shares.ts';
import { DriveGoneError, DriveRefusedError } from './commands.ts';
import {
  CommandMode,
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from './context.ts';
import { untilSettled } from './copy-wait.ts';
import { problemWithGrowth } from './room.ts';

export interface SplitPayload {
  readonly range: RangeId;
  /** Hex; absent: in the middle of the bytes. */
  readonly key?: string;
  /** The new range, once it is persisted. */
  readonly right?: RangeId;
}

export class SplitRangeOperation implements OperationKind {
  readonly kind = 'split';

  async run(context: OperationContext): Promise<string> {
    if (context.entry.step === 'accepted') await accept(context);
    const { range, right } = context.entry.payload as unknown as Required<SplitPayload>;
    if (context.entry.step === 'cutting') await cut(context, range, right);
    return `range ${range} was cut in two, the new one is ${right}`;
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
  const { record } = context.range(range);
  const isBorder = compareKeys(key, record.start) === 0;
  if (isBorder || !isInside(key, record.start, record.end)) {
    throw new OperationFailedError(
      `range ${range} cannot be cut there: the key is not between its borders`,
    );
  }
  await persist(context, record, key);
  await context.fault('split.persisted');
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
    const right = draft.takeRangeId();
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

async function cut(context: OperationContext, range: RangeId, rightId: RangeId): Promise<void> {
  const { record: left } = context.range(range);
  const { record: right } = context.range(rightId);
  const head = headOf(left);
  if (head === undefined) throw new Error(`range ${range} has no head`);
  await context.command(
    head,
    messages.splitRange,
    { left, right },
    messages.done,
    CommandMode.insistent,
  );
  await context.fault('split.cut');
  await context.save('published', `range ${range} was cut`, (draft) => {
    draft.publishRange(context.range(range));
    draft.publishRange(context.range(rightId));
  });
}
