// What a drive keeps on its device about each range copy beside the data: record, namespace, and
// whether the copy is complete. Persisted through the store's states, in log order with the records,
// before anything is done in its name.

import {
  packValue,
  type RangeId,
  type RangeRecord,
  rangeId,
  recordFromWire,
  recordToWire,
  unpackValue,
} from '@piton/protocol';
import type { Namespace } from '../engine/store.ts';
import { KeptMarks } from './kept-marks.ts';

export interface Hosting {
  readonly record: RangeRecord;
  readonly namespace: Namespace;
  /** Records of the namespace from an earlier era are data of an earlier stay, not history. */
  readonly era: number;
  /** False while a copy to this drive is under way, and after it was taken out for being away. */
  readonly isComplete: boolean;
  readonly keptMarks: KeptMarks;
  /** Every write up to this sequence is in the copied or split data, not in log records. */
  readonly baseSequence: number;
  /** What was copied or split off: sessions whose records are not in this copy's log. */
  readonly sessions: Uint8Array;
  /** The range was taken away: only its data is still here, until `dropRange`. */
  readonly isGone: boolean;
  /** Of the right half of a split: the last sequence before the cut. */
  readonly cutSequence: number | undefined;
  /** Of a range that two were merged into: where they stood. Stays until the next change of its borders. */
  readonly mergedAt?: MergedAt | undefined;
}

export interface MergedAt {
  readonly left: number;
  readonly right: number;
}

export const NO_SESSIONS: Uint8Array = new Uint8Array(0);

const PREFIX = 'range/';

export function stateName(id: RangeId): string {
  return `${PREFIX}${id}`;
}

export function encodeHosting(hosting: Hosting): Uint8Array {
  const { record, namespace, isComplete, baseSequence, isGone, sessions } = hosting;
  return packValue([
    1,
    recordToWire(record),
    namespace,
    isComplete,
    baseSequence,
    isGone,
    sessions,
    hosting.cutSequence ?? null,
    hosting.era,
    hosting.keptMarks.list,
    hosting.mergedAt === undefined ? null : [hosting.mergedAt.left, hosting.mergedAt.right],
  ]);
}

/** Throws TypeError for bytes that are not a hosting. */
export function decodeHosting(bytes: Uint8Array): Hosting {
  const fields = unpackValue(bytes);
  if (!Array.isArray(fields) || fields[0] !== 1) {
    throw new TypeError('hosting: expected format 1; this folder was written by another version');
  }
  const [, record, namespace, isComplete, baseSequence, isGone, sessions] = fields;
  const [cutSequence, era, keptMarks, mergedAt] = fields.slice(7);
  return {
    record: recordFromWire(record),
    namespace: namespace as Namespace,
    isComplete: isComplete === true,
    baseSequence: Number(baseSequence),
    isGone: isGone === true,
    sessions: sessions instanceof Uint8Array ? Uint8Array.from(sessions) : NO_SESSIONS,
    cutSequence: typeof cutSequence === 'number' ? cutSequence : undefined,
    era: typeof era === 'number' ? era : 0,
    keptMarks: new KeptMarks(Array.isArray(keptMarks) ? keptMarks : []),
    mergedAt: Array.isArray(mergedAt) ? { left: mergedAt[0], right: mergedAt[1] } : undefined,
  };
}

/** All range copies among a store's states. */
export function hostingsIn(states: ReadonlyMap<string, Uint8Array>): Map<RangeId, Hosting> {
  const hostings = new Map<RangeId, Hosting>();
  for (const [name, bytes] of states) {
    if (name.startsWith(PREFIX)) {
      hostings.set(rangeId(Number(name.slice(PREFIX.length))), decodeHosting(bytes));
    }
  }
  return hostings;
}
