// What a refusal carries beside its status: the cure, as a msgpack map.
//
// Used in two places with the same shape: as the value of a result that is not ok, and as the body
// of a `refusal` frame.

import {
  addressFromWire,
  addressToWire,
  type DriveAddress,
  type RangeRecord,
  recordFromWire,
  recordToWire,
} from '../ranges/range-record.ts';
import { RECORDS_PER_REPLY_MAX, TIMEOUT_MS_MAX } from '../words/limits.ts';
import { checkCount } from './checks.ts';
import { MalformedFrameError, packValue, unpackValue } from './msgpack.ts';

export interface Detail {
  /** For people: what was expected, what came. Never a key or a value. */
  readonly message?: string;
  readonly retryAfterMs?: number;
  /** All records that the sender knows for the keys asked. */
  readonly records?: readonly RangeRecord[];
  readonly addresses?: readonly DriveAddress[];
  readonly indexVersion?: number;
  /** The version that was found, for a version mismatch; 0 when the key is absent. */
  readonly version?: number;
  /** The epoch that the sender is at. */
  readonly epoch?: number;
}

const MESSAGE_CHARS_MAX = 1000;

export function encodeDetail(detail: Detail): Buffer {
  const wire: Record<string, unknown> = { ...detail };
  if (detail.records) wire['records'] = detail.records.map(recordToWire);
  if (detail.addresses) wire['addresses'] = detail.addresses.map(addressToWire);
  return packValue(wire);
}

function listOf<T>(value: unknown, parse: (item: unknown) => T): T[] {
  if (!Array.isArray(value) || value.length > 4 * RECORDS_PER_REPLY_MAX) {
    throw new MalformedFrameError('detail: expected a bounded list');
  }
  try {
    return value.map(parse);
  } catch (cause) {
    throw new MalformedFrameError(`detail: ${(cause as Error).message}`, { cause });
  }
}

type Fields = { readonly [K in keyof Detail]?: unknown };

/** Fields that nobody knows are passed over. Throws MalformedFrameError for a field of a wrong kind. */
export function decodeDetail(bytes: Uint8Array): Detail {
  if (bytes.length === 0) return {};
  const wire = unpackValue(bytes);
  if (typeof wire !== 'object' || wire === null || Array.isArray(wire)) {
    throw new MalformedFrameError('detail: expected a map');
  }
  const fields: Fields = wire;
  const detail: { -readonly [K in keyof Detail]: Detail[K] } = {};
  if (typeof fields.message === 'string') {
    detail.message = fields.message.slice(0, MESSAGE_CHARS_MAX);
  }
  if (isGiven(fields.retryAfterMs)) {
    detail.retryAfterMs = Math.min(amountFrom(fields.retryAfterMs), TIMEOUT_MS_MAX);
  }
  if (isGiven(fields.records)) detail.records = listOf(fields.records, recordFromWire);
  if (isGiven(fields.addresses)) detail.addresses = listOf(fields.addresses, addressFromWire);
  if (isGiven(fields.indexVersion)) detail.indexVersion = counterFrom(fields.indexVersion);
  if (isGiven(fields.version)) detail.version = counterFrom(fields.version);
  if (isGiven(fields.epoch)) detail.epoch = counterFrom(fields.epoch);
  return detail;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function counterFrom(value: unknown): number {
  return checkCount('detail', value, Number.MAX_SAFE_INTEGER);
}

function amountFrom(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new MalformedFrameError('detail: expected a number from 0');
  }
  return value;
}
