// Which range copy a request belongs to, judged by what is true now, not by what the client believed.
//
// A request names a range and an epoch. It is served when this drive is right for its *key* at this
// drive's own epoch, even if the client's picture is older: the answer then carries the news. Wrong
// role, or a key that is not here: stale index, with every record known for it. Newer than ours: we
// are behind, and say so (SOURCES.md 2.2; docs/decisions/0004).
//
// After a move or a split thousands of operations may come with the old picture at once, on a drive
// with thousands of ranges. So records are found in sorted tables, and the cure for the same records
// is encoded once, until anything that is told in it changes.

import {
  type Detail,
  type DriveAddress,
  type DriveId,
  encodeDetail,
  type IndexVersion,
  type KeyspaceId,
  limits,
  type RangeId,
  RangeIndex,
  type RangeRecord,
} from '@piton/protocol';
import type { Replica } from '../ranges/replica.ts';

const GONE_RECORDS_MAX = 4_096;
/** Encoded cures that are kept. */
const CURES_MAX = 8_192;
const CURE_BYTES_MAX = 4 * 1024 * 1024;

/** The records of one keyspace in key order. Where two overlap only the newer one is found. */
interface Tables {
  readonly here: RangeIndex;
  readonly gone: RangeIndex;
}

/** All that this drive knows about ranges and addresses. */
export class Routes {
  readonly #replicas: Map<RangeId, Replica> = new Map();
  /** Newest known records of ranges that are not here any more, oldest first. */
  readonly #gone: Map<RangeId, RangeRecord> = new Map();
  readonly #addresses: Map<DriveId, DriveAddress> = new Map();
  readonly #tables: Map<KeyspaceId, Tables> = new Map();
  /** Encoded cures by the ids of the records in them. Empty after every change. */
  readonly #cures: Map<string, Buffer> = new Map();
  #cureBytes = 0;
  #indexVersion = 0;

  get replicas(): ReadonlyMap<RangeId, Replica> {
    return this.#replicas;
  }

  indexVersion(): IndexVersion {
    return this.#indexVersion as IndexVersion;
  }

  learnVersion(version: number): void {
    if (version <= this.#indexVersion) return;
    this.#indexVersion = version;
    this.#forgetCures();
  }

  get(id: number): Replica | undefined {
    return this.#replicas.get(id as RangeId);
  }

  /** Takes a copy in; also to be called when its record or whether it is listed has changed. */
  add(replica: Replica): void {
    const { id, record } = replica;
    this.#replicas.set(id, replica);
    this.#forgetGone(id);
    this.#tablesOf(record.keyspace).here.insert(record);
    this.learnVersion(record.version);
    this.#forgetCures();
  }

  /** The copy is not served any more; its newest record is kept to send clients on. */
  remove(id: RangeId, newest: RangeRecord | undefined): void {
    const replica = this.#replicas.get(id);
    this.#replicas.delete(id);
    if (replica !== undefined) this.#tables.get(replica.record.keyspace)?.here.remove(id);
    this.#forgetCures();
    if (newest === undefined) return;
    this.#forgetGone(id);
    this.#gone.set(id, newest);
    this.#tablesOf(newest.keyspace).gone.insert(newest);
    this.learnVersion(newest.version);
    if (this.#gone.size <= GONE_RECORDS_MAX) return;
    for (const oldest of this.#gone.keys()) {
      this.#forgetGone(oldest);
      break;
    }
  }

  /**
   * The drive was away or without rights: a copy that the metadata server does not name lives elsewhere
   * now. It is not served, and waits to be dropped.
   */
  suspendUnlisted(records: readonly RangeRecord[]): void {
    const listed = new Set(records.map(({ id }) => id));
    for (const replica of this.#replicas.values()) this.#setListed(replica, listed.has(replica.id));
  }

  /** Copies that are named again. Others may have come by commands that the answer does not know yet. */
  relist(records: readonly RangeRecord[]): void {
    for (const { id } of records) {
      const replica = this.#replicas.get(id);
      if (replica !== undefined) this.#setListed(replica, true);
    }
  }

  /** A copy that cannot follow its record is not served. */
  suspend(id: RangeId): void {
    const replica = this.#replicas.get(id);
    if (replica !== undefined) this.#setListed(replica, false);
  }

  #setListed(replica: Replica, isListed: boolean): void {
    if (replica.isListed === isListed) return;
    replica.isListed = isListed;
    this.add(replica);
  }

  #forgetGone(id: RangeId): void {
    const record = this.#gone.get(id);
    if (record === undefined) return;
    this.#gone.delete(id);
    this.#tables.get(record.keyspace)?.gone.remove(id);
  }

  #tablesOf(keyspace: KeyspaceId): Tables {
    let tables = this.#tables.get(keyspace);
    if (tables === undefined) {
      tables = { here: new RangeIndex(), gone: new RangeIndex() };
      this.#tables.set(keyspace, tables);
    }
    return tables;
  }

  #forgetCures(): void {
    if (this.#cures.size > 0) this.#cures.clear();
    this.#cureBytes = 0;
  }

  goneRecord(id: number): RangeRecord | undefined {
    return this.#gone.get(id as RangeId);
  }

  /** The copy that holds a key which the named range used to hold. */
  findSibling(id: number, key: Uint8Array): Replica | undefined {
    const record = this.#tablesNamed(id)?.here.find(key);
    const replica = record && this.#replicas.get(record.id);
    return replica?.contains(key) ? replica : undefined;
  }

  /** The tables of the keyspace of a range that is here, or was. */
  #tablesNamed(id: number): Tables | undefined {
    const keyspace = this.#recordNamed(id)?.keyspace;
    return keyspace === undefined ? undefined : this.#tables.get(keyspace);
  }

  #recordNamed(id: number): RangeRecord | undefined {
    return this.get(id)?.record ?? this.goneRecord(id);
  }

  learnAddresses(addresses: readonly DriveAddress[]): void {
    for (const address of addresses) {
      const known = this.#addresses.get(address.drive);
      if (known === undefined || address.incarnation >= known.incarnation) {
        this.#addresses.set(address.drive, address);
        this.#forgetCures();
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
    const tables = this.#tablesNamed(id);
    const named = this.#recordNamed(id);
    if (tables === undefined || named === undefined) return this.#detailOf(undefined, []);
    const records = this.#isTold(named) ? [named] : [];
    for (const table of [tables.here, tables.gone]) {
      for (const record of table.overlapping(start, end)) {
        if (records.length >= limits.RECORDS_PER_REPLY_MAX) break;
        if (record.id !== named.id && this.#isTold(record)) records.push(record);
      }
    }
    return this.#detailOf(named, records);
  }

  /** The same for one key, encoded; made once for all keys of the same records. */
  staleCure(id: number, key: Uint8Array): Buffer {
    const tables = this.#tablesNamed(id);
    const named = this.#recordNamed(id);
    const here = tables?.here.find(key);
    const gone = tables?.gone.find(key);
    const name = `${named?.id ?? 0}/${here?.id ?? 0}/${gone?.id ?? 0}`;
    const known = this.#cures.get(name);
    if (known !== undefined) return known;
    const records = [...new Set([named, here, gone])].filter((record) => this.#isTold(record));
    const cure = encodeDetail(this.#detailOf(named, records as RangeRecord[]));
    if (this.#cures.size >= CURES_MAX || this.#cureBytes > CURE_BYTES_MAX) this.#forgetCures();
    this.#cures.set(name, cure);
    this.#cureBytes += cure.length;
    return cure;
  }

  /** A copy that no registration has named may be old: nothing is told of it. */
  #isTold(record: RangeRecord | undefined): boolean {
    if (record === undefined) return false;
    const replica = this.#replicas.get(record.id);
    return replica === undefined || replica.isListed;
  }

  #detailOf(named: RangeRecord | undefined, records: readonly RangeRecord[]): Detail {
    return {
      indexVersion: this.#indexVersion,
      records,
      addresses: this.addressesFor(records),
      ...(named === undefined ? {} : { epoch: named.epoch }),
    };
  }
}
