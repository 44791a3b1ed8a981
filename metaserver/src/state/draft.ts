// A change of the cluster's state under construction: what will be written in one commit.
//
// Only `ClusterState.change` makes one. Reads see the committed state; numbers that are taken
// are part of the change, so a change that fails takes none.

import {
  type DriveId,
  type IndexVersion,
  indexVersion,
  type KeyspaceId,
  keyspaceId,
  type RangeId,
  rangeId,
} from '@piton/protocol';
import type { CatalogChange } from './catalog.ts';
import {
  CounterName,
  type CounterName as CounterNameType,
  counterKey,
  type DriveEntry,
  driveKey,
  encodeRange,
  type KeyspaceEntry,
  keyspaceKey,
  type OperationEntry,
  operationKey,
  type RangeEntry,
  rangeKey,
} from './entries.ts';

export class Draft {
  readonly #changes: Map<string, string | undefined> = new Map();
  readonly #counter: (name: CounterNameType) => number;
  readonly #taken: Map<CounterNameType, number> = new Map();
  #version: IndexVersion | undefined;

  constructor(counter: (name: CounterNameType) => number) {
    this.#counter = counter;
  }

  changes(): CatalogChange[] {
    const changes = [...this.#changes].map(([key, value]) => ({ key, value }));
    for (const [name, number] of this.#taken) {
      changes.push({ key: counterKey(name), value: String(number) });
    }
    return changes;
  }

  takeKeyspaceId(): KeyspaceId {
    return keyspaceId(this.#take(CounterName.keyspace));
  }

  takeRangeId(): RangeId {
    return rangeId(this.#take(CounterName.range));
  }

  takeOperationId(): number {
    return this.#take(CounterName.operation);
  }

  /** The one new index version of this change. */
  version(): IndexVersion {
    this.#version ??= indexVersion(this.#take(CounterName.indexVersion));
    return this.#version;
  }

  putDrive(drive: DriveEntry): void {
    this.#changes.set(driveKey(drive.id), JSON.stringify(drive));
  }

  removeDrive(id: DriveId): void {
    this.#changes.set(driveKey(id), undefined);
  }

  putKeyspace(keyspace: KeyspaceEntry): void {
    this.#changes.set(keyspaceKey(keyspace.id), JSON.stringify(keyspace));
  }

  removeKeyspace(id: KeyspaceId): void {
    this.#changes.set(keyspaceKey(id), undefined);
  }

  putRange(entry: RangeEntry): void {
    this.#changes.set(rangeKey(entry.record.id), encodeRange(entry));
  }

  removeRange(id: RangeId): void {
    this.#changes.set(rangeKey(id), undefined);
  }

  /** Makes the newest record of a range what clients are told, under this change's version. */
  publishRange(entry: RangeEntry): void {
    const record = { ...entry.record, version: this.version() };
    this.putRange({ record, published: record });
  }

  putOperation(operation: OperationEntry): void {
    this.#changes.set(operationKey(operation.id), JSON.stringify(operation));
  }

  removeOperation(id: number): void {
    this.#changes.set(operationKey(id), undefined);
  }

  #take(name: CounterNameType): number {
    const number = (this.#taken.get(name) ?? this.#counter(name)) + 1;
    this.#taken.set(name, number);
    return number;
  }
}
