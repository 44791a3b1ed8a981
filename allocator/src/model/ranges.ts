// Key ranges and their statistics, column by column.
//
// Range i lies before range i + 1 in key order. Key slots are 2i (start, included) and 2i + 1 (end, excluded). `joins[i]`
// is 1 where range i begins exactly where range i - 1 ends: only there can an index entry run on. Demands are whole
// numbers; write traffic counts on every replica, read traffic on the serving one. For instances of the packing literature
// `extra` replaces the three columns by any number of resources.

import { KeyTable, keyFromText } from './keys.ts';

export interface Ranges {
  readonly count: number;
  readonly keys: KeyTable;
  readonly joins: Uint8Array;
  readonly bytes: Float64Array;
  readonly readBps: Float64Array;
  readonly writeBps: Float64Array;
  readonly extra?: readonly Float64Array[];
  /** Copies wanted of each range; absent means the plan's default for all. */
  readonly replicas?: Uint8Array;
  /** Current drives of each range, in chain order, as text `d1` or `d1 d2 d3`; '' when not placed. */
  readonly placed?: readonly string[];
  /** Drive on which a range must stay; '' when free. */
  readonly pins?: readonly string[];
  /** Ranges with the same group (not '') stay on the same drive. */
  readonly groups?: readonly string[];
  /** Keys that cut a range into parts of like load, as text with spaces between; '' where none are known. */
  readonly splitKeys?: readonly string[];
}

export interface RangeRow {
  readonly start: string | Uint8Array;
  readonly end: string | Uint8Array;
  readonly bytes: number;
  readonly readBps: number;
  readonly writeBps: number;
  readonly replicas?: number;
  readonly drives?: readonly string[];
  readonly pin?: string;
  readonly group?: string;
  readonly splitKeys?: readonly string[];
}

function toBytes(key: string | Uint8Array): Uint8Array {
  if (typeof key !== 'string') return key;
  const bytes = keyFromText(key);
  if (bytes === undefined) throw new TypeError(`expected a key, got ${JSON.stringify(key)}`);
  return bytes;
}

function checkQuantity(name: string, value: number, at: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(
      `range ${at}: ${name} must be a whole number from 0 to 2^53 - 1, got ${value}`,
    );
  }
  return value;
}

/**
 * Ranges from objects, for callers that have their statistics in memory. Rows must be in key order.
 * Throws RangeError when a quantity is not a whole number, when ranges overlap or when a range is empty.
 */
export function rangesFrom(rows: readonly RangeRow[]): Ranges {
  const count = rows.length;
  const keys = new KeyTable(new Uint8Array(0), count * 2);
  const joins = new Uint8Array(count);
  const bytes = new Float64Array(count);
  const readBps = new Float64Array(count);
  const writeBps = new Float64Array(count);
  rows.forEach((row, i) => {
    keys.setBytes(2 * i, toBytes(row.start));
    keys.setBytes(2 * i + 1, toBytes(row.end));
    const fault = placeInOrder(keys, joins, i);
    if (fault !== undefined) throw new RangeError(`range ${i}: ${fault}`);
    bytes[i] = checkQuantity('bytes', row.bytes, i);
    readBps[i] = checkQuantity('readBps', row.readBps, i);
    writeBps[i] = checkQuantity('writeBps', row.writeBps, i);
  });
  return {
    count,
    keys,
    joins,
    bytes,
    readBps,
    writeBps,
    ...(rows.some((row) => row.replicas !== undefined) && {
      replicas: Uint8Array.from(rows, (row) => row.replicas ?? 0),
    }),
    ...(rows.some((row) => row.drives !== undefined) && {
      placed: rows.map((row) => (row.drives ?? []).join(' ')),
    }),
    ...(rows.some((row) => row.pin !== undefined) && { pins: rows.map((row) => row.pin ?? '') }),
    ...(rows.some((row) => row.group !== undefined) && {
      groups: rows.map((row) => row.group ?? ''),
    }),
    ...(rows.some((row) => row.splitKeys !== undefined) && {
      splitKeys: rows.map((row) => (row.splitKeys ?? []).join(' ')),
    }),
  };
}

/** Checks range i against the one before, sets its `joins`, and says in words what is wrong, if anything. */
export function placeInOrder(keys: KeyTable, joins: Uint8Array, i: number): string | undefined {
  const endless = keys.length(2 * i + 1) === 0;
  if (!endless && keys.compare(2 * i, 2 * i + 1) >= 0) {
    return `expected the end after the start, got ${keys.text(2 * i)} to ${keys.text(2 * i + 1)}`;
  }
  if (i === 0) return undefined;
  if (keys.length(2 * i - 1) === 0) return 'expected no range after the one without an end';
  const order = keys.compare(2 * i - 1, 2 * i);
  if (order > 0) {
    return `expected a start at or after ${keys.text(2 * i - 1)}, where the range before ends, got ${keys.text(2 * i)}`;
  }
  joins[i] = order === 0 ? 1 : 0;
  return undefined;
}

/** A short name of range i for messages: its start key, or its number where the start is empty. */
export function rangeName(ranges: Ranges, i: number): string {
  return `[${ranges.keys.text(2 * i)}, ${ranges.keys.text(2 * i + 1) || 'end'})`;
}
