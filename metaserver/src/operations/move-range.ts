// Moves one copy of a range from a drive to another while it is read and written. Without `from` it is
// an extension of the chain, without `to` a shrinking.
//
//   accepted
//   extending  epoch e1 is persisted: the target stands behind the tail as syncing. All are told
//   copying    e1 is published; the drives copy among themselves; the tail reports the end
//   handover   epoch e2 is persisted: target serving, source gone. Those who lose a right are told first,
//              then the target, then the others; then it is published
//   dropping   clients have been told; the source may forget the data
//   aborting   only before handover: an epoch without the target is persisted, all are told
//
// Before handover a drive that refuses or stays away aborts the move. After it there is no way back,
// because the target may serve already: it goes on until everyone has been told.

import {
  type DriveId,
  epoch,
  type Member,
  MemberState,
  type RangeId,
  type RangeRecord,
  tailOf,
} from '@piton/protocol';
import type { Draft } from '../state/draft.ts';
import { DriveGoneError, DriveRefusedError } from './commands.ts';
import {
  CancelledError,
  CommandMode,
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from './context.ts';
import { installOrder } from './install-order.ts';
import { waitFor } from './waiting.ts';

export interface MovePayload {
  readonly range: RangeId;
  readonly from?: DriveId;
  readonly to?: DriveId;
}

/** How often a copy under way is checked for drives that went away. */
const COPY_CHECK_MS = 1_000;

export class MoveRange implements OperationKind {
  readonly kind = 'move';
  readonly isCancellable = true;

  async run(context: OperationContext): Promise<string> {
    const { from, to } = payloadOf(context);
    const { entry } = context;
    if (entry.step === 'accepted') await context.fault('move.accepted');
    const isBeforeHandover = ['accepted', 'extending', 'copying'].includes(entry.step);
    if (to !== undefined && isBeforeHandover) {
      await withCopySlot(context, to, () => copyOrAbort(context, to));
    } else if (entry.step === 'accepted') {
      await persistHandover(context);
    }
    if (context.entry.step === 'aborting') await abort(context);
    if (context.entry.step === 'handover') await handOver(context);
    if (context.entry.step === 'dropping' && from !== undefined) await dropSource(context, from);
    return closingMessage(context);
  }
}

/** A drive takes only so many copies at once; those that wait keep nobody else from running. */
async function withCopySlot(
  context: OperationContext,
  to: DriveId,
  work: () => Promise<void>,
): Promise<void> {
  const slots = context.services.copySlots(to);
  context.say(`waiting for its turn: drive ${to} takes in other copies`);
  await context.parked(() => slots.take());
  try {
    await work();
  } finally {
    slots.give();
  }
}

function payloadOf(context: OperationContext): MovePayload {
  return context.entry.payload as unknown as MovePayload;
}

function closingMessage(context: OperationContext): string {
  const { range, from, to } = payloadOf(context);
  if (from === undefined) return `range ${range} has a copy on ${to}`;
  if (to === undefined) return `range ${range} was taken off ${from}`;
  return `range ${range} moved from ${from} to ${to}`;
}

/** Persists the next epoch of the range with another chain. */
function putNext(
  context: OperationContext,
  draft: Draft,
  change: (chain: readonly Member[]) => Member[],
): void {
  const { record, published } = context.range(payloadOf(context).range);
  const chain = change(record.chain);
  const next = { ...record, epoch: epoch(record.epoch + 1), version: draft.version(), chain };
  draft.putRange({ record: next, published });
}

/** Tells everyone whom the newest record concerns, in order. */
async function installAll(
  context: OperationContext,
  before: RangeRecord | undefined,
  record: RangeRecord,
  mode: CommandMode,
  losersTold: () => Promise<void> = async () => {},
): Promise<void> {
  const { losers, others } = installOrder(before, record);
  await Promise.all(losers.map((drive) => context.install(drive, record, mode)));
  await losersTold();
  for (const drive of others) await context.install(drive, record, mode);
}

/** Brings the copy to the target and persists the handover; or persists the abortion. */
async function copyOrAbort(context: OperationContext, to: DriveId): Promise<void> {
  try {
    context.checkCancelled();
    if (context.entry.step === 'accepted') await persistExtension(context, to);
    if (context.entry.step === 'extending') await extend(context);
    if (context.entry.step === 'copying') {
      await waitForCopy(context, to);
      await context.fault('move.copied');
      context.checkCancelled();
      await persistHandover(context);
    }
  } catch (error) {
    if (!isUndoable(error)) throw error;
    await persistAbortion(context, to, error.message);
  }
}

function isUndoable(error: unknown): error is Error {
  return (
    error instanceof DriveGoneError ||
    error instanceof DriveRefusedError ||
    error instanceof CancelledError
  );
}

async function persistExtension(context: OperationContext, to: DriveId): Promise<void> {
  const { range } = payloadOf(context);
  await context.save('extending', `telling the chain of range ${range} about ${to}`, (draft) =>
    putNext(context, draft, (chain) => [...chain, { drive: to, state: MemberState.syncing }]),
  );
  await context.fault('move.persisted');
}

async function extend(context: OperationContext): Promise<void> {
  const { range, to } = payloadOf(context);
  const { record, published } = context.range(range);
  await installAll(context, published, record, CommandMode.patient);
  await context.save('copying', `range ${range} is being copied to ${to}`, (draft) =>
    draft.publishRange(context.range(range)),
  );
  await context.fault('move.syncing');
}

async function waitForCopy(context: OperationContext, to: DriveId): Promise<void> {
  const { syncs, clock, drives, patienceMs } = context.services;
  const { record } = context.range(payloadOf(context).range);
  const tail = tailOf(record);
  while (!syncs.hasArrived(record.id, record.epoch)) {
    context.checkCancelled();
    for (const drive of [to, tail]) {
      if (drive === undefined || drives.goneMs(drive) <= patienceMs) continue;
      throw new DriveGoneError(drive, `drive ${drive} went away during the copy`);
    }
    await context.parked(() =>
      waitFor(clock, COPY_CHECK_MS, context.signal, (wake) => {
        const stops = [syncs.listen(record.id, record.epoch, wake), context.whenCancelled(wake)];
        return () => {
          for (const stop of stops) stop();
        };
      }),
    );
  }
}

/** The chain without the source, and with the target as its tail. */
function handedOver(chain: readonly Member[], { from, to }: MovePayload): Member[] {
  return chain
    .filter(({ drive }) => drive !== from)
    .map((member) => (member.drive === to ? { ...member, state: MemberState.serving } : member));
}

async function persistHandover(context: OperationContext): Promise<void> {
  const payload = payloadOf(context);
  const { record } = context.range(payload.range);
  if (!handedOver(record.chain, payload).some(({ state }) => state === MemberState.serving)) {
    throw new OperationFailedError(`range ${record.id} would lose its last serving copy`);
  }
  await context.save('handover', `handing range ${payload.range} over`, (draft) =>
    putNext(context, draft, (chain) => handedOver(chain, payload)),
  );
  context.services.syncs.taken(payload.range);
  await context.fault('move.handoverPersisted');
}

async function handOver(context: OperationContext): Promise<void> {
  const { range } = payloadOf(context);
  const { record, published } = context.range(range);
  await installAll(context, published, record, CommandMode.insistent, () =>
    context.fault('move.losersTold'),
  );
  await context.fault('move.installed');
  await context.save('dropping', `range ${range} has its new chain`, (draft) =>
    draft.publishRange(context.range(range)),
  );
  await context.fault('move.published');
}

/** What the source holds is of no use to anyone. One that is away drops it when it registers. */
async function dropSource(context: OperationContext, from: DriveId): Promise<void> {
  if (context.services.drives.connectionOf(from) === undefined) return;
  const { record } = context.range(payloadOf(context).range);
  try {
    await context.drop(from, record.id, record.epoch, CommandMode.patient);
  } catch (error) {
    if (!(error instanceof DriveGoneError || error instanceof DriveRefusedError)) throw error;
    context.say(`${error.message}; it drops the range when it registers`);
  }
}

async function persistAbortion(
  context: OperationContext,
  to: DriveId,
  reason: string,
): Promise<void> {
  const { range } = payloadOf(context);
  if (context.entry.step === 'accepted') throw new OperationFailedError(reason);
  await context.save('aborting', `range ${range} was not moved: ${reason}`, (draft) =>
    putNext(context, draft, (chain) => chain.filter(({ drive }) => drive !== to)),
  );
  context.services.syncs.taken(range);
  await context.fault('move.abortPersisted');
}

/**
 * Puts the chain back without the target. Nobody gains a right by it, so a member that is away is
 * not waited for: it is told when it registers.
 */
async function abort(context: OperationContext): Promise<never> {
  const { range, to } = payloadOf(context);
  const { record } = context.range(range);
  const { message } = context.entry;
  const drives = [...record.chain.map(({ drive }) => drive).reverse(), ...(to ? [to] : [])];
  await Promise.all(drives.map((drive) => tryInstall(context, drive, record)));
  await context.services.state.change((draft) => draft.publishRange(context.range(range)));
  if (to !== undefined) {
    await context.drop(to, range, record.epoch, CommandMode.patient).catch(ignoreDrive);
  }
  throw new OperationFailedError(message);
}

async function tryInstall(
  context: OperationContext,
  drive: DriveId,
  record: RangeRecord,
): Promise<void> {
  const isAway = context.services.drives.connectionOf(drive) === undefined;
  if (isAway) return;
  await context.install(drive, record, CommandMode.patient).catch(ignoreDrive);
}

function ignoreDrive(error: unknown): void {
  if (!(error instanceof DriveGoneError || error instanceof DriveRefusedError)) throw error;
}
