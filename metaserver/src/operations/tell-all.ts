// Brings a new record to all drives whom it concerns, in the order that is safe (install-order.ts).

import type { DriveId, RangeRecord } from '@piton/protocol';
import { installOrder } from './install-order.ts';

export interface Telling {
  /** Resolves when the drive has taken the record, or with false when it is fenced. */
  readonly tell: (drive: DriveId) => Promise<boolean>;
  readonly isFenced: (drive: DriveId) => boolean;
  /** Runs when everyone who loses a right has been told, or is fenced. */
  readonly losersTold?: () => Promise<void>;
}

/**
 * Resolves when each drive has been told or is fenced *now*: a drive that was fenced when it was its turn
 * may have registered since, with an older record, and has to be told like any other. Gives those that were told.
 */
export async function tellAll(
  before: RangeRecord | undefined,
  record: RangeRecord,
  { tell, isFenced, losersTold }: Telling,
): Promise<ReadonlySet<DriveId>> {
  const { losers, others } = installOrder(before, record);
  const told = new Set<DriveId>();
  const tellOne = async (drive: DriveId): Promise<void> => {
    if (!isFenced(drive) && (await tell(drive))) told.add(drive);
  };
  await Promise.all(losers.map(tellOne));
  await losersTold?.();
  for (const drive of others) await tellOne(drive);
  for (;;) {
    const left = [...losers, ...others].filter((drive) => !told.has(drive) && !isFenced(drive));
    if (left.length === 0) return told;
    for (const drive of left) await tellOne(drive);
  }
}
