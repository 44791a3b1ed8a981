// The cluster as the metadata server knows it: a picture in memory of what the catalog holds.
//
// Invariant: the picture changes only through the catalog's news, after the catalog has made the
// change durable. So nothing is ever told to anyone that a crash could take back. Changes run one
// after the other; each commit is conditional on every entry that it writes being as this picture
// shows it, so a server whose picture is behind the catalog cannot write.
//
// Not here: what changes are right (operations/, handlers/), and the published index's paging.

import {
  type ClusterId,
  type DriveAddress,
  type DriveId,
  type IndexVersion,
  indexVersion,
  type KeyspaceId,
  type RangeId,
  type RangeRecord,
} from '@piton/protocol';
import type { Catalog, CatalogChange, CatalogCondition, CatalogNews } from './catalog.ts';
import { Draft } from './draft.ts';
import { type DriveShare, DriveShares } from './drive-shares.ts';
import {
  CLUSTER_KEY,
  type ClusterEntry,
  type CounterName,
  counterKey,
  type DriveEntry,
  decodeCluster,
  decodeDrive,
  decodeKeyspace,
  decodeOperation,
  decodeRange,
  type KeyspaceEntry,
  KeyspaceState,
  type OperationEntry,
  operationKey,
  type RangeEntry,
  rangeKey,
} from './entries.ts';
import { PublishedIndex } from './published-index.ts';
import { UnsoundRanges } from './unsound-ranges.ts';

/** What one commit changed that others wait for. */
export interface StateNews {
  /** Keyspaces whose published index changed. */
  readonly keyspaces: ReadonlySet<KeyspaceId>;
  readonly addressesChanged: boolean;
}

/** Another server writes the same catalog: this one must not go on. */
export class LostCatalogError extends Error {
  constructor(key: string) {
    super(`the catalog was changed by another server (${key}); this one stops`);
    this.name = 'LostCatalogError';
  }
}

const LOAD_PAGE = 5_000;

export class ClusterState {
  readonly #catalog: Catalog;
  readonly #changesMax: number;
  readonly #lost: (error: Error) => void;
  readonly #unwatch: () => void;
  readonly #revisions: Map<string, number> = new Map();
  readonly #counters: Map<string, number> = new Map();
  readonly #drives: Map<DriveId, DriveEntry> = new Map();
  readonly #keyspaces: Map<KeyspaceId, KeyspaceEntry> = new Map();
  readonly #keyspaceNames: Map<string, KeyspaceId> = new Map();
  readonly #ranges: Map<RangeId, RangeEntry> = new Map();
  readonly #operations: Map<number, OperationEntry> = new Map();
  readonly #indexes: Map<KeyspaceId, PublishedIndex> = new Map();
  readonly #shares: DriveShares = new DriveShares();
  readonly #unsound: UnsoundRanges = new UnsoundRanges();
  readonly #listeners: Set<(news: StateNews) => void> = new Set();
  #cluster: ClusterEntry | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(catalog: Catalog, changesMax: number, lost: (error: Error) => void) {
    this.#catalog = catalog;
    this.#lost = lost;
    this.#changesMax = changesMax;
    this.#unwatch = catalog.watch((news) => this.#applyNews(news));
  }

  /**
   * Reads everything; makes the cluster when the catalog is empty. `lost` is told when the catalog
   * turns out to be another server's.
   */
  static async open(
    catalog: Catalog,
    changesMax: number,
    makeCluster: () => ClusterEntry,
    lost: (error: Error) => void = () => {},
  ): Promise<ClusterState> {
    const state = new ClusterState(catalog, changesMax, lost);
    await state.#load();
    if (state.#cluster === undefined) {
      const value = JSON.stringify(makeCluster());
      const absent = { key: CLUSTER_KEY, revision: 0 };
      const result = await catalog.commit([absent], [{ key: CLUSTER_KEY, value }]);
      if (!result.isCommitted) throw new LostCatalogError(result.conflict);
    }
    return state;
  }

  get clusterId(): ClusterId {
    return (this.#cluster as ClusterEntry).id;
  }

  get createdAtMs(): number {
    return (this.#cluster as ClusterEntry).createdAtMs;
  }

  get indexVersion(): IndexVersion {
    return indexVersion(this.#counters.get(counterKey('indexVersion')) ?? 0);
  }

  get drives(): ReadonlyMap<DriveId, DriveEntry> {
    return this.#drives;
  }

  get keyspaces(): ReadonlyMap<KeyspaceId, KeyspaceEntry> {
    return this.#keyspaces;
  }

  get ranges(): ReadonlyMap<RangeId, RangeEntry> {
    return this.#ranges;
  }

  /** Ranges that lack members, or have some that do not serve. */
  get unsound(): ReadonlySet<RangeId> {
    return this.#unsound.ids;
  }

  /** Running ones, and the last that ended; oldest first. */
  get operations(): ReadonlyMap<number, OperationEntry> {
    return this.#operations;
  }

  keyspaceNamed(name: string): KeyspaceEntry | undefined {
    const id = this.#keyspaceNames.get(name);
    return id === undefined ? undefined : this.#keyspaces.get(id);
  }

  /** How many members should serve a range. */
  replicasOf({ keyspace }: RangeRecord): number {
    return this.#keyspaces.get(keyspace)?.replicas ?? 1;
  }

  /** The index that clients see; undefined unless the keyspace is ready. */
  indexOf(keyspace: KeyspaceId): PublishedIndex | undefined {
    if (this.#keyspaces.get(keyspace)?.state !== KeyspaceState.ready) return undefined;
    return this.#index(keyspace);
  }

  shareOf(drive: DriveId): DriveShare {
    return this.#shares.of(drive);
  }

  addressesOf(drives: Iterable<DriveId>): DriveAddress[] {
    const addresses: DriveAddress[] = [];
    for (const id of drives) {
      const drive = this.#drives.get(id);
      if (drive !== undefined) addresses.push(addressOf(drive));
    }
    return addresses;
  }

  addressesSince(version: IndexVersion): DriveAddress[] {
    return [...this.#drives.values()].filter((drive) => drive.version > version).map(addressOf);
  }

  /** Told after each commit, within the call. */
  onNews(listener: (news: StateNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Makes one change. `build` runs when it is this change's turn, sees the state as it then is, and
   * may throw to make none. Resolves when the change is durable and the state shows it.
   */
  change<T>(build: (draft: Draft) => T): Promise<T> {
    const run = this.#queue.then(() => this.#commit(build));
    this.#queue = run.catch(() => {});
    return run;
  }

  /** Waits for the changes under way, then lets go of the catalog without closing it. */
  async close(): Promise<void> {
    await this.#queue;
    this.#unwatch();
    this.#listeners.clear();
  }

  async #commit<T>(build: (draft: Draft) => T): Promise<T> {
    const draft = new Draft((name) => this.#counter(name));
    const result = build(draft);
    const changes = draft.changes();
    if (changes.length === 0) return result;
    const conditions = changes.map(({ key }) => this.#conditionOf(key));
    const outcome = await this.#catalog.commit(conditions, changes);
    if (outcome.isCommitted) return result;
    const error = new LostCatalogError(outcome.conflict);
    this.#lost(error);
    throw error;
  }

  #conditionOf(key: string): CatalogCondition {
    return { key, revision: this.#revisions.get(key) ?? 0 };
  }

  #counter(name: CounterName): number {
    return this.#counters.get(counterKey(name)) ?? 0;
  }

  async #load(): Promise<void> {
    let after = '';
    for (;;) {
      const entries = await this.#catalog.list('', after, LOAD_PAGE);
      for (const { key, value, revision } of entries) {
        this.#revisions.set(key, revision);
        this.#applyEntry(key, value);
      }
      const last = entries.at(-1);
      if (last === undefined || entries.length < LOAD_PAGE) break;
      after = last.key;
    }
    const published = new Map<KeyspaceId, RangeRecord[]>();
    for (const { published: record } of this.#ranges.values()) {
      if (record === undefined) continue;
      const records = published.get(record.keyspace);
      if (records === undefined) published.set(record.keyspace, [record]);
      else records.push(record);
    }
    for (const [keyspace, records] of published) this.#index(keyspace).fill(records);
  }

  #applyNews({ revision, changes }: CatalogNews): void {
    const before = new Map<RangeId, RangeRecord | undefined>();
    let addressesChanged = false;
    for (const change of changes) {
      if (change.key.startsWith('drive/')) addressesChanged = true;
      if (change.key.startsWith('range/')) {
        const id = Number(change.key.slice('range/'.length)) as RangeId;
        before.set(id, this.#ranges.get(id)?.published);
      }
      this.#applyChange(change, revision);
    }
    const keyspaces = this.#publishAll(before, changes);
    if (keyspaces.size === 0 && !addressesChanged) return;
    for (const listener of this.#listeners) listener({ keyspaces, addressesChanged });
  }

  #applyChange({ key, value }: CatalogChange, revision: number): void {
    if (value === undefined) {
      this.#revisions.delete(key);
      this.#forgetEntry(key);
    } else {
      this.#revisions.set(key, revision);
      this.#applyEntry(key, value);
    }
  }

  /** Brings the published indexes up to date with the ranges that a commit touched. */
  #publishAll(
    before: ReadonlyMap<RangeId, RangeRecord | undefined>,
    changes: readonly CatalogChange[],
  ): Set<KeyspaceId> {
    const fresh = new Map<KeyspaceId, RangeRecord[]>();
    for (const [id, old] of before) {
      const published = this.#ranges.get(id)?.published;
      if (published === undefined || published.version === old?.version) continue;
      const records = fresh.get(published.keyspace);
      if (records === undefined) fresh.set(published.keyspace, [published]);
      else records.push(published);
    }
    for (const [keyspace, records] of fresh) this.#index(keyspace).publish(records);
    const keyspaces = new Set(fresh.keys());
    for (const { key } of changes) {
      if (key.startsWith('keyspace/')) {
        keyspaces.add(Number(key.slice('keyspace/'.length)) as KeyspaceId);
      }
    }
    return keyspaces;
  }

  #applyEntry(key: string, value: string): void {
    const kind = key.slice(0, key.indexOf('/'));
    switch (kind) {
      case 'counter':
        this.#counters.set(key, Number(value));
        break;
      case 'drive': {
        const drive = decodeDrive(value);
        this.#drives.set(drive.id, drive);
        break;
      }
      case 'keyspace': {
        const keyspace = decodeKeyspace(value);
        this.#keyspaces.set(keyspace.id, keyspace);
        this.#keyspaceNames.set(keyspace.name, keyspace.id);
        break;
      }
      case 'range': {
        const entry = decodeRange(value);
        this.#shares.replace(this.#ranges.get(entry.record.id), entry);
        this.#ranges.set(entry.record.id, entry);
        this.#unsound.put(entry, this.replicasOf(entry.record));
        break;
      }
      case 'operation': {
        const operation = decodeOperation(value);
        this.#operations.set(operation.id, operation);
        break;
      }
      default:
        if (key === CLUSTER_KEY) this.#cluster = decodeCluster(value);
    }
  }

  #forgetEntry(key: string): void {
    const name = key.slice(key.indexOf('/') + 1);
    if (key.startsWith('drive/')) this.#drives.delete(name as DriveId);
    const number = Number(name);
    if (key === operationKey(number)) this.#operations.delete(number);
    if (key === rangeKey(number as RangeId)) {
      this.#shares.replace(this.#ranges.get(number as RangeId), undefined);
      this.#ranges.delete(number as RangeId);
      this.#unsound.remove(number as RangeId);
    }
    const keyspace = this.#keyspaces.get(number as KeyspaceId);
    if (key.startsWith('keyspace/') && keyspace !== undefined) {
      this.#keyspaces.delete(keyspace.id);
      this.#keyspaceNames.delete(keyspace.name);
      this.#indexes.delete(keyspace.id);
    }
  }

  #index(keyspace: KeyspaceId): PublishedIndex {
    let index = this.#indexes.get(keyspace);
    if (index === undefined) {
      index = new PublishedIndex(this.#changesMax);
      this.#indexes.set(keyspace, index);
    }
    return index;
  }
}

function addressOf({ id, address, incarnation }: DriveEntry): DriveAddress {
  return { drive: id, address, incarnation };
}
