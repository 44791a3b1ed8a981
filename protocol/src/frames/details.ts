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
import { MalformedFrameError, packValue, unpackValue } from './frame.ts';

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
  return value.map(parse);
}

function numberFrom(value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new MalformedFrameError('detail: expected a number from 0');
  }
  return value;
}

/** Throws MalformedFrameError or InvalidRecordError for anything that is not a detail. */
export function decodeDetail(bytes: Uint8Array): Detail {
  if (bytes.length === 0) return {};
  const wire = unpackValue(bytes);
  if (typeof wire !== 'object' || wire === null || Array.isArray(wire)) {
    throw new MalformedFrameError('detail: expected a map');
  }
  const fields = wire as Record<string, unknown>;
  const detail: { -readonly [K in keyof Detail]: Detail[K] } = {};
  if (typeof fields['message'] === 'string') {
    detail.message = fields['message'].slice(0, MESSAGE_CHARS_MAX);
  }
  if (fields['retryAfterMs'] !== undefined) {
    detail.retryAfterMs = Math.min(numberFrom(fields['retryAfterMs']), TIMEOUT_MS_MAX);
  }
  if (fields['records'] !== undefined) detail.records = listOf(fields['records'], recordFromWire);
  if (fields['addresses'] !== undefined) {
    detail.addresses = listOf(fields['addresses'], addressFromWire);
  }
  if (fields['indexVersion'] !== undefined)
    detail.indexVersion = numberFrom(fields['indexVersion']);
  if (fields['version'] !== undefined) detail.version = numberFrom(fields['version']);
  if (fields['epoch'] !== undefined) detail.epoch = numberFrom(fields['epoch']);
  return detail;
}
