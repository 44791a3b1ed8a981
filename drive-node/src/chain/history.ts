// Records of the recent past of a range copy, for a neighbour that lacks them: from the pending list,
// or from the log by place.

import type { LogRecord, Store } from '../engine/store.ts';
import type { Replica } from '../ranges/replica.ts';

export interface PastRecord {
  readonly record: LogRecord;
  readonly flush: boolean;
}

/** The record with this sequence; undefined when it is too long ago to be found. */
export async function findPast(
  store: Store,
  replica: Replica,
  sequence: number,
): Promise<PastRecord | undefined> {
  const write = replica.pending.at(sequence);
  if (write?.record !== undefined) return { record: write.record, flush: write.flush };
  const place = write?.place ?? replica.pending.placeOf(sequence);
  if (place === undefined) return undefined;
  const record = await store.readPlace(place);
  if (record === undefined || record.sequence !== sequence) return undefined;
  return { record: copyOf(record), flush: true };
}

/** What the store reads is only valid in this turn. */
function copyOf(record: LogRecord): LogRecord {
  return { ...record, key: Buffer.from(record.key), value: Buffer.from(record.value) };
}
