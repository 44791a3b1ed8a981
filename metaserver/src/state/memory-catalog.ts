// A catalog that forgets everything at the end of the process: for simulation and tests.

import {
  assertCommitSize,
  type Catalog,
  type CatalogChange,
  type CatalogCondition,
  type CatalogEntry,
  CatalogError,
  type CatalogNews,
  type CommitResult,
} from './catalog.ts';

export class MemoryCatalog implements Catalog {
  readonly #entries: Map<string, CatalogEntry> = new Map();
  readonly #listeners: Set<(news: CatalogNews) => void> = new Set();
  #revision = 0;
  #isClosed = false;

  async list(prefix: string, after: string, entriesMax: number): Promise<readonly CatalogEntry[]> {
    this.#checkOpen();
    return [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix) && key > after)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, entriesMax);
  }

  async commit(
    conditions: readonly CatalogCondition[],
    changes: readonly CatalogChange[],
  ): Promise<CommitResult> {
    this.#checkOpen();
    assertCommitSize(changes);
    for (const { key, revision } of conditions) {
      if ((this.#entries.get(key)?.revision ?? 0) !== revision) {
        return { isCommitted: false, conflict: key };
      }
    }
    const revision = ++this.#revision;
    for (const { key, value } of changes) {
      if (value === undefined) this.#entries.delete(key);
      else this.#entries.set(key, { key, value, revision });
    }
    for (const listener of this.#listeners) listener({ revision, changes });
    return { isCommitted: true, revision };
  }

  watch(listener: (news: CatalogNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What was kept stays readable after `reopen`, as it would on a device. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
  }

  /** Lets a metadata server that starts again find what an earlier one kept. */
  reopen(): void {
    this.#isClosed = false;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new CatalogError('closed', 'the catalog has been closed');
  }
}
