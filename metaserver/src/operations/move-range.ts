// Moves one copy of a range from a drive to another while it is read and written. Without `from` it is
// an extension of the chain, without `to` a shrinking. A repair is an extension as well: by a drive that
// never had the range, or by a member that was offline and is back.
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
// because the target may serve already: it goes on until everyone has been told. Everywhere a fenced
// drive counts as told. While it waits (for its turn, for the copy) it lends the range: other members
// that fail leave the chain meanwhile, so each step builds on the chain as it finds it.

import {
  type DriveId,
  epoch,
  type Member,
  MemberState,
  type RangeId,
  type RangeRecord,
  tailOf,
} from '@piton/protocol';
import { isAside, ordered, servingIn } from '../failover/chain-plan.ts';
import type { Draft } from '../state/draft.ts';
import { drainStateOf, takesRanges } from '../state/entries.ts';
import { DriveGoneError, DriveRefusedError } from './commands.ts';
import {
  CancelledError,
  CommandMode,
  type OperationContext,
  OperationFailedError,
  type OperationKind,
} from './context.ts';
import { untilSettled, waitForCopy } from './copy-wait.ts';
import type { FaultPoint } from './fault-points.ts';
import { tellAll } from './tell-all.ts';

export interface MovePayload {
  readonly range: RangeId;
  readonly from?: DriveId;
  readonly to?: DriveId;
  /** The target was an offline member of the chain: it becomes one again when it is given up. */
  readonly isReturn?: boolean;
}

/** What the two kinds are called; the steps are the same. */
export const MoveKind = { move: 'move', repair: 'repair' } as const;
export type MoveKind = (typeof MoveKind)[keyof typeof MoveKind];

export class MoveRange implements OperationKind {
  readonly kind: MoveKind;
  readonly isCancellable = true;

  constructor(kind: MoveKind = MoveKind.move) {
    this.kind = kind;
  }

  async run(context: OperationContext): Promise<string> {
    const { range, from, to } = payloadOf(context);
    const { entry } = context;
    if (entry.step === 'accepted') await fault(context, 'accepted');
    const isBeforeHandover = ['accepted', 'extending', 'copying'].includes(entry.step);
    if (to !== undefined && isBeforeHandover) {
      await withCopySlot(context, to, () => copyOrAbort(context, to));
    } else if (entry.step === 'accepted') {
      await untilSettled(context, range);
      await persistHandover(context);
    }
    if (context.entry.step === 'aborting') await abort(context);
    if (context.entry.step === 'handover') await handOver(context);
    if (context.entry.step === 'dropping' && from !== undefined) await dropSource(context, from);
    return closingMessage(context);
  }
}

type StepOf<P> = P extends `repair.${infer Step}` ? Step : never;

function fault(context: OperationContext, point: StepOf<FaultPoint>): Promise<void> {
  return context.fault(`${context.entry.kind as MoveKind}.${point}`);
}

/** A drive takes only so many copies at once; those that wait keep nobody else from running. */
async function withCopySlot(
  context: OperationContext,
  to: DriveId,
  work: () => Promise<void>,
): Promise<void> {
  const slots = context.services.copySlots(to);
  context.say(`waiting for its turn: drive ${to} takes in other copies`);
  // In the middle of a step the record is this operation's alone.
  const { range } = payloadOf(context);
  const isBetweenSteps = context.entry.step !== 'extending';
  const take = (): Promise<void> => context.parked(() => slots.take());
  await (isBetweenSteps ? context.lent(range, take) : take());
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

/** Tells everyone whom the newest record concerns, in order. The target gives up the move. */
function installAll(
  context: OperationContext,
  mode: CommandMode,
  losersTold?: () => Promise<void>,
): Promise<unknown> {
  const { range, to } = payloadOf(context);
  const { record, published } = context.range(range);
  return tellAll(published, record, {
    tell: async (drive) => {
      if (drive !== to || mode === CommandMode.insistent) return context.tell(drive, record, mode);
      await context.install(drive, record, CommandMode.wary);
      return true;
    },
    isFenced: (drive) => context.services.standing.isFenced(drive),
    ...(losersTold === undefined ? {} : { losersTold }),
  });
}

/** Brings the copy to the target and persists the handover; or persists the abortion. */
async function copyOrAbort(context: OperationContext, to: DriveId): Promise<void> {
  const { range } = payloadOf(context);
  try {
    context.checkCancelled();
    if (context.entry.step === 'accepted') await persistExtension(context, to);
    if (context.entry.step === 'extending') await extend(context);
    if (context.entry.step === 'copying') {
      await waitForCopy(context, range, to);
      await fault(context, 'copied');
      context.checkCancelled();
      await persistHandover(context);
    }
  } catch (error) {
    if (!isUndoable(error)) throw error;
    if (context.entry.step === 'copying') await untilSettled(context, range);
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
  await untilSettled(context, range);
  checkExtension(context, to);
  await context.save('extending', `telling the chain of range ${range} about ${to}`, (draft) => {
    checkTarget(context, to);
    putNext(context, draft, (chain) => {
      const others = chain.filter(({ drive }) => drive !== to);
      return ordered([...others, { drive: to, state: MemberState.syncing }]);
    });
  });
  await fault(context, 'persisted');
}

/** The chain may have changed since the operation was accepted. */
function checkExtension(context: OperationContext, to: DriveId): void {
  const { range } = payloadOf(context);
  const { record } = context.range(range);
  const member = record.chain.find(({ drive }) => drive === to);
  if (member !== undefined && !isAside(member)) {
    throw new OperationFailedError(`drive ${to} holds range ${range} already`);
  }
  if (tailOf(record) === undefined) {
    throw new OperationFailedError(`range ${range} has no serving member that could be copied`);
  }
  if (record.chain.some(({ state }) => state === MemberState.syncing)) {
    throw new OperationFailedError(`range ${range} is being copied already`);
  }
}

/**
 * A drain may have begun since the operation was accepted, and may end at any time: within the commit
 * that names the drive, or the drained drive would get a copy. One that returns is named already.
 */
function checkTarget(context: OperationContext, to: DriveId): void {
  const target = context.services.state.drives.get(to);
  if (payloadOf(context).isReturn === true || target === undefined || takesRanges(target)) return;
  throw new OperationFailedError(`drive ${to} is ${drainStateOf(target)}: it takes no ranges`);
}

async function extend(context: OperationContext): Promise<void> {
  const { range, to } = payloadOf(context);
  await installAll(context, CommandMode.patient);
  await context.save('copying', `range ${range} is being copied to ${to}`, (draft) =>
    draft.publishRange(context.range(range)),
  );
  await fault(context, 'syncing');
}

/**
 * The chain without the source, with the target as its tail, and without old copies that nobody needs
 * when enough members serve.
 */
function handedOver(
  chain: readonly Member[],
  { from, to }: MovePayload,
  replicas: number,
): Member[] {
  const left = chain.filter(({ drive }) => drive !== from);
  const next = left.map((member) =>
    member.drive === to ? { drive: member.drive, state: MemberState.serving } : member,
  );
  const isEnough = servingIn(next).length >= replicas;
  return ordered(isEnough ? next.filter((member) => !isAside(member)) : next);
}

async function persistHandover(context: OperationContext): Promise<void> {
  const payload = payloadOf(context);
  const { record } = context.range(payload.range);
  const replicas = context.services.state.replicasOf(record);
  const next = handedOver(record.chain, payload, replicas);
  if (servingIn(next).length === 0) {
    throw new OperationFailedError(`range ${record.id} would lose its last serving copy`);
  }
  await context.save('handover', `handing range ${payload.range} over`, (draft) =>
    putNext(context, draft, (chain) => handedOver(chain, payload, replicas)),
  );
  context.services.syncs.taken(payload.range);
  await fault(context, 'handoverPersisted');
}

async function handOver(context: OperationContext): Promise<void> {
  const { range } = payloadOf(context);
  await installAll(context, CommandMode.insistent, () => fault(context, 'losersTold'));
  await fault(context, 'installed');
  await context.save('dropping', `range ${range} has its new chain`, (draft) =>
    draft.publishRange(context.range(range)),
  );
  await fault(context, 'published');
}

/** What the source holds is of no use to anyone. One that is away drops it when it registers. */
async function dropSource(context: OperationContext, from: DriveId): Promise<void> {
  const { record } = context.range(payloadOf(context).range);
  try {
    await tryDrop(context, from, record);
  } catch (error) {
    if (!(error instanceof DriveGoneError || error instanceof DriveRefusedError)) throw error;
    context.say(`${error.message}; it drops the range when it registers`);
  }
}

async function tryDrop(
  context: OperationContext,
  drive: DriveId,
  record: RangeRecord,
): Promise<void> {
  if (context.services.drives.connectionOf(drive) === undefined) return;
  await context.drop(drive, record.id, record.epoch, CommandMode.wary);
}

async function persistAbortion(
  context: OperationContext,
  to: DriveId,
  reason: string,
): Promise<void> {
  const { range, isReturn } = payloadOf(context);
  if (context.entry.step === 'accepted') throw new OperationFailedError(reason);
  const withoutTarget = (chain: readonly Member[]): Member[] => {
    const others = chain.filter(({ drive }) => drive !== to);
    // What a returning member had may still be of use.
    const aside = isReturn === true ? [{ drive: to, state: MemberState.offline }] : [];
    return ordered([...others, ...aside]);
  };
  const what = context.entry.kind === MoveKind.repair ? `copied to ${to}` : 'moved';
  await context.save('aborting', `range ${range} was not ${what}: ${reason}`, (draft) =>
    putNext(context, draft, withoutTarget),
  );
  context.services.syncs.taken(range);
  await fault(context, 'abortPersisted');
}

/**
 * Puts the chain back without the target. Nobody gains a right by it, so a member that is away is
 * not waited for: it is told when it registers.
 */
async function abort(context: OperationContext): Promise<never> {
  const { range, to } = payloadOf(context);
  const { record } = context.range(range);
  const { message } = context.entry;
  const drives = new Set(record.chain.map(({ drive }) => drive).reverse());
  if (to !== undefined) drives.add(to);
  await Promise.all([...drives].map((drive) => tryInstall(context, drive, record)));
  await context.services.state.change((draft) => draft.publishRange(context.range(range)));
  const isNamed = record.chain.some(({ drive }) => drive === to);
  if (to !== undefined && !isNamed) await tryDrop(context, to, record).catch(ignoreDrive);
  throw new OperationFailedError(message);
}

async function tryInstall(
  context: OperationContext,
  drive: DriveId,
  record: RangeRecord,
): Promise<void> {
  const isAway = context.services.drives.connectionOf(drive) === undefined;
  if (isAway) return;
  await context.install(drive, record, CommandMode.wary).catch(ignoreDrive);
}

function ignoreDrive(error: unknown): void {
  if (!(error instanceof DriveGoneError || error instanceof DriveRefusedError)) throw error;
}
