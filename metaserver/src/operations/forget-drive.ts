// Goes on without a drive that will never be back.
//
// With the acceptance the drive is forgotten: whatever names it beside members that hold the data drops it
// (failover/chain-plan.ts). What is left here is the ranges that nobody else holds, and only when the operator has
// said that their data is lost: each of them is replaced by a new, empty range with the same borders.
//
//   persisted  the new range is in the catalog, hidden; nobody has been told
//   installed  copies of the old one that are of no use are dropped, the new members have it
//   published  the new record is shown and the old range removed, in one commit
//
// A new range, and not the old one made empty: whoever comes back with an old copy, or an old route, meets another number.
// Each step may be done again: a hidden range with the borders of the old one is the one that was begun.

import {
  type DriveId,
  epoch,
  type Member,
  MemberState,
  type RangeId,
  type RangeRecord,
} from '@piton/protocol';
import { planSpread } from '../placement/chains.ts';
import { DriveState, type RangeEntry, takesRanges } from '../state/entries.ts';
import { DriveGoneError, DriveRefusedError } from './commands.ts';
import { CommandMode, type OperationContext, type OperationKind } from './context.ts';

export interface ForgetPayload {
  readonly drive: DriveId;
  /** Ranges whose data is lost with it. */
  readonly lost: readonly RangeId[];
}

export class ForgetDrive implements OperationKind {
  readonly kind = 'forgetDrive';

  async run(context: OperationContext): Promise<string> {
    const { drive, lost } = context.entry.payload as unknown as ForgetPayload;
    for (const [done, range] of lost.entries()) {
      context.tellProgress({
        rangesDone: done,
        rangesTotal: lost.length,
        bytesDone: 0,
        bytesTotal: 0,
      });
      await replaceEmpty(context, range);
    }
    const emptied = lost.length === 0 ? '' : `; ${lost.length} ranges begin again, empty`;
    return `drive ${drive} is forgotten${emptied}`;
  }
}

async function replaceEmpty(context: OperationContext, id: RangeId): Promise<void> {
  const { state } = context.services;
  const old = state.ranges.get(id);
  // Done before a restart.
  if (old === undefined) return;
  const fresh = hiddenTwin(context, old) ?? (await persistTwin(context, old));
  await dropOld(context, old.record);
  await installTwin(context, fresh);
  await state.change((draft) => {
    const entry = state.ranges.get(fresh.record.id);
    if (entry === undefined) return;
    draft.publishRange(entry);
    draft.removeRange(id);
  });
}

function hiddenTwin(context: OperationContext, { record }: RangeEntry): RangeEntry | undefined {
  for (const entry of context.services.state.ranges.values()) {
    const { keyspace, start } = entry.record;
    const isTwin = keyspace === record.keyspace && Buffer.compare(start, record.start) === 0;
    if (isTwin && entry.published === undefined && entry.record.id !== record.id) return entry;
  }
  return undefined;
}

async function persistTwin(context: OperationContext, old: RangeEntry): Promise<RangeEntry> {
  const { state } = context.services;
  const chain = chooseChain(context, old.record);
  const id = await state.change((draft) => {
    const fresh = draft.takeRangeId();
    const { keyspace, start, end } = old.record;
    const record = { id: fresh, keyspace, start, end, epoch: epoch(1), chain };
    draft.putRange({ record: { ...record, version: draft.version() }, published: undefined });
    return fresh;
  });
  return context.range(id);
}

/** As many members as there are drives for; a repair brings the others. */
function chooseChain({ services }: OperationContext, record: RangeRecord): Member[] {
  const { state, drives, standing } = services;
  const open = [];
  for (const id of drives.connected()) {
    const entry = state.drives.get(id);
    const report = drives.report(id);
    const isSound = report === undefined || !(report.isFull || report.storeFailed);
    if (entry?.state !== DriveState.member || !takesRanges(entry)) continue;
    if (!isSound || standing.isSuspected(id)) continue;
    const { ranges, heads, tails } = state.shareOf(id);
    const counts = { ranges: ranges.size, heads, tails, load: 0 };
    open.push({ id, zone: entry.zone, weight: Math.max(1, entry.capacityBytes), ...counts });
  }
  const [chain = []] = planSpread(1, state.replicasOf(record), open);
  if (chain.length === 0) throw new Error('no drive takes ranges now');
  return chain;
}

/** Members that are away learn it when they register: nothing names the old range then. */
async function dropOld(
  context: OperationContext,
  { id, epoch: last, chain }: RangeRecord,
): Promise<void> {
  for (const { drive } of chain) {
    if (context.services.drives.connectionOf(drive) === undefined) continue;
    await context
      .drop(drive, id, epoch(last + 1), CommandMode.wary)
      .catch((error: unknown) => ignoreGone(error));
  }
}

async function installTwin(context: OperationContext, { record }: RangeEntry): Promise<void> {
  try {
    for (const { drive, state } of [...record.chain].reverse()) {
      if (state === MemberState.serving)
        await context.install(drive, record, CommandMode.wary, true);
    }
  } catch (error) {
    // It holds nothing yet: the next attempt chooses others.
    if (isGone(error)) await context.services.state.change((draft) => draft.removeRange(record.id));
    throw error;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof DriveGoneError || error instanceof DriveRefusedError;

function ignoreGone(error: unknown): void {
  if (!isGone(error)) throw error;
}
