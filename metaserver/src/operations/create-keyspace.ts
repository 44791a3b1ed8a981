// Makes a keyspace: plans its ranges, has them installed on their drives, and only then shows it.
//
//   accepted    the name is taken, the ranges are being written down in batches
//   installing  all ranges are in the catalog; drives are told, each range from tail to head
//   publishing  every drive has answered; records become visible in batches, the keyspace with the last
//
// A drive that stays away or refuses undoes it, and so does a cancel: the ranges hold nothing yet. After a restart in
// `accepted` the plan is gone and nobody has been told of it, so that is undone too.

import {
  epoch,
  type KeyspaceId,
  MemberState,
  messages,
  type RangeId,
  type RangeRecord,
} from '@piton/protocol';
import type { PlannedRange } from '../placement/plan-keyspace.ts';
import {
  type DriveEntry,
  drainStateOf,
  KeyspaceState,
  type RangeEntry,
  takesRanges,
} from '../state/entries.ts';
import { DriveGoneError, DriveRefusedError } from './commands.ts';
import {
  CancelledError,
  CommandMode,
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from './context.ts';
import { Slots } from './slots.ts';

/** Ranges in one commit: far below the bound of a commit, and short for the event loop. */
const BATCH = 64;
/** Ranges of one keyspace that are being installed at once. */
const INSTALLING_MAX = 16;

/** Plans of accepted requests, until they are written down. Lost with the process, on purpose. */
export type PendingPlans = Map<KeyspaceId, readonly PlannedRange[]>;

export class CreateKeyspace implements OperationKind {
  readonly kind = 'createKeyspace';
  readonly isCancellable = true;
  readonly #plans: PendingPlans;

  constructor(plans: PendingPlans) {
    this.#plans = plans;
  }

  async run(context: OperationContext): Promise<string> {
    const keyspace = context.entry.payload['keyspace'] as KeyspaceId;
    if (context.services.state.keyspaces.get(keyspace) === undefined) {
      throw new OperationFailedError(context.entry.message);
    }
    if (context.entry.step === 'accepted') await this.#writePlan(context, keyspace);
    if (context.entry.step === 'undoing') await undo(context, keyspace);
    if (context.entry.step === 'installing') await installAll(context, keyspace);
    if (context.entry.step === 'publishing') await publishAll(context, keyspace);
    const { name } = context.services.state.keyspaces.get(keyspace) ?? { name: '?' };
    const ranges = rangesOf(context, keyspace).length;
    return `keyspace ${name} is ready with ${ranges} ${ranges === 1 ? 'range' : 'ranges'}`;
  }

  async #writePlan(context: OperationContext, keyspace: KeyspaceId): Promise<void> {
    await context.fault('createKeyspace.accepted');
    const plan = this.#plans.get(keyspace);
    if (plan === undefined) {
      await giveUp(context, 'the metadata server stopped before it was planned; try again');
      return;
    }
    const isWritten = rangesOf(context, keyspace).length;
    for (let from = isWritten; from < plan.length; from += BATCH) {
      if (context.isCancelled) {
        await giveUp(context, new CancelledError().message);
        return;
      }
      const batch = plan.slice(from, from + BATCH);
      const closed = await writeBatch(context, keyspace, batch);
      if (closed === undefined) continue;
      const { id } = closed;
      await giveUp(
        context,
        `drive ${id} is ${drainStateOf(closed)} since it was planned; try again`,
      );
      return;
    }
    await context.save('installing', `installing ${plan.length} ranges`, () => {});
    this.#plans.delete(keyspace);
    await context.fault('createKeyspace.planned');
  }
}

/** Writes nothing, and returns the drive, when one takes no ranges any more: within the commit that would name it. */
async function writeBatch(
  context: OperationContext,
  keyspace: KeyspaceId,
  batch: readonly PlannedRange[],
): Promise<DriveEntry | undefined> {
  const { state } = context.services;
  let closed: DriveEntry | undefined;
  await state.change((draft) => {
    for (const { drive } of batch.flatMap(({ chain }) => chain)) {
      const entry = state.drives.get(drive);
      if (entry !== undefined && !takesRanges(entry)) closed = entry;
    }
    if (closed !== undefined) return;
    for (const { start, end, chain } of batch) {
      const ids = { id: draft.takeRangeId(), keyspace };
      const record = { ...ids, start, end, epoch: epoch(1), version: draft.version(), chain };
      draft.putRange({ record, published: undefined });
    }
  });
  return closed;
}

function rangesOf(context: OperationContext, keyspace: KeyspaceId): RangeEntry[] {
  const all = [...context.services.state.ranges.values()];
  return all.filter(({ record }) => record.keyspace === keyspace);
}

async function installAll(context: OperationContext, keyspace: KeyspaceId): Promise<void> {
  const slots = new Slots(INSTALLING_MAX);
  let failure: Error | undefined;
  const installOne = async ({ record }: RangeEntry): Promise<void> => {
    if (failure !== undefined) return;
    try {
      context.checkCancelled();
      await installNew(context, record);
    } catch (error) {
      failure ??= error as Error;
    }
  };
  const entries = rangesOf(context, keyspace);
  await Promise.all(entries.map((entry) => slots.run(() => installOne(entry))));
  if (context.isCancelled) failure ??= new CancelledError();
  if (failure !== undefined && isUndoable(failure)) {
    await giveUp(context, failure.message);
    await undo(context, keyspace);
  }
  if (failure !== undefined) throw failure;
  await context.fault('createKeyspace.installed');
  await context.save('publishing', 'every drive is ready, publishing', () => {});
}

function isUndoable(error: Error): boolean {
  return (
    error instanceof DriveGoneError ||
    error instanceof DriveRefusedError ||
    error instanceof CancelledError
  );
}

async function installNew(context: OperationContext, record: RangeRecord): Promise<void> {
  for (const { drive } of [...record.chain].reverse()) {
    await context.install(drive, record, CommandMode.wary, true);
  }
}

async function publishAll(context: OperationContext, keyspace: KeyspaceId): Promise<void> {
  const { state } = context.services;
  const hidden = rangesOf(context, keyspace).filter(({ published }) => published === undefined);
  for (let from = 0; from < hidden.length; from += BATCH) {
    await state.change((draft) => {
      for (const entry of hidden.slice(from, from + BATCH)) draft.publishRange(entry);
    });
  }
  const entry = state.keyspaces.get(keyspace);
  if (entry === undefined || entry.state === KeyspaceState.ready) return;
  await state.change((draft) => draft.putKeyspace({ ...entry, state: KeyspaceState.ready }));
}

/** From here on it is being undone, also after a restart. */
async function giveUp(context: OperationContext, reason: string): Promise<void> {
  const message = `keyspace not created: ${reason}`;
  await context.save('undoing', message, () => {});
}

/** Takes everything back. Drives that are away drop what they hold when they register. */
async function undo(context: OperationContext, keyspace: KeyspaceId): Promise<never> {
  const { state } = context.services;
  const { message } = context.entry;
  const entries = rangesOf(context, keyspace);
  for (let from = 0; from < entries.length; from += BATCH) {
    const batch = entries.slice(from, from + BATCH);
    for (const { record } of batch) tellToDrop(context, record);
    await state.change((draft) => {
      for (const { record } of batch) draft.removeRange(record.id);
    });
  }
  await state.change((draft) => draft.removeKeyspace(keyspace));
  throw new OperationFailedError(message);
}

/** Told once, without waiting. */
function tellToDrop(context: OperationContext, { id, epoch: last, chain }: RangeRecord): void {
  for (const { drive, state } of chain) {
    if (state !== MemberState.serving) continue;
    const connection = context.services.drives.connectionOf(drive);
    const message: { range: RangeId; epoch: typeof last } = { range: id, epoch: last };
    connection
      ?.request(messages.dropRange, message, messages.done, { timeoutMs: 5_000 })
      .catch(() => {});
  }
}
