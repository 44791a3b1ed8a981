// What the metadata server must never forget, as a small ordered map from text to text.
//
// The interface is cut for a consensus store behind it: every entry knows the revision of its last
// change, a commit is all or nothing and conditional on revisions (compare-and-set), and a watch
// tells of commits in their order. Whoever holds a stale picture therefore cannot write.
//
// Invariant: when `commit` resolves, its changes are durable and every watcher has been told.
//
// Not here: what the entries mean (entries.ts), and the picture in memory (cluster-state.ts).

export interface CatalogEntry {
  readonly key: string;
  readonly value: string;
  /** Revision of the catalog at which this entry was last written. */
  readonly revision: number;
}

export interface CatalogChange {
  readonly key: string;
  /** Undefined: removed. */
  readonly value: string | undefined;
}

/** The entry must still be the one written at this revision; 0: it must be absent. */
export interface CatalogCondition {
  readonly key: string;
  readonly revision: number;
}

/** One commit as a watcher sees it. */
export interface CatalogNews {
  readonly revision: number;
  readonly changes: readonly CatalogChange[];
}

export type CommitResult =
  | { readonly isCommitted: true; readonly revision: number }
  | { readonly isCommitted: false; readonly conflict: string };

/** Changes in one commit. Consensus stores bound a transaction; this is the usual bound. */
export const COMMIT_CHANGES_MAX: number = 128;

export interface Catalog {
  /** Entries whose key begins with `prefix` and lies behind `after`, in key order. */
  list(prefix: string, after: string, entriesMax: number): Promise<readonly CatalogEntry[]>;
  /** Writes all changes or, when a condition does not hold, none. Rejects with CatalogError. */
  commit(
    conditions: readonly CatalogCondition[],
    changes: readonly CatalogChange[],
  ): Promise<CommitResult>;
  /** Tells of every commit from now on, in order, until the returned function is called. */
  watch(listener: (news: CatalogNews) => void): () => void;
  close(): Promise<void>;
}

export const CatalogErrorCode = {
  /** Another process has it open. */
  locked: 'locked',
  /** Written by a newer program. */
  newerFormat: 'newer-format',
  /** Something else than a catalog. */
  notACatalog: 'not-a-catalog',
  /** The folder cannot be used. */
  folder: 'folder',
  /** The device refused a write. */
  write: 'write',
  closed: 'closed',
} as const;
export type CatalogErrorCode = (typeof CatalogErrorCode)[keyof typeof CatalogErrorCode];

export class CatalogError extends Error {
  readonly code: CatalogErrorCode;
  constructor(code: CatalogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CatalogError';
    this.code = code;
  }
}

/** Throws RangeError: a larger commit is our bug. */
export function assertCommitSize(changes: readonly CatalogChange[]): void {
  if (changes.length > COMMIT_CHANGES_MAX) {
    throw new RangeError(`commit of ${changes.length} changes, at most ${COMMIT_CHANGES_MAX}`);
  }
}
