// Which range copy a request belongs to, judged by what is true now, not by what the client believed.
//
// A request names a range and an epoch. It is served when this drive is right for its *key* at this
// drive's own epoch, even if the client's picture is older: the answer then carries the news. Wrong
// role, or a key that is not here: stale index, with every record known for it. Newer than ours: we
// are behind, and say so (SOURCES.md 2.2; docs/decisions/0004).

import {
  type Detail,
  type DriveAddress,
  type DriveId,
  type IndexVersion,
  isInside,
  type KeyspaceId,
  limits,
  type RangeId,
  type RangeRecord,
} from '@piton/protocol';
import type { Replica } from '../ranges/replica.ts';

const GONE_RECORDS_MAX = 4_096;

/** All that this drive knows about ranges and addresses. */
export class Routes {
  readonly #replicas: Map<RangeId, Replica> = new Map();
  /** Newest known records of ranges that are not here any more, oldest first. */
  readonly #gone: Map<RangeId, RangeRecord> = new Map();
  readonly #addresses: Map<DriveId, DriveAddress> = new Map();
  #indexVersion = 0;

  get replicas(): ReadonlyMap<RangeId, Replica> {
    return this.#replicas;
  }

  indexVersion(): IndexVersion {
    return this.#indexVersion as IndexVersion;
  }

  learnVersion(version: number): void {
    if (version > this.#indexVersion) this.#indexVersion = version;
  }

  get(id: number): Replica | undefined {
    return this.#replicas.get(id as RangeId);
  }

  add(replica: Replica): void {
    this.#replicas.set(replica.id, replica);
    this.#gone.delete(replica.id);
    this.learnVersion(replica.record.version);
  }

  /** The copy is not served any more; its newest record is kept to send clients on. */
  remove(id: RangeId, newest: RangeRecord | undefined): void {
    this.#replicas.delete(id);
    if (newest === undefined) return;
    this.#gone.delete(id);
    this.#gone.set(id, newest);
    this.learnVersion(newest.version);
    if (this.#gone.size <= GONE_RECORDS_MAX) return;
    for (const oldest of this.#gone.keys()) {
      this.#gone.delete(oldest);
      break;
    }
  }

  goneRecord(id: number): RangeRecord | undefined {
    return this.#gone.get(id as RangeId);
  }

  /** The copy that holds a key which the named range used to hold. */
  findSibling(id: number, key: Uint8Array): Replica | undefined {
    const keyspace = (this.get(id)?.record ?? this.goneRecord(id))?.keyspace;
    if (keyspace === undefined) return undefined;
    for (const replica of this.#replicas.values()) {
      if (replica.record.keyspace === keyspace && replica.contains(key)) return replica;
    }
    return undefined;
  }

  learnAddresses(addresses: readonly DriveAddress[]): void {
    for (const address of addresses) {
      const known = this.#addresses.get(address.drive);
      if (known === undefined || address.incarnation >= known.incarnation) {
        this.#addresses.set(address.drive, address);
      }
    }
  }

  addressesFor(records: readonly RangeRecord[]): DriveAddress[] {
    const found = new Map<DriveId, DriveAddress>();
    for (const record of records) {
      for (const { drive } of record.chain) {
        const address = this.#addresses.get(drive);
        if (address !== undefined) found.set(drive, address);
      }
    }
    return [...found.values()];
  }

  /** The cure for a stale request: every record known for the interval asked. */
  staleDetail(id: number, start: Uint8Array, end: Uint8Array | undefined): Detail {
    const records = this.#overlapping(id, start, end);
    const epoch = this.get(id)?.record.epoch ?? this.goneRecord(id)?.epoch;
    return {
      indexVersion: this.#indexVersion,
      records,
      addresses: this.addressesFor(records),
      ...(epoch === undefined ? {} : { epoch }),
    };
  }

  #overlapping(id: number, start: Uint8Array, end: Uint8Array | undefined): RangeRecord[] {
    const named = this.get(id)?.record ?? this.goneRecord(id);
    const records: RangeRecord[] = [];
    const consider = (record: RangeRecord): void => {
      if (records.length >= limits.RECORDS_PER_REPLY_MAX) return;
      if (named !== undefined && record.keyspace !== named.keyspace) return;
      if (record !== named && !overlaps(record, start, end)) return;
      records.push(record);
    };
    if (named === undefined) return records;
    for (const replica of this.#replicas.values()) if (replica.isListed) consider(replica.record);
    for (const record of this.#gone.values()) consider(record);
    return records;
  }

  keyspaceOf(id: number): KeyspaceId | undefined {
    return (this.get(id)?.record ?? this.goneRecord(id))?.keyspace;
  }
}

function overlaps(record: RangeRecord, start: Uint8Array, end: Uint8Array | undefined): boolean {
  if (isInside(start, record.start, record.end)) return true;
  return isInside(record.start, start, end);
}
