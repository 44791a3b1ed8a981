// Routing news: records that travel beside a successful answer, in the header of a results frame.
//
// A drive whose range has changed still serves what it may serve, and tells the client in passing
// (docs/decisions/0004). On the wire: null, or [since, version, records, addresses]. News are a
// help, not a duty: a sender leaves out what does not fit.

import {
  addressFromWire,
  addressToWire,
  type DriveAddress,
  type RangeRecord,
  recordFromWire,
  recordsThatFit,
  recordToWire,
} from '../ranges/range-record.ts';
import { type IndexVersion, indexVersion } from '../words/ids.ts';
import { RECORDS_BYTES_MAX, RECORDS_PER_REPLY_MAX } from '../words/limits.ts';
import { MalformedFrameError } from './msgpack.ts';

export interface RoutingNews {
  /** The client's index version for which these are news, and the sender's own. */
  readonly since: IndexVersion;
  readonly version: IndexVersion;
  readonly records: readonly RangeRecord[];
  readonly addresses: readonly DriveAddress[];
}

/** Addresses in one piece of news: a chain has five members, and records few chains. */
const ADDRESSES_MAX = 5 * RECORDS_PER_REPLY_MAX;

export function newsToWire(news: RoutingNews | undefined): unknown {
  if (news === undefined) return null;
  const records = recordsThatFit(news.records, RECORDS_PER_REPLY_MAX, RECORDS_BYTES_MAX);
  return [
    news.since,
    news.version,
    records.map(recordToWire),
    news.addresses.slice(0, ADDRESSES_MAX).map(addressToWire),
  ];
}

/** What `ResultsReader.news` says. Throws MalformedFrameError for anything else. */
export function newsFromWire(wire: unknown): RoutingNews | undefined {
  if (wire === null || wire === undefined) return undefined;
  if (!Array.isArray(wire) || wire.length < 4) throw new MalformedFrameError('news: not an array');
  const [since, version, records, addresses] = wire;
  if (!isList(records, RECORDS_PER_REPLY_MAX) || !isList(addresses, ADDRESSES_MAX)) {
    throw new MalformedFrameError('news: expected bounded lists');
  }
  try {
    return {
      since: indexVersion(since),
      version: indexVersion(version),
      records: records.map(recordFromWire),
      addresses: addresses.map(addressFromWire),
    };
  } catch (cause) {
    throw new MalformedFrameError(`news: ${(cause as Error).message}`, { cause });
  }
}

function isList(value: unknown, itemsMax: number): value is unknown[] {
  return Array.isArray(value) && value.length <= itemsMax;
}
